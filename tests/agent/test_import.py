"""`import` by an agent: the same command, the same vault, and the trail says what it was."""

import json

import pytest

from credvault.model import wire
from tests.agent.desk import Desk


@pytest.fixture
def held(desk: Desk) -> Desk:
    """A desk whose agent holds a vault with one secret."""
    desk.put("a/one", b"first")
    desk.held(detached=False)
    return desk


def test_import_and_its_undoing_work_without_a_key(held: Desk) -> None:
    record = {"namespace": "a", "key": "two", "value": "second", "note": "a note", "tags": ["t"]}
    held.home.write("in.json", json.dumps([record, {"namespace": "a", "key": "one", "value": "other"}]))

    refused = held.home.run("import", "json", "in.json", "-y")
    done = held.home.run("import", "json", "in.json", "-y", "--on-conflict", "overwrite", "--undo-file", "undo")
    shown = json.loads(held.home.run("get", "a/two", "--json").stdout)
    overwritten = held.home.run("get", "a/one").stdout
    undone = held.home.run("import", "--undo", "undo", "-y")

    assert (refused.status, done.status, undone.status) == (7, 0, 0), (done, undone)
    assert (shown["value"], shown["note"], shown["tags"], overwritten) == ("second", "a note", ["t"], b"other")
    assert held.home.run("get", "a/one").stdout == b"first"
    assert held.home.run("get", "a/two").status == 3
    assert any('"import"' in line for line in held.trail())


def test_more_than_an_agent_takes_at_once_is_refused_and_nothing_stored(
    held: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_BODY_BYTES", 1 << 20)
    held.home.write("in.json", json.dumps({"a": {str(number): "x" * 500_000 for number in range(3)}}))

    done = held.home.run("import", "json", "in.json", "-y", "--undo-file", "undo")

    assert done.status == 8
    assert "the agent takes at most 1 MiB at once; nothing was changed" in done.stderr
    assert held.home.run("list").stdout.count(b"\n") == 1
    assert not (held.home.root / "undo").exists()
