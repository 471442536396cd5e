"""The local trail: one appended line per access in the user's state folder. Never a name, never a value.

Each line is a JSON object: `time`, `command`, `entry` (an opaque id) or `resource_ref` (of a secret URI), `result`
(`ok` or an error's code). The file is private, at most 1 MiB, with one predecessor; what falls off the end is kept as
the last use of each entry.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence

from credvault import files
from credvault.model import times
from credvault.model.errors import StorageError
from credvault.model.names import NO_REFERENCE

TRAIL_BYTES = 1024 * 1024
# The commands that release a value: what "last used" means.
RELEASING = frozenset({"get", "environment", "deliver", "inject"})


class Trail:
    """The trail in `folder`; `clock` gives seconds since the epoch. Switched off, it records nothing."""

    def __init__(self, folder: str, clock: Callable[[], float], *, enabled: bool = True) -> None:
        self.path = os.path.join(folder, "trail.jsonl")
        self.is_enabled = enabled
        self._clock = clock

    def record(self, command: str, entries: Sequence[str], result: str, *, member: str = "entry") -> None:
        """Append one line for each entry; `member` is what a line calls it.

        A trail that cannot be written is no reason for a read to fail (format.md 1.3), so nothing is raised.
        """
        if not self.is_enabled:
            return
        now = times.time_text(self._clock())
        lines = [f'{{"time":"{now}","command":"{command}","{member}":"{e}","result":"{result}"}}\n' for e in entries]
        try:
            files.make_private_folder(os.path.dirname(self.path))
            files.append("".join(lines).encode("ascii"), self.path, limit=TRAIL_BYTES, before_turn=self._keep_last_uses)
        except StorageError:
            return

    def last_uses(self) -> dict[str, str]:
        """Return when a value was last released, by entry id; empty where nothing is remembered."""
        uses = self._kept_uses()
        for path in (self.path + ".1", self.path):
            _merge_uses(uses, _read_lines(path))
        uses.pop(NO_REFERENCE, None)  # whatever secrets that was
        return uses

    def _keep_last_uses(self) -> None:
        """Remember the uses in the predecessor that is about to be replaced."""
        uses = self._kept_uses()
        _merge_uses(uses, _read_lines(self.path + ".1"))
        files.replace_file(self._uses_path, [json.dumps(uses).encode("ascii")], durable=False)

    @property
    def _uses_path(self) -> str:
        return os.path.join(os.path.dirname(self.path), "last-used.json")

    def _kept_uses(self) -> dict[str, str]:
        try:
            uses = json.loads(files.read_small_file(self._uses_path, 64 * TRAIL_BYTES) or b"{}")
        except (ValueError, RecursionError, StorageError):
            return {}
        return uses if isinstance(uses, dict) else {}


def _read_lines(path: str) -> list[bytes]:
    try:
        # A batch may take the last line over the limit.
        return (files.read_small_file(path, 64 * TRAIL_BYTES) or b"").splitlines()
    except StorageError:
        return []


def _merge_uses(uses: dict[str, str], lines: Iterable[bytes]) -> None:
    for line in lines:
        try:
            fact = json.loads(line)
            if fact["result"] == "ok" and fact["command"] in RELEASING and times.is_time(fact["time"]):
                uses[fact["entry"]] = fact["time"]
        except (ValueError, RecursionError, KeyError, TypeError):
            continue  # a line cut short by a full disk
