"""Connections between processes of one user over a Unix socket: who is at the other end, one request, one answer.

Loaded by the fast lane: `_socket` is the C half of `socket`, whose Python half costs as much as the interpreter. It
takes 0.3 ms itself, and is imported where somebody is called: the lane is loaded on other ways too.
"""

import sys

from credvault.model import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

# How long an agent may take to answer, and what it answers at once, seconds (spec.md 5.5).
ANSWER_SECONDS, PROMPT_SECONDS = 30.0, 5.0

_CHUNK = 64 * 1024


class Stranger(Exception):
    """The socket belongs to a process of another user; nothing was sent."""


class NoAnswer(Exception):
    """The other end went away, took too long, or does not speak these words."""


class OtherVersion(NoAnswer):
    """The other end speaks another version of these words."""


def uid_of(connection: "_socket.socket") -> int:
    """Return the user at the other end, as the system knows it; raises OSError."""
    import _socket

    credentials = getattr(_socket, "SO_PEERCRED", None)
    if credentials is not None:
        # struct ucred of Linux: pid, uid, gid (unix(7)).
        facts = connection.getsockopt(_socket.SOL_SOCKET, credentials, 12)
    else:
        # struct xucred of macOS and the BSDs by LOCAL_PEERCRED: version, uid, groups.
        facts = connection.getsockopt(0, 1, 76)
    return int.from_bytes(facts[4:8], sys.byteorder)


def connect(path: str, uid: int, seconds: float = ANSWER_SECONDS) -> "_socket.socket | None":
    """Return a connection to whoever of `uid` listens at `path`, or None where nobody does; raises Stranger.

    `seconds` bound each wait for the other end.
    """
    import _socket

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        try:
            connection.connect(path)
        except BlockingIOError:  # too many wait to be taken, and the system does not wait for that
            _connect_later(connection, path, seconds)
        if uid_of(connection) == uid:
            return connection
    except OSError:  # nobody listens, or the path is longer than a socket's may be
        connection.close()
        return None
    connection.close()
    raise Stranger


def _connect_later(connection: "_socket.socket", path: str, seconds: float) -> None:
    import time

    until = time.monotonic() + seconds
    while True:
        time.sleep(0.01)
        try:
            return connection.connect(path)
        except BlockingIOError:
            if time.monotonic() > until:
                raise


def ask(connection: "_socket.socket", request: bytes) -> tuple[wire.Message, bytes]:
    """Return head and body of the answer to a request; raises NoAnswer."""
    send(connection, request)
    return receive(connection)


def send(connection: "_socket.socket", request: bytes) -> None:
    """Send a request; raises NoAnswer."""
    try:
        connection.sendall(request)
    except OSError:
        raise NoAnswer from None


def receive(connection: "_socket.socket") -> tuple[wire.Message, bytes]:
    """Return head and body of the answer to the request that was sent; raises NoAnswer."""
    try:
        data = b""
        while wire.END_OF_HEAD not in data:
            data = _more(connection, data)
            if len(data) > wire.MAX_HEAD_BYTES + _CHUNK:
                raise NoAnswer
        head, _, body = data.partition(wire.END_OF_HEAD)
        message = wire.parse_head(head)
        length = message.length
        if message.headers.get(wire.WIRE, wire.VERSION) != wire.VERSION:
            raise OtherVersion
        if message.first[0] != "HTTP/1.1" or wire.WIRE not in message.headers or len(body) > length:
            raise NoAnswer
        if len(body) == length:
            return message, body
        chunks, missing = [body], length - len(body)
        while missing:
            chunk = connection.recv(min(missing, 1 << 20))
            if not chunk:
                raise NoAnswer
            chunks.append(chunk)
            missing -= len(chunk)
        return message, b"".join(chunks)
    except (OSError, wire.BadMessage):
        raise NoAnswer from None


def _more(connection: "_socket.socket", data: bytes) -> bytes:
    chunk = connection.recv(_CHUNK)
    if not chunk:
        raise NoAnswer
    return data + chunk
