"""The offline copy keeps the contract of a store that is read."""

import time
from pathlib import Path

import pytest

from credvault.backends.base import Backend
from credvault.backends.file import FileBackend
from credvault.backends.offline import Label, OfflineBackend
from credvault.backends.places import place_of
from credvault.config import Flags, Settings, load_settings
from credvault.lifecycle import offline
from credvault.lifecycle.custody import NewSlot
from credvault.model.names import Name
from credvault.model.times import time_text
from credvault.sealing.slots import RAW
from credvault.testing import BackendContract
from credvault.testing.store import change
from tests.awaystore import home_of
from tests.home import material


class TestOfflineCopy(BackendContract):
    @pytest.fixture(autouse=True)
    def _copy(self, tmp_path: Path) -> None:
        self.home = home_of(tmp_path, "prod")
        self.settings = load_settings(Flags(offline=True), self.home.environ)
        assert self.settings.store is not None
        self.file = self.home.file(Path(self.settings.path.value))
        label = Label("prod", "away", place_of(self.settings.store), time_text(time.time()))
        offline.save(self.file, NewSlot(RAW, material()), label, [])

    def open_backend(self) -> Backend:
        return self.copy_of(self.settings)

    def open_unreachable(self) -> Backend:
        return self.copy_of(self.settings._replace(path=self.settings.path._replace(value="/nowhere/prod.json")))

    def place(self, name: Name, value: bytes) -> None:
        """Put it into the file, as somebody does who has its key and is no profile's copy."""
        FileBackend(self.file).put(change(name, value))

    def copy_of(self, settings: Settings) -> Backend:
        file = self.home.file(Path(settings.path.value))
        return OfflineBackend(FileBackend(file), settings, warn=lambda text: None, clock=time.time)
