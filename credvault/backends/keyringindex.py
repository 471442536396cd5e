"""The index of the backend `keyring`: names, facts and versions, and where in the keyring each value is. Never a value.

A private JSON file, replaced whole: that is when a change takes place, for an OS keyring can neither list what it
holds nor change two things at once.
"""

import os
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from credvault import files
from credvault.model import record as model
from credvault.model import times
from credvault.model.errors import Damaged, InvalidName, InvalidValue
from credvault.model.names import Name, parse_name
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue
from credvault.sealing.entries import Entry, StoredVersion
from credvault.sealing.jsontext import BadJSON, canonical, parse_strict

MAX_BYTES = 64 * 1024 * 1024
TEXT, BASE64 = FORMS = ("text", "base64")

_FORMAT, _VERSION = "credvault-keyring", 1
_HINT = (
    "move it away; what was last stored as text can still be read by name, and 'credvault rotate' or 'edit' of that "
    "makes an entry for it again"
)


class Item(SecretValue):
    """A value that is in the keyring: under which user, in which form, how many bytes it has. Not opened."""

    __slots__ = ("form", "size", "user")

    def __init__(self, user: str, form: str, size: int) -> None:
        super().__init__(b"")
        self.user = user
        self.form = form
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and (self.user, self.form, self.size) == (other.user, other.form, other.size)

    __hash__ = None  # as of every value


class Row(NamedTuple):
    """A secret in the index: an id that tells nothing of its name, and its entry with an Item for each value."""

    id: str
    entry: Entry

    @property
    def items(self) -> dict[str, Item]:
        """The items of all versions, by user."""
        return {stored.value.user: stored.value for stored in self.entry.versions if isinstance(stored.value, Item)}


class Index(NamedTuple):
    """What the index holds.

    `leftovers` are items, as namespace and user, that are of no secret: to be removed, or about to be written when
    the writer died. `stale` are names whose copy for other programs is not known to be right. `holder` is the keyring
    that has the items; None where there are none yet.
    """

    rows: Mapping[Name, Row]
    leftovers: frozenset[tuple[str, str]] = frozenset()
    stale: frozenset[Name] = frozenset()
    holder: str | None = None


class IndexFile:
    """The index at a path; empty where there is no file."""

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)  # so that a link to the file stays a link

    def exists(self) -> bool:
        """Say whether there is a file."""
        return os.path.lexists(self.path)

    def read(self) -> Index:
        """Return the index as it is now; raises Damaged, StorageError."""
        data = files.read_small_file(self.path, MAX_BYTES)
        if data is None:
            return Index({})
        try:
            return _parse(parse_strict(data, floats=True))
        except (BadJSON, InvalidValue, InvalidName, KeyError, TypeError, ValueError):
            # Not quoted: notes and metadata are nobody else's business.
            raise Damaged(f"the index of the keyring, {printable(self.path)}, is damaged", hint=_HINT) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out while the block runs; raises LockTimeout, StorageError."""
        files.make_private_folder(os.path.dirname(self.path))
        with files.lock(self.path + ".lock"):
            files.remove_stale(self.path)
            yield

    def write(self, index: Index) -> None:
        """Put an index in the place of the one there, under the lock; raises StorageError."""
        files.replace_file(self.path, [_rendered(index)])


def _rendered(index: Index) -> bytes:
    return canonical(
        {
            "format": _FORMAT,
            "v": _VERSION,
            "secrets": [_row_members(row) for _, row in sorted(index.rows.items())],
            "leftovers": sorted(map(list, index.leftovers)),
            "stale": sorted(map(str, index.stale)),
            **({} if index.holder is None else {"holder": index.holder}),
        }
    )


def _row_members(row: Row) -> dict[str, Any]:
    name, facts, versions = row.entry
    shown = [_version_members(stored) for stored in versions]
    return {"id": row.id, "namespace": name.namespace, "key": name.key, "record": facts, "versions": shown}


def _version_members(stored: StoredVersion) -> dict[str, Any]:
    members = {member: getattr(stored, member) for member in ("version", "state", "created_at", "updated_by")}
    if isinstance(stored.value, Item):
        members |= {"user": stored.value.user, "form": stored.value.form, "bytes": stored.value.size}
    return members


def _parse(members: Any) -> Index:
    _check_members(members, {"format", "v", "secrets", "leftovers", "stale"}, optional={"holder"})
    if members["format"] != _FORMAT:
        raise TypeError
    if members["v"] != _VERSION:
        hint = "a newer credvault wrote it: upgrade"
        raise Damaged("the index of the keyring has a form that this version does not know", hint=hint)
    rows = [_parse_row(row) for row in members["secrets"]]
    by_name = {row.entry.name: row for row in rows}
    leftovers = frozenset((namespace, user) for namespace, user in members["leftovers"] if _texts(namespace, user))
    if len(by_name) != len(rows) or len(leftovers) != len(members["leftovers"]):
        raise TypeError
    stale = frozenset(_parse_whole_name(name) for name in members["stale"] if _texts(name))
    if "holder" in members and not _texts(members["holder"]):
        raise TypeError
    return Index(by_name, leftovers, stale, members.get("holder"))


def _parse_row(members: Any) -> Row:
    _check_members(members, {"id", "namespace", "key", "record", "versions"})
    if not _texts(members["id"], members["namespace"], members["key"]) or not isinstance(members["record"], dict):
        raise TypeError
    name = _parse_whole_name(f"{members['namespace']}/{members['key']}")
    model.check_facts(members["record"])
    versions = tuple(map(_parse_version, members["versions"]))
    if not versions or any(newer.version <= older.version for newer, older in pairwise(versions)):
        raise TypeError
    return Row(members["id"], Entry(name, members["record"], versions))


def _parse_version(members: Any) -> StoredVersion:
    _check_members(members, {"version", "state", "created_at", "updated_by", "user", "form", "bytes"})
    number, state, created_at, by = (members[member] for member in ("version", "state", "created_at", "updated_by"))
    user, form, size = members["user"], members["form"], members["bytes"]
    if not _texts(state, by, user) or not times.is_time(created_at) or form not in FORMS:
        raise TypeError
    if not all(type(count) is int and count > 0 for count in (number, size)):
        raise TypeError
    return StoredVersion(number, state, created_at, by, Item(user, form, size))


def _check_members(members: object, names: set[str], optional: Set[str] = frozenset()) -> None:
    if not isinstance(members, dict) or members.keys() - optional != names:
        raise TypeError


def _parse_whole_name(text: Any) -> Name:
    name = parse_name(text)
    if str(name) != text:
        raise TypeError
    return name


def _texts(*values: object) -> bool:
    return all(isinstance(value, str) and value for value in values)
