"""The words of the KV engine, version 2: paths of requests, what answers mean, and what their 404 says (M57).

A path is that of a secret below the mount. Several go side by side, and what they say comes in their order.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from credvault.backends.base import Aspect, Health
from credvault.backends.hashicorp.exchange import Answer, Request
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.outages import is_upgrading
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import BackendUnavailable, ConfigError, CredvaultError, Unsupported
from credvault.model.record import ACTIVE, DELETED, DESTROYED
from credvault.model.text import printable
from credvault.model.times import is_time, time_of_date, time_text
from credvault.model.tuples import NamedTuple

DATA, METADATA, SUBKEYS, UNDELETE = "data", "metadata", "subkeys", "undelete"

WRAP_TTL = "x-vault-wrap-ttl"
_MERGE = {"content-type": "application/merge-patch+json"}
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@+")
# What it says where another version is current, and where metadata are no longer there that are to be changed.
_MISMATCHES = ("check-and-set", "metadata_cas must be 0")
# Of a mount that is not there, and of one that is something else.
_NO_ENGINE = ("no handler for route", "unsupported path")
_EXPECTED = (200, 204, 404)
# How often, and after how long each time, an engine is asked again that is not ready yet.
_UPGRADE_ATTEMPTS, _UPGRADE_SECONDS = 40, 0.25
# Status 200 whatever it says of itself; it stands outside of namespaces.
_HEALTH = Request(
    "GET",
    "sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200",
    headers={"x-vault-namespace": ""},
)


class Reading(NamedTuple):
    """One version of a KV secret as it was read: `data` is None unless the version is active.

    `custom` is the custom metadata of the secret as it is now.
    """

    version: int
    state: str
    data: Mapping[str, Any] | None
    custom: Mapping[str, str]
    created_time: str


class Stage(NamedTuple):
    """One version of a KV secret, without what is in it."""

    version: int
    state: str
    created_time: str


class Metadata(NamedTuple):
    """What the engine says of a KV secret: its versions, newest first, and the custom metadata.

    `revision` counts the changes of the metadata where the server does (OpenBao 2.3), else it is None.
    """

    current_version: int
    stages: tuple[Stage, ...]
    custom: Mapping[str, str]
    created_time: str
    revision: int | None

    @property
    def state(self) -> str | None:
        """The state of the current version, None where there is none."""
        return next((stage.state for stage in self.stages if stage.version == self.current_version), None)


class Written(NamedTuple):
    """A version that was written, when, and the custom metadata that it found."""

    version: int
    custom: Mapping[str, str]
    created_time: str


class KV2:
    """A KV v2 engine as the token may use it: `mount` and `prefix` are paths that settings have checked.

    With `wrap_ttl` secrets are read wrapped, and kept for so long, seconds.
    Raises Unauthenticated and Denied, BackendUnavailable, and for the mount ConfigError (there is none) and
    Unsupported (it is of version 1).
    """

    def __init__(self, transport: Transport, login: Login, mount: str, prefix: str = "", wrap_ttl: int = 0) -> None:
        self.mount = mount
        self.prefix = prefix
        self._transport = transport
        self._login = login
        self._is_checked = False
        # How another mount is chosen.
        self.mount_hint = f"set mount in the profile, or {transport.address.family}_KV_MOUNT"
        self._wrapped = {WRAP_TTL: str(wrap_ttl)} if wrap_ttl else {}

    def path(self, kind: str, path: str) -> str:
        """Return the path of a request below /v1/: `MOUNT/KIND/PREFIX/PATH`. All paths are made here.

        Raises ValueError for one that would leave the prefix: a segment that is empty or dots alone, or a character
        that may mean something else to a server or to what stands before it.
        """
        segments = path.split("/")
        if not all(segment.strip(".") and _PLAIN.issuperset(segment) for segment in segments):
            raise ValueError("a path of a secret leaves the place it was made for")
        return self._join(kind, path)

    def read(self, wanted: Sequence[tuple[str, int | None]]) -> list[Reading | None]:
        """Return versions, None for the newest, of secrets at paths; None for each that was never there."""
        queries = ["" if version is None else f"?version={int(version)}" for _, version in wanted]
        requests = [
            Request("GET", self.path(DATA, path) + query, headers=self._wrapped)
            for (path, _), query in zip(wanted, queries, strict=True)
        ]
        answers = self.ask(requests)
        if self._wrapped:
            from credvault.backends.hashicorp.wrapping import unwrapped

            answers = [unwrapped(self._transport, *pair) for pair in zip(requests, answers, strict=True)]
        return [_parse_reading(answer) for answer in answers]

    def read_fields(self, paths: Sequence[str]) -> list[Reading | None]:
        """Return the newest versions of secrets with None in the place of what each field holds.

        None for each that was never there, and for all of them of a server that does not tell fields alone.
        """
        answers = self.ask([Request("GET", f"{self.path(SUBKEYS, path)}?depth=1") for path in paths])
        return [_parse_reading(answer, "subkeys") for answer in answers]

    def read_metadata(self, paths: Sequence[str]) -> list[Metadata | None]:
        """Return what is said of secrets; None for each that was never there."""
        answers = self.ask([Request("GET", self.path(METADATA, path)) for path in paths])
        return [_parse_metadata(answer) for answer in answers]

    def list_folders(self, folders: Sequence[str]) -> list[Sequence[str]]:
        """Return the names in folders (empty for that of the prefix); those of folders end in '/'."""
        roots = [self.path(METADATA, folder) if folder else self._join(METADATA) for folder in folders]
        answers = self.ask([Request("GET", f"{root}/?list=true") for root in roots])
        return [_parse_keys(answer) for answer in answers]

    def write(self, wanted: Sequence[tuple[str, Mapping[str, Any], int]]) -> list[Written | None]:
        """Write new versions: path, data, and the version that must be current (0: none was ever written).

        None for each where another one is.
        """
        requests = [
            Request("POST", self.path(DATA, path), {"data": data, "options": {"cas": current}})
            for path, data, current in wanted
        ]
        return [None if _is_mismatch(answer) else _parse_written(answer) for answer in self.ask(requests)]

    def put_metadata(self, wanted: Sequence[tuple[str, Mapping[str, str], int | None]]) -> list[bool]:
        """Set the custom metadata of secrets: path, metadata, and the revision that must be current, if any.

        False for each where another one is. Servers that count no revisions pass over that.
        """
        requests = [
            Request("POST", self.path(METADATA, path), {"custom_metadata": custom, **_revision(revision)})
            for path, custom, revision in wanted
        ]
        return [not _is_mismatch(answer) for answer in self.ask(requests)]

    def patch_metadata(self, wanted: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[bool]:
        """Merge into the custom metadata of secrets, None unsets; False for each that is not there."""
        answers = self.ask(
            [
                Request("PATCH", self.path(METADATA, path), {"custom_metadata": custom}, _MERGE)
                for path, custom in wanted
            ]
        )
        return [answer.status != 404 for answer in answers]

    def make_metadata(self, path: str) -> None:
        """Have metadata of a secret that is not there; those of one that is stay as they are."""
        # A request that sets nothing makes nothing; 0 is the mount's own limit, which holds without it too.
        self.ask([Request("POST", self.path(METADATA, path), {"max_versions": 0, **_revision(0)})])

    def remove(self, paths: Sequence[str]) -> None:
        """Remove all versions of secrets, and what is said of them."""
        self.ask([Request("DELETE", self.path(METADATA, path)) for path in paths])

    def delete_newest(self, paths: Sequence[str]) -> None:
        """Delete the newest version of secrets, so that it can be brought back."""
        self.ask([Request("DELETE", self.path(DATA, path)) for path in paths])

    def undelete(self, path: str, version: int) -> None:
        """Bring back a version; one that was not deleted, or is gone for good, stays as it is."""
        self.ask([Request("POST", self.path(UNDELETE, path), {"versions": [version]})])

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Return answers of success, of what is not there (404) and of a check-and-set that failed; raises the rest.

        What the server refuses for the token is asked once more if there is another one by then, and what an engine
        refuses that has just been made, until it is ready.
        """
        if not requests:
            return []
        answers = self._transport.ask_all(requests, self._login.token())
        refused = [place for place, answer in enumerate(answers) if answer.status == 403]
        if refused and self._login.token_was_refused():
            self._ask_again(requests, answers, refused)
        for _ in range(_UPGRADE_ATTEMPTS):
            early = [place for place, answer in enumerate(answers) if is_upgrading(answer)]
            if not early:
                break
            time.sleep(_UPGRADE_SECONDS)
            self._ask_again(requests, answers, early)
        for request, answer in zip(requests, answers, strict=True):
            if answer.status not in _EXPECTED and not _is_mismatch(answer):
                raise self._error(request, answer)
            if answer.status == 404 and answer.errors:
                raise self._error(request, answer)
        return answers

    def _ask_again(self, requests: Sequence[Request], answers: list[Answer], places: Sequence[int]) -> None:
        again = self._transport.ask_all([requests[place] for place in places], self._login.token())
        for place, answer in zip(places, again, strict=True):
            answers[place] = answer

    def read_health(self) -> Health:
        """Ask the server how it is, without a token."""
        answer = self._transport.ask(_HEALTH, None)
        server, version = self._transport.address, answer.body.get("version")
        if answer.body.get("initialized") is False:
            return Health(False, f"{server} is not initialised")
        if answer.status != 200 or answer.body.get("sealed") is not False:
            return Health(False, f"{server} is {'sealed' if answer.body.get('sealed') else 'not well'}")
        return Health(True, f"{server}, version {printable(str(version))}")

    def examine(self, example: str) -> Iterator[Aspect]:
        """Yield what `doctor` shows: the server, the token, this engine, and the rights to the path of a secret."""
        from credvault.backends.hashicorp.aspects import examine_server

        return examine_server(self._transport, self._login, self, example)

    def check_mount(self) -> None:
        """Raise ConfigError where there is no engine at the mount, and Unsupported where it is no KV v2.

        Asked once, where something is not there: version 1 says the same, and takes whatever is written.
        """
        if self._is_checked:
            return
        answer = self._transport.ask(Request("GET", f"sys/internal/ui/mounts/{self.mount}"), self._login.token())
        engine = answer.body.get("data")
        # Without any right at the mount nothing is said of it, and nothing can be done there either.
        if answer.status == 200 and isinstance(engine, dict):
            if engine.get("type") not in ("kv", "generic") or engine.get("path") != f"{self.mount}/":
                raise self._no_engine()
            options = engine.get("options")
            if not isinstance(options, dict) or options.get("version") != "2":
                raise Unsupported(
                    f"the engine at '{self.mount}/' of {self._transport.address} is KV version 1; this needs version 2",
                    hint=f"'bao kv enable-versioning {self.mount}/' makes it so, and keeps what is in it",
                )
        self._is_checked = True

    def _join(self, kind: str, path: str = "") -> str:
        return "/".join(part for part in (self.mount, kind, self.prefix, path) if part)

    def _error(self, request: Request, answer: Answer) -> CredvaultError:
        from credvault.backends.hashicorp.faults import no_namespace, refusal
        from credvault.backends.hashicorp.outages import outage

        if answer.status == 404 and any(words in answer.errors for words in _NO_ENGINE):
            return self._no_engine()
        nowhere = no_namespace(answer, self._transport.address)
        if nowhere is not None:
            return nowhere
        # Before outages: what is too large for the storage is status 500.
        failed = None if "too large" in answer.errors else outage(self._transport, answer)
        return failed or refusal(request, answer, self._transport.address, self._login.lease.token)

    def _no_engine(self) -> ConfigError:
        return ConfigError(
            f"there is no KV engine at '{self.mount}/' of {self._transport.address}",
            hint=f"{self.mount_hint}; 'bao secrets list' shows what there is",
        )


def _is_mismatch(answer: Answer) -> bool:
    return answer.status == 400 and any(words in answer.errors for words in _MISMATCHES)


def _revision(revision: int | None) -> dict[str, int]:
    return {} if revision is None else {"metadata_cas": revision}


def _parse_reading(answer: Answer, member: str = DATA) -> Reading | None:
    members = answer.body.get("data")
    if members is None and answer.status == 404:
        return None
    try:
        metadata = members["metadata"]  # type: ignore[index]  # TypeError is what is caught
        stage = _stage(metadata["version"], metadata, answer)
        data = members[member]  # type: ignore[index]
        if not isinstance(data, dict if answer.status == 200 else type(None)):
            raise TypeError
        if stage.state != DESTROYED:
            # What the engine deletes after a time is gone by its clock, not by ours.
            stage = stage._replace(state=DELETED if data is None else ACTIVE)
        return Reading(stage.version, stage.state, data, _custom(metadata), stage.created_time)
    except (KeyError, TypeError):
        raise _odd() from None


def _parse_metadata(answer: Answer) -> Metadata | None:
    if answer.status == 404:
        return None
    try:
        data = answer.body["data"]
        stages = [_stage(int(number), stage, answer) for number, stage in data["versions"].items()]
        stages.sort(reverse=True)
        current, revision = data["current_version"], data.get("current_metadata_version")
        if not isinstance(current, int) or not isinstance(revision, int | None):
            raise TypeError
        return Metadata(current, tuple(stages), _custom(data), _moment(data), revision)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _odd() from None


def _parse_keys(answer: Answer) -> Sequence[str]:
    if answer.status == 404:
        return []
    try:
        keys = answer.body["data"]["keys"]
        if not all(isinstance(key, str) for key in keys):
            raise TypeError
        return list(keys)
    except (KeyError, TypeError):
        raise _odd() from None


def _parse_written(answer: Answer) -> Written:
    try:
        data = answer.body["data"]
        if not isinstance(data["version"], int):
            raise TypeError
        return Written(data["version"], _custom(data), _moment(data))
    except (KeyError, TypeError):
        raise _odd() from None


def _stage(version: Any, members: Mapping[str, Any], answer: Answer) -> Stage:
    """Return a version as metadata in an answer tell of it; raises KeyError and TypeError."""
    deletion, destroyed, created = members["deletion_time"], members["destroyed"], _moment(members)
    if not (type(version) is int and version > 0 and isinstance(deletion, str) and isinstance(destroyed, bool)):
        raise TypeError
    if destroyed:
        return Stage(version, DESTROYED, created)
    if not deletion:
        return Stage(version, ACTIVE, created)
    # A time to come is when the engine will delete it (`delete_version_after`): by its clock, as far as it tells.
    now = time_of_date(answer.date) or time_text(time.time())
    return Stage(version, DELETED if deletion[:19] <= now[:19] else ACTIVE, created)


def _moment(members: Mapping[str, Any]) -> str:
    """Return when something was made, which records are to tell; raises KeyError and TypeError for what is no time."""
    moment = members["created_time"]
    if not is_time(moment):
        raise TypeError
    return str(moment)


def _custom(members: Mapping[str, Any]) -> Mapping[str, str]:
    """Return custom metadata; raises TypeError."""
    custom = members.get("custom_metadata") or {}
    if not isinstance(custom, dict) or not all(isinstance(text, str) for text in custom.values()):
        raise TypeError
    return custom


def _odd() -> BackendUnavailable:
    hint = "is this the address of an OpenBao or Vault server, and of a KV version 2 engine?"
    return BackendUnavailable("the server's answer is not that of a KV version 2 engine", hint=hint)
