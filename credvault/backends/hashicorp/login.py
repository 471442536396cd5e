"""Who asks: the token of a run, got at first use, got anew where a server no longer knows it, revoked if it was ours.

No token is ever written anywhere: a run that logs in by AppRole makes one request for it, and one to end it.
"""

import _thread
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from credvault.backends.hashicorp.address import Tell, Variables
from credvault.backends.hashicorp.credentials import AppRole, Token, find_credentials
from credvault.backends.hashicorp.exchange import Answer, Request
from credvault.backends.hashicorp.outages import outage
from credvault.backends.hashicorp.transport import Transport, is_token
from credvault.config import Settings
from credvault.model.errors import BackendUnavailable, CredvaultError, Unauthenticated
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue

if TYPE_CHECKING:
    from credvault.backends.hashicorp.renewal import Renewal

# A run that still asks after so long goes on for longer, and its token is kept alive, seconds.
STAYS_AFTER = 2.0
# As long as anything can be waited for: a server may tell any number.
_LONGEST_SECONDS = 10**9
# How long a run that ends, or that somebody ends, waits for the server to take the token back, seconds.
REVOKING_SECONDS = 2.0
LOOKUP_SELF = Request("GET", "auth/token/lookup-self")
# How a policy that forbids it reads; a token that is not known has no policy, and there it is said otherwise.
_FORBIDDEN_BY_POLICY = "1 error occurred"
_REFUSED = (400, 401, 403, 404)


class Lease(NamedTuple):
    """A token, and where it comes from in words.

    `is_ours` says that this run made it, so that it ends with it; `seconds` is how long it lives, 0 if that is not
    known. `process` is that which got it: one that was forked off only shares it.
    """

    token: SecretValue
    source: str
    is_ours: bool = False
    seconds: float = 0.0
    process: int = 0


class Login:
    """The token for one server, for any number of threads. Close it after use.

    `warn` is told when the token of a caller that goes on can no longer be kept alive, `detail` where it came from.
    """

    def __init__(self, settings: Settings, transport: Transport, *, warn: Tell, detail: Tell) -> None:
        self._settings = settings
        self._transport = transport
        self._warn = warn
        self._detail = detail
        self._lock = _thread.allocate_lock()
        self._credentials: Token | AppRole | None = None
        self._secret_id: SecretValue | None = None
        self._lease: Lease | None = None
        self._renewal: Renewal | None = None
        self._first_used = 0.0

    def token(self) -> SecretValue:
        """Return the token; at first use it is got. Raises Unauthenticated, ConfigError, BackendUnavailable."""
        lease = self.lease
        self._keep_alive()
        return lease.token

    @property
    def lease(self) -> Lease:
        """The token and what is known of it; raises what `token` raises."""
        with self._lock:
            if self._lease is None:
                self._first_used = time.monotonic()
                self._lease = self._get_lease(self._transport)
                self._detail(f"token from {self._lease.source}")
            return self._lease

    @property
    def can_log_in(self) -> bool:
        """Whether this program can get itself another token at any time."""
        return isinstance(self._credentials, AppRole)

    def token_was_refused(self) -> bool:
        """Say after a 403 whether there is another token now, so that asking again may help.

        False is said where the server knows the token: then a policy forbids what was asked. Raises Unauthenticated
        where it does not, and there is no other.
        """
        lease = self.lease
        if is_known(self._transport.ask(LOOKUP_SELF, lease.token)):
            return False
        if self.replace(lease, self._transport):
            return True
        raise Unauthenticated(
            f"{self._transport.address} does not know the token from {lease.source}: it is wrong, expired or revoked",
            hint="get a new one; 'bao token lookup' shows whether a token is good, and until when",
        )

    def replace(self, refused: Lease, transport: Transport) -> bool:
        """Get another token in place of one, and say whether there is one; raises what `token` raises."""
        with self._lock:
            if self._lease is not refused:  # another thread was here first
                return True
            if isinstance(self._credentials, Token) and self._credentials.creation_path is not None:
                return False  # it was wrapped, and is out
            lease = self._get_lease(transport)
            if not lease.is_ours and lease.token == refused.token:
                return False
            self._lease = lease
            self._detail(f"another token from {lease.source}")
            return True

    def close(self) -> None:
        """Stop keeping the token alive, and revoke it if this run made it; a server that hangs is not waited for."""
        if self._renewal is not None:
            self._renewal.close()
            self._renewal = None
        lease, self._lease = self._lease, None
        if lease is not None and lease.is_ours and lease.process == os.getpid():
            try:
                self._transport.hurry(REVOKING_SECONDS)
                self._transport.ask(Request("POST", "auth/token/revoke-self", {}), lease.token)
            except CredvaultError:
                self._detail("the token of this run could not be revoked; it ends by itself")

    def _get_lease(self, transport: Transport) -> Lease:
        if self._credentials is None:
            self._credentials = find_credentials(self._settings, transport.address)
        found = self._credentials
        if isinstance(found, AppRole):
            return self._log_in(found, transport)
        if found.creation_path is None:
            return Lease(found.read(), found.source)
        from credvault.backends.hashicorp.wrapping import fetch_wrapped

        answer = fetch_wrapped(transport, found.read(), found.source, found.creation_path)
        return _parse_lease(answer.body, found.source, transport)

    def _log_in(self, role: AppRole, transport: Transport) -> Lease:
        if self._secret_id is None:
            self._secret_id = _secret_id(role, transport)
        answer = transport.ask(_login(role, self._secret_id), None)
        if answer.status == 200:
            lease = _parse_lease(answer.body, f"the AppRole login by {role.source}", transport)
            return lease._replace(is_ours=True, process=os.getpid())
        from credvault.backends.hashicorp.faults import no_namespace

        nowhere = no_namespace(answer, transport.address)
        if nowhere is not None:
            raise nowhere
        if answer.status in _REFUSED:
            if role.creation_path is None:
                self._secret_id = None  # its file may hold a new one next time
            raise Unauthenticated(
                f"{transport.address} refused the AppRole login by {role.source}",
                hint="role id or secret id may be wrong, expired, used up, or not for this machine; the auth method is "
                f"'{printable(role.mount)}' (auth_mount)",
            )
        raise outage(transport, answer) or _unreadable(transport)

    def _keep_alive(self) -> None:
        """Have the token renewed from here on, if the caller goes on for longer than one command takes."""
        if self._renewal is None:
            stays = self._settings.stays or time.monotonic() - self._first_used > STAYS_AFTER
            if not stays or not self._renews:
                return
            from credvault.backends.hashicorp.renewal import Renewal

            self._renewal = Renewal(self, self._transport.address, warn=self._warn, detail=self._detail)
        self._renewal.start()

    @property
    def _renews(self) -> bool:
        return Variables(self._settings, self._transport.address.families).is_on("RENEW", "renew", True)[0]


def is_known(answer: Answer) -> bool:
    """Say whether the answer to a look at the token itself is of a server that knows it.

    A token without the policy `default` may not look at itself; that is told apart by the words alone.
    """
    return answer.status != 403 or _FORBIDDEN_BY_POLICY in answer.errors


def _login(role: AppRole, secret_id: SecretValue) -> Request:
    # Made twice where an answer is lost: the token of that one ends by itself.
    body = {"role_id": role.role_id, "secret_id": secret_id.reveal().decode()}
    return Request("POST", f"auth/{role.mount}/login", body, is_safe=True)


def _secret_id(role: AppRole, transport: Transport) -> SecretValue:
    read = role.read_secret_id()
    if role.creation_path is None:
        return read
    from credvault.backends.hashicorp.wrapping import fetch_wrapped

    data = fetch_wrapped(transport, read, role.source, role.creation_path).body.get("data")
    secret_id = data.get("secret_id") if isinstance(data, dict) else None
    if not isinstance(secret_id, str) or not secret_id or not secret_id.isprintable():
        message = f"what the wrapping token from {printable(role.source)} holds is not a secret id"
        raise Unauthenticated(message, hint=f"'bao write -wrap-ttl=60s -f {printable(role.creation_path)}' makes one")
    return SecretValue(secret_id.encode())


def _parse_lease(body: Mapping[str, Any], source: str, transport: Transport) -> Lease:
    auth = body.get("auth")
    if not isinstance(auth, dict):
        raise _unreadable(transport)
    if auth.get("mfa_requirement"):
        hint = "use a role without one, or log in with 'bao login' and leave the role out"
        raise Unauthenticated(f"{transport.address} asks for a second factor, which credvault does not have", hint=hint)
    token, seconds = auth.get("client_token"), auth.get("lease_duration")
    if not is_token(token) or type(seconds) is not int:
        raise _unreadable(transport)
    return Lease(SecretValue(str(token).encode()), source, seconds=as_seconds(seconds))


def as_seconds(told: object) -> float:
    """Return the time that a server tells of a token, at most some 30 years; 0 for what is none."""
    return float(min(told, _LONGEST_SECONDS)) if type(told) is int and told > 0 else 0.0


def _unreadable(transport: Transport) -> BackendUnavailable:
    return BackendUnavailable(
        f"{transport.address} answered a login without a token",
        hint="is this the address of an OpenBao or Vault server?",
    )
