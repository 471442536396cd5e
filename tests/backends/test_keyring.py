"""The backend `keyring` keeps the contract, on a real Secret Service."""

from pathlib import Path

import pytest

from credvault.backends.base import Backend
from credvault.backends.keyring import KeyringBackend
from credvault.testing import BackendContract
from tests.secretservice import SecretService


class TestKeyring(BackendContract):
    @pytest.fixture(autouse=True)
    def _keyring(self, empty_keyring: SecretService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.environ, self.path, self.monkeypatch = {"HOME": str(tmp_path)}, tmp_path / "keyring.json", monkeypatch
        monkeypatch.setenv("HOME", str(tmp_path))
        for variable, value in empty_keyring.environ.items():
            monkeypatch.setenv(variable, value)

    def open_backend(self) -> Backend:
        return KeyringBackend(str(self.path), self.environ)

    def open_unreachable(self) -> Backend:
        self.monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={self.path}.none")
        return KeyringBackend(f"{self.path}.none", self.environ)
