"""Mistakes an agent must not make: another vault, another key, another's socket, a lock that fails."""

import json
import socket
from pathlib import Path

import pytest

from credvault.agent.confinement import LockedKey
from credvault.agent.holding import Clocks, Holdings
from credvault.agent.listening import listening
from credvault.model import wire
from tests.agent.desk import Desk
from tests.agent.test_changes_on_disk import other_vault
from tests.agent.test_settings import got_in
from tests.patience import SECONDS

A, B = b"of A", b"of B"


@pytest.fixture
def linked(desk: Desk) -> Path:
    """A project whose vault is a link to the first of two vaults, both of which the agent holds."""
    project = desk.home.root / "project"
    project.mkdir()
    for name, value in (("a.json", A), ("b.json", B)):
        other_vault(desk, project / name, value)
    (project / "vault.json").symlink_to("a.json")
    (project / ".credvault.toml").write_text('vault = "vault.json"\n', encoding="utf-8")
    desk.held(detached=False)
    for name in ("a.json", "b.json"):
        assert desk.hold(project / name).status == 200
    return project


def test_link_of_a_project_that_is_turned_leads_to_the_other_vault(desk: Desk, linked: Path) -> None:
    before = got_in(desk, linked)
    (linked / "vault.json").unlink()
    (linked / "vault.json").symlink_to("b.json")

    after = got_in(desk, linked)

    assert (before[1], after[1]) == (A, B)


def test_client_without_a_home_is_not_given_the_vault_of_the_agents_home(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held(detached=False)
    environ = {name: value for name, value in desk.home.environ.items() if name != "HOME"}

    answer = desk.ask("GET", "/v1/credentials/a/one")
    desk.home.environ = environ
    without = desk.ask("GET", "/v1/credentials/a/one")

    assert (answer.status, without.status) == (200, 401)
    assert b"first" not in without.body


@pytest.mark.parametrize("words", [["lock", "--all"], ["agent", "stop"]], ids=" ".join)
def test_mistake_in_a_settings_file_keeps_nobody_from_locking(desk: Desk, words: list[str]) -> None:
    desk.put("a/one", b"first")
    desk.held(detached=False)
    mistaken = desk.home.root / ".credvault.toml"
    mistaken.write_text("vualt = 1\n", encoding="utf-8")

    done = desk.home.command(*words)

    mistaken.unlink()
    assert (done.status, got_in(desk, desk.home.root)[0]) == (0, 5)


def test_socket_that_a_supervisor_listens_at_is_left_alone(desk: Desk) -> None:
    desk.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as supervisor:
        supervisor.bind(str(desk.socket))
        supervisor.listen()

        done = desk.home.command("agent", "run")

        assert (done.status, "another agent listens" in done.stderr) == (6, True)
        assert desk.is_accepting()


def test_agent_whose_socket_was_removed_ends(desk: Desk) -> None:
    agent = desk.held(detached=False)

    desk.socket.unlink()

    assert agent.process.wait(SECONDS) == 0


def test_socket_that_is_another_agents_by_now_is_not_removed(runtime: Path) -> None:
    path = runtime / "s/agent.sock"

    with listening(str(path)) as listener:
        path.unlink()
        path.write_text("another's", encoding="utf-8")
        assert not listener.is_in_place()

    assert path.exists()


def test_what_was_unlocked_again_is_not_forgotten_by_who_used_the_key_before() -> None:
    holdings = Holdings(Clocks(lambda: 0.0, lambda: 0.0))
    before = holdings.hold("v", LockedKey(bytearray(32)), "00" * 16, seconds=9, idle=9)
    after = holdings.hold("v", LockedKey(bytearray(32)), "00" * 16, seconds=9, idle=9)

    holdings.forget_this(before)

    assert holdings.find("v") is after


def test_refused_variable_is_recorded_as_denied(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()

    done = desk.home.command("exec", "-e", "X=a/one", "--", "true")

    assert done.status == 125
    facts = json.loads(desk.trail()[-1])
    assert (facts["command"], facts["result"]) == ("environment", "denied")


def test_plain_bytes_are_of_the_current_version_only_and_errors_have_their_status(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()
    plain = ("accept", wire.BYTES)

    statuses = [
        desk.ask("GET", f"{wire.CREDENTIALS}/a/{key}", plain).status for key in ("one", "two", "one?version=1", "o:e")
    ]

    assert statuses == [200, 404, 400, 400]
