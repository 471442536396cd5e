"""Writers killed at random moments: no torn file, no acknowledged add lost, nothing left behind for good."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.adders import value_of
from tests.faults import leftovers
from tests.home import Home

KILLS = 300
COMMANDS_KILLED = 36
SECONDS = 200
PROJECT = Path(__file__).parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


def test_no_acknowledged_add_is_lost_by_300_kills(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.adders", "killed", str(KILLS)],
        env=home.environ,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    report = json.loads(done.stdout or "{}")
    assert (done.returncode, done.stderr) == (0, "")
    assert report["wrong"] == []
    assert report["kills"] >= KILLS
    assert len(report["acknowledged"]) >= KILLS
    # Some died in the midst of a write, else this shows nothing.
    assert report["left_temporary"] > 0
    after = home.snapshot()
    assert after is not None
    there = {name: versions for name, (versions, _) in after.secrets.items()}
    assert {name: there.get(name) for name in report["acknowledged"]} == {
        name: [(1, value_of(name))] for name in report["acknowledged"]
    }


def test_the_next_writer_works_and_removes_what_the_killed_left(home: Home) -> None:
    acknowledged = {}
    chance = random.SystemRandom()
    running: list[tuple[str, float, subprocess.Popen[bytes]]] = []

    for number in range(COMMANDS_KILLED):
        name = f"cmd/s{number}"
        started = home.start("add", name, "--from-env", "VALUE", VALUE=value_of(name).decode())
        # A command takes some 0.2 s, most of it before its first file call.
        running.append((name, time.monotonic() + chance.uniform(0.05, 0.6), started))
        if len(running) == 3 or number == COMMANDS_KILLED - 1:
            for name, moment, process in running:
                time.sleep(max(0, moment - time.monotonic()))
                process.kill()
                process.communicate(timeout=SECONDS)
                acknowledged[name] = process.returncode == 0
            running = []
    done = home.command("add", "after/all", "--stdin", stdin=b"works")

    assert done.status == 0
    assert leftovers(home.vault.parent) == []
    assert leftovers(home.state) == []
    after = home.snapshot()
    assert after is not None
    assert after.secrets["after/all"] == ([(1, b"works")], None)
    lost = [name for name, is_in in acknowledged.items() if is_in and name not in after.secrets]
    assert lost == []
