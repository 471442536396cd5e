"""The layout `secret` on a real OpenBao: the contract, and what other programs see and write."""

from pathlib import Path

import pytest

from credvault.backends.base import Backend
from credvault.backends.hashicorp.opening import open_hashicorp
from credvault.backends.hashicorp.secretlayout import SecretLayout
from credvault.config import Flags, load_settings
from credvault.testing import BackendContract
from tests.backends.hashicorp.profiles import make_settings, unreachable_engine
from tests.openbao import Bao


def backend_on(bao: Bao, mount: str, **environ: str) -> Backend:
    """Return the backend as the environment alone names it."""
    variables = {"HOME": "/nonexistent", "CREDVAULT_BACKEND": "hashicorp", "VAULT_KV_MOUNT": mount}
    settings = load_settings(Flags(), {**variables, **bao.environ, **environ}, folder="/")
    return open_hashicorp(settings, lambda text: None, lambda text: None)


class TestContract(BackendContract):
    """The suite that every backend passes."""

    @pytest.fixture(autouse=True)
    def _store(self, bao: Bao, tmp_path: Path) -> None:
        self.bao, self.mount, self.folder = bao, bao.new_mount(), tmp_path

    def open_backend(self) -> Backend:
        """Return the backend on a mount of this test's own."""
        return backend_on(self.bao, self.mount)

    def open_unreachable(self) -> Backend:
        """Return a backend whose server is not there."""
        kv, let_go = unreachable_engine(make_settings(self.folder, self.bao.environ))
        return SecretLayout(kv, lambda text: None, let_go)
