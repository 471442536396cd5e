"""Rescue: entries that still open, taken one by one from a damaged vault file into a new one."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from credvault import files
from credvault.model.errors import Damaged, InvalidName, NoVault, StorageError, WrongKey
from credvault.model.text import printable
from credvault.sealing.buckets import open_index
from credvault.sealing.entries import Entry, parse_row_name, unseal_entry
from credvault.sealing.jsontext import BadJSON, parse_strict
from credvault.sealing.keys import DataKey
from credvault.sealing.slots import KdfLimits, KeyMaterial, Slot, check_slots, unwrap
from credvault.sealing.vaultfile import VaultFile

_HEADER = re.compile(rb'\{"header":(\{[^\n]*\}),\n')
_ENTRY = re.compile(rb'"([0-9a-f]{32})":"([A-Za-z0-9_=-]{100,})"')
_INDEX = re.compile(rb'\{"index":"([A-Za-z0-9_=-]{100,})"')


class DamagedFile(NamedTuple):
    """A vault file that may be damaged: its bytes, and the headers that can be read, its own and its backup's."""

    data: bytes
    headers: Sequence[dict[str, Any]]

    @property
    def slots(self) -> Sequence[Slot]:
        """Every slot of those headers."""
        return [slot for header in self.headers for slot in header["slots"]]


class Rescue(NamedTuple):
    """What was rescued, and what is known to be lost: names where an index still tells them, else ids."""

    entries: Sequence[Entry]
    lost: Sequence[str]


def read_damaged(file: VaultFile) -> DamagedFile:
    """Return the bytes of a vault file and its header, or where that is lost the header of its backup.

    Raises NoVault, Damaged where neither has a header that can be read, StorageError.
    """
    if os.path.isfile(file.path):
        file.check_size(file.path, os.stat(file.path).st_size)
    data = files.read_small_file(file.path, file.limits.file_bytes)
    if data is None:
        raise NoVault(f"there is no vault at {printable(file.path)}")
    backup = b""
    with suppress(StorageError):  # it is only asked for a header, and the file may have its own
        backup = files.read_small_file(file.backup_path, file.limits.file_bytes) or b""
    headers = [header for content in (data, backup) if (header := _header(content, file.limits.kdf)) is not None]
    if not headers:
        raise Damaged(f"no slot can be read in {printable(file.path)} nor its backup, so there is no way in")
    return DamagedFile(data, headers)


def rescue(damaged: DamagedFile, material: KeyMaterial) -> Rescue:
    """Return every entry that opens, and what is lost; raises WrongKey."""
    key = _data_key(damaged, material)
    entries: dict[str, Entry] = {}
    lost: dict[str, str] = {}
    for match in _ENTRY.finditer(damaged.data):
        entry_id = match[1].decode("ascii")
        try:
            entry = unseal_entry(match[2], entry_id, key)
        except Damaged:
            lost[entry_id] = f"entry {entry_id}"
            continue
        # A damaged file may hold an entry twice; the one with the newer version is kept.
        if entry_id not in entries or entries[entry_id].current.version < entry.current.version:
            entries[entry_id] = entry
    lost |= _named_in_indexes(damaged.data, key)
    return Rescue(list(entries.values()), sorted(name for entry_id, name in lost.items() if entry_id not in entries))


def _data_key(damaged: DamagedFile, material: KeyMaterial) -> DataKey:
    for header in damaged.headers[:-1]:
        with suppress(WrongKey):
            return unwrap(header["slots"], material, header["vault_id"])
    return unwrap(damaged.headers[-1]["slots"], material, damaged.headers[-1]["vault_id"])


def _header(data: bytes, limits: KdfLimits) -> dict[str, Any] | None:
    match = _HEADER.match(data)
    try:
        header = parse_strict(match[1]) if match else None
        if not isinstance(header, dict) or not re.fullmatch("[0-9a-f]{32}", str(header.get("vault_id"))):
            return None
        check_slots(header.get("slots"), limits)
    except (BadJSON, Damaged):
        return None
    return header


def _named_in_indexes(data: bytes, key: DataKey) -> dict[str, str]:
    named: dict[str, str] = {}
    for match in _INDEX.finditer(data):
        try:
            rows = open_index(match[1], 0, key)
        except Damaged:
            continue
        for entry_id, row in rows.items():
            try:
                named[entry_id] = str(parse_row_name(row, entry_id, key))
            except (InvalidName, KeyError, TypeError):
                continue
    return named
