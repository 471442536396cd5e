"""The agent's socket: in a private folder, of mode 0600 from its first moment, and of one agent at a time."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from credvault import files
from credvault.model.errors import BackendUnavailable, LockTimeout, StorageError
from credvault.model.text import printable

# Connections that may wait to be taken.
BACKLOG = 1024
# The first descriptor that systemd hands over (sd_listen_fds(3)).
_FIRST_ACTIVATED = 3


class AlreadyRunning(BackendUnavailable):
    """Another agent listens at this socket."""


class Listener(NamedTuple):
    """A socket that listens, and whether clients still find it."""

    socket: socket.socket
    is_in_place: Callable[[], bool]


@contextmanager
def listening(path: str) -> Iterator[Listener]:
    """Give a socket that listens at `path`, and remove it at the end, unless another is in its place by then.

    A stale one is replaced: whoever holds the lock beside it is the one agent. Raises AlreadyRunning, StorageError.
    """
    folder = os.path.dirname(path)
    files.make_private_folder(folder)
    check_folder(folder)
    try:
        with files.lock(path + ".lock", patience=0.0):
            listener = _bind(path)
            place = _place(path)
            try:
                yield Listener(listener, lambda: _place(path) == place)
            finally:
                # First its name, so that who comes now finds no agent, and not one that does not answer.
                if _place(path) == place:
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
    wrong = BackendUnavailable("what was handed over is not a Unix socket that listens")
    try:
        handed_over = socket.socket(fileno=_FIRST_ACTIVATED)
    except OSError:
        raise wrong from None
    with handed_over as listener:
        if listener.family != socket.AF_UNIX or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise wrong
        os.set_inheritable(_FIRST_ACTIVATED, False)
        yield listener


def _place(path: str) -> tuple[int, int] | None:
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _is_answered(path: str) -> bool:
    """Say whether somebody listens: a supervisor, say, that starts an agent at the first question."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(path)
        except BlockingIOError:  # so many that no more can wait
            return True
        except OSError:
            return False
    return True


def check_folder(folder: str) -> None:
    """Raise StorageError where others can get at what is in the socket's folder."""
    facts = os.stat(folder)
    if facts.st_uid != os.geteuid():
        raise StorageError(f"the agent's folder {printable(folder)} belongs to another user (uid {facts.st_uid})")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        hint = f"chmod 700 {printable(folder)}"
        raise StorageError(f"others may look into the agent's folder {printable(folder)}", hint=hint)


def _bind(path: str) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Before bind: between bind and chmod anybody could connect.
    before = os.umask(0o177)
    try:
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        what = exc.strerror or str(exc)
        hint = "CREDVAULT_AGENT_SOCKET names another place"
        if exc.errno is None:  # Python's own word for a path that is too long
            hint = f"a socket's path has at most 107 bytes; {hint}"
        raise StorageError(f"cannot listen at {printable(path)}: {what.lower()}", hint=hint) from exc
    finally:
        os.umask(before)
    return listener


def _remove_stale(path: str) -> None:
    """Remove the socket of an agent that was killed; raises StorageError where something else is in its place."""
    try:
        is_socket = stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:  # there is none, or bind says what is wrong
        return
    if is_socket and _is_answered(path):
        raise AlreadyRunning(f"another agent listens at {printable(path)}")
    if not is_socket:
        hint = "move it away; or CREDVAULT_AGENT_SOCKET names another place"
        raise StorageError(f"cannot listen at {printable(path)}: what is there is not a socket", hint=hint)
    files.discard(path)
