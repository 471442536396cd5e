"""What an agent answers: one function for each route, through the same Vault, guard and trail as the command line."""

import os
from collections.abc import Callable
from typing import Any

from credvault import __version__
from credvault.agent.confinement import LockedKey
from credvault.agent.connection import Request
from credvault.agent.holding import Holdings
from credvault.agent.opening import NotHeld, Opened, Opener, check_key, settings_of, vault_path
from credvault.agent.plainly import get_plainly, resolve_plainly
from credvault.backends.base import Change
from credvault.model import messages, wire
from credvault.model.errors import CredvaultError, Denied, Invalid, Locked, NotFound, Unsupported
from credvault.model.names import Name, parse_name
from credvault.model.wire import BadMessage
from credvault.sealing.crypto import KEY_BYTES
from credvault.sealing.keys import DataKey

# What a client may say that a request is for, in the trail.
_READING = ("get", "test", "environment", "rotate")
_WRITING = ("add", "rotate", "edit")

_COMMON = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))

Members = dict[str, Any]


class Service:
    """Answers requests about what is held.

    `stop` is called by the request to stop. Requests that `is_quick` says are to be answered by one thread, which
    keeps files open; all others may be answered by any.
    """

    def __init__(self, holdings: Holdings, clock: Callable[[], float], stop: Callable[[], None]) -> None:
        self._holdings = holdings
        self._opener = Opener(holdings, clock)
        self._clock = clock
        self._stop = stop

    def is_quick(self, request: Request) -> bool:
        """Say whether a request takes a moment, whatever the size of the vault, and waits for nobody."""
        return (request.method in ("GET", "HEAD") and request.path.startswith(wire.CREDENTIALS + "/")) or (
            request.path.startswith(wire.AGENT) or request.path == wire.HEALTH
        )

    def refuse(self, error: CredvaultError) -> bytes:
        """Return the answer to what is no request."""
        return _failure(error)

    def answer(self, request: Request) -> bytes:
        """Return the answer to a request, whatever happens."""
        try:
            return self._answer(request)
        except NotHeld:
            return _failure(Locked("the agent does not hold this vault", hint="'credvault unlock' gives it the key"))
        except BadMessage:
            return _failure(Invalid("that is not a request of this program"))
        except CredvaultError as exc:
            return _failure(exc)
        except Exception as exc:  # noqa: BLE001 - the boundary: an agent outlives what goes wrong in a request
            return _failure(CredvaultError(f"unexpected {type(exc).__name__} in the agent"))
        finally:
            request.body[:] = bytes(len(request.body))

    def _answer(self, request: Request) -> bytes:
        headers = request.head.headers
        if "origin" in headers:
            raise Denied("no web page may ask an agent")
        if headers.get(wire.WIRE, wire.VERSION) != wire.VERSION:
            hint = "'credvault agent stop' ends it; the next 'credvault unlock' starts one of this version"
            raise Unsupported(f"the agent is of another version ({__version__})", hint=hint)
        method, path = request.method, request.path
        if headers.get("accept") == wire.BYTES:
            if method == "GET" and path.startswith(wire.CREDENTIALS + "/"):
                with self._opener.opened(headers, keep_open=True) as opened:
                    return get_plainly(opened, request, self._clock())
            if method == "POST" and path == wire.RUNTIME_ENV:
                with self._opener.opened(headers, keep_open=False) as opened:
                    return resolve_plainly(opened, request, self._clock())
        if path.startswith((wire.AGENT, wire.HEALTH)):
            return _success(self._of_agent(method, path, request))
        with self._opener.opened(headers, keep_open=self.is_quick(request)) as opened:
            members = _of_vault(opened, method, path, request)
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
            path_of_vault = vault_path(settings_of(request.head.headers))
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
            path = check_key(headers, key)
            key.wipe()
        except BaseException:
            locked.wipe()
            raise
        self._holdings.hold(path, locked, vault_id, seconds=seconds, idle=idle)
        return {"path": path}


def _of_vault(opened: Opened, method: str, path: str, request: Request) -> Members:
    """Return the answer of a vault; what it warns of goes along."""
    members = _route(opened, method, path, request)
    return {**members, "warnings": opened.warnings} if opened.warnings else members


def _route(opened: Opened, method: str, path: str, request: Request) -> Members:
    vault, backend = opened.vault, opened.vault.backend
    command = request.head.headers.get(wire.COMMAND, "")
    if method == "GET" and path == wire.CREDENTIALS:
        records = vault.list()
        return {"credentials": [messages.record_members(r, backend.reference(r.name)) for r in records]}
    if method == "GET" and path == wire.NAMES:
        return {"names": [str(record.name) for record in vault.list()]}
    if method == "GET" and path.startswith(wire.CREDENTIALS + "/"):
        name = _name(path, wire.CREDENTIALS)
        secret = vault.get(name, _version(request.query), purpose=_allowed(command, _READING))
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
        names = messages.parse_names(messages.decode(request.body), "names")
        found = vault.get_many(names, purpose=_allowed(command, _READING))
        return {"secrets": [messages.secret_members(s, backend.reference(n)) for n, s in found.items()]}
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
    records = vault.put_many(changes, purpose=_allowed(command, _WRITING))
    return {"records": [messages.record_members(record, backend.reference(record.name)) for record in records]}


def _name(path: str, route: str) -> Name:
    return parse_name(wire.unquote_text(path[len(route) + 1 :]))


def _version(query: str) -> int | None:
    key, _, number = query.partition("=")
    if not query:
        return None
    if key != "version" or not (number.isascii() and number.isdigit() and 0 < len(number) < 16):
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


def _failure(error: CredvaultError) -> bytes:
    body = messages.encode(messages.error_members(error))
    status = error.http_status or CredvaultError.http_status
    return wire.render(f"HTTP/1.1 {status} {error.code}", [("content-type", wire.JSON), *_COMMON], body)
