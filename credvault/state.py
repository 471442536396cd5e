"""What this user's machine remembers beside the vault: pins, test results, confirmed hosts, trusted projects, a salt.

Private files in the state folder. Losing them loses no secret; only the pins are a safeguard.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from credvault import files
from credvault.model.errors import LockTimeout, StorageError
from credvault.model.folders import flat_name
from credvault.model.pin import Pin

_MAX_STATE_BYTES = 64 * 1024 * 1024
# A file name holds 255 bytes, and the lock and temporary files of this one have longer names.
_MAX_NAME = 180
_SIGNAL = "shellenv"


class PinStore:
    """Pins by the real path of a vault file and the id of the vault in it."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "pins")

    def take(self, path: str) -> Mapping[str, Sequence[Pin]]:
        """Return the pins of a path by vault id: the last one seen, and one announced by a rekey in progress.

        A pin file that cannot be read counts as none: it guards against old files, and must not lock anyone out.
        """
        stored = _read(self._file(path))
        pins: dict[str, list[Pin]] = {}
        with suppress(TypeError, ValueError, AttributeError, LookupError, OverflowError):
            for vault_id, rows in stored.items():
                pins[vault_id] = [Pin(int(row[0]), str(row[1]), str(row[2])) for row in rows]
        return pins

    def keep(self, path: str, vault_id: str, pin: Pin, *, force: bool = False) -> None:
        """Remember a pin; unless forced, only a newer or an announced one replaces another. Raises StorageError."""

        def change(pins: Sequence[Pin]) -> Sequence[Pin]:
            # An announced pin counts too: a rekey may have been killed before it could keep its own.
            newer = any(pin.fingerprint == old.fingerprint and pin.generation > old.generation for old in pins)
            return [pin] if force or newer or not pins or pin in pins[1:] else pins

        self._change(path, vault_id, change)

    def announce(self, path: str, vault_id: str, pin: Pin) -> None:
        """Remember that a file with a new data key is about to appear. Raises StorageError."""
        self._change(path, vault_id, lambda pins: [*pins[:1], pin])

    def _change(self, path: str, vault_id: str, change: Callable[[Sequence[Pin]], Sequence[Pin]]) -> None:
        file = self._file(path)
        files.make_private_folder(os.path.dirname(file))
        with files.lock(file + ".lock"):
            pins = dict(self.take(path))
            before = pins.get(vault_id, ())
            pins[vault_id] = change(before)
            if pins[vault_id] == before:
                return
            files.replace_file(file, [json.dumps(pins).encode("ascii")], durable=False)

    def _file(self, path: str) -> str:
        # Readable, and mostly no hash to import.
        name = flat_name(path)
        if len(os.fsencode(name)) > _MAX_NAME:
            from hashlib import sha256

            name = "sha256-" + sha256(os.fsencode(path)).hexdigest()
        return os.path.join(self._folder, name + ".json")


class Memory:
    """A small table in the state folder: JSON values under text keys."""

    def __init__(self, folder: str, name: str) -> None:
        self._path = os.path.join(folder, name + ".json")

    def read(self) -> dict[str, Any]:
        """Return the table; empty where there is none or it cannot be read."""
        return _read(self._path)

    @contextmanager
    def changing(self) -> Iterator[dict[str, Any]]:
        """Give the table to change, under its lock; it is written when the block ends. Raises StorageError."""
        files.make_private_folder(os.path.dirname(self._path))
        with files.lock(self._path + ".lock"):
            table = _read(self._path)
            yield table
            files.replace_file(self._path, [json.dumps(table).encode("ascii")], durable=False)


def test_results(folder: str) -> Memory:
    """Return the table of test results: `{"at", "result", "level"}` by entry id."""
    return Memory(folder, "tests")


def confirmed_hosts(folder: str) -> Memory:
    """Return the table of hosts a user let a secret be sent to: a list by entry id."""
    return Memory(folder, "hosts")


def trusted_projects(folder: str) -> Memory:
    """Return the table of project files that shells may load: `[real path, SHA-256]` by path."""
    return Memory(folder, "trust")


def last_copies(folder: str) -> Memory:
    """Return the table of who copied last, by clipboard: a token that says nothing of what was copied."""
    return Memory(folder, "copies")


def reference_salt(folder: str) -> str:
    """Return the salt under which the trail knows secret URIs; made once, and then always the same.

    Where it cannot be kept it is of this process alone: no reason for a read to fail.
    """
    memory = Memory(folder, "salt")
    kept = memory.read().get("salt")
    if isinstance(kept, str) and kept:
        return kept
    made = os.urandom(32).hex()
    with suppress(StorageError, LockTimeout), memory.changing() as table:
        if isinstance(table.get("salt"), str):  # another process was first
            return str(table["salt"])
        table["salt"] = made
    return made


def signal_path(folder: str) -> str:
    """Return the file that the hooks of `shellenv` look at: when it says something new, they try again."""
    return os.path.join(folder, _SIGNAL)


def signal_shells(folder: str) -> None:
    """Let every shell with the hook look anew at its project, at its next prompt. Raises StorageError."""
    files.make_private_folder(folder)
    files.replace_file(signal_path(folder), [b"%d %d\n" % (time.time_ns(), os.getpid())], durable=False)


def _read(path: str) -> dict[str, Any]:
    try:
        table = json.loads(files.read_small_file(path, _MAX_STATE_BYTES) or b"{}")
    except (ValueError, RecursionError, StorageError):
        return {}
    return table if isinstance(table, dict) else {}
