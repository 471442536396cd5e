"""The temporary files of a writer: how they are named, which are there, and whether who made one is still at work.

Looks, and changes nothing. Loaded by what writes, which most runs do not.
"""

import os
import re
import time

_MARK = ".tmp-"
_OWN_REST = re.compile("[0-9]+-[0-9a-f]+")  # process id, clock


def temporary_path(path: str) -> str:
    """Return a path beside `path` that no other writer of it takes."""
    return f"{path}{_MARK}{os.getpid()}-{time.monotonic_ns():x}"


def temporaries(path: str, *, abandoned: bool = False) -> list[str]:
    """Return the temporary files of `path`, or those alone whose process is no more."""
    folder, base = os.path.split(path)
    try:
        entries = os.listdir(folder or ".")
    except OSError:
        return []
    own = [entry for entry in entries if is_temporary(entry, base)]
    if abandoned:
        own = [entry for entry in own if not _is_alive(entry[len(base + _MARK) :])]
    return [os.path.join(folder, entry) for entry in own]


def is_temporary(entry: str, base: str) -> bool:
    """Say whether a file name is one that a writer of `base` gives to its temporary file, and no other's."""
    return entry.startswith(base + _MARK) and _OWN_REST.fullmatch(entry, len(base + _MARK)) is not None


def _is_alive(mark: str) -> bool:
    """Say whether the process that made a temporary file may still be at work on it."""
    if os.name == "posix":
        try:
            os.kill(int(mark.partition("-")[0]), 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            pass
    return True
