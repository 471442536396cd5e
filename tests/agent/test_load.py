"""Many clients at once, idle and busy ones: every answer is right, and the agent stays small."""

import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from credvault.agent.daemon import MAX_CONNECTIONS
from credvault.backends.base import ABSENT, Change
from credvault.backends.file import FileBackend
from credvault.model.names import parse_name
from credvault.model.value import SecretValue
from tests.agent.desk import Desk, read_reply
from tests.patience import wait_until

CLIENTS, REQUESTS = 64, 200
SECRETS = 1_000
AT_REST, AFTER_LOAD = 30_000, 35_000  # kilobytes


@contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """Let this process have so many descriptors for a while."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(count, before[0]), before[1]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def stock(desk: Desk) -> None:
    """Put a thousand secrets into the vault, in one generation."""
    facts = {"updated_at": "2026-11-22T01:02:03Z", "value_changed_at": "2026-11-22T01:02:03Z"}
    names = [(f"ns{number % 10}/k{number}", b"value %d" % number) for number in range(SECRETS)]
    FileBackend(desk.home.file()).put_many(
        [Change(parse_name(name), SecretValue(value), facts, ABSENT) for name, value in names]
    )


def test_a_thousand_idle_connections_at_once_keep_nobody_out(desk: Desk) -> None:
    desk.put("a/one", b"first")
    agent = desk.held()

    with many_descriptors(1_200), ExitStack() as stack:
        connections = [stack.enter_context(desk.connect()) for _ in range(1_000)]
        fast = desk.home.command("get", "a/one")
        whole = desk.home.run("list")
        # The oldest were closed for the others; the youngest are there.
        with pytest.raises(EOFError):
            read_reply(connections[0])
        connections[-1].sendall(desk.request("GET", "/health"))
        youngest = read_reply(connections[-1])
        descriptors = len(os.listdir(f"/proc/{agent.pid}/fd"))

    assert (fast.status, fast.stdout, fast.stderr) == (0, b"first", "")
    assert whole.status == 0
    assert youngest.status == 200
    assert descriptors < MAX_CONNECTIONS + 32


def test_connection_that_asks_while_it_is_closed_for_another_harms_nothing(desk: Desk) -> None:
    desk.put("a/one", b"first")
    agent = desk.held()

    with ExitStack() as stack:
        connections = [stack.enter_context(desk.connect()) for _ in range(MAX_CONNECTIONS)]
        connections[-1].sendall(desk.request("GET", "/health"))
        assert read_reply(connections[-1]).status == 200
        agent.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: agent.status("State").startswith("T"))  # all that follows is one batch of events to it
        newcomers = [stack.enter_context(desk.connect()) for _ in range(8)]
        for connection in connections[:8]:
            connection.sendall(desk.request("GET", "/health"))
        agent.process.send_signal(signal.SIGCONT)
        newcomers[-1].sendall(desk.request("GET", "/health"))
        reply = read_reply(newcomers[-1])

    assert reply.status == 200
    assert agent.process.poll() is None
    assert desk.home.run("get", "a/one").stdout == b"first"


def test_sixty_four_clients_get_two_hundred_right_answers_each_and_the_agent_stays_small(desk: Desk) -> None:
    stock(desk)
    agent = desk.held(detached=False)
    assert desk.home.run("list", "ns1/**").status == 0
    at_rest = agent.resident_kilobytes()
    wrong: list[bytes] = []
    answered = [0] * CLIENTS

    def client(number: int) -> None:
        with desk.connect() as connection:
            for turn in range(REQUESTS):
                secret = (number * REQUESTS + turn) % SECRETS
                target = f"/v1/credentials/ns{secret % 10}/k{secret}"
                connection.sendall(desk.request("GET", target, ("accept", "application/octet-stream")))
                reply = read_reply(connection)
                if (reply.status, reply.body) != (200, b"value %d" % secret):
                    wrong.append(reply.body)
                answered[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answered == [REQUESTS] * CLIENTS
    assert wrong == []
    assert at_rest < AT_REST
    assert agent.resident_kilobytes() < AFTER_LOAD


def test_readers_and_writers_at_once_lose_nothing(desk: Desk) -> None:
    desk.held()
    failed: list[object] = []

    def writer(number: int) -> None:
        for turn in range(5):
            name = f"w{number}/k{turn}"
            body = f'{{"put":[{{"name":"{name}","value":"{name}","facts":{{}},"expect":0}}]}}'.encode()
            written = desk.ask("POST", "/v1/changes", body=body)
            read = desk.ask("GET", f"/v1/credentials/{name}", ("accept", "application/octet-stream"))
            if (written.status, read.body) != (200, name.encode()):
                failed.append((written, read))

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    snapshot = desk.home.snapshot()
    assert failed == []
    assert snapshot is not None
    assert len(snapshot.secrets) == 40


def test_stream_of_newcomers_keeps_nobody_waiting(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()
    is_over = threading.Event()

    def newcomers() -> None:
        while not is_over.is_set():
            assert desk.ask("GET", "/health").status == 200

    threads = [threading.Thread(target=newcomers) for _ in range(4)]
    with desk.connect() as connection:  # which waits in vain where newcomers go first
        for thread in threads:
            thread.start()
        try:
            answers = []
            for _ in range(50):
                connection.sendall(desk.request("GET", "/v1/credentials/a/one", ("accept", "application/octet-stream")))
                answers.append(read_reply(connection).body)
        finally:
            is_over.set()
            for thread in threads:
                thread.join()

    assert answers == [b"first"] * 50


def test_many_namespaces_do_not_use_up_the_descriptors(desk: Desk) -> None:
    desk.put("a/one", b"first")
    agent = desk.held()

    for number in range(50):
        assert desk.ask("GET", "/v1/credentials/a/one", ("credvault-flags", f"namespace=n{number}")).status == 200

    wait_until(lambda: len(os.listdir(f"/proc/{agent.pid}/fd")) < 24)


def test_socket_of_the_agent_is_not_given_to_its_clients(desk: Desk) -> None:
    agent = desk.held()

    before = len(os.listdir(f"/proc/{agent.pid}/fd"))
    for _ in range(50):
        with desk.connect() as connection:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(10) == b""

    assert len(os.listdir(f"/proc/{agent.pid}/fd")) <= before
