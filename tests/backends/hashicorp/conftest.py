"""Transports for tests, which pause by a clock of the test's."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from credvault.backends.hashicorp import transport as transport_module
from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.transport import Transport
from tests.patience import SECONDS


class Slept(list[float]):
    """How long each pause was, and a clock that they move."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Take note, and go on at once."""
        self.append(seconds)
        self.now += seconds


@pytest.fixture
def slept() -> Slept:
    return Slept()


Connect = Callable[..., Transport]


@pytest.fixture
def connect(slept: Slept, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Gives a transport to a port, or to an address, which pauses by a clock of the test's.

    No peer is far, however long a busy machine takes for a connection to itself.
    """
    monkeypatch.setattr(transport_module, "FAR_SECONDS", SECONDS)
    made = []

    def connect(port: int, host: str = "127.0.0.1", **more: Any) -> Transport:
        address = Address("http", host, port, "VAULT_ADDR", **more)
        made.append(Transport(address, sleep=slept.sleep, clock=lambda: slept.now, chance=lambda: 0.5))
        return made[-1]

    yield connect
    for transport in made:
        transport.close()
