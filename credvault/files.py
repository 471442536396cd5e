"""Private files: folders at 0700, files at 0600, one lock, one atomic replace, one appender.

The only module that opens for writing or renames. Knows nothing of secrets; callers pass bytes. Every call that
changes the disk goes through `calls`, so that a test can make the k-th one fail, stop short or kill the process.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from credvault.model.errors import AlreadyExists, StorageError
from credvault.model.text import printable

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
LOCK_PATIENCE = 10.0  # seconds; a waiter gives up when nothing moved for this long (spec.md 5.5)

# How a system says that it has no hard links here.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EACCES)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_CREATE = os.O_CREAT | os.O_EXCL | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)


class Calls:
    """The file calls that change the disk, one method each, as the system offers them."""

    open = staticmethod(os.open)
    write = staticmethod(os.write)
    fsync = staticmethod(os.fsync)
    close = staticmethod(os.close)
    rename = staticmethod(os.replace)
    link = staticmethod(getattr(os, "link", os.replace))
    unlink = staticmethod(os.unlink)
    mkdir = staticmethod(os.mkdir)
    chmod = staticmethod(os.chmod)
    truncate = staticmethod(os.truncate)


calls = Calls()


def make_private_folder(path: str) -> None:
    """Make the folder and its missing parents, mode 0700 each; raises StorageError."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and parent != path:
        make_private_folder(parent)
    try:
        calls.mkdir(path, PRIVATE_FOLDER)
        _undo_umask(path, PRIVATE_FOLDER)
    except FileExistsError:
        if not os.path.isdir(path):
            raise StorageError(f"cannot make folder {printable(path)}: a file is in its place") from None
    except OSError as exc:
        raise storage_error("make folder", path, exc) from exc


def read_small_file(path: str, limit: int, check: Callable[[os.stat_result], None] | None = None) -> bytes | None:
    """Return the bytes of a regular file, or None where there is none; raises StorageError over `limit` bytes.

    `check` is given the facts of the file that is read, and may raise.
    """
    try:
        # Not blocking: a FIFO in the file's place must not hang the program.
        fd = os.open(path, os.O_RDONLY | _NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise storage_error("read", path, exc) from exc
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise StorageError(f"cannot read {printable(path)}: it is not a regular file")
        if check is not None:
            check(facts)
        chunks: list[bytes] = []
        while chunk := os.read(fd, 1 << 16):
            chunks.append(chunk)
            limit -= len(chunk)
            if limit < 0:
                raise StorageError(f"cannot read {printable(path)}: it is too large")
        return b"".join(chunks)
    except OSError as exc:
        raise storage_error("read", path, exc) from exc
    finally:
        os.close(fd)


def replace_file(
    path: str,
    chunks: Sequence[bytes],
    *,
    backup: str | None = None,
    backup_is_new: bool = False,
    durable: bool = True,
) -> None:
    """Put `chunks` in the place of `path`, whole or not at all, mode 0600, and on disk when this returns.

    `backup` keeps the previous content under that name, or with `backup_is_new` the new one, so that what was
    removed does not linger there. `durable=False` skips the disk flushes, for what may be lost with the power.
    Raises StorageError; then the temporary file is gone and `path` is either untouched or, where only the
    folder could not be synced, new.
    """
    from credvault.temporaries import temporary_path

    remove_stale(path, is_locked=False)
    temporary = temporary_path(path)
    try:
        _write_new_file(temporary, chunks, durable=durable)
        if backup is not None:
            _keep_backup(path, backup, chunks if backup_is_new else None)
        calls.rename(temporary, path)
    except OSError as exc:
        discard(temporary)
        raise storage_error("write", path, exc) from exc
    except BaseException:
        discard(temporary)
        raise
    if not durable:
        return
    try:
        _sync_folder(os.path.dirname(path) or ".")
    except OSError as exc:
        hint = "the new content is in place, but may not survive a power failure"
        raise storage_error("sync the folder of", path, exc, hint) from exc


def create_file(path: str, chunks: Sequence[bytes], *, replace: bool = False) -> None:
    """Make a new private file, mode 0600, on disk when this returns; nothing is left when it fails.

    Raises AlreadyExists unless `replace` is set, and StorageError. Replaced is a regular file only, and through a
    link the file it leads to: the link stays.
    """
    if not path:
        raise StorageError("no file is named")
    if replace:
        return replace_file(_replaceable(path), chunks)
    remove_stale(path, is_locked=False)
    if os.path.lexists(path):
        raise AlreadyExists(f"{printable(path)} is there already")
    from credvault.temporaries import temporary_path

    temporary = temporary_path(path)
    named = False
    try:
        _write_new_file(temporary, chunks)
        _name_new_file(temporary, path)
        named = True
        with suppress(FileNotFoundError):
            calls.unlink(temporary)
        _sync_folder(os.path.dirname(path) or ".")
    except BaseException as exc:
        discard(temporary)
        if named:
            discard(path)
        if isinstance(exc, FileExistsError):
            raise AlreadyExists(f"{printable(path)} is there already") from None
        if isinstance(exc, OSError):
            raise storage_error("write", path, exc) from exc
        raise


def open_unlinked(data: bytes) -> int:
    """Return a descriptor to read `data` from, of a private file in the temporary folder that has no name.

    It loses its name before the first byte is written, so that nothing is left wherever the process dies. Raises
    StorageError.
    """
    from credvault.temporaries import temporary_path

    path = temporary_path(os.path.join(os.environ.get("TMPDIR") or "/tmp", "credvault"))  # noqa: S108 - it is O_EXCL
    try:
        writing = calls.open(path, os.O_WRONLY | _CREATE, PRIVATE_FILE)
        try:
            _undo_umask(writing, PRIVATE_FILE)
            reading = calls.open(path, os.O_RDONLY | _NOFOLLOW | os.O_CLOEXEC, 0)
            try:
                calls.unlink(path)
                _write_whole(writing, data)
            except BaseException:
                calls.close(reading)
                raise
        finally:
            calls.close(writing)
    except BaseException as exc:
        discard(path)
        if isinstance(exc, OSError):
            raise storage_error("write", path, exc) from exc
        raise
    return reading


def append(data: bytes, path: str, *, limit: int, before_turn: Callable[[], None]) -> None:
    """Append `data` to a private file in one write; over `limit` bytes the file becomes `path`.1 first.

    `before_turn` is called before the old `path`.1 is replaced. Raises StorageError. Nothing is synced: a trail
    of reads is not worth a disk flush each.
    """
    try:
        with suppress(FileNotFoundError):
            size = os.stat(path).st_size
            if size and size + len(data) > limit:
                before_turn()
                calls.rename(path, path + ".1")
        # Not blocking: a FIFO in the file's place must not hang the program.
        fd = calls.open(path, os.O_WRONLY | os.O_APPEND | _NONBLOCK | _CREATE & ~os.O_EXCL, PRIVATE_FILE)
        try:
            _undo_umask(fd, PRIVATE_FILE)
            calls.write(fd, data)
        finally:
            calls.close(fd)
    except OSError as exc:
        raise storage_error("append to", path, exc) from exc


def append_whole(path: str, data: bytes) -> None:
    """Append `data` to a file that another program made, in one write, on a line of its own; all of it or nothing.

    Mode, owner and what it holds stay as they are. Raises StorageError, also where it is not a regular file.
    """
    try:
        fd = calls.open(path, os.O_RDWR | os.O_APPEND | _NONBLOCK | getattr(os, "O_CLOEXEC", 0), 0)
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                raise StorageError(f"cannot append to {printable(path)}: it is not a regular file")
            block = data if _ends_a_line(fd) else b"\n" + data
            if calls.write(fd, block) < len(block):
                calls.truncate(fd, facts.st_size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            calls.close(fd)
    except OSError as exc:
        raise storage_error("append to", path, exc) from exc


def _ends_a_line(fd: int) -> bool:
    if os.lseek(fd, 0, os.SEEK_END) == 0:
        return True
    os.lseek(fd, -1, os.SEEK_END)
    return os.read(fd, 1) == b"\n"


@contextmanager
def lock(path: str, *, patience: float = LOCK_PATIENCE) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the system frees it when the holder dies.

    It is never removed: locking the file that gets renamed lost 679 of 800 concurrent adds in a trial.
    Raises LockTimeout, naming the holder, when the lock did not change hands for `patience` seconds.
    """
    from credvault.locking import wait_for_lock  # with fcntl, 0.4 ms that reading does not need

    try:
        fd = calls.open(path, os.O_RDWR | _CREATE & ~os.O_EXCL, PRIVATE_FILE)
    except OSError as exc:
        raise storage_error("open lock", path, exc) from exc
    try:
        with suppress(OSError):
            _undo_umask(fd, PRIVATE_FILE)
        try:
            wait_for_lock(fd, path, patience)
        except OSError as exc:
            raise storage_error("lock", path, exc) from exc
        # Who holds it, and when it changed hands: what a waiter watches, and names when it gives up.
        with suppress(OSError):
            os.lseek(fd, 0, os.SEEK_SET)
            calls.write(fd, (b"%d %d" % (os.getpid(), time.monotonic_ns())).ljust(48))
        yield
    finally:
        # Nothing was written that could be lost, and the lock is free even where closing says otherwise.
        with suppress(OSError):
            calls.close(fd)


def remove_stale(path: str, *, is_locked: bool = True) -> None:
    """Remove the temporary files that killed writers of `path` left; where it is not locked, others are at work."""
    from credvault.temporaries import temporaries

    for temporary in temporaries(path, abandoned=not is_locked):
        discard(temporary)


def discard(path: str) -> None:
    """Remove a file that is of no use, if it is there and can be removed."""
    with suppress(OSError):
        calls.unlink(path)


def _replaceable(path: str) -> str:
    """Return where the file of a path is, links followed; raises StorageError for what is there and is no file."""
    try:
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            raise StorageError(f"cannot write {printable(path)}: it is not a regular file")
        return os.path.realpath(path)
    except OSError as exc:
        raise storage_error("write", path, exc) from exc


def _undo_umask(target: str | int, mode: int) -> None:
    """Give the owner what a umask took: a vault that its owner cannot read is lost to whoever does not know why."""
    if stat.S_IMODE(os.stat(target).st_mode) & mode != mode:
        calls.chmod(target, mode)


def _name_new_file(temporary: str, path: str) -> None:
    try:
        # link refuses to replace, rename does not: two creators cannot both succeed.
        calls.link(temporary, path)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        calls.rename(temporary, path)


def _write_new_file(path: str, chunks: Sequence[bytes], *, durable: bool = True) -> None:
    fd = calls.open(path, os.O_WRONLY | _CREATE, PRIVATE_FILE)
    try:
        _undo_umask(fd, PRIVATE_FILE)
        for chunk in chunks:
            _write_whole(fd, chunk)
        if durable:
            # A failed fsync is never retried: the kernel may have dropped the pages ("fsyncgate", 2018).
            calls.fsync(fd)
    finally:
        calls.close(fd)


def _write_whole(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = calls.write(fd, rest)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]


def _keep_backup(path: str, backup: str, chunks: Sequence[bytes] | None) -> None:
    """Put `chunks` under the name `backup`, or without them what is at `path`, which is never moved."""
    step = backup + ".new"
    with suppress(FileNotFoundError):
        calls.unlink(step)
    try:
        if chunks is not None:
            # Not a second name of the new file: what happens to the one in place must not happen to its backup.
            _write_new_file(step, chunks)
        elif not _link_or_copy(path, step):
            return
        calls.rename(step, backup)
        # Where both were the same file already, after a write that got no further, rename(2) does nothing.
        discard(step)
    except BaseException:
        discard(step)
        raise


def _link_or_copy(path: str, step: str) -> bool:
    """Give what is at `path` the second name `step`, or copy it; return False where there is nothing."""
    try:
        calls.link(path, step)
        if not stat.S_IMODE(os.stat(step).st_mode) & 0o077:
            return True
    except FileNotFoundError:
        return False
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
    # No links on this file system, or the old file was readable by others: a private copy then.
    with suppress(FileNotFoundError):
        calls.unlink(step)
    with open(path, "rb") as file:
        _write_new_file(step, [file.read()])
    return True


def _sync_folder(path: str) -> None:
    if os.name == "nt":
        return
    fd = calls.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0)
    try:
        calls.fsync(fd)
    finally:
        calls.close(fd)


def storage_error(action: str, path: str, exc: OSError, hint: str | None = None) -> StorageError:
    """Return the error for a file call that the system refused, with what to do about it where that is known."""
    reason = (exc.strerror or "input/output error").lower()
    hints = {
        errno.ENOSPC: "free some space; nothing was changed",
        errno.EDQUOT: "free some of your quota; nothing was changed",
        errno.EROFS: "the file system is read-only",
        errno.ENOENT: "make the folder first",
        **dict.fromkeys((errno.EACCES, errno.EPERM), "look at the owner and mode of the file and its folder"),
    }
    return StorageError(f"cannot {action} {printable(path)}: {reason}", hint=hint or hints.get(exc.errno or 0))
