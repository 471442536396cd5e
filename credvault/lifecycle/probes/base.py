"""What a probe is: it takes one value to whoever can say whether it still works, and comes back with an outcome."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from credvault.lifecycle.target import Target
from credvault.model.value import SecretValue

OK, REJECTED, UNREACHABLE, UNTESTABLE = RESULTS = ("ok", "rejected", "unreachable", "untestable")

# Seconds (spec.md 5.5).
CONNECT_LIMIT = 5.0
ANSWER_LIMIT = 30.0


class Outcome(NamedTuple):
    """One of RESULTS and why, in our own words: never the value, and of foreign text only what was made safe.

    `rejected` is a service's word alone. `unreachable` says nothing of the credential and may be otherwise later;
    `untestable` will stay so until the record, the settings or the service change.
    """

    result: str
    detail: str


class Attempt:
    """The time one run of a probe may take, in seconds from now, and how to break it off from outside."""

    def __init__(self, seconds: float, connect: float = CONNECT_LIMIT) -> None:
        self.seconds = seconds
        self.connect = min(connect, seconds)
        self.deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._breakers: list[Callable[[], object]] = []
        self._is_broken = False

    def left(self) -> float:
        """Return the seconds that are left, at least a hundredth: a timeout of 0 means something else to sockets."""
        return max(self.deadline - time.monotonic(), 0.01)

    @contextmanager
    def breakable(self, breaker: Callable[[], object]) -> Iterator[None]:
        """Have `breaker` called, from another thread, if the attempt is broken off while the block runs."""
        self.add_breaker(breaker)
        try:
            yield
        finally:
            with self._lock:
                self._breakers.remove(breaker)

    def add_breaker(self, breaker: Callable[[], object]) -> None:
        """Have `breaker` called when the attempt is broken off, or now if it was already."""
        with self._lock:
            self._breakers.append(breaker)
            is_late = self._is_broken
        if is_late:
            _break([breaker])

    def break_off(self) -> None:
        """End what the attempt waits for: it is nobody's any more."""
        with self._lock:
            self._is_broken = True
            breakers = list(self._breakers)
        _break(breakers)


class Probe(ABC):
    """One way to try a value.

    `target` is whom it would contact, None for nobody; `asks_leave` says whether the user must have allowed that;
    `limit` is how long it may take, in seconds; `starts_program` whether something of it may outlive this process.
    """

    target: Target | None = None
    asks_leave = False
    limit = ANSWER_LIMIT
    starts_program = False

    @abstractmethod
    def run(self, value: SecretValue, attempt: Attempt) -> Outcome:
        """Try the value and return what came of it; what goes wrong on the way is an outcome too, not an error."""


def _break(breakers: Iterable[Callable[[], object]]) -> None:
    for breaker in breakers:
        with suppress(OSError):  # it ended by itself meanwhile
            breaker()
