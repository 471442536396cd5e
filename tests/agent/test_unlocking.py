"""`unlock`, `lock`, `agent status`, `agent stop`, `agent run`: one agent, held for a while, forgotten in time."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from credvault import __version__
from tests.agent.desk import Agent, Desk, is_running
from tests.home import PROGRAM
from tests.patience import SECONDS, wait_until

# What a supervisor does (sd_listen_fds(3)): descriptor 3 is the socket, and two variables say so.
SUPERVISOR = """
import os, sys
descriptor, pid, program = sys.argv[1:]
os.dup2(int(descriptor), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=pid or str(os.getpid()))
os.execv(program, [program, "agent", "run"])
"""


def supervised(desk: Desk, descriptor: int, pid: str = "") -> Agent:
    """Run an agent as a supervisor does, with a descriptor for it or for the process `pid`."""
    return desk.watch(
        subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(descriptor), pid, PROGRAM],
            env=desk.home.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[descriptor],
        )
    )


def test_commands_need_no_key_between_unlock_and_lock(desk: Desk) -> None:
    desk.put("a/one", b"first")

    before = desk.home.command("get", "a/one")
    unlocked = desk.home.command("unlock", **desk.key)
    between = desk.home.command("get", "a/one")
    locked = desk.home.command("lock")
    after = desk.home.command("get", "a/one")

    assert (before.status, before.stdout) == (5, b"")
    assert (unlocked.status, unlocked.stdout) == (0, b"")
    assert unlocked.stderr == f"credvault: unlocked {desk.home.vault} for 8h, or until nothing is asked for 15m\n"
    assert between == (0, b"first", "")
    assert locked == (0, b"", f"credvault: locked {desk.home.vault}\n")
    assert after == before


def test_agent_of_unlock_ends_by_itself_once_it_holds_nothing(desk: Desk) -> None:
    desk.home.run("unlock", **desk.key)
    pid = desk.pid()

    desk.home.run("lock")

    wait_until(lambda: not is_running(pid))
    assert not desk.socket.exists()
    assert desk.agents() == []


def test_agent_that_runs_in_the_foreground_stays_when_it_holds_nothing(desk: Desk) -> None:
    agent = desk.held(detached=False)

    desk.home.run("lock")

    assert desk.home.run("agent", "status", "--json").stdout == (
        b'{"running": true, "pid": %d, "version": "%s", "vaults": []}\n' % (agent.pid, __version__.encode())
    )
    assert agent.end() == 0
    assert not desk.socket.exists()


@pytest.mark.parametrize("count", [2, 10])
def test_unlocks_at_once_all_succeed_with_one_agent(desk: Desk, count: int) -> None:
    started = [desk.home.start("unlock", **desk.key) for _ in range(count)]

    ended = [process.communicate(timeout=SECONDS) for process in started]

    assert [process.returncode for process in started] == [0] * count, ended
    wait_until(lambda: desk.agents() == [desk.pid()])
    assert desk.home.run("list").status == 0


def test_unlock_right_after_stop_starts_another_agent(desk: Desk) -> None:
    desk.put("a/one", b"first")
    seen = set()

    for _ in range(4):
        unlocked = desk.home.run("unlock", **desk.key)
        seen.add(desk.pid())
        stopped = desk.home.run("agent", "stop")
        assert (unlocked.status, stopped.status) == (0, 0), unlocked

    assert len(seen) == 4
    wait_until(lambda: desk.agents() == [])


def test_time_limit_ends_it(desk: Desk) -> None:
    for seconds in (1, 5, 25):
        unlocked = desk.home.run("unlock", "--for", f"{seconds}s", **desk.key)
        try:
            pid = desk.pid()
            break
        except OSError:  # a busy machine takes more than a second to look
            continue

    assert f"for {seconds}s" in unlocked.stderr
    wait_until(lambda: not is_running(pid))
    assert desk.home.run("list").status == 5


def test_idle_limit_ends_it_and_a_request_puts_that_off(desk: Desk) -> None:
    agent = desk.held(idle=2, detached=False)

    def left() -> int:
        facts = json.loads(desk.home.run("agent", "status", "--json").stdout)
        return int(facts["vaults"][0]["idle_seconds_left"]) if facts["vaults"] else -1

    for idle in (2, 10, 50):
        assert desk.hold(idle=idle).status == 200
        wait_until(lambda: left() < idle)  # noqa: B023
        listed = desk.home.run("list").status
        put_off = left()
        if put_off == idle:  # a busy machine takes more than a second to look
            break
    assert (listed, put_off) == (0, idle)
    wait_until(lambda: left() == -1)
    assert desk.home.run("list").status == 5
    assert is_running(agent.pid)


def test_limits_of_the_settings_hold(desk: Desk) -> None:
    desk.home.write(".config/credvault/config.toml", '[agent]\nhold = "2h"\nidle = "3m"\n')

    too_long = desk.home.run("unlock", "--for", "3h", **desk.key)
    unlocked = desk.home.run("unlock", "--json", **desk.key)

    assert (too_long.status, too_long.stdout) == (2, b"")
    assert "--for 3h is over the limit of 2h" in too_long.stderr
    assert json.loads(unlocked.stdout) == {"path": str(desk.home.vault), "seconds": 7200, "idle_seconds": 180}


def test_wrong_key_unlocks_nothing_and_starts_nothing(desk: Desk) -> None:
    done = desk.home.run("unlock", CREDVAULT_KEY="cvk1_not-a-key")

    assert (done.status, done.stdout) == (5, b"")
    assert desk.agents() == []
    assert not desk.socket.exists()


def test_status_stop_and_lock_without_an_agent_say_so(desk: Desk) -> None:
    done = [desk.home.run(*words) for words in (("agent", "status"), ("agent", "stop"), ("lock",), ("lock", "--all"))]

    assert [ran.status for ran in done] == [0] * 4
    assert [ran.stderr for ran in done] == [
        "credvault: no agent is running\n",
        "credvault: no agent is running\n",
        "credvault: the vault was not unlocked\n",
        "credvault: nothing was unlocked\n",
    ]


def test_lock_all_forgets_every_vault_and_lock_only_its_own(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(desk.home.vault.read_bytes())
    other.chmod(0o600)
    desk.held(detached=False)
    assert desk.hold(other).status == 200

    one = desk.home.run("lock", "--vault", str(other), "--json")
    still = desk.home.run("list")
    both = desk.home.run("lock", "--all", "--json")

    assert json.loads(one.stdout) == {"locked": [str(other)]}
    assert still.status == 0
    assert json.loads(both.stdout) == {"locked": [str(desk.home.vault)]}
    assert desk.home.run("list").status == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_order(desk: Desk, number: signal.Signals) -> None:
    agent = desk.held()

    agent.process.send_signal(number)

    assert agent.process.wait(SECONDS) == 0
    assert not desk.socket.exists()


def test_hang_up_of_the_terminal_does_not_end_it(desk: Desk) -> None:
    agent = desk.held()

    agent.process.send_signal(signal.SIGHUP)

    assert desk.home.run("list").status == 0
    assert agent.process.poll() is None


def test_run_takes_the_socket_of_a_supervisor(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(desk.socket))
        listener.listen()
        agent = supervised(desk, listener.fileno())

        held = desk.hold()
        got = desk.home.run("get", "a/one")
        pid = json.loads(desk.ask("GET", "/v1/agent").body)["pid"]

        assert held.status == 200
        assert (got.status, got.stdout) == (0, b"first")
        assert pid == agent.pid
        assert not desk.socket.with_name("agent.sock.lock").exists()
        assert agent.end() == 0
        assert desk.socket.exists()  # it is the supervisor's


def test_descriptor_of_a_supervisor_that_is_no_socket_is_a_clear_error(desk: Desk) -> None:
    with open("/dev/null", "rb") as file:
        agent = supervised(desk, file.fileno())
        stdout, stderr = agent.process.communicate(timeout=SECONDS)

    assert (agent.process.returncode, stdout) == (6, b"")
    assert stderr == b"credvault: error: what was handed over is not a Unix socket that listens\n"


def test_descriptors_meant_for_another_process_are_left_alone(desk: Desk) -> None:
    with open("/dev/null", "rb") as file:
        agent = supervised(desk, file.fileno(), pid="1")

        wait_until(desk.is_answering)

    assert agent.end() == 0
