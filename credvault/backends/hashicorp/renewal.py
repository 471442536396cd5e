"""A token kept alive for a caller that goes on: renewed at half its time, or got anew, by a thread of its own.

The thread has its own connection, and ends with `close`, with a token that never expires, and with one that nothing
can keep alive. What it says never holds a token.
"""

import threading
from typing import Any

from credvault.backends.hashicorp.address import Address, Tell
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.login import LOOKUP_SELF, Lease, Login, as_seconds
from credvault.backends.hashicorp.outages import outage
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import BackendUnavailable, CredvaultError

_RENEW_SELF = Request("POST", "auth/token/renew-self", {}, is_safe=True)

# How long to wait after a failure, and how short a wait gets while the token has longer to live, seconds.
BACK_OFF_SECONDS = 10.0
SHORTEST_PAUSE_SECONDS = 5.0
# What must be left of a token's time for a renewal to be in time, seconds.
_MARGIN_SECONDS = 2.0
_CLOSING_SECONDS = 1.0
_PAST_ITS_LIFE = "past the max TTL"


class Renewal:
    """Keeps the token of a login alive from `start` until `close`."""

    def __init__(self, login: Login, address: Address, *, warn: Tell, detail: Tell) -> None:
        self._login = login
        self._address = address
        self._warn = warn
        self._detail = detail
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_over = False
        # Of the token that is looked after: its whole time in seconds, and whether it may be renewed.
        self._lease: Lease | None = None
        self._whole = 0.0
        self._is_renewable = False

    def start(self) -> None:
        """Begin, unless it has begun; in a process that was forked off, begin again."""
        if self._is_over or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._run, name="credvault-renewal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; a request that is under way is not waited for long."""
        self._is_over = True
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        transport = Transport(self._address)
        pause: float | None = 0.0
        try:
            while pause is not None and not self._stopped.wait(pause):
                try:
                    pause = self._look_after(transport)
                except CredvaultError as exc:
                    if not isinstance(exc, BackendUnavailable) and not self._login.can_log_in:
                        self._warn(f"the token is no longer kept alive: {exc.message}")
                        break
                    self._detail(f"the token could not be renewed, and will be tried again: {exc.message}")
                    pause = BACK_OFF_SECONDS
        finally:
            self._is_over = True
            transport.close()

    def _look_after(self, transport: Transport) -> float | None:
        """Renew the token or replace it where that is due; return how long to wait then, or None to end."""
        lease = self._login.lease
        if lease is not self._lease:  # the first one, or one that a request has got meanwhile
            return self._begin(lease, transport)
        seconds = self._renew(lease, transport)
        # One that is near the end of what it may live at all is renewed for less and less.
        if seconds and (seconds * 2 > self._whole or not self._login.can_log_in):
            return pause_before_renewal(seconds)
        if not self._login.replace(lease, transport):
            self._warn(f"the token from {lease.source} cannot be renewed any longer, and ends soon")
            return None
        if self._stopped.is_set():  # closed meanwhile: a token that is got now would be left behind
            return None
        return self._begin(self._login.lease, transport)

    def _begin(self, lease: Lease, transport: Transport) -> float | None:
        data = _table(transport, LOOKUP_SELF, lease, "data")
        # A token may be good for so many requests only, and each look at it is one.
        if data.get("num_uses"):
            return None
        self._lease = lease
        # Not allowed to look at itself, it may not renew itself either: a new one in time is all there is.
        self._is_renewable = data.get("renewable") is True
        self._whole = as_seconds(data.get("creation_ttl")) or lease.seconds
        if (data and data.get("expire_time") is None) or not self._whole:
            return None  # it never expires, or nothing is known of it
        # Whole seconds, so 0 in its last one.
        return pause_before_renewal(as_seconds(data.get("ttl")) if data else self._whole)

    def _renew(self, lease: Lease, transport: Transport) -> float:
        """Return how long the token lives now, in seconds; 0 where it was not renewed."""
        if not self._is_renewable:
            return 0.0
        return as_seconds(_table(transport, _RENEW_SELF, lease, "auth").get("lease_duration"))


def pause_before_renewal(seconds: float) -> float:
    """Return how long to wait with the renewal of a token that lives so long: half of it.

    At least 5 s where the token outlives that, so that nothing is asked ever faster (requirements.md M53).
    """
    return max(seconds / 2, min(SHORTEST_PAUSE_SECONDS, seconds - _MARGIN_SECONDS))


def _table(transport: Transport, request: Request, lease: Lease, name: str) -> dict[str, Any]:
    """Return what an answer says of the token, nothing where the server refuses; raises BackendUnavailable."""
    answer = transport.ask(request, lease.token)
    failed = outage(transport, answer)
    # What a renewal past the longest life of a token is answered, with 500.
    if failed is not None and _PAST_ITS_LIFE not in answer.errors:
        raise failed
    found = answer.body.get(name)
    return found if answer.status == 200 and isinstance(found, dict) else {}
