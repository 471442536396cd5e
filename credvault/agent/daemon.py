"""The agent's loop: takes connections of its own user, reads requests, sends answers, forgets in time.

One thread does all of that and the quick answers; a few workers do what may take long or wait for a lock. Nothing
is read from a connection of another user.
"""

import os
import resource
import selectors
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import itemgetter
from queue import SimpleQueue

from credvault import peer
from credvault.agent.connection import Connection, Request
from credvault.agent.holding import Clocks, Holdings
from credvault.agent.service import Service
from credvault.model.errors import Invalid
from credvault.model.wire import BadMessage

MAX_CONNECTIONS = 512
# So many newcomers, then whoever is there already: else a stream of the former keeps the latter waiting.
ACCEPTED_AT_ONCE = 16
WORKERS = 4
# How often at least the agent looks whether it is over, or the machine slept, and whether a client takes too long;
# and for how long it waits for its workers at its end, seconds.
TICK, SWEEP, PATIENCE = 10.0, 1.0, 15.0
# For how long an agent that `unlock` started waits for its first vault, seconds.
FIRST_SECONDS = 30.0

_BUFFER_BYTES = 64 * 1024

CLOCKS = Clocks(lambda: time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)), time.monotonic)


class Daemon:
    """Serves a listening socket until it is stopped by a request, SIGTERM or SIGINT.

    With `ends_when_empty` also when it holds nothing any more; and when `is_in_place` says that nobody can reach the
    socket any more, because its name is gone or another's.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        ends_when_empty: bool,
        is_in_place: Callable[[], bool] = lambda: True,
        clocks: Clocks = CLOCKS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._listener = listener
        self._ends_when_empty = ends_when_empty
        self._is_in_place = is_in_place
        self.holdings = Holdings(clocks)
        self._service = Service(self.holdings, clock, self.stop)
        self._selector = selectors.DefaultSelector()
        self._connections: dict[socket.socket, Connection] = {}
        self._buffer = bytearray(_BUFFER_BYTES)
        self._wakeup, self._waker = socket.socketpair()
        self._to_do: SimpleQueue[tuple[Connection, Request] | None] = SimpleQueue()
        self._done: deque[tuple[Connection, bytes]] = deque()
        self._workers: list[threading.Thread] = []
        self._busy = 0
        self._next_sweep = 0.0
        self._is_stopped = False
        self._first_until = time.monotonic() + FIRST_SECONDS

    def stop(self) -> None:
        """End the loop after the answers that are due."""
        self._is_stopped = True

    def run(self) -> None:
        """Serve until the end; then everything is forgotten."""
        _allow_many_connections()
        self._wakeup.setblocking(False)
        self._waker.setblocking(False)
        self._listener.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        try:
            while not self._is_stopped:
                self._wait_and_serve()
        finally:
            self._end()

    def _wait_and_serve(self) -> None:
        next_end = self.holdings.forget_expired()
        if next_end is None and self._ends_when_empty and not self._busy and not self._waits_for_first():
            self.stop()
            return
        is_watching = self._connections or (next_end is None and self._ends_when_empty)
        events = self._selector.select(min(TICK if next_end is None else next_end, SWEEP if is_watching else TICK))
        now = time.monotonic()
        for key, mask in events:
            if key.fileobj is self._listener:
                self._take_connections(now)
            elif key.fileobj is self._wakeup:
                self._send_done(now)
            elif key.data.socket in self._connections:  # and was not closed for an event before this one
                self._serve(key.data, mask, now)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP
            if not self._is_in_place():
                self.stop()
            for connection in list(self._connections.values()):
                if not connection.is_answered_elsewhere and connection.deadline() < now:
                    self._drop(connection)

    def _waits_for_first(self) -> bool:
        if self.holdings.was_used:
            return bool(self._connections)
        return time.monotonic() < self._first_until

    def _take_connections(self, now: float) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, _ = self._listener.accept()
            except OSError:  # none is left, or it has gone again, or there is no descriptor for it now
                return
            try:
                is_ours = peer.uid_of(client) == os.geteuid()
            except OSError:
                is_ours = False
            if not is_ours:
                client.close()  # before a byte of it is read
                continue
            if len(self._connections) >= MAX_CONNECTIONS:
                self._drop_longest_idle()
            connection = Connection(client, now)
            self._connections[client] = connection
            # Most have sent their request by now, and go with the answer: those are never watched.
            self._serve(connection, selectors.EVENT_READ, now)

    def _serve(self, connection: Connection, mask: int, now: float) -> None:
        if mask & selectors.EVENT_WRITE and not connection.send(now):
            self._drop(connection)
            return
        if mask & selectors.EVENT_READ and not connection.receive(self._buffer, now):
            self._drop(connection)
            return
        self._answer_next(connection, now)

    def _answer_next(self, connection: Connection, now: float) -> None:
        """Answer the requests that are there, one after the other, or hand one to a worker."""
        while not connection.has_more_to_send and not self._is_stopped:
            try:
                request = connection.next_request()
            except BadMessage:
                connection.is_at_its_end = True
                if not connection.answer(self._service.refuse(Invalid("that is not a request of this program")), now):
                    self._drop(connection)
                    return
                break
            if request is None:
                break
            answer = self._service.answer_at_once(request)
            if answer is None:
                connection.is_answered_elsewhere = True
                self._watch_no_more(connection)
                self._hand_over(connection, request)
                return
            if not connection.answer(answer, now):
                self._drop(connection)
                return
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        # While an answer is not taken, nothing more is read: a client cannot make us hold what it does not want.
        events = selectors.EVENT_WRITE if connection.has_more_to_send else selectors.EVENT_READ
        if not connection.events:
            self._selector.register(connection.socket, events, connection)
        elif connection.events != events:
            self._selector.modify(connection.socket, events, connection)
        connection.events = events

    def _watch_no_more(self, connection: Connection) -> None:
        if connection.events:
            self._selector.unregister(connection.socket)
            connection.events = 0

    def _hand_over(self, connection: Connection, request: Request) -> None:
        self._busy += 1
        if self._busy > len(self._workers) and len(self._workers) < WORKERS:
            worker = threading.Thread(target=self._work, daemon=True)
            self._workers.append(worker)
            worker.start()
        self._to_do.put((connection, request))

    def _work(self) -> None:
        while (item := self._to_do.get()) is not None:
            connection, request = item
            self._done.append((connection, self._service.answer(request)))
            with suppress(OSError):  # full: it is awake already
                self._waker.send(b"\0")

    def _send_done(self, now: float) -> None:
        with suppress(BlockingIOError):
            while self._wakeup.recv(4096):
                pass
        while self._done:
            connection, answer = self._done.popleft()
            self._busy -= 1
            connection.is_answered_elsewhere = False
            if connection.answer(answer, now):
                self._answer_next(connection, now)
            else:
                self._drop(connection)

    def _drop_longest_idle(self) -> None:
        idle = [(since, c) for c in self._connections.values() if (since := c.idle_since) is not None]
        if idle:
            self._drop(min(idle, key=itemgetter(0))[1])

    def _drop(self, connection: Connection) -> None:
        self._watch_no_more(connection)
        self._connections.pop(connection.socket, None)
        connection.close()

    def _end(self) -> None:
        """Let the workers finish what they are at, send their answers, forget everything."""
        self._selector.unregister(self._listener)
        self._listener.close()  # who comes now finds no agent, and not one that does not answer
        until = time.monotonic() + PATIENCE
        for _ in self._workers:
            self._to_do.put(None)
        for worker in self._workers:
            worker.join(max(until - time.monotonic(), 0.0))
        for connection, answer in self._done:
            connection.socket.settimeout(1.0)
            with suppress(OSError):
                connection.socket.sendall(answer)
        self.holdings.forget_all()
        for connection in list(self._connections.values()):
            self._drop(connection)
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._wakeup.close()
        self._waker.close()


def _allow_many_connections() -> None:
    """Let this process have a descriptor for every connection and some for files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 64
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
