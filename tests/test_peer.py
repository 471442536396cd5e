"""One request and one answer over a Unix socket: whole, or NoAnswer within the bound."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from credvault import peer
from credvault.model import wire
from tests.patience import SECONDS


@contextmanager
def pair(bound: float = SECONDS) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give two connected ends; ours has a bound in seconds."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(bound)
        theirs.settimeout(SECONDS)
        yield ours, theirs


def test_uid_of_the_other_end_is_known() -> None:
    with pair() as (ours, _):
        assert peer.uid_of(ours) == os.geteuid()


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_answer_comes_whole_whatever_its_size(size: int) -> None:
    body = os.urandom(size)
    answer = wire.render("HTTP/1.1 200 OK", [("a", "b")], body)

    with pair() as (ours, theirs):
        thread = threading.Thread(target=theirs.sendall, args=(answer,))
        thread.start()
        message, received = peer.ask(ours, b"request")
        thread.join()
        heard = theirs.recv(100)

    assert (message.first, message.headers["a"]) == (("HTTP/1.1", "200", "OK"), "b")
    assert received == body
    assert heard == b"request"


def test_answer_in_single_bytes_comes_whole() -> None:
    answer = wire.render("HTTP/1.1 200 OK", [], b"body")

    with pair() as (ours, theirs):

        def send_slowly() -> None:
            for byte in answer:
                theirs.sendall(bytes([byte]))

        thread = threading.Thread(target=send_slowly)
        thread.start()
        _, received = peer.ask(ours, b"request")
        thread.join()

    assert received == b"body"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\ncredvault-wire: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncredvault-wire: 1\r\ncontent-length: 5\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\ncredvault-wire: 1\r\ncontent-length: 3\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\ncredvault-wire: 1\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncredvault-wire: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"x" * 100_000,
    ],
    ids=range(9),
)
def test_what_is_no_answer_is_none_of_it(sent: bytes) -> None:
    with pair() as (ours, theirs):
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)

        with pytest.raises(peer.NoAnswer):
            peer.ask(ours, b"request")


def test_other_version_is_told_from_no_answer() -> None:
    with pair() as (ours, theirs):
        theirs.sendall(b"HTTP/1.1 200 OK\r\ncredvault-wire: 2\r\ncontent-length: 0\r\n\r\n")

        with pytest.raises(peer.OtherVersion):
            peer.ask(ours, b"request")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\ncredvault-wire: 1\r\ncontent-length: 5\r\n\r\nfo"])
def test_silence_ends_at_the_bound(sent: bytes) -> None:
    started = time.monotonic()

    with pair(0.2) as (ours, theirs):
        theirs.sendall(sent)
        with pytest.raises(peer.NoAnswer):
            peer.ask(ours, b"request")

    # That it ends at all, with an end that says nothing, is the other half.
    assert time.monotonic() - started > 0.15


def test_request_that_nobody_takes_ends_at_the_bound() -> None:
    with pair(0.2) as (ours, _), pytest.raises(peer.NoAnswer):
        peer.ask(ours, bytes(10_000_000))


@pytest.mark.parametrize("path", ["nothing", "x" * 200, "file", "folder/"])
def test_nobody_listens_where_no_socket_is(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()

    assert peer.connect(str(tmp_path / path), os.geteuid()) is None
