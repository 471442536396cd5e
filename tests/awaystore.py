"""Somebody else's backend: a store that can be out of reach, and that counts what it is asked.

`install` makes a package of it with an entry point, as a user would have it installed. It runs in this process, so a
test looks at the very store that a command used.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from credvault.backends.base import Change, Health
from credvault.backends.memory import MemoryBackend
from credvault.config import Settings
from credvault.model.errors import BackendUnavailable, Denied
from credvault.model.names import Name
from credvault.model.record import Record, Secret, Version
from tests.home import Home

NAME = "away"


class AwayStore(MemoryBackend):
    """Secrets in memory: `calls` counts them by method, `events` has them in turn, `is_away` has each of them fail.

    Secrets of `closed` may not be read; opening, closing and being close to a name are no calls.
    """

    name = NAME

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.events: list[str] = []
        self.opened = 0
        self.is_away = False
        self.closed: set[Name] = set()

    def reset(self) -> None:
        """Forget what was counted."""
        self.calls.clear()
        self.events.clear()
        self.opened = 0

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret."""
        self._called("get")
        return self._read(name, version)

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return several secrets, in one step."""
        self._called("get_many")
        return {name: self._read(name) for name in names if name in self._entries}

    def get_versions(self, wanted: Collection[tuple[Name, int]]) -> dict[tuple[Name, int], Secret]:
        """Return versions, in one step."""
        self._called("get_versions")
        return {(name, version): self._read(name, version) for name, version in wanted if name in self._entries}

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those that are there, in one step."""
        self._called("has_many")
        return {name for name in names if name in self._entries}

    def list(self) -> Sequence[Record]:
        """Return every record."""
        self._called("list")
        return super().list()

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions of a secret."""
        self._called("history")
        return super().history(name)

    def histories(self, names: Collection[Name]) -> dict[Name, Sequence[Version]]:
        """Return the versions of several secrets, in one step."""
        self._called("histories")
        return {name: self._entries[name].history() for name in names if name in self._entries}

    def put(self, change: Change) -> Record:
        """Make one change."""
        self._called("put")
        return super().put(change)

    def check(self) -> Health:
        """Say how many secrets there are."""
        self._called("check")
        return super().check()

    def close(self) -> None:
        """Note it."""
        self.events.append("close")

    def _called(self, method: str) -> None:
        self.calls[method] += 1
        self.events.append(method)
        if self.is_away:
            raise BackendUnavailable("the store is away", hint="wait for it to come back")

    def _read(self, name: Name, version: int | None = None) -> Secret:
        if name in self.closed:
            raise Denied(f"the store does not let you read {name}")
        return super().get(name, version)


STORE = AwayStore()
"""The one store of this process; `install` empties it."""


def open_store(settings: Settings) -> AwayStore:
    """Return the store: what the entry point names."""
    STORE.opened += 1
    return STORE


def home_of(folder: Path, profile: str) -> Home:
    """Return a home whose current profile is of this backend, and may have an offline copy."""
    home = Home(folder / "home").furnish()
    home.write(".config/credvault/config.toml", f'[profiles.{profile}]\nbackend = "{NAME}"\noffline = true\n')
    home.environ["CREDVAULT_PROFILE"] = profile
    return home


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AwayStore:
    """Install the backend for this process, and return its store, empty."""
    metadata = folder / "site" / "awaystore-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: awaystore\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[credvault.backends]\n{NAME} = {__name__}:open_store\n")
    monkeypatch.syspath_prepend(folder / "site")
    STORE.__init__()  # type: ignore[misc]  # the module is loaded once
    return STORE
