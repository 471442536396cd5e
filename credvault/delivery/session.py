"""A child in a session of its own, on a pseudo-terminal, with a process between it and us.

That process leads the session. Were the child to lead it, its process group would be orphaned, and a program in an
orphaned group cannot be stopped by a key (POSIX.1-2024, 2.4.3): no Ctrl-Z. It does little: it tells us how the child
fares, and moves it to the foreground of the pseudo-terminal when we say so.
"""

import os
import signal

from credvault.delivery.child import Start
from credvault.delivery.terminal import become_session
from credvault.files import storage_error

_WORD_BYTES = 4  # of a process number, and of a wait status
_IN_FRONT, _BEHIND = b"f", b"b"
# What a terminal sends, the end of a job, and the stop in which it is moved: meant for all that the child has started
# as well, whom nobody else reaches in their session. Any other signal is for the child alone.
_FOR_ALL = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGTSTP,
        signal.SIGSTOP,
        signal.SIGCONT,
    }
)


class Session:
    """A child that runs. `fileno` is readable when there is news of it."""

    def __init__(self, leader: int, reports: int, orders: int) -> None:
        self._leader = leader
        self._reports = reports
        self._orders = orders
        self._pid = int.from_bytes(os.read(reports, _WORD_BYTES), "big")  # 0 where there is none
        os.set_blocking(reports, False)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._reports

    def news(self) -> int | None:
        """Return a status of the child, as wait(2) has it, when it has stopped or ended since; else None."""
        try:
            word = os.read(self._reports, _WORD_BYTES)
        except BlockingIOError:
            return None
        # Nothing: somebody has killed the process between. A word is never cut (pipe(7), PIPE_BUF).
        return int.from_bytes(word, "big") if word else signal.SIGKILL

    def send(self, number: int) -> None:
        """Send the child a signal."""
        if not self._pid:
            return
        try:
            if number in _FOR_ALL:
                os.killpg(self._pid, number)
            else:
                os.kill(self._pid, number)
        except (ProcessLookupError, PermissionError):  # it has ended; it is another user by now (sudo)
            return

    def go_on(self, *, in_front: bool) -> None:
        """Continue the child after a stop, in the foreground of its terminal or behind."""
        try:
            os.write(self._orders, _IN_FRONT if in_front else _BEHIND)
        except BrokenPipeError:
            return

    def close(self) -> None:
        """Let go of it, and of the process between."""
        self._pid = 0
        os.close(self._orders)
        os.close(self._reports)
        os.waitpid(self._leader, 0)


def start_session(start: Start, slave: int, *, in_front: bool) -> Session:
    """Start a child on a pseudo-terminal, in its foreground or behind."""
    reports, report = os.pipe()
    order, orders = os.pipe()
    leader = os.fork()
    if leader == 0:
        try:
            os.close(reports)
            os.close(orders)
            become_session(slave)
            _lead(start, slave, report, order, in_front)
        except OSError as exc:
            start.fail(storage_error("start", "a session on a pseudo-terminal", exc))
        finally:
            os._exit(0)
    os.close(report)
    os.close(order)
    return Session(leader, reports, orders)


def _lead(start: Start, slave: int, report: int, order: int, in_front: bool) -> None:
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        if in_front:
            # SIGTTOU is blocked, or this would stop us: we are behind.
            os.tcsetpgrp(slave, os.getpid())
        start.act()
    for number in (0, 1, 2):
        os.dup2(slave, number)
    start.let_go()
    slave = 0
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)

    def hang_up(*_: object) -> None:
        for number in (signal.SIGHUP, signal.SIGCONT):
            try:
                os.killpg(child, number)
            except (ProcessLookupError, PermissionError):
                return

    signal.signal(signal.SIGHUP, hang_up)
    start.signals.leave()
    _tell(report, child)
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        _tell(report, status)
        said = os.read(order, 1)
        if not said:  # nobody is there any more who could continue it
            hang_up()
            continue
        _move(slave, child if said == _IN_FRONT else os.getpgrp())
        try:
            os.killpg(child, signal.SIGCONT)
        except (ProcessLookupError, PermissionError):
            continue
    # What the child leaves running is not hung up: neither by the end of the pseudo-terminal, nor by that of the leader
    # of its session, which would be for the group in front.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _move(slave, os.getpgrp())
    _tell(report, status)


def _move(slave: int, group: int) -> None:
    try:
        os.tcsetpgrp(slave, group)
    except OSError:  # the group or the terminal has gone
        return


def _tell(report: int, word: int) -> None:
    try:
        os.write(report, word.to_bytes(_WORD_BYTES, "big"))
    except BrokenPipeError:
        return
