"""The backend `agent` keeps the contract: one agent for all tests, a vault file for each."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from credvault.backends.agent import AgentBackend, AgentClient
from credvault.backends.base import Backend
from credvault.config import Flags, load_settings
from credvault.lifecycle.custody import NewSlot, create_vault
from credvault.testing import BackendContract
from tests.agent.desk import Desk
from tests.home import material

_counter = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with an agent at it."""
    with tempfile.TemporaryDirectory(prefix="cv-", dir="/tmp") as runtime:
        made = Desk(tmp_path_factory.mktemp("desk"), Path(runtime))
        try:
            made.held()
            yield made
        finally:
            made.close()


class TestAgent(BackendContract):
    @pytest.fixture(autouse=True)
    def _vault(self, desk: Desk) -> None:
        self.desk = desk
        self.path = desk.home.root / f"vault{next(_counter)}.json"
        create_vault(desk.home.file(self.path), NewSlot("keyfile", material()), 1_800_000_000)
        assert desk.hold(self.path).status == 200

    def open_backend(self) -> Backend:
        return self.client_at(self.desk.runtime)

    def open_unreachable(self) -> Backend:
        return self.client_at(self.desk.home.root)

    def client_at(self, runtime: Path) -> Backend:
        environ = {**self.desk.home.environ, "XDG_RUNTIME_DIR": str(runtime)}
        settings = load_settings(Flags(vault=str(self.path)), environ)
        return AgentBackend(AgentClient(environ, pytest.fail, settings))
