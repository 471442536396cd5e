"""Faults of the disk: file calls of which the k-th fails, stops short, or kills the process in its midst.

They take the place of `credvault.files.calls`, which is there for this. Run each command line in a forked process:
a kill is a real SIGKILL. Nothing is flushed to the disk, which no test here could see.
"""

import errno
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from credvault import files

KILL_BEFORE, KILL_AFTER = "kill before", "kill after"
SHORT, SHORT_THEN_FULL = "short write", "short write, then ENOSPC"
FULL_FROM_HERE = "ENOSPC from here on"
ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EROFS", "EDQUOT")}
KILLS = (KILL_BEFORE, KILL_AFTER)
FAULTS = (*KILLS, *ERRORS, SHORT, SHORT_THEN_FULL, FULL_FROM_HERE)

_CALLS = ("open", "write", "fsync", "close", "rename", "link", "unlink", "mkdir")
# What a full disk refuses; it can still rename, remove and close.
_TAKES_SPACE = ("open", "write", "fsync", "link", "mkdir")
# What goes on failing after the k-th call.
_STAYS_FULL = {FULL_FROM_HERE: _TAKES_SPACE, SHORT_THEN_FULL: ("write",)}


class Call(NamedTuple):
    """One file call: which, and on what path (for a rename or a link the old one)."""

    kind: str
    path: str

    def is_hit_by(self, fault: str) -> bool:
        """Say whether the fault can befall this call."""
        if fault in (SHORT, SHORT_THEN_FULL):
            return self.kind == "write"
        return fault != FULL_FROM_HERE or self.kind in _TAKES_SPACE


class FaultyCalls(files.Calls):
    """File calls of which the k-th, counted from 1, meets a fault; 0 meets none. `made` are those so far."""

    def __init__(self, k: int = 0, fault: str = "") -> None:
        self.made: list[Call] = []
        self._k, self._fault = k, fault
        self._paths: dict[int, str] = {}
        for kind in _CALLS:
            setattr(self, kind, partial(self._call, kind, getattr(files.Calls, kind)))
        self._real = {"fsync": _no_flush}

    def _call(self, kind: str, real: Callable[..., Any], target: Any, *more: Any) -> Any:
        path = self._paths.get(target, "?") if isinstance(target, int) else str(target)
        self.made.append(Call(kind, path))
        act = partial(self._real.get(kind, real), target, *more)
        if len(self.made) == self._k:
            result = self._hit(kind, act, target, *more)
        elif len(self.made) > self._k > 0 and kind in _STAYS_FULL.get(self._fault, ()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        else:
            result = act()
        if kind == "open":
            self._paths[result] = path
        return result

    def _hit(self, kind: str, act: Callable[[], Any], target: Any, *more: Any) -> Any:
        match self._fault:
            case "kill before":
                os.kill(os.getpid(), signal.SIGKILL)
            case "kill after":
                try:
                    act()
                finally:
                    os.kill(os.getpid(), signal.SIGKILL)
            case "short write" | "short write, then ENOSPC":
                # At least one byte: a write of none is no short write.
                return os.write(target, more[0][: max(1, len(more[0]) // 2)])
        if kind == "close":  # the descriptor is gone whatever close says (close(2), Linux)
            act()
        number = ERRORS.get(self._fault, errno.ENOSPC)
        raise OSError(number, os.strerror(number))


def install(faulty: FaultyCalls) -> None:
    """Let every file call of this process go through `faulty`."""
    files.calls = faulty


def in_child(do: Callable[[], int], seconds: int = 60) -> int:
    """Return the status of `do` in a forked process, or minus the signal that killed it; SIGALRM ends a hang."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            signal.alarm(seconds)
            status = do()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def leftovers(folder: Path) -> list[str]:
    """Return the temporary files below a folder."""
    return [str(path) for path in folder.rglob("*") if ".tmp-" in path.name or path.name.endswith(".new")]


def _no_flush(fd: int) -> None:
    os.fstat(fd)  # a closed descriptor is an error all the same
