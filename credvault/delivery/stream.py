"""Bytes on their way from one descriptor to another, masked or not.

What waits on the way has a bound, and no read or write waits.
"""

import math
import os
import select
import time

from credvault.delivery.matching import Masker

# The most that one call takes, and how much is read before something is written: two calls of a terminal, which gives
# 4,095 bytes each. So its writer, we and who reads are at work at once: 0.85 of a plain copy in one trial, against 0.62
# with one call and 0.73 with as many as there are (tests/benchmarks/relay.py). Last, how much may wait until somebody
# takes it; meanwhile nothing is read.
_CHUNK_BYTES = 65_536
_TURN_BYTES = 4_096
_WAITING_BYTES = 262_144


class Stream:
    """One way. Reads of its source do not wait; the end of the source is passed on to nobody.

    A sink that others have open too is not told not to wait (they would share O_NONBLOCK): it is given so little at a
    time that it takes it at once when it says that it takes something. `is_open` may be set to False for a while,
    during which nothing is read. `ends_lines` says that the sink writes CRLF for LF, and so does the source: then it is
    to be done once.
    """

    def __init__(self, source: int, sink: int, masker: Masker | None) -> None:
        self.source = source
        self.sink = sink
        self.is_open = True
        self.ends_lines = False
        self.has_ended = False  # nothing comes any more
        self.is_broken = False  # nobody reads any more
        self.never_waits = not os.get_blocking(sink)
        self.is_masked = masker is not None
        self._masker = masker
        self._waiting = bytearray()
        self._fed = 0.0  # when, by the monotonic clock
        self._portion = _CHUNK_BYTES if self.never_waits else select.PIPE_BUF
        self._reads_once = os.get_blocking(source)

    @property
    def wants_to_read(self) -> bool:
        """Whether the source is worth a look."""
        return self.is_open and not self.has_ended and not self.is_broken and len(self._waiting) < _WAITING_BYTES

    @property
    def wants_to_write(self) -> bool:
        """Whether something waits for the sink."""
        return bool(self._waiting)

    def read(self, limit: int = _TURN_BYTES) -> None:
        """Take what is there: `limit` bytes, or a chunk more at most."""
        parts: list[bytes] = []
        size = 0
        while size < limit:
            try:
                part = os.read(self.source, _CHUNK_BYTES)
            except BlockingIOError:
                break
            except OSError:  # EIO: the other side of a terminal has gone, or we are behind
                part = b""
            if not part:
                self.has_ended = True
                break
            parts.append(part)
            size += len(part)
            if self._reads_once:
                break
        if parts:
            self._take(b"".join(parts))
        if self.has_ended:
            self.finish()

    def write(self) -> None:
        """Give the sink what it takes."""
        try:
            del self._waiting[: os.write(self.sink, self._waiting[: self._portion])]
        except BlockingIOError:
            return
        except OSError:
            self.abandon()

    def abandon(self) -> None:
        """Drop what waits, and what may come."""
        self.is_broken = True
        self._waiting.clear()

    def patience(self) -> float | None:
        """Return in how many seconds something that is held back is to be let go; None where nothing is."""
        patience = self._masker.patience if self._masker is not None and self._masker.pending else None
        return None if patience is None else max(0.0, self._fed + patience - time.monotonic())

    def release(self) -> None:
        """Let go what has been held back for long enough."""
        if self._masker is not None and self._masker.pending:
            self._put(self._masker.release(time.monotonic() - self._fed))

    def settle(self) -> None:
        """Let go what would be let go if nothing came for long."""
        if self._masker is not None:
            self._put(self._masker.release(math.inf))

    def finish(self) -> None:
        """Let go all that is held back: nothing comes any more."""
        if self._masker is not None:
            self._put(self._masker.finish())

    def _take(self, data: bytes) -> None:
        if self._masker is not None:
            data = self._masker.feed(data)
            self._fed = time.monotonic()
        self._put(data)

    def _put(self, data: bytes) -> None:
        if not self.is_broken:
            self._waiting += data.replace(b"\r\n", b"\n") if self.ends_lines else data
