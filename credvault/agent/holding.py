"""What an agent holds: data keys by vault file, for how long, and that they are forgotten.

Time is counted by clocks that are handed in: one that goes on while the machine sleeps and one that does not, so
that a sleep is noticed. Seconds.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from credvault.agent.confinement import LockedKey
from credvault.model.errors import Locked
from credvault.sealing.keys import DataKey

# How long a vault is held at most, and how long when nothing is asked, unless config.toml says otherwise, seconds.
HOLD_SECONDS, IDLE_SECONDS = 8 * 3600, 15 * 60

# Clocks drift apart by less than this while the machine is awake, seconds.
_NO_SLEEP = 1.0


class Clocks(NamedTuple):
    """`boottime` counts the time a machine sleeps, `monotonic` does not (clock_gettime(2)); seconds."""

    boottime: Callable[[], float]
    monotonic: Callable[[], float]


class Closing(Protocol):
    """What was opened with a key, and is closed when that is forgotten."""

    def close(self) -> None:
        """Close it."""


class Held:
    """The data key of one vault file, and until when it is held."""

    def __init__(self, path: str, key: LockedKey, vault_id: str, seconds: float, idle: float, now: float) -> None:
        self.path = path
        self.key = DataKey(key.view, vault_id)
        self._locked = key
        self.until = now + seconds
        self.idle = idle
        self.last_used = now
        # What the agent opened with it, by the settings that matter: closed when it is forgotten.
        self.opened: dict[object, Closing] = {}
        self._users = 0
        self._is_forgotten = False
        self._is_wiped = False
        self._turn = threading.Lock()

    def ends_at(self) -> float:
        """Return when it is forgotten if nobody uses it any more."""
        return min(self.until, self.last_used + self.idle)

    @contextmanager
    def in_use(self) -> Iterator[DataKey]:
        """Give the key; it stays whole until the block ends, even when it is to be forgotten meanwhile.

        Raises Locked where it was forgotten before.
        """
        with self._turn:
            if self._is_forgotten:
                raise Locked("the agent has just locked the vault")
            self._users += 1
        try:
            yield self.key
        finally:
            with self._turn:
                self._users -= 1
                self._wipe_when_free()

    def forget(self) -> None:
        """Wipe the key, as soon as nobody uses it."""
        with self._turn:
            if not self._is_forgotten:
                self._is_forgotten = True
                self._wipe_when_free()

    def _wipe_when_free(self) -> None:
        if self._is_forgotten and not self._users and not self._is_wiped:
            self._is_wiped = True
            for opened in self.opened.values():
                opened.close()
            self.key.wipe()
            self._locked.wipe()


class Holdings:
    """Every vault that the agent holds, by the real path of its file."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._held: dict[str, Held] = {}
        self.was_used = False
        self._asleep = clocks.boottime() - clocks.monotonic()

    def hold(self, path: str, key: LockedKey, vault_id: str, *, seconds: float, idle: float) -> Held:
        """Hold the key of a vault file from now on, in the place of one that was held."""
        self.forget(path)
        self.was_used = True
        self._held[path] = Held(path, key, vault_id, seconds, idle, self._clocks.boottime())
        return self._held[path]

    def find(self, path: str) -> Held | None:
        """Return what is held for a vault file, and count it as used; None where nothing is."""
        now = self._clocks.boottime()
        self._forget_after_sleep(now)
        held = self._held.get(path)
        if held is not None and held.ends_at() <= now:
            self.forget(path)
            return None
        if held is not None:
            held.last_used = now
        return held

    def forget(self, path: str) -> bool:
        """Forget a vault; say whether it was held."""
        held = self._held.pop(path, None)
        if held is not None:
            held.forget()
        return held is not None

    def forget_this(self, held: Held) -> None:
        """Forget what was found before, and not what was put in its place since."""
        if self._held.get(held.path) is held:
            self.forget(held.path)

    def forget_all(self) -> list[str]:
        """Forget everything, and return what was held."""
        paths = list(self._held)
        for path in paths:
            self.forget(path)
        return paths

    def forget_expired(self) -> float | None:
        """Forget what is over, and everything where the machine slept; return seconds to the next end, or None."""
        now = self._clocks.boottime()
        self._forget_after_sleep(now)
        for held in list(self._held.values()):
            if held.ends_at() <= now:
                self.forget(held.path)
        return min((held.ends_at() - now for held in list(self._held.values())), default=None)

    def facts(self) -> list[dict[str, object]]:
        """Return what is held as JSON: `path`, and for how many seconds more at most and without use."""
        self.forget_expired()
        now = self._clocks.boottime()
        return [
            {
                "path": held.path,
                "seconds_left": round(held.until - now),
                "idle_seconds_left": round(held.last_used + held.idle - now),
            }
            for held in list(self._held.values())
        ]

    def _forget_after_sleep(self, now: float) -> None:
        asleep = now - self._clocks.monotonic()
        if asleep > self._asleep + _NO_SLEEP:
            self.forget_all()
        self._asleep = asleep
