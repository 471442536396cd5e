"""The backend `memory` keeps the contract."""

from credvault.backends.base import Backend
from credvault.backends.memory import MemoryBackend
from credvault.testing import BackendContract


class TestMemory(BackendContract):
    store: MemoryBackend | None = None

    def open_backend(self) -> Backend:
        self.store = self.store or MemoryBackend()
        return self.store
