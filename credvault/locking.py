"""Waiting for a lock file: who holds it stands in it, and whether it still changes hands. Opens and writes nothing."""

import errno
import os
import time

from credvault.model.errors import LockTimeout
from credvault.model.text import printable

try:
    import fcntl
except ImportError:  # Windows has no flock; there a lock is a region of the lock file
    fcntl = None  # type: ignore[assignment]

_LOCKED_BYTE = 1 << 20  # Windows: behind the text that names the holder, for a locked region cannot be read


def wait_for_lock(fd: int, path: str, patience: float) -> None:
    """Return when the lock of an open file is ours; `path` is its name in messages, `patience` seconds.

    Raises LockTimeout, naming the holder, when it did not change hands for so long, and OSError.
    """
    pause, holder, deadline = 0.002, b"", time.monotonic() + patience
    while not _try_lock(fd):
        now = time.monotonic()
        os.lseek(fd, 0, os.SEEK_SET)  # pread(2) is not on Windows
        current = os.read(fd, 48)
        if current != holder:
            holder, deadline = current, now + patience
        if now > deadline:
            pid = holder.split(b" ")[0].decode("ascii", "replace").strip() or "unknown"
            raise LockTimeout(
                f"another process (pid {printable(pid)}) has held the lock {printable(path)} for {patience:.0f} s",
                hint="wait for it, or end it",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def _try_lock(fd: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError as exc:
        if exc.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True
