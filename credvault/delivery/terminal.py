"""The user's terminal, and the pseudo-terminal that a child gets in its place: modes, size, foreground."""

import os
import sys
import termios
from typing import Any

if sys.platform != "win32":
    from fcntl import ioctl

_INPUT, _OUTPUT, _CONTROL, _LOCAL, _CHARACTERS = 0, 1, 2, 3, 6  # of what tcgetattr returns
_CRLF = termios.OPOST | termios.ONLCR


class Terminal:
    """The terminal behind a descriptor; raises OSError, also for a terminal that has gone.

    `fileno` is a descriptor of our own, and reads and writes of it do not wait: that of the caller is shared with
    others, who would see it change.
    """

    def __init__(self, number: int) -> None:
        self._fd = _open_again(number)
        self._modes = _modes(self._fd)
        self.is_raw = False

    def fileno(self) -> int:
        """Return the descriptor to read from and write to."""
        return self._fd

    def open_pty(self) -> tuple[int, int]:
        """Return both ends of a pseudo-terminal with the same modes and size; the caller closes them."""
        master, slave = os.openpty()
        termios.tcsetattr(slave, termios.TCSANOW, self._modes)
        self.copy_size(master)
        os.set_blocking(master, False)
        return master, slave

    def is_foreground(self) -> bool:
        """Say whether this process may read from it."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # not our controlling terminal: it has no background

    def make_raw(self) -> None:
        """Let every key through as it is, and every byte of output: the pseudo-terminal does all else."""
        if not self.is_raw:
            self._modes = _modes(self._fd)
        self.is_raw = True
        # At once: waiting for output that somebody holds up would hold us up, and what is typed ahead stays.
        _set_modes(self._fd, _raw(self._modes))

    def restore(self) -> None:
        """Put its modes back, if they are changed and the terminal is still ours."""
        if not self.is_raw:
            return
        self.is_raw = False
        if self.is_foreground():
            try:
                _set_modes(self._fd, self._modes)
            except OSError:  # it has gone
                return

    def leave(self) -> None:
        """Let it have the modes that somebody else has given it meanwhile."""
        self.is_raw = False

    @property
    def ends_lines(self) -> bool:
        """Whether it makes CRLF of LF."""
        return not self.is_raw and self._modes[_OUTPUT] & _CRLF == _CRLF

    def copy_size(self, master: int) -> None:
        """Give a pseudo-terminal its size; programs in the foreground there are told if it is a new one."""
        try:
            size = termios.tcgetwinsize(self._fd)
            if size != termios.tcgetwinsize(master):
                termios.tcsetwinsize(master, size)
        except termios.error:  # it has gone, or has no size
            return


def become_session(slave: int) -> None:
    """Make this process the leader of a new session, with a pseudo-terminal as its controlling terminal."""
    os.setsid()
    ioctl(slave, termios.TIOCSCTTY, 0)


def is_same_terminal(number: int, other: int) -> bool:
    """Say whether two descriptors are of one terminal."""
    # The controlling terminal has a name of its own besides, /dev/tty.
    return os.path.sameopenfile(number, other) or (_is_controlling(number) and _is_controlling(other))


def _is_controlling(number: int) -> bool:
    try:
        os.tcgetpgrp(number)
    except OSError:
        return False
    return True


def _open_again(number: int) -> int:
    try:
        return os.open(_name(number), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return os.dup(number)


def _name(number: int) -> str:
    # By the first name it is open to us even where it is another user's (su).
    return "/dev/tty" if _is_controlling(number) else os.ttyname(number)


def _modes(fd: int) -> list[Any]:
    try:
        return termios.tcgetattr(fd)
    except termios.error as exc:
        raise OSError(*exc.args) from None


def _set_modes(fd: int, modes: list[Any]) -> None:
    try:
        termios.tcsetattr(fd, termios.TCSANOW, modes)
    except termios.error as exc:
        raise OSError(*exc.args) from None


def _raw(modes: list[Any]) -> list[Any]:
    """Return modes with all processing off, as cfmakeraw(3) has them."""
    raw = [*modes[:_CHARACTERS], list(modes[_CHARACTERS])]
    raw[_INPUT] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    raw[_OUTPUT] &= ~termios.OPOST
    raw[_LOCAL] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    raw[_CONTROL] = raw[_CONTROL] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    raw[_CHARACTERS][termios.VMIN], raw[_CHARACTERS][termios.VTIME] = 1, 0
    return raw
