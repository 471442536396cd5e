"""Connections to the Secret Service: one for a call, one for all calls of a block, and none that is left open."""

from collections.abc import Iterator
from typing import Any

import pytest
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]  # it has no types

from credvault import secretservice
from credvault.secretservice import SecretServiceStore
from tests.secretservice import SecretService

Made = list[Any]  # of D-Bus, which has no types
PLACE = ("com.credvault.connections", "user")


@pytest.fixture
def store(keyring_service: SecretService, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretServiceStore]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring_service.address)
    store = SecretServiceStore(may_ask=True)
    yield store
    store.remove(*PLACE)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The connections that are made."""
    made: Made = []

    def make_and_note(**options: Any) -> Any:
        made.append(open_dbus_connection(**options))
        return made[-1]

    monkeypatch.setattr(secretservice, "open_dbus_connection", make_and_note)
    return made


def are_closed(connections: Made) -> bool:
    return all(connection.sock.fileno() == -1 for connection in connections)


def use(store: SecretServiceStore, text: bytes) -> None:
    """Make a call of each kind."""
    store.put(*PLACE, text)
    assert store.get_many([PLACE]) == [text]
    assert store.remove(*PLACE)
    assert store.get_many([PLACE]) == [None]


def test_calls_alone_have_a_connection_each(store: SecretServiceStore, made: Made) -> None:
    use(store, b"one")

    assert len(made) == 4
    assert are_closed(made)


def test_calls_of_a_block_have_one_connection_which_ends_with_it(store: SecretServiceStore, made: Made) -> None:
    for number in (1, 2):
        with store.held():
            use(store, b"one")
            use(store, b"another")
            assert not are_closed(made[-1:])
        assert len(made) == number
        assert are_closed(made)


def test_a_block_that_fails_leaves_no_connection(store: SecretServiceStore, made: Made) -> None:
    def fail() -> None:
        with store.held():
            store.put(*PLACE, b"one")
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        fail()

    assert are_closed(made)


def test_a_connection_on_which_a_call_failed_is_not_used_again(store: SecretServiceStore, made: Made) -> None:
    with store.held():
        store.put(*PLACE, b"one")
        made[0].close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            store.put(*PLACE, b"another")
        assert store.get_many([PLACE]) == [b"one"]

    assert len(made) == 2
    assert are_closed(made)
