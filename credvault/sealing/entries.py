"""One entry of a vault file: the record of a secret and its versions, as JSON inside one token."""

import base64
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from credvault.model import record as model
from credvault.model import times
from credvault.model.errors import (
    Damaged,
    InvalidName,
    InvalidValue,
    NotFound,
    VersionDeleted,
    VersionDestroyed,
)
from credvault.model.names import Name, parse_name
from credvault.model.record import Record, Secret, Version, record_from_facts
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue
from credvault.sealing.crypto import BadToken, pad, seal, unpad, unseal
from credvault.sealing.jsontext import BadJSON, canonical, parse_strict
from credvault.sealing.keys import DataKey

# What the index of a bucket holds of a record, so that `list` opens no entry (format.md 1.2).
INDEX_REQUIRED = ("type", "delivery", "updated_at", "value_changed_at")
INDEX_OPTIONAL = ("service", "env_name", "consumers", "tags", "expires_at", "rotate_every")

_VERSION_MEMBERS = {"version", "state", "created_at", "updated_by", "value", "value_base64"}
_ENTRY_MEMBERS = {"namespace", "key", "record", "versions"}


class StoredVersion(NamedTuple):
    """One version with its value; none when it was destroyed."""

    version: int
    state: str
    created_at: str
    updated_by: str
    value: SecretValue | None


class Entry(NamedTuple):
    """A secret as it is stored: its name, its facts as JSON has them, its versions newest first."""

    name: Name
    facts: Mapping[str, Any]
    versions: tuple[StoredVersion, ...]

    @property
    def current(self) -> StoredVersion:
        """The newest active version, else the newest."""
        return next((v for v in self.versions if v.state == model.ACTIVE), self.versions[0])

    def record(self, version: int | None = None) -> Record:
        """Return the record as of the current version, or naming another one."""
        return record_from_facts(self.name, self.current.version if version is None else version, self.facts)

    def secret(self, version: int | None = None) -> Secret:
        """Return the current version, or the one asked for, with its value.

        Raises NotFound, VersionDeleted or VersionDestroyed.
        """
        if version is None:
            stored = self.current
        else:
            found = next((v for v in self.versions if v.version == version), None)
            if found is None:
                raise NotFound(f"{self.name} has no version {version}", hint=f"see 'credvault history {self.name}'")
            stored = found
        if stored.state == model.DELETED:
            raise VersionDeleted(f"version {stored.version} of {self.name} is deleted")
        if stored.state == model.DESTROYED:
            raise VersionDestroyed(f"version {stored.version} of {self.name} is destroyed")
        if version is None and stored.state == model.PENDING:
            raise NotFound(f"{self.name} has no version in force yet", hint=f"see 'credvault history {self.name}'")
        if stored.state not in (model.ACTIVE, model.PENDING) or stored.value is None:
            raise NotFound(f"version {stored.version} of {self.name} is in a state this program does not know")
        return Secret(self.record(stored.version), stored.value)

    def history(self) -> list[Version]:
        """Return the versions without their values, newest first."""
        return [Version(v.version, v.state, v.created_at, v.updated_by) for v in self.versions]

    def index_row(self) -> dict[str, Any]:
        """Return what the index of the bucket holds of this entry."""
        row = {member: self.facts[member] for member in INDEX_REQUIRED}
        row |= {member: self.facts[member] for member in INDEX_OPTIONAL if member in self.facts}
        return {
            "namespace": self.name.namespace,
            "key": self.name.key,
            "version": self.current.version,
            **row,
        }


class HistoryLimits(NamedTuple):
    """How much of each secret is kept: versions, and bytes of all their values together."""

    versions: int = 10
    bytes: int = 4 * 1024 * 1024


def history_limits(number: Callable[[str, str, int], int]) -> HistoryLimits:
    """Return the limits that settings give; `number` looks up a whole number by table, key and default."""
    defaults = HistoryLimits()
    return HistoryLimits(number("history", "versions", defaults.versions), number("history", "bytes", defaults.bytes))


def with_new_version(entry: Entry, stored: StoredVersion, limits: HistoryLimits) -> Entry:
    """Return the entry with `stored` as the newest version, and the oldest dropped over the limits."""
    kept = [stored]
    size = len(stored.value or b"")
    for old in entry.versions:
        size += len(old.value or b"")
        if len(kept) >= limits.versions or size > limits.bytes:
            break
        kept.append(old)
    return entry._replace(versions=tuple(kept))


def seal_entry(entry: Entry, entry_id: str, key: DataKey) -> str:
    """Return the token of an entry."""
    versions = [_version_members(stored) for stored in entry.versions]
    members = {
        "namespace": entry.name.namespace,
        "key": entry.name.key,
        "record": entry.facts,
        "versions": versions,
    }
    return seal(key.entry_key(entry_id), pad(canonical(members)))


def unseal_entry(token: str | bytes, entry_id: str, key: DataKey) -> Entry:
    """Return the entry in a token; raises Damaged where the token, its content or its place is not right."""
    try:
        # A record's metadata may hold a number with a fraction; nothing else in the file may.
        members = parse_strict(unpad(unseal(key.entry_key(entry_id), token)), floats=True)
        return _entry_from_members(members, entry_id, key)
    except (BadToken, BadJSON, InvalidValue, InvalidName, KeyError, TypeError, ValueError):
        # Not quoted: whatever the payload says, it may be a secret.
        raise Damaged(
            f"entry {entry_id} of the vault file is damaged",
            hint="'credvault doctor --verify' names all that are; 'credvault salvage -o NEW' rescues the rest",
        ) from None


def parse_row_name(row: object, entry_id: str, key: DataKey) -> Name:
    """Return the name in a row of an index; raises InvalidName, KeyError or TypeError where it is not one."""
    if not isinstance(row, dict) or not isinstance(row["namespace"], str) or not isinstance(row["key"], str):
        raise TypeError
    name = parse_name(f"{row['namespace']}/{row['key']}")
    if (name.namespace, name.key) != (row["namespace"], row["key"]) or key.entry_id(*name) != entry_id:
        raise TypeError
    return name


def _version_members(stored: StoredVersion) -> dict[str, Any]:
    members = {
        "version": stored.version,
        "state": stored.state,
        "created_at": stored.created_at,
        "updated_by": stored.updated_by,
    }
    if stored.value is None:
        return members
    value = stored.value.reveal()
    try:
        return {**members, "value": value.decode("utf-8")}
    except UnicodeDecodeError:
        return {**members, "value_base64": base64.b64encode(value).decode("ascii")}


def _entry_from_members(members: Any, entry_id: str, key: DataKey) -> Entry:
    if not isinstance(members, dict) or members.keys() != _ENTRY_MEMBERS:
        raise TypeError
    if not isinstance(members["record"], dict) or not isinstance(members["versions"], list):
        raise TypeError
    name = parse_row_name(members, entry_id, key)
    model.check_facts(members["record"])
    versions = tuple(_parse_version(version) for version in members["versions"])
    numbers = [stored.version for stored in versions]
    if not versions or any(newer <= older for newer, older in pairwise(numbers)):
        raise TypeError
    return Entry(name, members["record"], versions)


def _parse_version(members: Any) -> StoredVersion:
    if not isinstance(members, dict) or not members.keys() <= _VERSION_MEMBERS:
        raise TypeError
    if type(members["version"]) is not int or members["version"] < 1:
        raise TypeError
    texts = ("state", "created_at", "updated_by", *(members.keys() & {"value", "value_base64"}))
    if not all(isinstance(members[member], str) for member in texts):
        raise TypeError
    if not times.is_time(members["created_at"]) or ("value" in members and "value_base64" in members):
        raise TypeError
    value = _parse_value(members)
    if (value is None) != (members["state"] == model.DESTROYED) and members["state"] in model.STATES:
        raise TypeError
    return StoredVersion(members["version"], members["state"], members["created_at"], members["updated_by"], value)


def _parse_value(members: dict[str, Any]) -> SecretValue | None:
    if "value" in members:
        return SecretValue(members["value"].encode("utf-8"))
    if "value_base64" in members:
        # Raises binascii.Error, which is a ValueError.
        value = base64.b64decode(members["value_base64"], validate=True)
        if base64.b64encode(value).decode("ascii") != members["value_base64"]:
            raise TypeError
        return SecretValue(value)
    return None
