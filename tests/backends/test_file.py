"""The backend `file` keeps the contract."""

from pathlib import Path

import pytest

from credvault.backends.base import Backend
from credvault.backends.file import FileBackend
from credvault.testing import BackendContract
from tests.home import Home


class TestFile(BackendContract):
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path) -> None:
        self.home = Home(tmp_path / "home").furnish()

    def open_backend(self) -> Backend:
        return FileBackend(self.home.file())

    def open_unreachable(self) -> Backend:
        return FileBackend(self.home.file(self.home.root / "nowhere/vault.json"))
