"""Ends of a connection that no agent of this version makes: older, newer, silent, broken off. Hand-made, each."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from credvault import peer
from credvault.model import wire
from tests.agent.desk import Desk
from tests.home import Ran
from tests.patience import SECONDS

# Runs the program with a bound that a test can wait for.
IMPATIENT = """
import sys
from credvault import peer
peer.PROMPT_SECONDS = peer.ANSWER_SECONDS = 0.3
from credvault.__main__ import main
sys.exit(main())
"""


@contextmanager
def listening(desk: Desk, answer: Callable[[socket.socket, bytes], None]) -> Iterator[list[bytes]]:
    """Listen in the agent's place, give each first request to `answer`, and give the list of requests."""
    heard: list[bytes] = []
    desk.socket.parent.mkdir(mode=0o700, exist_ok=True)

    def serve() -> None:
        while True:
            client, _ = listener.accept()
            with client:
                client.settimeout(SECONDS)
                request = client.recv(1 << 16)
                heard.append(request)
                if not request:
                    return
                try:
                    answer(client, request)
                except OSError:  # it did not wait for it
                    continue

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(desk.socket))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield heard
        finally:
            with socket.socket(socket.AF_UNIX) as last:
                last.connect(str(desk.socket))
            thread.join(SECONDS)
            desk.socket.unlink()


def impatient(desk: Desk, *argv: str) -> Ran:
    """Run the program with a short bound."""
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, *argv],
        env=desk.home.environ,
        cwd=desk.home.root,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode())


def say(data: bytes) -> Callable[[socket.socket, bytes], None]:
    """Return what answers these bytes and breaks off."""
    return lambda client, request: client.sendall(data)


def message(version: str, body: bytes = b"{}", *, length: int | None = None, status: str = "200 OK") -> bytes:
    """Return an answer of an agent of some version."""
    head = f"HTTP/1.1 {status}\r\n{wire.WIRE}: {version}\r\n{wire.EXIT}: 0\r\n"
    return f"{head}content-length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def wait_for_the_client(client: socket.socket, request: bytes) -> None:
    """Answer nothing until the client has gone."""
    while client.recv(1 << 16):
        pass


BROKEN: dict[str, Callable[[socket.socket, bytes], None]] = {
    "nothing": lambda client, request: None,
    "nothing at all": wait_for_the_client,
    "half a head": say(b"HTTP/1.1 200 OK\r\ncredvault-w"),
    "half a body": say(message("1", b'{"value": "ha', length=100)),
    "a body that is too long": say(message("1", b"wrong value", length=3)),
    "no version": say(b"HTTP/1.1 200 OK\r\ncredvault-exit: 0\r\ncontent-length: 5\r\n\r\nwrong"),
    "another protocol": say(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "garbage": say(b"\0\xff" * 100_000),
    "a head without end": say(b"HTTP/1.1 200 OK\r\na: " + b"x" * 500_000),
    "no JSON": say(message("1", b"wrong").replace(b"credvault-exit: 0", b"credvault-exit: zero")),
    "another version": say(message("2", b"wrong value")),
    "an error of another version": say(message("0", b'{"error": {"code": "unsupported"}}', status="501 x")),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_agent_that_answers_wrongly_is_passed_over_with_a_warning(
    desk: Desk, answer: Callable[[socket.socket, bytes], None]
) -> None:
    desk.put("a/one", b"first")
    wrong_words = [("get", "--json", "a/one"), ("list",), ("exec", "--", "env")]

    with listening(desk, answer) as heard:
        done = [impatient(desk, *words) for words in wrong_words]
        with_key = desk.home.run("get", "a/one", **desk.key)

    assert [ran.status for ran in done] == [5, 5, 125], done
    assert all(ran.stdout == b"" for ran in done)
    assert all(ran.stderr.startswith("credvault: warning: the agent is not used: ") for ran in done[:2]), done
    assert all("Traceback" not in ran.stderr for ran in done)
    assert with_key == (0, b"first", "")
    assert b"first" not in b"".join(heard)


@pytest.mark.parametrize("what", ["nothing", "nothing at all", "half a head", "half a body", "garbage"])
def test_plain_get_of_a_broken_agent_is_never_a_wrong_value(desk: Desk, what: str) -> None:
    desk.put("a/one", b"first")

    with listening(desk, BROKEN[what]):
        done = impatient(desk, "get", "a/one")

    assert (done.status, done.stdout) == (5, b"")
    assert "credvault: warning: the agent is not used: " in done.stderr


LOST_WRITES: Sequence[tuple[str, ...]] = [
    ("add", "a/two", "--stdin"),
    ("rotate", "a/one", "--stdin"),
    ("edit", "a/one", "--note", "x"),
    ("delete", "a/one", "-y"),
]


@pytest.mark.parametrize("words", LOST_WRITES, ids=[words[0] for words in LOST_WRITES])
def test_write_whose_answer_is_lost_is_sent_once(desk: Desk, words: Sequence[str]) -> None:
    desk.put("a/one", b"first")
    record = {
        **json.loads(desk.home.run("get", "a/one", "--json", **desk.key).stdout),
        "reference": "0" * 32,
    }

    def until_a_change(client: socket.socket, request: bytes) -> None:
        while request and not request.startswith((b"POST /v1/changes", b"DELETE")):
            body = {
                "path": "x",
                "names": ["a/one"],
                **record,
                "secrets": [record],
                "versions": [],
                "credentials": [record],
            }
            content = b"" if request.startswith(b"HEAD") else json.dumps(body).encode()
            client.sendall(message("1", content))
            request = client.recv(1 << 16)
            heard.append(request)

    with listening(desk, until_a_change) as heard:
        done = desk.home.run(*words, stdin=b"second")

    changes = [request for request in heard if request.startswith((b"POST /v1/changes", b"DELETE"))]
    assert (done.status, done.stdout) == (6, b""), done
    assert "the agent went away before it answered" in done.stderr
    assert "the change may have been made: look before you do it again" in done.stderr
    assert len(changes) == 1


def test_stopped_agent_is_waited_for_no_longer_than_its_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put("a/one", b"first")
    agent = desk.held()
    agent.process.send_signal(signal.SIGSTOP)
    try:
        with monkeypatch.context() as hurry:
            hurry.setattr(peer, "PROMPT_SECONDS", 0.3)
            done = [impatient(desk, "get", "a/one"), desk.home.run("list"), desk.home.run("agent", "status")]
    finally:
        agent.process.send_signal(signal.SIGCONT)

    assert [ran.status for ran in done] == [5, 5, 6], done
    assert all("the agent did not answer" in ran.stderr for ran in done)
    assert desk.home.run("get", "a/one").stdout == b"first"


def test_unlock_by_an_agent_of_another_version_says_how_to_end_it(desk: Desk) -> None:
    with listening(desk, BROKEN["another version"]) as heard:
        unlocked = desk.home.run("unlock", **desk.key)
        status = desk.home.run("agent", "status")

    assert (unlocked.status, status.status) == (8, 8), unlocked
    assert "the agent is of another version" in unlocked.stderr
    assert "credvault: hint: 'credvault agent stop' ends it" in unlocked.stderr
    assert len(heard) == 3


def test_newer_client_can_end_an_older_agent_and_nothing_else(desk: Desk) -> None:
    desk.put("a/one", b"first")
    agent = desk.held()
    newer = (wire.WIRE, "2")

    refused = desk.ask("GET", "/v1/credentials/a/one", newer)
    ended = desk.ask("DELETE", "/v1/agent", newer)

    assert refused.status == 501
    assert b"the agent is of another version" in refused.body
    assert b"first" not in refused.body
    assert ended.status == 200
    assert agent.process.wait(SECONDS) == 0


def test_stop_ends_an_agent_of_another_version(desk: Desk) -> None:
    with listening(desk, BROKEN["another version"]) as heard:
        done = desk.home.run("agent", "stop")

    assert [request.split(b" HTTP")[0] for request in heard if request] == [b"DELETE /v1/agent"]
    assert done.status == 0, done
