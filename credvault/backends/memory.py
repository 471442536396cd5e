"""The backend `memory`: secrets that live as long as the process. For tests and for programs."""

import threading
from collections.abc import Sequence

from credvault.backends.base import Backend, Capability, Change, Health
from credvault.backends.changes import next_entry
from credvault.model.errors import NotFound
from credvault.model.names import Name
from credvault.model.record import Record, Secret, Version
from credvault.sealing.entries import Entry, HistoryLimits


class MemoryBackend(Backend):
    """Secrets in a dictionary, with the same rules as the vault file."""

    name = "memory"
    capabilities = ~Capability.SOFT_DELETE  # all but that

    def __init__(self, limits: HistoryLimits = HistoryLimits()) -> None:  # noqa: B008 - immutable
        self._entries: dict[Name, Entry] = {}
        self._limits = limits
        self._lock = threading.RLock()  # one change at a time, and `put_many` all of its own

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret."""
        return self._entry(name).secret(version)

    def check(self) -> Health:
        """Say how many secrets there are."""
        return Health(True, f"{len(self._entries)} secrets")

    def put(self, change: Change) -> Record:
        """Make one change."""
        with self._lock:
            entry = next_entry(self._entries.get(change.name), change, self._limits)
            self._entries[change.name] = entry
        return entry.record()

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make all changes, or none of them."""
        with self._lock:
            before = dict(self._entries)
            try:
                return [self.put(change) for change in changes]
            except BaseException:
                self._entries = before
                raise

    def delete(self, names: Sequence[Name]) -> None:
        """Remove all these secrets."""
        with self._lock:
            for name in names:
                self._entry(name)
            for name in names:
                self._entries.pop(name, None)

    def list(self) -> Sequence[Record]:
        """Return every record, sorted by name."""
        entries = dict(self._entries)
        return [entries[name].record() for name in sorted(entries)]

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions of a secret, newest first."""
        return self._entry(name).history()

    def _entry(self, name: Name) -> Entry:
        if name not in self._entries:
            raise NotFound(f"there is no secret {name}")
        return self._entries[name]
