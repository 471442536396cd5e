"""Requests that go out several at a time, and servers that answer some of them: a peer made by hand."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pytest

from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.transport import ATTEMPTS, MAX_BATCH_BYTES, MIN_BATCH
from credvault.model.errors import BackendUnavailable
from credvault.model.value import SecretValue
from tests.backends.hashicorp.conftest import Connect, Slept
from tests.backends.hashicorp.peers import CANARY, HANG_UP, SILENCE, answer
from tests.lifecycle.servers import talking
from tests.patience import SECONDS

TOKEN = SecretValue(b"s.token")
WRITE = Request("POST", "secret/data/a", {"data": {"value": "x"}})
READS = [Request("GET", f"secret/data/{number}") for number in range(MIN_BATCH)]


class Peer(NamedTuple):
    """Where it listens, and what came at once: the paths that were asked for, each time."""

    port: int
    batches: list[list[str]]


@contextmanager
def gulping(*answers: bytes | None) -> Iterator[Peer]:
    """Run a peer that takes what is there, and answers all of that in one piece: each path by its name.

    `answers` are given in their place to the requests, from the first on, where they are not b"fine". It ends the
    connection after one that is no whole answer, or says that it does.
    """
    batches: list[list[str]] = []
    opened: list[Any] = []
    given = list(answers)
    lock = threading.Lock()

    def talk(connection: Any, over: threading.Event) -> None:
        opened.append(connection)
        while data := connection.recv(1024 * 1024):
            paths = [line.split()[1].decode() for line in data.split(b"\r\n") if line.endswith(b" HTTP/1.1")]
            batches.append(paths)
            for path in paths:
                with lock:
                    one = given.pop(0) if given else b"fine"
                if one is SILENCE:
                    over.wait()
                    return
                one = answer(200, {"data": path}) if one == b"fine" else one
                connection.sendall(one)
                if b"HTTP/1.1" not in one or b"content-length" not in one or b"connection: close" in one:
                    return

    with talking(talk) as port:
        yield Peer(port, batches)
        # The other end may keep them for longer.
        for connection in opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def paths_of(requests: Sequence[Request]) -> list[str]:
    return [f"/v1/{request.path}" for request in requests]


def test_what_changes_nothing_goes_out_at_once_and_comes_back_in_order(connect: Connect) -> None:
    with gulping() as peer:
        answers = connect(peer.port).ask_all(READS, TOKEN)

    assert peer.batches == [paths_of(READS)]
    assert [each.body["data"] for each in answers] == paths_of(READS)


def test_a_change_goes_out_alone_with_nothing_before_or_behind_it(connect: Connect) -> None:
    requests = [*READS[:3], WRITE, *READS[3:5], WRITE, WRITE, *READS[5:]]
    with gulping() as peer:
        answers = connect(peer.port).ask_all(requests, TOKEN)

    assert all(len(batch) == 1 for batch in peer.batches if f"/v1/{WRITE.path}" in batch)
    assert sorted(map(len, peer.batches)) == [1, 1, 1, 2, 3, 3]
    assert [each.body["data"] for each in answers] == paths_of(requests)


ENDS = {
    "says so": answer(200, {"data": "last"}, "connection: close"),
    "is of an older kind": answer(200, {"data": "last"}).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "hangs up": HANG_UP,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_of_a_server_that_ends_a_connection_in_their_midst_the_rest_is_asked_one_by_one(
    connect: Connect, slept: Slept, end: bytes
) -> None:
    with gulping(b"fine", b"fine", end) as peer:
        transport = connect(peer.port)
        answers = transport.ask_all(READS, TOKEN)
        transport.ask_all(READS, TOKEN)

    answered = 2 if end is HANG_UP else 3
    assert [each.body["data"] for each in answers if each.body["data"] != "last"] == [
        path for place, path in enumerate(paths_of(READS)) if answered == 2 or place != 2
    ]
    assert peer.batches[0] == paths_of(READS)
    assert sorted(peer.batches[1:]) == sorted([path] for path in paths_of(READS[answered:] + READS))
    assert slept == []


def test_of_a_server_that_answers_one_on_each_connection_all_is_had(connect: Connect, slept: Slept) -> None:
    with gulping(*[ENDS["is of an older kind"]] * 99) as peer:
        answers = connect(peer.port).ask_all(READS * 3, TOKEN)

    assert [each.body["data"] for each in answers] == ["last"] * 3 * MIN_BATCH
    assert len(peer.batches) <= 3 * MIN_BATCH + 3
    assert slept == []


@pytest.mark.parametrize("half", [b"HTTP/1.1 200 OK\r\nco", answer(200, {"data": CANARY})[:-3]], ids=["head", "body"])
def test_what_follows_half_an_answer_is_asked_again_after_a_pause(connect: Connect, slept: Slept, half: bytes) -> None:
    half = half.replace(b"content-length", b"connection: close\r\ncontent-length")
    with gulping(b"fine", b"fine", half) as peer:
        answers = connect(peer.port).ask_all(READS, TOKEN)

    assert [each.body["data"] for each in answers] == paths_of(READS)
    assert sorted(peer.batches[1:]) == sorted([path] for path in paths_of(READS[2:]))
    assert slept == [1.5]


def test_what_is_no_answer_in_their_midst_ends_it_and_is_not_quoted(connect: Connect, slept: Slept) -> None:
    with gulping(b"fine", f"{CANARY}\r\n\r\n".encode()) as peer, pytest.raises(BackendUnavailable) as caught:
        connect(peer.port).ask_all(READS, TOKEN)

    assert "cannot be read" in caught.value.message
    assert CANARY not in f"{caught.value.message}{caught.value.hint}"
    assert (len(peer.batches), slept) == (1, [])


def test_more_answers_than_questions_are_none_for_it_is_not_known_whose_they_are(
    connect: Connect, slept: Slept
) -> None:
    twice = answer(200, {"data": CANARY}) * 2
    with gulping(*[b"fine"] * (MIN_BATCH - 1), twice) as peer, pytest.raises(BackendUnavailable) as caught:
        connect(peer.port).ask_all(READS, TOKEN)

    assert "there are more of them than questions" in caught.value.message
    assert CANARY not in f"{caught.value.message}{caught.value.hint}"
    assert (len(peer.batches), slept) == (1, [])


@pytest.mark.parametrize("status", [412, 429, 503])
def test_a_status_that_passes_in_their_midst_is_asked_again_alone(connect: Connect, slept: Slept, status: int) -> None:
    with gulping(b"fine", answer(status), b"fine") as peer:
        answers = connect(peer.port).ask_all(READS, TOKEN)

    assert [each.body["data"] for each in answers] == paths_of(READS)
    assert peer.batches == [paths_of(READS), [f"/v1/{READS[1].path}"]]
    assert slept == [1.5]


def test_one_that_is_refused_in_their_midst_is_told_in_its_place(connect: Connect) -> None:
    with gulping(b"fine", answer(403, {"errors": ["permission denied"]})) as peer:
        answers = connect(peer.port).ask_all(READS, TOKEN)

    assert [each.status for each in answers] == [200, 403, *[200] * (MIN_BATCH - 2)]
    assert len(peer.batches) == 1


def test_a_server_that_answers_the_first_alone_is_asked_one_by_one_in_the_end(
    connect: Connect, slept: Slept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that throws away what comes before it has answered."""

    def have_time(seconds: float) -> None:
        slept.sleep(seconds)
        transport.address = transport.address._replace(timeout=SECONDS)

    with gulping(b"fine", SILENCE) as peer:
        transport = connect(peer.port, timeout=0.5)
        monkeypatch.setattr(transport, "_sleep", have_time)
        answers = transport.ask_all(READS, TOKEN)

    assert [each.body["data"] for each in answers] == paths_of(READS)
    assert slept == [1.5]
    assert len(peer.batches[0]) == MIN_BATCH
    assert {len(batch) for batch in peer.batches[1:]} == {1}


def test_silence_in_their_midst_is_given_up_in_time(connect: Connect, slept: Slept) -> None:
    with gulping(b"fine", *[SILENCE] * 99) as peer, pytest.raises(BackendUnavailable, match="does not answer"):
        connect(peer.port, timeout=0.1).ask_all(READS, TOKEN)

    assert len(slept) == ATTEMPTS - 1
    assert len(peer.batches) <= 1 + (ATTEMPTS - 1) * MIN_BATCH


def test_no_more_goes_out_at_once_than_a_server_takes_unread(connect: Connect) -> None:
    token = SecretValue(b"s." + b"x" * 6000)
    with gulping() as peer:
        answers = connect(peer.port).ask_all(READS * 4, token)

    assert [each.body["data"] for each in answers] == paths_of(READS * 4)
    assert max(map(len, peer.batches)) <= MAX_BATCH_BYTES // 6000 + 1
