"""The backend `agent` keeps the contract: one agent for all tests, a vault file for each."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from credvault import peer
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


def test_process_that_was_forked_off_has_a_connection_of_its_own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six workers of a program that shared one were handed each other's secrets."""
    connect, calls = peer.connect, 0

    def counted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        return connect(*args)

    monkeypatch.setattr(peer, "connect", counted)
    client = AgentClient(desk.home.environ, pytest.fail)
    assert client.connect()
    assert client.connect()
    before = calls

    monkeypatch.setattr(os, "getpid", os.getppid)
    assert client.connect()
    client.close()

    assert (before, calls) == (1, 2)


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
