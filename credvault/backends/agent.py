"""The backend `agent`: a vault file that an agent of the user holds unlocked.

The agent opens the file, decides and records; a client only asks.
"""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from credvault import peer
from credvault.backends.base import Backend, Capability, Change, Health
from credvault.config import FILE_BACKEND, Settings, find_agent_socket
from credvault.model import messages, wire
from credvault.model.errors import BackendUnavailable, CredvaultError, Locked, NotFound, Unsupported
from credvault.model.names import Name
from credvault.model.record import Record, Secret, Version
from credvault.model.text import printable


class AgentClient:
    """One user's agent, asked in the name of settings. Connects at the first question; close it after use.

    Without settings it can be asked about itself, whatever is wrong with them. `warn` is told what the agent warns
    of, and that a stranger listens in its place.
    """

    def __init__(
        self, environ: Mapping[str, str], warn: Callable[[str], None], settings: Settings | None = None
    ) -> None:
        self._environ = environ
        self._settings = settings
        self._warn = warn
        self._told: set[str] = set()
        self._connection: Any = None
        self._process = 0

    def connect(self) -> bool:
        """Say whether there is an agent; it is connected then."""
        if self._process != os.getpid():
            # A process that was forked off has the connection too, and would read the other's answers.
            self.close()
            self._process = os.getpid()
        if self._connection is None and os.name == "posix":
            path = find_agent_socket(self._environ)
            if path is not None:
                try:
                    self._connection = peer.connect(path, os.geteuid(), peer.PROMPT_SECONDS)
                except peer.Stranger:
                    self._warn(f"the agent's socket {printable(path)} belongs to another user, so it is not used")
        return self._connection is not None

    def be_patient(self) -> None:
        """Wait for long answers from here on: of an agent that has answered one at once."""
        self._connection.settimeout(peer.ANSWER_SECONDS)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(
        self, method: str, target: str, *headers: tuple[str, str], body: "bytes | bytearray" = b""
    ) -> dict[str, Any]:
        """Return the answer to a request; raises the error it holds, or BackendUnavailable where there is none.

        Nothing is ever sent twice.
        """
        if not self.connect():
            raise BackendUnavailable("no agent is running", hint="'credvault unlock' starts one")
        request = wire.render_request(method, target, [*self._about(), *headers], body)
        try:
            head, answer = peer.ask(self._connection, request)
            if head.first[1].startswith("2"):
                members = messages.decode(answer) if answer else {}
            else:
                error = messages.parse_error(answer) if answer else NotFound("it is not there")
                self._tell(messages.decode(answer) if answer else {})
                raise error
        except peer.OtherVersion:
            self.close()
            hint = "'credvault agent stop' ends it; the next 'credvault unlock' starts one of this version"
            raise Unsupported("the agent is of another version", hint=hint) from None
        except (peer.NoAnswer, wire.BadMessage):
            self.close()
            raise _lost(target) from None
        self._tell(members)
        return members

    def _tell(self, members: dict[str, Any]) -> None:
        """Pass on what the agent warns of, once each."""
        for text in members.pop("warnings", ()):
            if text not in self._told:
                self._told.add(text)
                self._warn(str(text))

    def _about(self) -> list[tuple[str, str]]:
        """Return the headers that let the agent find the same vault: folder, settings, options. Nothing secret."""
        settings = self._settings
        if settings is None:
            return []
        environ = {"HOME": os.path.expanduser("~")}
        environ |= {name: settings.environ[name] for name in wire.SETTINGS if settings.environ.get(name)}
        flags = {
            name: str(value)
            for name in ("profile", "vault", "backend", "namespace")
            if (value := getattr(settings.flags, name)) is not None
        }
        if settings.flags.accept_rollback:
            flags["accept_rollback"] = "1"
        try:
            folder = os.getcwd()
        except OSError:  # it was removed
            folder = "/"
        encoding = sys.getfilesystemencoding()
        about = [
            (wire.FOLDER, wire.quote_text(folder, encoding)),
            (wire.ENVIRONMENT, wire.quote_table(environ, encoding)),
        ]
        return [*about, (wire.FLAGS, wire.quote_table(flags, encoding))] if flags else about


class AgentBackend(Backend):
    """The secrets of a vault file by way of the agent that holds it."""

    name = "agent"
    capabilities = ~Capability.SOFT_DELETE  # as the vault file
    records_itself = True

    def __init__(self, client: AgentClient) -> None:
        self._client = client
        self._references: dict[Name, str] = {}

    @classmethod
    def holding(cls, settings: Settings, warn: Callable[[str], None]) -> Self | None:
        """Return the backend for the vault file of settings if an agent holds it, else None."""
        if settings.backend.value != FILE_BACKEND:
            return None
        client = AgentClient(settings.environ, warn, settings)
        if not client.connect():
            return None
        try:
            client.ask("GET", wire.AGENT_VAULT)
            client.be_patient()
        except Locked:
            client.close()
            return None
        except (BackendUnavailable, Unsupported) as exc:
            warn(f"the agent is not used: {exc.message}; {exc.hint}")
            client.close()
            return None
        except CredvaultError:
            client.be_patient()  # it holds the vault, and something is wrong with that: whoever uses it will be told
        return cls(client)

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret."""
        query = "" if version is None else f"?version={version}"
        return self._secret(self._ask(None, "GET", f"{wire.CREDENTIALS}/{wire.quote_text(str(name))}{query}"))

    def has(self, name: Name) -> bool:
        """Say whether there is such a secret."""
        try:
            self._ask(None, "HEAD", f"{wire.CREDENTIALS}/{wire.quote_text(str(name))}")
        except NotFound:
            return False
        return True

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those names that there is a secret of, in one generation of the file."""
        body = messages.encode({"names": [str(name) for name in names]})
        answer = self._ask(None, "POST", wire.NAMES, body)
        with _as_it_should_be():
            return set(messages.parse_names(answer, "names"))

    def check(self) -> Health:
        """Ask the agent whether it holds the vault."""
        path = self._ask("path", "GET", wire.AGENT_VAULT)
        return Health(True, f"{path}, by the agent")

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return several secrets from one generation of the file."""
        return {secret.record.name: secret for secret in self._resolve(names=[str(name) for name in names])}

    def get_versions(self, wanted: Collection[tuple[Name, int]]) -> dict[tuple[Name, int], Secret]:
        """Return versions of secrets from one generation of the file."""
        found = self._resolve(names=[], versions=[[str(name), version] for name, version in wanted])
        return {(secret.record.name, secret.record.version): secret for secret in found}

    def put(self, change: Change) -> Record:
        """Make one change."""
        return self.put_many([change])[0]

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make all changes in one generation, or none of them."""
        body = messages.encode({"put": [messages.change_members(*change) for change in changes]})
        if len(body) > wire.MAX_BODY_BYTES:
            size = wire.MAX_BODY_BYTES // 1024**2
            hint = "'credvault lock', and give the key to the command itself (CREDVAULT_KEY_FILE, --key-file)"
            raise Unsupported(f"the agent takes at most {size} MiB at once; nothing was changed", hint=hint)
        return [self._record(members) for members in self._ask("records", "POST", wire.CHANGES, body)]

    def delete(self, names: Sequence[Name]) -> None:
        """Remove all these secrets in one generation."""
        self._ask("records", "POST", wire.CHANGES, messages.encode({"delete": [str(name) for name in names]}))

    def list(self) -> Sequence[Record]:
        """Return the records in the indexes, sorted by name."""
        return [self._record(members) for members in self._ask("credentials", "GET", wire.CREDENTIALS)]

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions of a secret, newest first."""
        found = self._ask("versions", "GET", f"{wire.HISTORY}/{wire.quote_text(str(name))}")
        with _as_it_should_be():
            return [messages.parse_version(members) for members in found]

    def reference(self, name: Name) -> str:
        """Return the entry id of a name."""
        if name not in self._references:
            target = f"{wire.REFERENCES}/{wire.quote_text(str(name))}"
            self._references[name] = str(self._ask("reference", "GET", target))
        return self._references[name]

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _ask(self, member: str | None, method: str, target: str, body: bytes = b"") -> Any:
        """Return one member of an answer, or all of it."""
        answer = self._client.ask(method, target, (wire.COMMAND, self.command), body=body)
        if member is None:
            return answer
        with _as_it_should_be():
            if member not in answer:
                raise wire.BadMessage
        return answer[member]

    def _resolve(self, **wanted: Sequence[Any]) -> Sequence[Secret]:
        body = messages.encode(wanted)
        return [self._secret(members) for members in self._ask("secrets", "POST", wire.RESOLVE, body)]

    def _secret(self, members: Any) -> Secret:
        with _as_it_should_be():
            secret, reference = messages.parse_secret(members)
        self._references[secret.record.name] = reference
        return secret

    def _record(self, members: Any) -> Record:
        with _as_it_should_be():
            record, reference = messages.parse_record(members)
        self._references[record.name] = reference
        return record


@contextmanager
def _as_it_should_be() -> Iterator[None]:
    """Take an answer that says something else than was asked for no answer."""
    try:
        yield
    except wire.BadMessage:
        hint = "'credvault agent stop' ends it; look which program listens there"
        raise BackendUnavailable("the agent's answer is not one of this program", hint=hint) from None


def _lost(target: str) -> BackendUnavailable:
    """Return the error for an answer that did not come: what was to be read can be asked for again, no more."""
    if target == wire.CHANGES:
        hint = "the change may have been made: look before you do it again ('credvault history NAME')"
        return BackendUnavailable("the agent went away before it answered", hint=hint)
    return BackendUnavailable("the agent did not answer", hint="'credvault agent status' shows whether it runs")
