"""The layout `secret` on a real OpenBao: the contract, and what other programs see and write."""

import pytest

from credvault.backends.base import Backend
from credvault.backends.hashicorp.opening import open_hashicorp
from credvault.config import Flags, load_settings
from credvault.testing import BackendContract
from tests.openbao import Bao


def backend_on(bao: Bao, mount: str, **environ: str) -> Backend:
    """Return the backend as the environment alone names it."""
    variables = {"HOME": "/nonexistent", "CREDVAULT_BACKEND": "hashicorp", "VAULT_KV_MOUNT": mount}
    settings = load_settings(Flags(), {**variables, **bao.environ, **environ}, folder="/")
    return open_hashicorp(settings, lambda text: None, lambda text: None)


class TestContract(BackendContract):
    """The suite that every backend passes."""

    @pytest.fixture(autouse=True)
    def _store(self, bao: Bao) -> None:
        self.bao, self.mount = bao, bao.new_mount()

    def open_backend(self) -> Backend:
        """Return the backend on a mount of this test's own."""
        return backend_on(self.bao, self.mount)
