"""A child beside us: from the fork to the program that it becomes, and, where there is no terminal, to its end.

What cannot be said in the child, for its streams are no longer ours, is said here: an error of it is raised in us.
"""

import os
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

from credvault.delivery.signals import Signals
from credvault.files import storage_error
from credvault.model.errors import CredvaultError
from credvault.model.messages import encode, error_members, parse_error

# What a terminal's keys send goes to every process in its foreground, and so to the child as well.
_OF_KEYS = frozenset({signal.SIGINT, signal.SIGQUIT})


class Start:
    """How a child comes to be a program: `become` in a process whose 0, 1 and 2 are what `places` says.

    `ours` are descriptors that no other process may hold open.
    """

    def __init__(
        self, become: Callable[[], NoReturn], places: Mapping[int, int], ours: Iterable[int], signals: Signals
    ) -> None:
        self._become = become
        self._places = places
        self._ours = ours
        self.signals = signals
        self._failure, self._failing = os.pipe()

    def act(self) -> NoReturn:
        """Be the child. Does not return."""
        try:
            for number, fd in self._places.items():
                os.dup2(fd, number)
            self.signals.put_back()
            self._become()
        except CredvaultError as exc:
            self.fail(exc)
        except OSError as exc:
            self.fail(storage_error("start", "the program", exc))
        except BaseException as exc:  # noqa: BLE001 - the boundary of this process
            self.fail(CredvaultError(f"unexpected {type(exc).__name__}"))
        finally:
            os._exit(CredvaultError.exit_status)

    def let_go(self) -> None:
        """Close what only the child and we may hold open, in a process that is neither."""
        for fd in {*self._ours, *self._places.values(), self._failure, self._failing}:
            os.close(fd)

    def wait(self) -> None:
        """Return when the program runs; raises the error of a child that could not become it."""
        os.close(self._failing)
        with open(self._failure, "rb") as failure:
            said = failure.read()
        if said:
            error = parse_error(said[1:])
            if said[0] != error.exit_status:
                error.exit_status = said[0]
            raise error

    def fail(self, error: CredvaultError) -> None:
        """Let `wait` raise an error."""
        os.write(self._failing, bytes([error.exit_status]) + encode(error_members(error)))


class Child:
    """A child in our process group, whose end is a SIGCHLD."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._has_ended = False

    def news(self) -> int | None:
        """Return the status with which it ended, as wait(2) has it, or None."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        self._has_ended = pid != 0
        return status if pid else None

    def send(self, number: int) -> None:
        """Send it a signal that it has not got anyway."""
        if self._has_ended or (number in _OF_KEYS and _is_in_foreground()):
            return
        try:
            os.kill(self._pid, number)
        except PermissionError:  # it is another user by now (sudo)
            return

    def go_on(self, *, in_front: bool) -> None:
        """Do nothing: what stops it stops us as well, and continues both."""

    def close(self) -> None:
        """Do nothing: it has been waited for."""


def start_child(start: Start) -> Child:
    """Start a child in our process group."""
    pid = os.fork()
    if pid == 0:
        start.act()
    return Child(pid)


def _is_in_foreground() -> bool:
    """Say whether we have a controlling terminal whose keys reach us."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
