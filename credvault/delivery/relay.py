"""Stays beside a child and masks what it shows: on its way to a terminal or a pipe no secret of this run comes out.

Where we have a terminal the child gets one of its own, and all that a terminal does works as in a direct run. What is
no terminal, pipe or socket passes by us.
"""

import os
import signal
import stat
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from credvault.delivery.child import Child, Start, start_child
from credvault.delivery.matching import Masker, Patterns
from credvault.delivery.pump import Pump
from credvault.delivery.session import Session, start_session
from credvault.delivery.signals import Signals
from credvault.delivery.stream import Stream
from credvault.delivery.terminal import Terminal, is_same_terminal
from credvault.files import storage_error
from credvault.model.value import SecretValue

_PIPE, _TERMINAL = "pipe", "terminal"
_OUTPUTS = ((1, "stdout"), (2, "stderr"))
# These end a wait for somebody who does not read what is left of the output.
_ENDING = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
# A program behind that wants the terminal is stopped by one of these.
_WANTS_TERMINAL = frozenset({signal.SIGTTIN, signal.SIGTTOU})


def masked_streams() -> list[str]:
    """Return the streams of this process that show what is written there: terminals, pipes and sockets."""
    kinds = _kinds()
    shown = [name for number, name in _OUTPUTS if kinds[number]]
    # A child may write to the terminal that it reads from.
    return shown or (["terminal"] if kinds[0] == _TERMINAL else [])


def file_streams() -> list[str]:
    """Return the streams of this process that are regular files: what is written there stays as it is."""
    return [name for number, name in _OUTPUTS if stat.S_ISREG(os.fstat(number).st_mode)]


def run(become: Callable[[], NoReturn], values: Iterable[SecretValue]) -> int:
    """Run a child that becomes a program by `become`, hide the values in what it shows, and return its exit status.

    That is 128+N where signal N ended it; of a Ctrl-C we end ourselves, so that a shell ends its loop or script. What
    the child leaves running is not waited for, and what that writes later goes nowhere. Raises what `become` raises,
    and StorageError where the system has no pseudo-terminal for us.
    """
    patterns = Patterns(values)
    kinds = _kinds()
    relay = TerminalRelay(patterns, kinds) if _TERMINAL in kinds else Relay(patterns, kinds)
    try:
        status = os.waitstatus_to_exitcode(relay.run(become))
    finally:
        relay.close()
    if status == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return status if status >= 0 else 128 - status


def _kinds() -> list[str | None]:
    """Return what our 0, 1 and 2 are: a terminal, a pipe (or socket), or None for what is left to the child."""
    return [_kind(number) for number in range(3)]


def _kind(number: int) -> str | None:
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        return None
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return _PIPE
    return _TERMINAL if os.isatty(number) else None


class Relay:
    """One child without a terminal: pipes in the place of the streams that are masked. It stays in our group."""

    has_terminal = False
    _child: Child | Session

    def __init__(self, patterns: Patterns, kinds: Sequence[str | None]) -> None:
        # What the child gets as its 0, 1 and 2; what is open for it alone, and for us alone; the streams that lead out.
        self._places: dict[int, int] = {}
        self._lent: set[int] = set()
        self._ours: set[int] = set()
        self._outputs: list[Stream] = []
        self._has_ended = False
        self._signals = Signals(stops=self.has_terminal)
        self._pump = Pump(self._signals.fileno())
        self._open(patterns, kinds)

    def run(self, become: Callable[[], NoReturn]) -> int:
        """Return the status with which the child ends, as wait(2) has it; raises what `become` raises."""
        start = Start(become, self._places, self._ours, self._signals)
        self._child = self._start(start)
        for fd in self._lent:
            os.close(fd)
        self._lent.clear()
        start.wait()
        self._begin()
        self._signals.unblock()
        status = self._wait()
        self._child.close()
        self._pump.watched = {self._signals.fileno()}
        self._pump.take_last()
        for stream in self._outputs:
            stream.finish()
        self._end()
        self._flush(*self._outputs)
        return status

    def close(self) -> None:
        """Put back what was changed, and close what was opened."""
        for fd in self._lent | self._ours:
            os.close(fd)
        self._signals.put_back()

    def _open(self, patterns: Patterns, kinds: Sequence[str | None]) -> None:
        """Open what the child gets in the place of ours."""
        for number in (1, 2):
            if kinds[number] is None or number in self._places:
                continue
            if number == 2 and 1 in self._places and os.path.sameopenfile(1, 2):
                # One pipe for both, as ours is: what the child writes keeps its order.
                self._places[2] = self._places[1]
                continue
            source, end = os.pipe()
            os.set_blocking(source, False)
            self._ours.add(source)
            self._lent.add(end)
            self._places[number] = end
            self._add_output(Stream(source, number, Masker(patterns)))

    def _add_output(self, stream: Stream) -> None:
        self._outputs.append(stream)
        self._pump.streams.append(stream)

    def _start(self, start: Start) -> Child | Session:
        return start_child(start)

    def _begin(self) -> None:
        """Do what is to be done once the program runs."""

    def _end(self) -> None:
        """Do what is to be done once the program has ended, before we wait for those who read what it wrote."""

    def _wait(self) -> int:
        """Move the streams until the child ends, and return its status."""
        while True:
            if not self._turn():
                continue
            numbers = list(self._signals.take())
            status = self._child.news()
            if status is not None and os.WIFSTOPPED(status):
                self._stop(os.WSTOPSIG(status), numbers)
                continue
            self._has_ended = status is not None
            for number in numbers:
                self._heed(number)
            if status is not None:
                return status

    def _turn(self, *, reading: bool = True) -> bool:
        """Move what can be moved; return whether there may be signals, or news of the child."""
        has_news = self._pump.turn(reading=reading)
        for stream in self._outputs:
            if stream.is_broken and stream.source in self._ours:
                self._hang_up(stream)
        return has_news

    def _flush(self, *streams: Stream) -> None:
        """Write what waits to be written there, unless we are to end."""
        while any(stream.wants_to_write for stream in streams):
            if self._turn(reading=False):
                numbers = list(self._signals.take())
                for number in numbers:
                    self._heed(number)
                if not _ENDING.isdisjoint(numbers):
                    return

    def _hang_up(self, stream: Stream) -> None:
        """Let the child hear that nobody reads what it writes there."""
        stream.abandon()
        self._close(stream.source)

    def _close(self, fd: int) -> None:
        if fd in self._ours:
            self._ours.remove(fd)
            os.close(fd)

    def _heed(self, number: int) -> None:
        """Pass a signal on that was sent to us."""
        if number not in (signal.SIGCHLD, signal.SIGWINCH):
            self._child.send(number)

    def _stop(self, number: int, came: Iterable[int]) -> None:
        """Nobody tells us of it: what stops a child in our group stops us as well."""


class TerminalRelay(Relay):
    """One child on a pseudo-terminal, and ours: raw while the child is in the foreground, and ours to give back."""

    has_terminal = True

    def __init__(self, patterns: Patterns, kinds: Sequence[str | None]) -> None:
        self._number = next(number for number in (1, 2, 0) if kinds[number] == _TERMINAL)
        try:
            self._terminal = Terminal(self._number)
            self._master, self._slave = self._terminal.open_pty()
        except OSError as exc:
            raise storage_error("open", "a pseudo-terminal", exc, "give --no-mask to run it without one") from exc
        self._is_in_front = False
        self._is_moving = False  # it is stopped for a moment, and not to stop us
        self._has_stopped = False  # and waits until we let it go on
        self._is_continued = False  # since it has stopped
        self._keys_stop = False  # us: there is no child any more who stops first
        self._is_to_stop = False  # by a key that came before they do
        # Where somebody else in a pipeline may want the keys, the child is behind until it asks for them.
        self._shares = _PIPE in kinds[:2]
        super().__init__(patterns, kinds)

    def _open(self, patterns: Patterns, kinds: Sequence[str | None]) -> None:
        self._ours |= {self._terminal.fileno(), self._master, self._slave}
        for number, kind in enumerate(kinds):
            if kind == _TERMINAL and is_same_terminal(number, self._number):
                self._places[number] = self._slave
        self._screen = Stream(self._master, self._terminal.fileno(), Masker(patterns))
        self._keyboard = Stream(self._terminal.fileno(), self._master, None)
        self._pump.streams.append(self._keyboard)
        self._add_output(self._screen)
        self._adjust()
        super()._open(patterns, kinds)

    def close(self) -> None:
        """Put the terminal's modes back too."""
        self._terminal.restore()
        super().close()

    def _start(self, start: Start) -> Session:
        self._is_in_front = not self._shares and self._terminal.is_foreground()
        session = start_session(start, self._slave, in_front=self._is_in_front)
        self._pump.watched.add(session.fileno())
        return session

    def _begin(self) -> None:
        if self._is_in_front:
            self._take_or_go_behind()

    def _end(self) -> None:
        self._leave()
        self._signals.let_keys_stop()
        self._keys_stop = True
        if self._is_to_stop:
            os.kill(os.getpid(), signal.SIGTSTP)

    def _take(self) -> None:
        """Take the terminal for a child that is in front, or is about to be."""
        self._is_in_front = True
        try:
            self._terminal.make_raw()
        except OSError:
            self._hang_up(self._screen)
            return
        self._terminal.copy_size(self._master)
        self._adjust()

    def _take_or_go_behind(self) -> None:
        """Have the child where we are."""
        if self._terminal.is_foreground():
            self._take()
        else:
            self._go_behind()

    def _adjust(self) -> None:
        self._keyboard.is_open = self._terminal.is_raw
        self._screen.ends_lines = self._terminal.ends_lines

    def _turn(self, *, reading: bool = True) -> bool:
        has_news = super()._turn(reading=reading)
        if self._keyboard.has_ended and self._master in self._ours:
            # Somebody has put us behind, or changed the modes; where the terminal has gone it cannot be taken.
            self._keyboard.has_ended = False
            self._take_or_go_behind()
        return has_news

    def _hang_up(self, stream: Stream) -> None:
        super()._hang_up(stream)
        if stream is self._screen:
            self._keyboard.abandon()
            # The system tells the leader of the session, who tells the child.
            self._close(self._slave)

    def _heed(self, number: int) -> None:
        if number == signal.SIGWINCH:
            self._terminal.copy_size(self._master)
            return
        if number == signal.SIGTSTP and self._has_ended:
            self._is_to_stop = True
            if self._keys_stop:
                os.kill(os.getpid(), number)
            return
        if number == signal.SIGCONT and self._has_stopped:
            self._is_continued = True  # it goes on when all is done for its stop
            return
        if number == signal.SIGCONT and self._is_in_front:
            self._take_or_go_behind()  # somebody had stopped us alone, and the shell has had the terminal
        if number == signal.SIGCONT and self._is_moving:
            return  # it is continued once it is moved: earlier it would not stop, and never ask
        super()._heed(number)

    def _stop(self, number: int, came: Iterable[int]) -> None:
        """The child has stopped: stop as well, and let it go on when we do.

        Where somebody has continued us since, the stop is over: that one has continued the whole job.
        """
        self._has_stopped, self._is_continued = True, False
        for other in came:
            self._heed(other)
        if self._is_moving:
            self._is_moving = False
            if self._terminal.is_foreground():
                self._take()  # it was in front, and we are there again
        elif self._gets_what_it_wants(number):
            self._take()  # it was behind, and nobody needs to stop for that
        else:
            self._stop_as_well(number)
        self._has_stopped = False
        self._child.go_on(in_front=self._is_in_front)

    def _stop_as_well(self, number: int) -> None:
        """Stop until we are continued, and have the child where we are then."""
        was_in_front = self._is_in_front
        self._give_back()
        if not self._is_continued and not self._gets_what_it_wants(number):
            for other in self._signals.stop(number):
                self._heed(other)
        if self._terminal.is_foreground():
            if was_in_front or number in _WANTS_TERMINAL:
                self._take()
        elif number in _WANTS_TERMINAL and not self._is_continued:
            # We were not stopped: nobody is there to continue us in the foreground (POSIX.1-2024, 2.4.3). A stopped
            # program whose group comes to that is hung up, and so is this one.
            self._hang_up(self._screen)

    def _gets_what_it_wants(self, number: int) -> bool:
        """Say whether a signal stopped it for want of the terminal, which we have."""
        return number in _WANTS_TERMINAL and self._terminal.is_foreground()

    def _go_behind(self) -> None:
        """Put the child behind, as we are: it is moved while it is stopped, so that it asks when it wants to read."""
        self._is_in_front = False
        self._is_moving = True
        self._terminal.leave()
        self._adjust()
        self._child.send(signal.SIGSTOP)

    def _give_back(self) -> None:
        """Show what the child has written so far, and give the terminal back."""
        self._pump.take_last()
        for stream in self._outputs:
            stream.settle()
        self._leave()

    def _leave(self) -> None:
        """Give the terminal back once all is written that waits for it; who reads a pipe may have been stopped too."""
        self._flush(self._screen)
        self._is_in_front = False
        self._terminal.restore()
        self._adjust()
