"""The agent's socket: in a private folder, of mode 0600 from its first moment, and of one agent at a time."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from credvault import files
from credvault.model.errors import BackendUnavailable, LockTimeout, StorageError
from credvault.model.text import printable

# Connections that may wait to be taken.
BACKLOG = 1024
# The first descriptor that systemd hands over (sd_listen_fds(3)).
_FIRST_ACTIVATED = 3


class AlreadyRunning(BackendUnavailable):
    """Another agent listens at this socket."""


@contextmanager
def listening(path: str) -> Iterator[socket.socket]:
    """Give a socket that listens at `path`, and remove it at the end.

    A stale one is replaced: whoever holds the lock beside it is the one agent. Raises AlreadyRunning, StorageError.
    """
    folder = os.path.dirname(path)
    files.make_private_folder(folder)
    check_folder(folder)
    try:
        with files.lock(path + ".lock", patience=0.0):
            listener = _bind(path)
            try:
                yield listener
            finally:
                # First its name, so that who comes now finds no agent, and not one that does not answer.
                files.discard(path)
                listener.close()
    except LockTimeout:
        raise AlreadyRunning(f"another agent listens at {printable(path)}") from None


@contextmanager
def activated(environ: "os._Environ[str]") -> Iterator[socket.socket | None]:
    """Give the socket that a supervisor handed over (LISTEN_FDS, sd_listen_fds(3)), or None."""
    if environ.get("LISTEN_PID") != str(os.getpid()) or environ.get("LISTEN_FDS") != "1":
        yield None
        return
    with socket.socket(fileno=_FIRST_ACTIVATED) as listener:
        if listener.family != socket.AF_UNIX:
            raise BackendUnavailable("the socket that was handed over is not a Unix socket")
        os.set_inheritable(_FIRST_ACTIVATED, False)
        yield listener


def check_folder(folder: str) -> None:
    """Raise StorageError where others can get at what is in the socket's folder."""
    facts = os.stat(folder)
    if facts.st_uid != os.geteuid():
        raise StorageError(f"the agent's folder {printable(folder)} belongs to another user (uid {facts.st_uid})")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        hint = f"chmod 700 {printable(folder)}"
        raise StorageError(f"others may look into the agent's folder {printable(folder)}", hint=hint)


def _bind(path: str) -> socket.socket:
    files.discard(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Before bind: between bind and chmod anybody could connect.
    before = os.umask(0o177)
    try:
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        with suppress(OSError):
            files.discard(path)
        what = exc.strerror or str(exc)
        raise StorageError(
            f"cannot listen at {printable(path)}: {what.lower()}",
            hint="a socket's path has at most 107 bytes; CREDVAULT_AGENT_SOCKET names another place",
        ) from exc
    finally:
        os.umask(before)
    return listener
