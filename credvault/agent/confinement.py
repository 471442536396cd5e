"""What keeps an agent's memory its own: no core dumps, no debugger of the same user, keys in locked pages.

As far as the system allows; whatever it refuses is left out. Root can read it all the same.
"""

import contextlib
import mmap
import sys
from collections.abc import Callable

_PR_SET_DUMPABLE = 4  # prctl(2)


def confine() -> None:
    """Make no core dump of this process, and let no other process of the user look into it."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass
    if sys.platform == "linux":
        _system_call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


class LockedKey:
    """32 bytes in a page that is not swapped out, and not in a core dump; wiped at the end."""

    def __init__(self, key: "bytearray | memoryview") -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._unlock_page = _lock_page(self._page)
        with contextlib.suppress(AttributeError, OSError):
            self._page.madvise(mmap.MADV_DONTDUMP)
        self.view = memoryview(self._page)[: len(key)]
        self.view[:] = key

    def wipe(self) -> None:
        """Overwrite the bytes with zeros, and give the page back."""
        self.view[:] = bytes(len(self.view))
        self.view.release()
        self._unlock_page()
        try:
            self._page.close()
        except BufferError:  # somebody is still looking at it: it is all zeros
            return


def _lock_page(page: mmap.mmap) -> Callable[[], object]:
    """Lock a page into memory where that is allowed (mlock(2), RLIMIT_MEMLOCK); return what unlocks it."""
    try:
        import ctypes

        # Looked at and let go at once: a page with a reader cannot be closed.
        reader = ctypes.c_char.from_buffer(page)
        address = ctypes.addressof(reader)
        del reader
        locked = _system_call("mlock", ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE)) == 0
    except (ImportError, TypeError, ValueError):
        return lambda: None
    if not locked:
        return lambda: None
    return lambda: _system_call("munlock", ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE))


def _system_call(name: str, *arguments: object) -> int:
    try:
        import ctypes

        return int(getattr(ctypes.CDLL(None), name)(*arguments))
    except (ImportError, OSError, AttributeError):
        return -1
