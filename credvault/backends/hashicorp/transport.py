"""Questions to a server and their answers: over a few connections, sent again only where that is safe.

Nothing goes to another host than the address: no redirect is followed, no netrc is read, and no proxy asked unbidden.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from credvault import __version__
from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.connection import Connection, Head, NoAnswer
from credvault.backends.hashicorp.exchange import (
    NOT_PASSED_ON,
    PASSING,
    SAFE_METHODS,
    Answer,
    Lost,
    Outcome,
    Redirect,
    Request,
    is_leaderless,
    is_passing,
)
from credvault.model.errors import BackendUnavailable, Unauthenticated
from credvault.model.text import printable
from credvault.model.value import SecretValue

# How often a request is made that is lost or finds no server (requirements.md M58), and how long a cluster may be
# without a leader: an election takes up to some 15 s with the server's own settings.
ATTEMPTS = 3
LEADERLESS_SECONDS = 30.0
MAX_PAUSE_SECONDS = 5.0
# What is safe goes out several at a time, and is answered in that order (RFC 9112, 9.3.2): so many at most, which is
# what a connection that ends makes us ask again, and so few that another connection is not worth its greeting. By TLS,
# on two connections, the 200 reads of an `exec` with 100 secrets take 57 ms so, and 68 one at a time.
MAX_BATCH = 32
MIN_BATCH = 8
# A server takes that much before it answers anything, so neither end waits for the other to read.
MAX_BATCH_BYTES = 16 * 1024
# How many connections `ask_all` takes at most: a server answers what comes by one of them one by one. By TLS each is
# greeted for 1.3 ms of both ends. Of a server that is far each answer is waited for, and there more are faster.
MAX_PLAIN_CONNECTIONS = 4
MAX_CONNECTIONS = 2
MAX_FAR_CONNECTIONS = 16
FAR_SECONDS = 0.005

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~@+")
_LEADER = Request("GET", "sys/leader")
_MAX_INDEX = 4096


class Transport:
    """The connections to one server, made as they are needed. Close it after use.

    `sleep`, `clock` (seconds) and `chance` (0 to 1) are for tests.
    """

    def __init__(
        self,
        address: Address,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = lambda: os.urandom(1)[0] / 255,
    ) -> None:
        self.address = address
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._context: Any = None
        self._idle: list[Connection] = []
        self._most = MAX_CONNECTIONS if address.scheme == "https" else MAX_PLAIN_CONNECTIONS
        self._most_at_once = MAX_BATCH
        self._until = 0.0
        self._attempts = ATTEMPTS
        # The headers of most requests, and the token that they are for.
        self._usual: tuple[SecretValue | None, bytes] | None = None
        # How far the storage was when a change was made here: what is read later is to be no older.
        self._index = ""

    def ask(self, request: Request, token: SecretValue | None) -> Answer:
        """Return the answer to one request; raises what `ask_all` raises."""
        return self.ask_all([request], token)[0]

    def ask_all(self, requests: Sequence[Request], token: SecretValue | None) -> list[Answer]:
        """Return the answers to several requests, in their order; they are made side by side.

        What was sent is sent again only if it may be repeated. Raises BackendUnavailable where an answer is missing,
        or is none of such a server's; the other requests may have been made then.
        """
        outcomes: list[Outcome | None] = [None] * len(requests)
        began, attempt, left = self._clock(), 1, len(requests)
        while True:
            self._ask_each(requests, outcomes, token)
            self._refuse_redirects(requests, outcomes)
            again = [place for place, outcome in enumerate(outcomes) if is_passing(requests[place], outcome)]
            losses = {place: outcome for place in again if isinstance(outcome := outcomes[place], Lost)}
            for place, loss in losses.items():
                if loss.was_sent and not requests[place].may_be_repeated:
                    raise self._unknown(loss)
            if len(again) < left and not losses:
                attempt = 1  # so many are let through at a time, and it goes on
            left = len(again)
            awaits_leader = any(is_leaderless(outcomes[place]) for place in again)
            is_over = attempt >= self._attempts and not (awaits_leader and self._clock() - began < LEADERLESS_SECONDS)
            if is_over and losses:
                raise self._unreachable(next(iter(losses.values())))
            if is_over or not again:
                return [outcome for outcome in outcomes if isinstance(outcome, Answer)]
            if len(losses) < len(again) or not all(loss.was_stale for loss in losses.values()):
                self._sleep(self._pause(attempt, [outcomes[place] for place in again]))
                attempt += 1
            for place in again:
                outcomes[place] = None

    def _pause(self, attempt: int, outcomes: Sequence[Outcome | None]) -> float:
        """Return how long to wait before the next attempt, in seconds.

        As long as the server says (RFC 9110, 10.2.3; OpenBao where its quotas tell), unless an answer would not be
        waited for so long either.
        """
        asked = max((outcome.retry_after for outcome in outcomes if isinstance(outcome, Answer)), default=0)
        chance = self._chance()
        pause = min(MAX_PAUSE_SECONDS, 2.0 ** (attempt - 1) + chance)
        return max(pause, asked + chance) if asked <= self.address.timeout else pause

    def hurry(self, seconds: float) -> None:
        """From here on ask once, and wait so long at most for a connection and for an answer: the run is at its end."""
        self.address = self.address._replace(timeout=min(seconds, self.address.timeout))
        self._attempts = 1

    def close(self) -> None:
        """End the connections."""
        while self._idle:
            self._idle.pop().close()

    def _ask_each(self, requests: Sequence[Request], outcomes: list[Outcome | None], token: SecretValue | None) -> None:
        """Make those requests that have no outcome, side by side; none more after a loss."""
        waiting = [place for place, outcome in enumerate(outcomes) if outcome is None][::-1]
        flights: list[tuple[Connection, list[int]]] = []
        loss: Lost | None = None
        try:
            while waiting or flights:
                while waiting and loss is None and len(flights) < self._most:
                    places, data = self._take_batch(requests, waiting, token)
                    try:
                        connection = self._take_connection(requests[places[0]])
                        flights.append((connection, places))
                        connection.send(data, len(places), self.address.timeout)
                    except NoAnswer as exc:
                        loss = Lost(exc.why, exc.was_sent)
                        if flights and flights[-1][1] is places:
                            flights.pop()[0].close()
                        for place in places:
                            outcomes[place] = loss
                    self._until = time.monotonic() + self.address.timeout
                if loss is not None:
                    for place in waiting:
                        outcomes[place] = loss._replace(was_sent=False)
                    waiting = []
                if flights:
                    connection, places = flights[0]
                    outcome = outcomes[places.pop(0)] = self._receive(connection)
                    del flights[0]
                    loss = outcome if isinstance(outcome, Lost) else loss
                    if connection.stays_open and places:
                        flights.append((connection, places))
                    elif connection.stays_open:
                        self._idle.append(connection)
                    elif places:
                        # From a server that ends one in their midst they are asked one at a time from here on. If it
                        # answered some this gets on, and needs no pause.
                        self._most_at_once = 1
                        loss = outcome if isinstance(outcome, Lost) else Lost("it closed the connection", True, True)
                        for place in places:
                            outcomes[place] = loss
        finally:
            for connection, _ in flights:
                connection.close()

    def _take_batch(
        self, requests: Sequence[Request], waiting: list[int], token: SecretValue | None
    ) -> tuple[list[int], bytes]:
        """Take what goes out at once from the end of those that wait: a request, or several that change nothing."""
        most = min(self._most_at_once, max(MIN_BATCH, -(-len(waiting) // self._most)))
        places = [waiting.pop()]
        data = self._render(requests[places[0]], token)
        while waiting and len(places) < most and len(data) < MAX_BATCH_BYTES:
            if not {requests[places[0]].method, requests[waiting[-1]].method} <= SAFE_METHODS:
                break
            places.append(waiting.pop())
            data += self._render(requests[places[-1]], token)
        return places, data

    def _take_connection(self, request: Request) -> Connection:
        """Return a connection that was kept and is still good, or a new one; raises NoAnswer."""
        while self._idle:
            connection = self._idle.pop()
            # A question that is safe needs no look: it is asked again.
            if connection.is_fresh() and (request.may_be_repeated or connection.is_quiet()):
                return connection
            connection.close()
        # A certificate of ours may have been renewed meanwhile: they live for hours where a program gets them.
        if self.address.scheme == "https" and (self._context is None or self.address.identity is not None):
            from credvault.backends.hashicorp.tls import make_context

            self._context = make_context(self.address)
        connection = Connection(self.address, self._context)
        if connection.connect_seconds > FAR_SECONDS:
            self._most = max(self._most, MAX_FAR_CONNECTIONS)
        return connection

    def _receive(self, connection: Connection) -> Outcome:
        try:
            head, body = connection.receive(self._until)
        except NoAnswer as exc:
            connection.close()
            return Lost(exc.why, exc.was_sent, connection.was_used and exc.was_silent)
        # As long as the server answers, it is there: that it takes its time for each is no reason to give up.
        self._until = time.monotonic() + self.address.timeout
        if not connection.stays_open:
            connection.close()
        if head.storage_index and len(head.storage_index) <= _MAX_INDEX and head.storage_index != self._index:
            self._index, self._usual = head.storage_index, None
        if 300 <= head.status < 400:
            return Redirect(head.status, head.location)
        return self._answer(head, body)

    def _render(self, request: Request, token: SecretValue | None) -> bytes:
        """Return the bytes of a request; nothing in it ends a line that is not ours."""
        first = f"{request.method} /v1/{_checked_path(request.path)} HTTP/1.1\r\n"
        if request.body is None and not request.headers:
            if self._usual is None or self._usual[0] is not token:
                self._usual = (token, self._headers({}, token))
            return first.encode("ascii") + self._usual[1]
        headers = dict(request.headers)
        body = b"" if request.body is None else json.dumps(request.body, separators=(",", ":")).encode("ascii")
        if request.body is not None:
            headers = {"content-type": "application/json", **headers, "content-length": str(len(body))}
        return first.encode("ascii") + self._headers(headers, token) + body

    def _headers(self, more: Mapping[str, str], token: SecretValue | None) -> bytes:
        """Return the headers of a request and the line that ends them; `more` wins over the usual ones."""
        # Firewalls refuse a client without a name.
        headers = {
            "host": self.address.host_header,
            "user-agent": f"credvault/{__version__}",
            "x-vault-request": "true",
        }
        if self.address.namespace is not None:
            headers["x-vault-namespace"] = self.address.namespace
        if token is not None:
            headers["x-vault-token"] = _token_text(token)
        if self._index and token is not None:  # what is asked of a node itself is not for another
            # A standby that is behind has the active node answer (OpenBao; Vault Enterprise where that is allowed).
            headers |= {"x-vault-index": self._index, "x-vault-inconsistent": "forward-active-node"}
        lines = [f"{name}: {value}" for name, value in {**headers, **more}.items()]
        if not all(line.isascii() and line.isprintable() for line in lines):
            raise ValueError("a header holds what would end it")
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def _answer(self, head: Head, body: bytes) -> Answer:
        """Return an answer with the object in its body; raises BackendUnavailable, which quotes nothing of it."""
        status = head.status
        try:
            members = json.loads(body) if body else {}
            if isinstance(members, dict):
                return Answer(status, members, head.date, head.retry_after)
        except (ValueError, RecursionError):
            pass
        if status in PASSING or status >= 500:  # of a gateway, in words for people
            return Answer(status, {}, head.date, head.retry_after)
        if status == 400 and self.address.scheme == "http" and b"HTTPS" in body:  # in the words of Go, and of nginx
            hint = f"write https:// in {printable(self.address.source)}"
            raise BackendUnavailable(f"{self.address} speaks https, and not http", hint=hint)
        hint = f"is this the address of an OpenBao or Vault server, and does it speak {self.address.scheme}?"
        raise BackendUnavailable(f"{self.address} answers {status} with something that is not JSON", hint=hint)

    def _refuse_redirects(self, requests: Sequence[Request], outcomes: list[Outcome | None]) -> None:
        """Raise BackendUnavailable for a redirect, but of a standby to its active node, which may be gone.

        It does so where it cannot pass on a request; nothing was done then, and another one is soon elected.
        """
        for place, outcome in enumerate(outcomes):
            if not isinstance(outcome, Redirect):
                continue
            is_same = outcome.status == 307 and outcome.location.endswith(f"/v1/{requests[place].path}")
            if not (is_same and self._is_in_a_cluster()):
                raise self._redirected(outcome)
            outcomes[place] = NOT_PASSED_ON

    def _is_in_a_cluster(self) -> bool:
        """Ask whether it is a node of one; that which was a standby a moment ago may lead it by now."""
        for _ in range(ATTEMPTS):
            leader: list[Outcome | None] = [None]
            self._ask_each([_LEADER], leader, None)
            if isinstance(leader[0], Answer):
                return leader[0].body.get("ha_enabled") is True
        return False

    def _redirected(self, redirect: Redirect) -> BackendUnavailable:
        where = _origin(redirect.location) or "another place"
        message = f"{self.address} redirects to {where}, which is refused: the token would go along"
        hint = "if that is the right one, make it the address: of the active node, or of what stands before the cluster"
        return BackendUnavailable(message, hint=hint)

    def _unreachable(self, loss: Lost) -> BackendUnavailable:
        hint = f"is the server there? {printable(self.address.source)} gives the address"
        what = "does not answer" if loss.was_sent else "cannot be reached"
        return BackendUnavailable(f"{self.address} {what}: {printable(loss.why)}", hint=hint)

    def _unknown(self, loss: Lost) -> BackendUnavailable:
        hint = "look at what is there before doing it again: it was not repeated"
        message = f"{self.address} did not answer to a change, which may have been made: {printable(loss.why)}"
        return BackendUnavailable(message, hint=hint)


def is_token(found: object) -> bool:
    """Say whether what is found is text that can be a token: printable ASCII without blanks."""
    return isinstance(found, str) and bool(found) and found.isascii() and found.isprintable() and " " not in found


def _token_text(token: SecretValue) -> str:
    """Return a token as a header has it; raises Unauthenticated for what no server makes one of."""
    text = token.reveal().decode("latin-1")
    if not is_token(text):
        raise Unauthenticated("the token holds characters that no token has", hint="is there a line break at its end?")
    return text


def _checked_path(path: str) -> str:
    """Return a path below /v1/ if nothing in it can lead elsewhere; raises ValueError."""
    plain, _, query = path.partition("?")
    segments = plain.removesuffix("/").split("/")
    if not all(segment.strip(".") and _PLAIN.issuperset(segment) for segment in segments):
        raise ValueError("a path leaves the place it was made for")
    if not (_PLAIN | frozenset("=&")).issuperset(query):
        raise ValueError("a query holds what ends it")
    return path


def _origin(location: str) -> str:
    """Return scheme and host of an URL, fit to be shown: its path, its query and its user may be secret."""
    scheme, mark, rest = location.partition("://")
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    return printable(f"{scheme}://{host}")[:200] if mark and host else ""
