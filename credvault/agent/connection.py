"""One client of an agent: the bytes that came, the requests in them, the bytes that go.

All reading and writing is done by one thread and never waits. What came is overwritten once it was read: it may be
a key.
"""

import socket
from typing import NamedTuple

from credvault.model import wire
from credvault.model.wire import BadMessage, Message

# A change of many secrets is one request; a value has at most 1 MiB, and a third more as JSON.
# From the first byte of a request to its last, and between two requests, seconds.
REQUEST_SECONDS, IDLE_SECONDS = 5.0, 30.0


class Request(NamedTuple):
    """A whole request. Whoever is done with a body that is secret overwrites it."""

    head: Message
    body: bytearray

    @property
    def method(self) -> str:
        """GET, HEAD, PUT, POST or DELETE."""
        return self.head.first[0]

    @property
    def path(self) -> str:
        """The target without its query, still quoted."""
        return self.head.first[1].partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.head.first[1].partition("?")[2]


class Inbox:
    """The bytes that came and were not taken. The room that they leave is overwritten: they may be a key.

    A bytearray does not do that: where it grows or shrinks it moves, and leaves behind what was in it.
    """

    def __init__(self) -> None:
        self._room = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, data: memoryview) -> None:
        """Put bytes at the end."""
        end = self._count + len(data)
        if end > len(self._room):
            self._move(0, max(end, self._count * 5 // 4))
        # By a view: a slice of a bytearray that is set makes a copy on the way.
        memoryview(self._room)[self._count : end] = data
        self._count = end

    def find(self, what: bytes) -> int:
        """Return where these bytes are first, or -1."""
        return self._room.find(what, 0, self._count)

    def take(self, count: int) -> bytearray:
        """Return the first bytes, which are here no more."""
        taken = self._room[:count]
        self._move(count, self._count - count)
        return taken

    def clear(self) -> None:
        """Overwrite everything."""
        self._move(self._count, 0)

    def _move(self, start: int, size: int) -> None:
        """Move the bytes from `start` on to a room of that size."""
        room, kept = bytearray(size), self._count - start
        memoryview(room)[:kept] = memoryview(self._room)[start : self._count]
        self._room[:] = bytes(len(self._room))
        self._room, self._count = room, kept


class Connection:
    """A client that is connected. `is_answered_elsewhere` while a worker is at its request.

    `events` are what the loop waits for, `is_at_its_end` says that it is closed after the answer.
    """

    def __init__(self, client: socket.socket, now: float) -> None:
        client.setblocking(False)
        self.socket = client
        self.is_answered_elsewhere = False
        self.is_at_its_end = False
        self.events = 0
        self._head: Message | None = None
        self._inbox = Inbox()
        self._outbox = memoryview(b"")
        self._since = now

    def deadline(self) -> float:
        """Return when this client has taken too long, by the monotonic clock."""
        return self._since + (REQUEST_SECONDS if self._is_within else IDLE_SECONDS)

    @property
    def idle_since(self) -> float | None:
        """Since when nothing is under way, or None where something is."""
        return None if self._is_within or self.is_answered_elsewhere else self._since

    @property
    def _is_within(self) -> bool:
        """Whether a request has come in part, or an answer has gone in part."""
        return bool(self._inbox or self._head or self._outbox)

    @property
    def has_more_to_send(self) -> bool:
        """Whether an answer is not sent whole."""
        return bool(self._outbox)

    def receive(self, buffer: bytearray, now: float) -> bool:
        """Take what came, by way of `buffer`, which is left overwritten; return False where the client has gone."""
        try:
            count = self.socket.recv_into(buffer)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not self._inbox and self._head is None:
            self._since = now
        self._inbox.add(memoryview(buffer)[:count])
        buffer[:count] = bytes(count)
        return count > 0

    def next_request(self) -> Request | None:
        """Return the next whole request, or None until more has come; raises BadMessage."""
        if self._head is None:
            end = self._inbox.find(wire.END_OF_HEAD)
            if end < 0 or end > wire.MAX_HEAD_BYTES:
                if len(self._inbox) > wire.MAX_HEAD_BYTES:
                    raise BadMessage
                return None
            self._head = wire.parse_head(bytes(self._inbox.take(end)))
            self._inbox.take(len(wire.END_OF_HEAD))
            if self._head.first[2] not in ("HTTP/1.1", "HTTP/1.0") or self._head.length > wire.MAX_BODY_BYTES:
                raise BadMessage
        length = self._head.length
        if len(self._inbox) < length:
            return None
        request = Request(self._head, self._inbox.take(length))
        self._head = None
        self.is_at_its_end = request.head.headers.get("connection", "").lower() == "close"
        return request

    def answer(self, data: bytes, now: float) -> bool:
        """Send an answer as far as the client takes it; return False where the client has gone."""
        self._outbox = memoryview(data)
        return self.send(now)

    def send(self, now: float) -> bool:
        """Send more of the answer; return False where the client has gone, or all is said."""
        try:
            while self._outbox:
                self._outbox = self._outbox[self.socket.send(self._outbox) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self._since = now
        return not self.is_at_its_end

    def close(self) -> None:
        """End it; what came and was not read is overwritten."""
        self._inbox.clear()
        self.socket.close()
