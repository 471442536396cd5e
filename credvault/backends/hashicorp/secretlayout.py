"""The layout `secret`: one KV secret for each name, `{"value": TEXT}`, with its facts as custom metadata.

Versions, their states and check-and-set are the engine's own.
"""

import binascii
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from credvault.backends.base import Capability, Change
from credvault.backends.hashicorp import facts as custom_facts
from credvault.backends.hashicorp.facts import seconds
from credvault.backends.hashicorp.kv2 import Metadata, Reading
from credvault.backends.hashicorp.layout import VALUE, VALUE_BASE64, Layout, kind_of
from credvault.model import record as model
from credvault.model.errors import (
    CredvaultError,
    Denied,
    InvalidName,
    NotFound,
    Unsupported,
    VersionDeleted,
    VersionDestroyed,
)
from credvault.model.names import Name, parse_name
from credvault.model.record import Record, Secret, Version, record_from_facts
from credvault.model.text import counted, listed, printable
from credvault.model.value import SecretValue


class SecretLayout(Layout):
    """Secrets of a KV v2 engine, one path for each."""

    capabilities = (
        Capability.READ
        | Capability.WRITE
        | Capability.LIST
        | Capability.DELETE
        | Capability.VERSIONS
        | Capability.METADATA
        | Capability.SOFT_DELETE
    )
    is_large = True  # to list takes a request for each secret

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret, in one request."""
        reading = self._kv.read([(str(name), version)])[0]
        if reading is None:
            self._not_there(name, version)
        return self._secret(name, reading, is_current=version is None)

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return several secrets by a request for each, side by side."""
        found = self._get_all([(name, None) for name in names])
        return {name: secret for (name, _), secret in found.items()}

    def get_versions(self, wanted: Collection[tuple[Name, int]]) -> dict[tuple[Name, int], Secret]:
        """Return several versions by a request for each, side by side."""
        found = self._get_all(wanted)
        return {(name, version): secret for (name, version), secret in found.items() if version is not None}

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those of the names that there is a secret of, by what the engine says of them."""
        return {name for name, metadata in self._metadata(names).items() if metadata.state == model.ACTIVE}

    def has(self, name: Name) -> bool:
        """Say whether there is such a secret, without reading it."""
        return name in self.has_many([name])

    def put(self, change: Change) -> Record:
        """Make one change."""
        return self.put_many([change])[0]

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make several changes, those of different secrets side by side; nothing is written if one cannot be made.

        One that somebody else's change overtakes fails by itself: the others are made.
        """
        from credvault.backends.hashicorp.secretwriting import Writing  # reading needs none of it

        writing = Writing(self._kv, self._warn)
        records: list[Record] = []
        for batch in _batches(changes):
            records += writing.make(batch)
        return records

    def check_fits(self, change: Change) -> None:
        """Raise InvalidValue for facts that custom metadata cannot hold."""
        custom = custom_facts.to_custom(model.first_facts(change.name, change.facts))
        custom_facts.check_count({custom_facts.WRITERS: "", **custom})

    def delete(self, names: Sequence[Name]) -> None:
        """Remove all these secrets with every version, once all are seen to be there."""
        self._kv.remove([str(name) for name in self._present(names)])

    def delete_softly(self, names: Sequence[Name]) -> None:
        """Delete the newest version of all these secrets, once all are seen to be in force."""
        for name, metadata in self._present(names).items():
            check_state(name, metadata.current_version, metadata.state)
        self._kv.delete_newest([str(name) for name in dict.fromkeys(names)])

    def undelete(self, name: Name, version: int | None = None) -> Record:
        """Bring back a version; one that was not deleted stays as it is."""
        metadata = self._present([name])[name]
        wanted = metadata.current_version if version is None else version
        stage = next((stage for stage in metadata.stages if stage.version == wanted), None)
        if stage is None:
            raise _no_version(name, wanted)
        if stage.state == model.DESTROYED:
            check_state(name, wanted, stage.state, pinned=wanted != metadata.current_version)
        self._kv.undelete(str(name), wanted)
        return self._record(name, metadata, wanted)

    def list(self) -> Sequence[Record]:
        """Return the record of each secret in force, by the folders of the engine and a request for each secret."""
        return self._records_below([""])

    def list_within(self, namespaces: Collection[str]) -> Sequence[Record]:
        """Return the records of some namespaces, by the folders below these alone."""
        return self._records_below(sorted(namespaces))

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions that the engine keeps, newest first; who wrote one is known of those from here."""
        return _versions(self._present([name])[name])

    def histories(self, names: Collection[Name]) -> dict[Name, Sequence[Version]]:
        """Return the versions of several secrets by a request for each, side by side."""
        return {name: _versions(metadata) for name, metadata in self._metadata(names).items()}

    def _get_all(self, wanted: Iterable[tuple[Name, int | None]]) -> dict[tuple[Name, int | None], Secret]:
        pairs = list(dict.fromkeys(wanted))
        readings = self._kv.read([(str(name), version) for name, version in pairs])
        if None in readings:
            self._kv.check_mount()
        return {
            (name, version): self._secret(name, reading, is_current=version is None)
            for (name, version), reading in zip(pairs, readings, strict=True)
            if reading is not None and reading.state == model.ACTIVE
        }

    def _metadata(self, names: Iterable[Name]) -> dict[Name, Metadata]:
        """Return what is said of those secrets that have a version, deleted ones included."""
        unique = list(dict.fromkeys(names))
        found = self._kv.read_metadata([str(name) for name in unique])
        if None in found:
            self._kv.check_mount()
        return {name: metadata for name, metadata in zip(unique, found, strict=True) if metadata and metadata.stages}

    def _present(self, names: Iterable[Name]) -> dict[Name, Metadata]:
        """Return what is said of secrets; raises NotFound if one is not there."""
        found = self._metadata(names)
        for name in names:
            if name not in found:
                raise NotFound(f"there is no secret {name}")
        return found

    def _records_below(self, folders: Sequence[str]) -> Sequence[Record]:
        found = self._metadata(self._find_names(folders))
        return [
            self._record(name, metadata) for name, metadata in sorted(found.items()) if metadata.state == model.ACTIVE
        ]

    def _find_names(self, folders: Sequence[str]) -> Sequence[Name]:
        """Return the names below folders, level by level; what is no name of ours is told of and left out."""
        names: list[Name] = []
        others: list[str] = []
        while folders:
            below: list[str] = []
            found = [self._list_top()] if folders == [""] else self._kv.list_folders(folders)
            for folder, keys in zip(folders, found, strict=True):
                for key in keys:
                    path = f"{folder}/{key}" if folder else key
                    name = _parse_path(path, key)
                    if name is not None and path.endswith("/"):
                        below.append(path[:-1])
                    elif name is not None and "/" in path:
                        names.append(name)
                    else:  # below no namespace, or no name
                        others.append(path)
            folders = below
        if not names:
            self._kv.check_mount()
        self._tell_left_out(others)
        return names

    def _secret(self, name: Name, reading: Reading, *, is_current: bool) -> Secret:
        """Return a secret as it was read; raises VersionDeleted, VersionDestroyed, Unsupported."""
        check_state(name, reading.version, reading.state, pinned=not is_current)
        value = self._value(name, reading.data or {})
        # An older version has the facts of now, whoever wrote it.
        marks = reading.custom if is_current else {**reading.custom, **custom_facts.BY_ANYBODY}
        created = seconds(reading.created_time)
        facts = self._facts(name, marks, reading.version, created, created)
        return Secret(record_from_facts(name, reading.version, facts), value)

    def _record(self, name: Name, metadata: Metadata, version: int | None = None) -> Record:
        newest = metadata.stages[0]
        times = seconds(metadata.created_time), seconds(newest.created_time)
        facts = self._facts(name, metadata.custom, newest.version, *times)
        return record_from_facts(name, metadata.current_version if version is None else version, facts)

    def _facts(
        self, name: Name, custom: Mapping[str, str], version: int, created: str, changed: str
    ) -> Mapping[str, Any]:
        facts, unreadable = custom_facts.from_custom(name, custom, version, created, changed)
        self._tell_unreadable(name, unreadable)
        return facts

    def _value(self, name: Name, data: Mapping[str, Any]) -> SecretValue:
        """Return the value in a KV secret; raises Unsupported for one that holds other fields, or none that is text."""
        if data.keys() <= {VALUE, VALUE_BASE64} and len(data) == 1:
            ((field, text),) = data.items()
            value = _parse_value(field, text)
            if value is not None:
                return value
            kind = kind_of(text)
            if text and isinstance(text, str):
                kind = f"what is not {'base64' if field == VALUE_BASE64 else 'UTF-8'}"
            raise Unsupported(
                f"the field '{field}' of {name} holds {kind}, which is not a value",
                hint=f"'bao kv get -mount={self._kv.mount} {self._path(name)}' shows what is there",
            )
        fields = [printable(field) for field in data]
        what = f"{counted(len(fields), 'field')}: {listed(fields, 8)}" if fields else "no field"
        raise Unsupported(
            f"{name} is not a single value: another program wrote it, with {what}", hint=self._way(name, data)
        )

    def _way(self, name: Name, data: Mapping[str, Any]) -> str:
        """Return how to get at fields that are no value of ours: by URI, where one can name them."""
        from credvault.model.uri import is_field, is_segment

        path = self._path(name)
        if not (data and is_segment(self._kv.mount) and all(map(is_segment, path.split("/")))):
            return f"'bao kv get -mount={self._kv.mount} {path}' shows what is there"
        # Others choose these words, and a person may copy the command into a shell.
        other = next((field for field in data if field != VALUE and is_field(field)), "FIELD")
        return f"'credvault get openbao+kv2://{self._kv.mount}/{path}#{other}' gives one of them"

    def _path(self, name: Name) -> str:
        return f"{self._kv.prefix}/{name}" if self._kv.prefix else str(name)

    def _not_there(self, name: Name, version: int | None) -> NoReturn:
        """Raise what says best why a secret is not there: the mount, the version, a folder of this name, or nothing."""
        self._kv.check_mount()
        if version is not None and self._may_be_there(name):
            raise _no_version(name, version)
        # What was meant may be a namespace, taken for a key of the default one.
        folders = [str(name), name.key]
        try:
            below = self._kv.list_folders(folders)
        except CredvaultError:  # it may not be listed, and that is not what was asked for
            below = [[], []]
        for folder, keys in zip(folders, below, strict=True):
            if keys:
                found = listed([f"{folder}/{printable(key)}" for key in keys], 3)
                raise NotFound(f"{folder} is a folder, not a secret", hint=f"below it are {found}")
        raise NotFound(f"there is no secret {name}")

    def _may_be_there(self, name: Name) -> bool:
        """Say whether there is such a secret, as far as the token may ask: reading versions takes less than that."""
        try:
            return bool(self._metadata([name]))
        except Denied:
            return True


def _versions(metadata: Metadata) -> Sequence[Version]:
    return [
        Version(
            stage.version,
            stage.state,
            seconds(stage.created_time),
            custom_facts.writer_of(stage.version, metadata.custom) or "unknown",
        )
        for stage in metadata.stages
    ]


def check_state(name: Name, version: int, state: str | None, *, pinned: bool = False) -> None:
    """Raise VersionDeleted or VersionDestroyed for a version that is not in force."""
    if state == model.DELETED:
        option = f" --version {version}" if pinned else ""
        hint = f"'credvault undelete {name}{option}' brings it back"
        raise VersionDeleted(f"version {version} of {name} is deleted", hint=hint)
    if state == model.DESTROYED:
        hint = f"'credvault history {name}' shows the versions"
        if not pinned:
            hint += f"; 'credvault add --force {name}' puts a new value over it"
        raise VersionDestroyed(f"version {version} of {name} is destroyed", hint=hint)


def _parse_path(path: str, key: str) -> Name | None:
    """Return the name at a path that ends in a key of its folder, for a folder one below it; None where none can be."""
    if not key.removesuffix("/") or "/" in key[:-1]:
        return None  # it would lead back to the folder, or past one
    try:
        return parse_name(path + "x" if path.endswith("/") else path)
    except InvalidName:
        return None


def _parse_value(field: str, text: object) -> SecretValue | None:
    """Return the value in a field, None where it is no text that stands for one."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return SecretValue(text.encode("utf-8") if field == VALUE else binascii.a2b_base64(text, strict_mode=True))
    except ValueError:  # half of a surrogate pair, or no base64
        return None


def _no_version(name: Name, version: int) -> NotFound:
    return NotFound(f"{name} has no version {version}", hint=f"see 'credvault history {name}'")


def _batches(changes: Sequence[Change]) -> Iterable[Sequence[Change]]:
    """Yield changes in their order, so that no secret is twice in one batch."""
    batch: dict[Name, Change] = {}
    for change in changes:
        if change.name in batch:
            yield list(batch.values())
            batch = {}
        batch[change.name] = change
    if batch:
        yield list(batch.values())
