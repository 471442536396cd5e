"""The words of the KV engine, to peers made by hand: an engine that is not ready yet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from credvault.backends.hashicorp import kv2
from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.kv2 import KV2
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import BackendUnavailable
from tests.backends.hashicorp.peers import Peer, answer, answering
from tests.backends.hashicorp.profiles import make_settings

TIME = "2026-01-31T12:00:00Z"
EARLY = answer(
    400,
    {
        "errors": [
            "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and "
            "will resume service shortly."
        ]
    },
)


@contextmanager
def engine_that_answers(folder: Path, answers: Sequence[bytes]) -> Iterator[tuple[KV2, Peer]]:
    with answering(answers) as peer:
        transport = Transport(Address("http", "127.0.0.1", peer.port, "the test"))
        settings = make_settings(folder, {"VAULT_ADDR": f"http://127.0.0.1:{peer.port}", "VAULT_TOKEN": "s.token"})
        login = Login(settings, transport, warn=lambda text: None, detail=lambda text: None)
        yield KV2(transport, login, "secret"), peer
        transport.close()


def test_engine_that_was_just_made_is_waited_for_with_changes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv2, "_UPGRADE_SECONDS", 0.0)
    written = answer(200, {"data": {"version": 1, "created_time": TIME, "custom_metadata": None}})

    with engine_that_answers(tmp_path, [EARLY, EARLY, written]) as (engine, peer):
        results = engine.write([("a", {"value": "v"}, 0)])

    assert results == [kv2.Written(1, {}, TIME)]
    assert len(peer.requests) == 3
    assert peer.requests[0] == peer.requests[2]


def test_engine_that_never_gets_ready_is_said_to_be_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv2, "_UPGRADE_SECONDS", 0.0)

    with (
        engine_that_answers(tmp_path, [EARLY]) as (engine, _),
        pytest.raises(BackendUnavailable, match="is not ready yet") as caught,
    ):
        engine.read([("a", None)])

    assert caught.value.hint == "try again in a moment"
