"""What an agent answers: one function for each route, through the same Vault, guard and trail as the command line."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from credvault import __version__
from credvault.agent.confinement import LockedKey
from credvault.agent.connection import Request
from credvault.agent.holding import HOLD_SECONDS, Holdings
from credvault.agent.opening import Finder, NotHeld, Opened, Opener, check_key
from credvault.agent.plainly import get_plainly, offer_plainly, resolve_plainly
from credvault.backends.base import Change
from credvault.model import messages, wire
from credvault.model.errors import CredvaultError, Denied, Invalid, Locked, NotFound, Unsupported, WrongKey
from credvault.model.names import Name, is_version_number, parse_name
from credvault.model.times import duration_text
from credvault.model.wire import BadMessage
from credvault.sealing.crypto import KEY_BYTES
from credvault.sealing.keys import DataKey
from credvault.vault import ENVIRONMENT

# What a client may say that a request is for, in the trail.
_READING = ("get", "test", "rotate", "import", "deliver", "inject", "redact", "check", "offline", "copy")
_WRITING = ("add", "rotate", "edit", "import", "copy")

_COMMON = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))

Members = dict[str, Any]


class _TakesLong(Exception):
    """A worker is to answer this request."""


class Service:
    """Answers requests about what is held.

    `stop` is called by the request to stop.
    """

    def __init__(self, holdings: Holdings, clock: Callable[[], float], stop: Callable[[], None]) -> None:
        self._holdings = holdings
        self._finder = Finder()
        self._opener = Opener(holdings, self._finder, clock)
        self._clock = clock
        self._stop = stop

    def answer_at_once(self, request: Request) -> bytes | None:
        """Return the answer to a request that takes a moment and waits for nobody, else None.

        For one thread: it uses files that are kept open.
        """
        try:
            return self._answer_safely(request, at_once=True)
        except _TakesLong:
            return None

    def refuse(self, error: CredvaultError) -> bytes:
        """Return the answer to what is no request."""
        return _failure(error)

    def answer(self, request: Request) -> bytes:
        """Return the answer to a request, whatever happens; for any thread."""
        return self._answer_safely(request, at_once=False)

    def _answer_safely(self, request: Request, *, at_once: bool) -> bytes:
        try:
            answer = self._answer(request, at_once)
        except _TakesLong:
            raise
        except NotHeld:
            answer = _failure(Locked("the agent does not hold this vault", hint="'credvault unlock' gives it the key"))
        except BadMessage:
            answer = _failure(Invalid("that is not a request of this program"))
        except CredvaultError as exc:
            answer = _failure(exc)
        except Exception as exc:  # noqa: BLE001 - the boundary: an agent outlives what goes wrong in a request
            answer = _failure(CredvaultError(f"unexpected {type(exc).__name__} in the agent"))
        request.body[:] = bytes(len(request.body))
        return answer

    def _answer(self, request: Request, at_once: bool) -> bytes:
        headers = request.head.headers
        if "origin" in headers:
            raise Denied("no web page may ask an agent")
        method, path = request.method, request.path
        is_other = headers.get(wire.WIRE, wire.VERSION) != wire.VERSION
        # Whoever comes may end it: how else would a newer one take its place?
        if is_other and (method, path) != ("DELETE", wire.AGENT):
            raise Unsupported(f"the agent is of another version ({__version__})")
        if path.startswith((wire.AGENT, wire.HEALTH)):
            return _success(self._of_agent(method, path, request))
        with self._opener.opened(headers, keep_open=at_once) as opened:
            if at_once and not _takes_a_moment(opened, method, path):
                raise _TakesLong
            if headers.get("accept") == wire.BYTES:
                if method == "GET" and path.startswith(wire.CREDENTIALS + "/"):
                    return get_plainly(opened, request, self._clock())
                if method == "GET" and path == wire.NAMES:
                    return offer_plainly(opened, request)
                if method == "POST" and path == wire.RUNTIME_ENV:
                    return resolve_plainly(opened, request, self._clock())
            try:
                members = _route(opened, method, path, request)
            except (Locked, WrongKey):
                raise
            except CredvaultError as exc:
                return _failure(exc, opened.warnings, without_body=method == "HEAD")
            if opened.warnings:
                members["warnings"] = opened.warnings
        return _success(members, without_body=method == "HEAD")

    def _of_agent(self, method: str, path: str, request: Request) -> Members:
        if method == "GET" and path == wire.HEALTH:
            return {"status": "ok", "backend": "agent"}
        if method == "GET" and path == wire.AGENT:
            return {"pid": os.getpid(), "version": __version__, "vaults": self._holdings.facts()}
        if method == "DELETE" and path == wire.AGENT:
            paths = self._holdings.forget_all()
            self._stop()
            return {"forgotten": paths}
        if method == "GET" and path == wire.AGENT_VAULT:
            with self._opener.opened(request.head.headers, keep_open=True) as opened, opened.file.open():
                return {"path": opened.settings.path.value}
        if method == "PUT" and path == wire.AGENT_VAULT:
            return self._hold(request)
        if method == "DELETE" and path == wire.AGENT_VAULT:
            if request.query == "all":
                return {"forgotten": self._holdings.forget_all()}
            path_of_vault = self._finder.find(request.head.headers).path
            return {"forgotten": [path_of_vault] if self._holdings.forget(path_of_vault) else []}
        raise _no_route(method, path)

    def _hold(self, request: Request) -> Members:
        """Hold the key in the body. It is copied to a locked page, and nowhere else."""
        headers = request.head.headers
        if len(request.body) != KEY_BYTES:
            raise BadMessage
        seconds, idle = _seconds(headers, wire.FOR), _seconds(headers, wire.IDLE)
        vault_id = headers.get(wire.VAULT, "")
        locked = LockedKey(request.body)
        try:
            key = DataKey(locked.view, vault_id)
            found = self._finder.find(headers)
            limit = found.settings.seconds("agent", "hold", HOLD_SECONDS)
            if seconds > limit:
                raise Invalid(f"a vault is held for {duration_text(limit)} at most")
            check_key(found, key)
            key.wipe()
        except BaseException:
            locked.wipe()
            raise
        self._holdings.hold(found.path, locked, vault_id, seconds=seconds, idle=idle)
        return {"path": found.path}


def _takes_a_moment(opened: Opened, method: str, path: str) -> bool:
    """Say whether a request reads one secret, or the records of a vault that is not large."""
    if method not in ("GET", "HEAD") and path != wire.RUNTIME_ENV:
        return False
    return path.startswith(wire.CREDENTIALS + "/") or not opened.vault.backend.is_large


def _route(opened: Opened, method: str, path: str, request: Request) -> Members:
    vault, backend = opened.vault, opened.vault.backend
    command = request.head.headers.get(wire.COMMAND, "")
    if method == "GET" and path == wire.CREDENTIALS:
        records = vault.list()
        return {"credentials": [messages.record_members(r, backend.reference(r.name)) for r in records]}
    if method == "GET" and path == wire.NAMES:
        return {"names": [str(record.name) for record in vault.list()]}
    if method == "POST" and path == wire.NAMES:
        names = messages.parse_names(messages.decode(request.body), "names")
        return {"names": [str(name) for name in vault.has_many(names)]}
    if method == "GET" and path.startswith(wire.CREDENTIALS + "/"):
        name = _name(path, wire.CREDENTIALS)
        version = _version(request.query)
        if command == ENVIRONMENT:
            found = vault.release([(name, version)], purpose=ENVIRONMENT)
            secret = found.get((name, version)) or vault.get(name, version)
        else:
            secret = vault.get(name, version, purpose=_allowed(command, _READING))
        return messages.secret_members(secret, backend.reference(name))
    if method == "HEAD" and path.startswith(wire.CREDENTIALS + "/"):
        name = _name(path, wire.CREDENTIALS)
        if not vault.has(name):
            raise NotFound(f"there is no secret {name}")
        return {}
    if method == "GET" and path.startswith(wire.HISTORY + "/"):
        versions = vault.history(_name(path, wire.HISTORY))
        return {"versions": [version._asdict() for version in versions]}
    if method == "GET" and path.startswith(wire.REFERENCES + "/"):
        return {"reference": backend.reference(_name(path, wire.REFERENCES))}
    if method == "POST" and path == wire.RESOLVE:
        asked = messages.decode(request.body)
        wanted = [*((name, None) for name in messages.parse_names(asked, "names")), *messages.parse_pins(asked)]
        # Decided and recorded here: a client is not to be believed that it looks at the delivery.
        purpose = ENVIRONMENT if command == ENVIRONMENT else _allowed(command, _READING)
        released = vault.release(wanted, purpose=purpose).values()
        return {"secrets": [messages.secret_members(s, backend.reference(s.record.name)) for s in released]}
    if method == "POST" and path == wire.CHANGES:
        return _change(opened, messages.decode(request.body), command)
    raise _no_route(method, path)


def _change(opened: Opened, members: Members, command: str) -> Members:
    """Make the changes, or remove the secrets, that a message lists: all in one generation, or none."""
    vault, backend = opened.vault, opened.vault.backend
    if "delete" in members:
        vault.delete(messages.parse_names(members, "delete"))
        return {"records": []}
    if not isinstance(members.get("put"), list):
        raise BadMessage
    changes = [Change(*messages.parse_change(change)) for change in members["put"]]
    purpose = _allowed(command, _WRITING)
    # A copy keeps its times: whoever holds the vault unlocked might set them all the same.
    records = vault.put_many(changes, purpose=purpose, as_they_are=purpose == "copy")
    return {"records": [messages.record_members(record, backend.reference(record.name)) for record in records]}


def _name(path: str, route: str) -> Name:
    return parse_name(wire.unquote_text(path[len(route) + 1 :]))


def _version(query: str) -> int | None:
    key, _, number = query.partition("=")
    if not query:
        return None
    if key != "version" or not is_version_number(number):
        raise BadMessage
    return int(number)


def _seconds(headers: dict[str, str], header: str) -> int:
    text = headers.get(header, "")
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise BadMessage
    return int(text)


def _allowed(command: str, commands: tuple[str, ...]) -> str:
    return command if command in commands else commands[0]


def _no_route(method: str, path: str) -> CredvaultError:
    return NotFound(f"there is nothing to {method} at {path}")


def _success(members: Members, *, without_body: bool = False) -> bytes:
    if without_body:
        return wire.render("HTTP/1.1 200 OK", _COMMON)
    body = messages.encode(members)
    return wire.render("HTTP/1.1 200 OK", [("content-type", wire.JSON), *_COMMON], body)


def _failure(error: CredvaultError, warnings: Sequence[str] = (), *, without_body: bool = False) -> bytes:
    first = f"HTTP/1.1 {error.http_status or CredvaultError.http_status} {error.code}"
    if without_body:
        return wire.render(first, _COMMON)
    members = messages.error_members(error)
    if warnings:
        members["warnings"] = warnings
    return wire.render(first, [("content-type", wire.JSON), *_COMMON], messages.encode(members))
