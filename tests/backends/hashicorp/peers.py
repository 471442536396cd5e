"""A peer made by hand on the loopback interface, for the answers that no real server gives."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from tests.lifecycle.servers import talking

CANARY = "canary-4f1d"
# In place of an answer: the connection ends without one, or nothing comes at all.
HANG_UP, SILENCE = b"", None


class Peer(NamedTuple):
    """Where it listens, what it was sent (whole requests), and over how many connections."""

    port: int
    requests: list[bytes]
    connections: list[int]


@contextmanager
def answering(answers: Sequence[bytes | None]) -> Iterator[Peer]:
    """Run a peer that gives these answers, one to each request, and the last of them again and again.

    It ends the connection after one that is no whole answer, or says `connection: close`.
    """
    requests: list[bytes] = []
    connections: list[int] = []
    opened: list[socket.socket] = []
    lock = threading.Lock()

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connections.append(connection.getpeername()[1])
        opened.append(connection)
        with connection.makefile("rb") as stream:
            while request := _read_request(stream):
                with lock:
                    answer = answers[min(len(requests), len(answers) - 1)]
                    requests.append(request)
                if answer is None:
                    over.wait()
                    return
                connection.sendall(answer)
                if b"content-length" not in answer or b"connection: close" in answer:
                    return

    with talking(talk) as port:
        yield Peer(port, requests, connections)
        # The other end may keep them for longer.
        for connection in opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def answer(status: int, body: Any = None, *headers: str) -> bytes:
    """Return a whole answer; a body that is bytes is sent as it is."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def _read_request(stream: Any) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head + bytes(stream.read(length))
