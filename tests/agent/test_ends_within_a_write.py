"""An agent that ends in the middle of a write: the vault is old or new, the client says what it knows, once."""

import json
import random
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from credvault import files
from tests.agent.desk import Desk, read_reply
from tests.patience import SECONDS, wait_until

KILLS = 60
LOST = (
    "credvault: error: the agent went away before it answered\n"
    "credvault: hint: the change may have been made: look before you do it again ('credvault history NAME')\n"
)


def add_in_the_background(desk: Desk, name: str, value: bytes) -> "subprocess.Popen[bytes]":
    """Start an add that only the agent can do."""
    return desk.home.start("add", name, "--from-env", "VALUE", VALUE=value.decode())


def test_killed_agents_leave_the_old_or_the_new_vault_and_lose_nothing_acknowledged(desk: Desk) -> None:
    acknowledged: dict[str, bytes] = {}
    unknown: dict[str, bytes] = {}
    chance = random.SystemRandom()
    agent = desk.held()

    for number in range(KILLS):
        name, value = f"k/s{number}", b"value %d" % number
        body = json.dumps({"put": [{"name": name, "value": value.decode(), "facts": {}, "expect": 0}]}).encode()
        with desk.connect() as connection:
            connection.sendall(desk.request("POST", "/v1/changes", body=body))
            # A write takes some 5 ms here.
            time.sleep(chance.uniform(0, 0.008))
            agent.process.kill()
            try:
                answer = connection.recv(1 << 16)
            except ConnectionResetError:  # it had not read the request
                answer = b""
        agent.process.wait()
        (acknowledged if answer.startswith(b"HTTP/1.1 200") else unknown)[name] = value
        agent = desk.held()

    snapshot = desk.home.snapshot()
    assert snapshot is not None
    there = {name: versions[-1][1] for name, (versions, _) in snapshot.secrets.items()}
    assert {name: there.get(name) for name in acknowledged} == acknowledged
    assert there.items() <= (acknowledged | unknown).items()
    assert len(unknown) > 0
    assert desk.home.run("doctor", "--verify", **desk.key).status == 0


def waiting_for_lock(desk: Desk) -> list[Path]:
    """Return the descriptors of the agent that lead to the vault's lock file."""
    pid = desk.agents()[0]
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(path.readlink()).endswith("vault.json.lock"):
                found.append(path)
        except OSError:
            continue
    return found


def test_client_of_a_killed_agent_says_that_the_change_may_have_been_made_and_does_not_repeat_it(desk: Desk) -> None:
    desk.put("a/one", b"first")
    agent = desk.held()
    snapshot = desk.home.snapshot()
    assert snapshot is not None
    with files.lock(str(desk.home.vault) + ".lock"):
        process = add_in_the_background(desk, "a/two", b"second")
        wait_until(lambda: bool(waiting_for_lock(desk)))

        agent.process.kill()
        stdout, stderr = process.communicate(timeout=SECONDS)

    assert (process.returncode, stdout, stderr.decode()) == (6, b"", LOST)
    assert desk.home.snapshot() == snapshot


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_agent_that_is_told_to_end_finishes_its_write_and_answers(desk: Desk, number: signal.Signals) -> None:
    agent = desk.held()
    with files.lock(str(desk.home.vault) + ".lock"):
        process = add_in_the_background(desk, "a/two", b"second")
        wait_until(lambda: bool(waiting_for_lock(desk)))

        agent.process.send_signal(number)
        wait_until(lambda: not desk.is_accepting())
    stdout, stderr = process.communicate(timeout=SECONDS)

    assert (process.returncode, stdout) == (0, b""), stderr
    assert stderr == b"credvault: stored a/two version 1 (6 bytes)\n"
    assert agent.process.wait(SECONDS) == 0
    assert desk.home.run("get", "a/two", **desk.key).stdout == b"second"


def test_agent_that_ends_holds_up_nobody_and_is_followed_by_another(desk: Desk) -> None:
    desk.put("a/one", b"first")
    agent = desk.held()
    with files.lock(str(desk.home.vault) + ".lock"):
        process = add_in_the_background(desk, "a/two", b"second")
        wait_until(lambda: bool(waiting_for_lock(desk)))
        agent.process.terminate()
        wait_until(lambda: not desk.is_accepting())

        without = desk.home.command("get", "a/one")
        unlocking = desk.home.start("unlock", **desk.key)
        with pytest.raises(subprocess.TimeoutExpired):  # the old one still has the place
            unlocking.wait(0.5)
    _, stderr = process.communicate(timeout=SECONDS)
    _, unlocked = unlocking.communicate(timeout=SECONDS)

    assert (without.status, without.stdout) == (5, b"")
    assert (process.returncode, unlocking.returncode) == (0, 0), (stderr, unlocked)
    assert desk.pid() != agent.pid
    assert desk.home.run("get", "a/two").stdout == b"second"


def test_stop_and_lock_let_a_write_finish(desk: Desk) -> None:
    for words in (("lock",), ("agent", "stop")):
        agent = desk.held()
        with files.lock(str(desk.home.vault) + ".lock"):
            process = add_in_the_background(desk, f"a/{words[-1]}", b"second")
            wait_until(lambda: bool(waiting_for_lock(desk)))
            ended = desk.home.run(*words)
        _, stderr = process.communicate(timeout=SECONDS)

        assert ended.status == 0
        assert process.returncode == 0, stderr
        assert agent.process.wait(SECONDS) == 0
    assert desk.home.run("get", "a/lock", **desk.key).stdout == b"second"


def write_while_held_for_a_second(desk: Desk) -> socket.socket:
    """Return a connection whose write waits for the lock; another attempt follows where the second was over before."""
    body = json.dumps({"put": [{"name": "a/two", "value": "second", "facts": {}, "expect": 0}]}).encode()
    while True:
        connection = desk.connect()
        assert desk.hold(seconds=1).status == 200
        connection.sendall(desk.request("POST", "/v1/changes", body=body))
        wait_until(lambda: bool(waiting_for_lock(desk) or select.select([connection], [], [], 0)[0]))  # noqa: B023
        if waiting_for_lock(desk):
            return connection
        connection.close()


def test_time_limit_in_the_middle_of_a_write_lets_it_finish(desk: Desk) -> None:
    agent = desk.start(detached=False)
    with files.lock(str(desk.home.vault) + ".lock"):
        writing = write_while_held_for_a_second(desk)
        wait_until(lambda: desk.home.run("agent", "status", "--json").stdout.endswith(b'"vaults": []}\n'))
    with writing:
        reply = read_reply(writing)

    assert reply.status == 200, reply
    assert desk.home.run("list").status == 5
    assert desk.home.run("get", "a/two", **desk.key).stdout == b"second"
    assert agent.process.poll() is None


def test_write_that_waits_for_another_process_holds_up_no_reader(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()
    with files.lock(str(desk.home.vault) + ".lock"):
        process = add_in_the_background(desk, "a/two", b"second")
        wait_until(lambda: bool(waiting_for_lock(desk)))

        read = [desk.home.run("get", "a/one"), desk.home.run("list")]
        still_waits = bool(waiting_for_lock(desk))
    process.communicate(timeout=SECONDS)

    assert [ran.status for ran in read] == [0, 0]
    assert still_waits
    assert process.returncode == 0


def test_threads_are_few_however_many_write(desk: Desk) -> None:
    agent = desk.held()
    statuses: list[int] = []
    body = b'{"put":[{"name":"a/two","value":"x","facts":{},"expect":-1}]}'

    with files.lock(str(desk.home.vault) + ".lock"):
        threads = [
            threading.Thread(target=lambda: statuses.append(desk.ask("POST", "/v1/changes", body=body).status))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(waiting_for_lock(desk)) >= 4)
        count = int(agent.status("Threads"))
    for thread in threads:
        thread.join(SECONDS)

    assert statuses == [200] * 16
    assert count <= 5
