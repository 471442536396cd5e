"""Signals of a process that stays beside its child: caught, and read from a pipe one by one, so that none is missed.

What the child starts with is what we were started with: what the caller ignores stays ignored, what is blocked blocked.
"""

import os
import signal
from collections.abc import Iterator

# A fault of our own, or nothing that anybody sends to a program.
_FAULTS = frozenset(
    {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP}
)
# These are ours even where the caller ignores or blocks them: they tell of the child, of the end of a stop, of a new
# size.
_OURS = frozenset({signal.SIGCHLD, signal.SIGCONT, signal.SIGWINCH})
# Python ignores the first two; a read from the background is an error then, and no stop of the whole job. Where the
# terminal is set so that the background may not write to it, a write of ours is to stop us, as it would the child.
_LEFT_ALONE = frozenset({signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTTOU, signal.SIGURG, signal.SIGKILL, signal.SIGSTOP})


class Signals:
    """The signals that come from now on. `fileno` is readable when there are some; block, fork, then `unblock`.

    With `stops` the keys that stop a job are the child's, who stops first; else they stop us like anybody.
    """

    def __init__(self, *, stops: bool) -> None:
        left = _LEFT_ALONE | _FAULTS | (set() if stops else {signal.SIGTSTP, signal.SIGTTIN})
        caught = signal.valid_signals() - left
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, caught | {signal.SIGTTOU})
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._originals = {}
        for number in caught:
            original = signal.getsignal(number)
            if original is not signal.SIG_IGN or number in _OURS:
                self._originals[number] = original
                signal.signal(number, signal.SIG_IGN if number == signal.SIGTTIN else _catch)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._reader

    def unblock(self) -> None:
        """Let them come, once the child is there to be told: what the caller blocks stays so, but what we need."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask - _OURS)

    def take(self) -> Iterator[int]:
        """Yield the numbers of those that came."""
        try:
            yield from os.read(self._reader, 512)
        except BlockingIOError:
            return

    def stop(self, number: int) -> list[int]:
        """Stop by a signal until we are continued, and return what came meanwhile: SIGCONT, if we did stop.

        A key of the terminal stops the whole job, and so does this: where a script runs us, its shell would wait for
        us, and the shell of the user for that one. What stopped the child by SIGSTOP meant the child alone. Somebody
        may have continued us before we come to stop: then nothing stops, for what comes last counts.
        """
        if number == signal.SIGSTOP:
            came = list(self.take())
            if signal.SIGCONT not in came:
                os.kill(os.getpid(), number)
        else:
            # A key that is pressed again meanwhile is to be no second stop.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
            before = signal.signal(number, signal.SIG_DFL)
            os.kill(0, number)
            came = list(self.take())
            if signal.SIGCONT in came:
                os.kill(0, signal.SIGCONT)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            signal.signal(number, before)
        came += self.take()
        # A stop that was to come is over with a SIGCONT that came after it (POSIX.1-2024, 2.4.1).
        return [other for at, other in enumerate(came) if other != signal.SIGTSTP or signal.SIGCONT not in came[at:]]

    def let_keys_stop(self) -> None:
        """Let the key that stops a job stop us like anybody: there is no child any more who stops first."""
        signal.signal(signal.SIGTSTP, self._originals.get(signal.SIGTSTP, signal.SIG_IGN))

    def put_back(self) -> None:
        """Put back what was there, in this process or in a child of it."""
        for number, original in self._originals.items():
            signal.signal(number, original)
        self.leave()

    def leave(self) -> None:
        """Put the signals themselves in the place of the pipe, in a process that sees to them in its own way."""
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reader)
        os.close(self._writer)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)


def _catch(number: int, frame: object) -> None:
    """Do nothing: its number is in the pipe."""
