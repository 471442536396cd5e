"""Secrets as what is open in a child when it starts: as a file, as a descriptor, as its stdin.

On Linux each is sealed memory (memfd_create(2)) that has no name in any folder. It is gone with the last process that
holds it open, however that one ends, so that nobody needs to stay behind and clean up.
"""

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from credvault import files
from credvault.delivery.selection import FILE, STDIN, VARIABLE, Injection
from credvault.model.errors import StorageError, Unsupported
from credvault.model.value import SecretValue

# Scripts say `exec 3>log`, and shells in their redirections know the descriptors of one digit only: those are left to
# the script, and to secrets that it asks for by number.
_FIRST_FILE = 20
_STDIN = 0
# Nobody may run it either (Linux 6.3; memfd_create(2)); not in `os` yet.
_MFD_NOEXEC_SEAL = 0x0008
# Of a system without anonymous memory, or a sandbox that forbids it.
_NO_MEMORY_FILES = (errno.ENOSYS, errno.EPERM)


class Descriptor(NamedTuple):
    """A value that can be read from a descriptor, and where the child is told of it."""

    variable: str
    form: str
    number: int


def open_descriptors(injections: Iterable[Injection]) -> list[Descriptor]:
    """Return an open descriptor for each value that does not travel as a variable, its position at the first byte.

    No other program gets them before `hand_on`. Raises StorageError, and Unsupported where a child inherits no
    descriptors.
    """
    wanted = [injection for injection in injections if injection.form != VARIABLE]
    if wanted and os.name != "posix":
        raise Unsupported("this system cannot pass open descriptors to a program, which --file, --fd and --stdin need")
    opened = []
    for injection in wanted:
        try:
            number = _open(injection.value)
            if injection.form == FILE:
                number = _moved_up(number)
        except OSError as exc:
            hint = "'ulimit -n' says how many a process may have open" if exc.errno == errno.EMFILE else None
            raise files.storage_error("hand over", injection.target, exc, hint) from exc
        opened.append(Descriptor(injection.variable, injection.form, number))
    return opened


def hand_on(descriptors: Sequence[Descriptor]) -> list[tuple[bytes, bytes]]:
    """Let the program that this process becomes have the descriptors; return the variables that say where they are.

    Call it in the process that becomes the program, which the path of a file names: so those that it starts find the
    file as well, although most programs close what they do not know before they start another.
    """
    variables = []
    for variable, form, number in descriptors:
        if form == STDIN:
            os.dup2(number, _STDIN)
            continue
        os.set_inheritable(number, True)
        place = f"{_folder()}/{number}" if form == FILE else str(number)
        variables.append((variable.encode("ascii"), place.encode("ascii")))
    return variables


def _folder() -> str:
    """Return the folder in which the system shows the descriptors of this process."""
    if sys.platform != "linux":
        return "/dev/fd"
    try:
        # Not getpid(): this is a process's number where /proc is from, which may be another namespace.
        return f"/proc/{os.readlink('/proc/self')}/fd"
    except OSError as exc:
        raise StorageError(
            "there is no /proc here, which a file in memory is read through", hint="take --fd or --stdin"
        ) from exc


def _open(value: SecretValue) -> int:
    if sys.platform == "linux":
        try:
            return _sealed_memory(value)
        except OSError as exc:
            if exc.errno not in _NO_MEMORY_FILES:
                raise
    return files.open_unlinked(value.reveal())


def _sealed_memory(value: SecretValue) -> int:
    import fcntl

    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        number = os.memfd_create("credvault", flags | _MFD_NOEXEC_SEAL)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        number = os.memfd_create("credvault", flags)
    try:
        os.fchmod(number, files.PRIVATE_FILE)
        rest = memoryview(value.reveal())
        while rest:
            rest = rest[os.write(number, rest) :]
        # One reader must not change what another reads.
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(number, fcntl.F_ADD_SEALS, seals)
        os.lseek(number, 0, os.SEEK_SET)
    except BaseException:
        os.close(number)
        raise
    return number


def _moved_up(number: int) -> int:
    import fcntl

    with suppress(OSError):  # so few may be open that there is none up there
        moved = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _FIRST_FILE)
        os.close(number)
        return moved
    return number
