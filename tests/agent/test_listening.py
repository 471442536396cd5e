"""The place of the socket: private, of one agent at a time, and whatever else is there is left alone."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from credvault.agent.listening import AlreadyRunning, listening
from credvault.model.errors import StorageError
from tests.agent.desk import NOBODY, Desk
from tests.patience import SECONDS


def test_folder_and_socket_are_private_whatever_the_umask(runtime: Path) -> None:
    path = runtime / "a/b/agent.sock"
    before = os.umask(0)

    try:
        with listening(str(path)):
            modes = [oct(place.lstat().st_mode & 0o777) for place in (path, path.parent, path.parent.parent)]
    finally:
        os.umask(before)

    assert modes == ["0o600", "0o700", "0o700"]
    assert not path.exists()


def test_second_agent_at_a_socket_is_refused_and_takes_nothing(runtime: Path) -> None:
    path = str(runtime / "s/agent.sock")

    with listening(path) as listener:
        with pytest.raises(AlreadyRunning, match="another agent listens at"), listening(path):
            pass
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

        accepted, _ = listener.socket.accept()
        accepted.close()


def test_socket_and_lock_that_a_killed_agent_left_are_no_hindrance(desk: Desk) -> None:
    desk.put("a/one", b"first")
    killed = desk.held()
    killed.process.kill()
    killed.process.wait()
    assert desk.socket.exists()

    without = desk.home.run("get", "a/one")
    unlocked = desk.home.run("unlock", **desk.key)
    got = desk.home.run("get", "a/one")

    assert (without.status, without.stdout) == (5, b"")
    assert unlocked.status == 0
    assert (got.status, got.stdout) == (0, b"first")


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_left_in_its_place_and_commands_work_without_an_agent(desk: Desk, kind: str) -> None:
    desk.put("a/one", b"first")
    desk.socket.parent.mkdir(mode=0o700)
    precious = desk.home.write("precious", "precious")
    if kind == "file":
        desk.socket.write_bytes(b"precious")
    elif kind == "folder":
        desk.socket.mkdir()
    else:
        desk.socket.symlink_to(precious)

    unlocked = desk.home.run("unlock", **desk.key)
    got = desk.home.run("get", "a/one", **desk.key)
    locked = desk.home.run("get", "a/one")

    assert (unlocked.status, unlocked.stdout) == (6, b"")
    assert f"cannot listen at {desk.socket}: what is there is not a socket" in unlocked.stderr
    assert got == (0, b"first", "")
    assert locked.status == 5
    assert precious.read_text() == "precious"
    assert desk.socket.is_dir() or desk.socket.read_bytes() == b"precious"
    assert desk.agents() == []


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777])
def test_folder_that_others_can_look_into_is_refused(desk: Desk, mode: int) -> None:
    desk.socket.parent.mkdir()
    desk.socket.parent.chmod(mode)

    done = desk.home.run("unlock", **desk.key)

    assert (done.status, done.stdout) == (6, b"")
    assert f"others may look into the agent's folder {desk.socket.parent}" in done.stderr
    assert f"credvault: hint: chmod 700 {desk.socket.parent}" in done.stderr
    assert not desk.socket.exists()
    assert desk.agents() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_folder_of_another_user_is_refused(desk: Desk) -> None:
    desk.socket.parent.mkdir(mode=0o700)
    os.chown(desk.socket.parent, NOBODY, NOBODY)

    done = desk.home.run("unlock", **desk.key)

    assert (done.status, done.stdout) == (6, b"")
    assert f"belongs to another user (uid {NOBODY})" in done.stderr
    assert desk.agents() == []


def test_path_that_is_too_long_says_so(runtime: Path) -> None:
    path = runtime / ("x" * 100) / "agent.sock"

    with pytest.raises(StorageError, match="too long") as caught, listening(str(path)):
        pass

    assert caught.value.hint is not None
    assert "at most 107 bytes" in caught.value.hint
    assert not path.exists()


def test_socket_is_where_the_variable_says_and_a_relative_one_is_none(desk: Desk) -> None:
    named = desk.runtime / "elsewhere/s"

    unlocked = desk.home.run("unlock", CREDVAULT_AGENT_SOCKET=str(named), **desk.key)
    listed = desk.home.run("list", CREDVAULT_AGENT_SOCKET=str(named))
    relative = desk.home.run("unlock", CREDVAULT_AGENT_SOCKET="elsewhere/s", **desk.key)

    assert (unlocked.status, listed.status) == (0, 0)
    assert named.is_socket()
    assert not desk.socket.exists()
    assert relative.status == 8
    assert "there is no place for the agent's socket" in relative.stderr


def test_without_a_runtime_folder_the_socket_is_in_the_state_folder(desk: Desk) -> None:
    environ: dict[str, Any] = {"XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": str(desk.runtime / "state")}

    unlocked = desk.home.run("unlock", **environ, **desk.key)

    assert unlocked.status == 0
    assert (desk.runtime / "state/credvault/agent.sock").is_socket()
    assert desk.home.command("list", **environ).status == 0


def test_stopped_agent_starts_no_second_one(desk: Desk) -> None:
    agent = desk.held()
    agent.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(AlreadyRunning), listening(str(desk.socket)):
            pass
    finally:
        agent.process.send_signal(signal.SIGCONT)

    assert desk.home.run("list").status == 0
    assert agent.process.poll() is None
    assert agent.end() == 0
    assert agent.process.wait(SECONDS) == 0
