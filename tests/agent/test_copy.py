"""`copy` by an agent: it holds both vaults, keeps the times it is given, and the trail says what it was."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from credvault.backends.file import FileBackend
from credvault.model import wire
from credvault.model.names import Name
from credvault.transfer import copying
from tests.agent.desk import Desk
from tests.transfer.mixed import Picture, mixed_changes, pictures_of

COUNT = 40


@pytest.fixture
def held(desk: Desk) -> Desk:
    """A desk whose agent holds a vault of secrets of all kinds and an empty one, `other.json`; no key is at hand."""
    assert desk.home.run("init", "--vault", "other.json", **desk.key).status == 0
    FileBackend(desk.home.file()).put_many(list(mixed_changes(COUNT)))
    desk.held(detached=False)
    assert desk.hold(desk.home.root / "other.json").status == 200
    return desk


def pictures(desk: Desk, path: Path | None = None) -> Mapping[Name, Picture]:
    return pictures_of(FileBackend(desk.home.file(path)))


def test_copy_from_agent_to_agent_needs_no_key_and_keeps_all(held: Desk) -> None:
    other = held.home.root / "other.json"

    done = held.home.run("copy", "--to-vault", "other.json", "-y")
    again = held.home.run("copy", "--to-vault", "other.json", "-y")

    assert (done.status, again.status) == (0, 0), done
    assert pictures(held, other) == pictures(held)
    assert f"{COUNT} in the source: {COUNT} unchanged" in again.stderr
    assert any('"copy"' in line for line in held.trail())


def test_copy_to_another_file_with_its_own_key_while_the_agent_holds_the_first(held: Desk) -> None:
    key = held.home.write("other.key", held.key["CREDVAULT_KEY"] + "\n")

    done = held.home.run("copy", "--to-vault", "other.json", "--to-key-file", str(key), "-y")

    assert done.status == 0, done
    assert pictures(held, held.home.root / "other.json") == pictures(held)


def test_more_than_an_agent_takes_at_once_goes_in_portions(held: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BODY_BYTES", 1 << 20)
    monkeypatch.setattr(copying, "_BATCH_BYTES", 1 << 18)
    large = held.home.write("large", os.urandom(150_000))
    for number in range(8):
        assert held.home.run("add", f"large/{number}", "--from-file", str(large)).status == 0

    done = held.home.run("copy", "--to-vault", "other.json", "-y", "large/*")

    assert done.status == 0, done
    assert len(pictures(held, held.home.root / "other.json")) == 8
