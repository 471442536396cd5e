"""What is read besides settings and vaults: a file that somebody names, or stdin, each up to a limit of bytes."""

import os
import sys

from credvault import files
from credvault.model.errors import Invalid, NotFound, StorageError
from credvault.model.text import printable


def read_infile(path: str, limit: int, *, what: str) -> bytes:
    """Return the content of a regular file, or of stdin where the path is '-'; `what` it is, in a word.

    Raises NotFound, Invalid where stdin is closed, and StorageError over `limit` bytes.
    """
    if path != "-":
        try:
            return read_file(path, limit)
        except StorageError as exc:
            if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
                exc.hint = "give - to read stdin, and pipe it in"
            raise
    data = read_stdin(limit, what=what)
    if len(data) > limit:
        raise StorageError("cannot read stdin: it is too large")
    return data


def read_file(path: str, limit: int) -> bytes:
    """Return the content of a regular file; raises NotFound, and StorageError over `limit` bytes.

    A `~` at its start is the home: shells leave it to us in `--option=~/file`.
    """
    data = files.read_small_file(os.path.expanduser(path), limit)
    if data is None:
        raise NotFound(f"there is no file {printable(path)}")
    return data


def read_stdin(limit: int, *, what: str) -> bytes:
    """Return what stdin has, up to one byte over `limit`; raises Invalid where it is closed, and StorageError."""
    if sys.stdin is None:
        raise Invalid(f"stdin is closed, so there is no {what} to read")
    try:
        # Whoever opened stdin may have left it so that it does not wait (node does).
        os.set_blocking(sys.stdin.fileno(), True)
        return sys.stdin.buffer.read(limit + 1)
    except OSError as exc:
        raise StorageError(f"cannot read stdin: {(exc.strerror or 'input/output error').lower()}") from exc
