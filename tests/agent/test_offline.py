"""An agent that holds the offline copy of a profile, as it holds any vault file."""

import json
from pathlib import Path

import pytest

from tests.agent.desk import Desk


@pytest.fixture
def copied(desk: Desk) -> Desk:
    """A desk whose profile has a copy, and no store any more."""
    config = (
        f'default_profile = "shared"\n[profiles.shared]\npath = "{desk.home.root}/share/team.json"\noffline = true\n'
    )
    desk.home.write(".config/credvault/config.toml", config)
    (desk.home.root / "share").mkdir()
    for argv, stdin in (
        (("init",), b""),
        (("add", "API_KEY", "--stdin"), b"first"),
        (("rotate", "API_KEY", "--stdin"), b"second"),
        (("add", "db/password", "--stdin"), b"hunter22"),
        (("offline", "save", "--executor-only", "--past"), b""),
    ):
        assert desk.home.run(*argv, stdin=stdin, **desk.key).status == 0
    Path(desk.home.root / "share").rename(desk.home.root / "away")
    return desk


def test_agent_holds_a_copy_and_answers_for_it(copied: Desk) -> None:
    unlocked = copied.home.command("unlock", "--offline", **copied.key)
    child = "echo $A $OLD"
    answers = [
        copied.home.command("--offline", "get", "API_KEY"),
        copied.home.command(
            "--offline", "exec", "-e", "A=API_KEY", "-e", "OLD=API_KEY?version=1", "--", "sh", "-c", child
        ),
        copied.home.command("exec", "--offline", "--", "sh", "-c", "echo $API_KEY"),
        copied.home.command("--offline", "get", "API_KEY", "--version", "1"),
    ]

    assert unlocked.status == 0
    assert [done.stdout for done in answers] == [b"second", b"second first\n", b"second\n", b"first"]
    assert all("from the offline copy of profile shared, saved" in done.stderr for done in answers)
    refused = copied.home.command("--offline", "exec", "-e", "A=db/password", "--", "true")
    assert refused.status == 125
    assert "db/password is executor_only" in refused.stderr
    trail = [json.loads(line) for line in (copied.home.state / "trail.jsonl").read_text().splitlines()]
    assert "environment" in {line["command"] for line in trail}


def test_agent_forgets_a_copy_by_itself(copied: Desk) -> None:
    assert copied.home.command("unlock", "--offline", **copied.key).status == 0
    assert copied.home.command("lock").stderr == "credvault: the vault was not unlocked\n"
    assert copied.home.command("--offline", "get", "API_KEY").status == 0

    done = copied.home.command("lock", "--offline")

    assert done.stderr == f"credvault: locked {copied.home.state}/offline/shared.json\n"
    assert copied.home.command("--offline", "get", "API_KEY").status == 5


def test_agent_reads_a_copy_that_was_saved_anew(copied: Desk) -> None:
    assert copied.home.command("unlock", "--offline", **copied.key).status == 0
    (copied.home.root / "away").rename(copied.home.root / "share")
    assert copied.home.run("rotate", "API_KEY", "--stdin", stdin=b"third", **copied.key).status == 0
    assert copied.home.run("offline", "save", **copied.key).status == 0

    done = copied.home.command("--offline", "get", "API_KEY")

    assert (done.status, done.stdout) == (0, b"third")
