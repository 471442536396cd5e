"""A shell as a person has it: on a pty of its own, with what is typed and what the screen shows.

The screen is a real one (pyte). Nothing hangs: whatever is waited for has a limit, and the shell is killed at the end.
"""

import os
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pyte

from tests.patience import SECONDS

ROWS, COLUMNS = 50, 150
PROMPT = "§ "
# Typed after a TAB: once it is seen, the shell has done what there was to do.
MARK = "@@"
_DONE = "so-it-is-done"
_KILL_LINE = "\x05\x15"  # to the end of the line, and everything before that
# As in `terminal.py`: the leader of a session without a terminal gets the first one that it opens.
_ON_TERMINAL = 'exec <>"$0" >&0 2>&0; exec "$@"'


class Shell:
    """An interactive shell. Its prompt must be PROMPT. Close it after use."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self._master, self._slave = os.openpty()
        termios.tcsetwinsize(self._slave, (ROWS, COLUMNS))
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self.seen = b""
        self.screen: list[str] = []
        self._process = subprocess.Popen(
            ["sh", "-c", _ON_TERMINAL, os.ttyname(self._slave), *argv],
            env={"TERM": "xterm", **environ},
            cwd=folder,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.wait_for(lambda lines: any(line.startswith(PROMPT.strip()) for line in lines))

    def close(self) -> None:
        """End it with everything it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._master)
        os.close(self._slave)

    def type(self, keys: str) -> None:
        """Type keys, as they are."""
        os.write(self._master, keys.encode())

    def lines(self) -> list[str]:
        """Return the lines of the screen as they are now, without blanks at their ends."""
        return [line.rstrip() for line in self._screen.display]

    def wait_for(self, is_so: Callable[[list[str]], bool], seconds: float = SECONDS) -> list[str]:
        """Return the lines of the screen once they are as is waited for; raises TimeoutError."""
        until = time.monotonic() + seconds
        while not is_so(self.lines()):
            if time.monotonic() > until:
                raise TimeoutError("\n".join(line for line in self.lines() if line))
            ready, _, _ = select.select([self._master], [], [], 0.05)
            if ready:
                data = os.read(self._master, 65536)
                self.seen += data
                self._stream.feed(data)
        return self.lines()

    def list(self, typed: str, wanted: str, tabs: int = 1) -> str:
        """Return the screen on which TAB lists what is wanted; TAB again for a while where it does not."""
        for _ in range(int(SECONDS)):
            self.type(f"{_KILL_LINE}\x0c{typed}" + "\t" * tabs)
            with suppress(TimeoutError):
                return "\n".join(self.wait_for(lambda lines: wanted in "\n".join(lines), 1.0))
        raise TimeoutError(wanted)

    def run(self, line: str) -> Sequence[str]:
        """Run a command line, and return the screen when it is done and the shell reads keys again.

        What is typed before its prompt is there, the terminal echoes as it is.
        """
        self.type(f"{_KILL_LINE}\x0c{line}; echo {_DONE}\r")
        return self.wait_for(
            lambda lines: (
                any(text.startswith(_DONE) for text in lines) and [text for text in lines if text][-1] == PROMPT.strip()
            )
        )

    def clear(self) -> None:
        """Take away what is typed, and everything else on the screen."""
        self.type(f"{_KILL_LINE}\x0c")
        self.wait_for(lambda lines: [line for line in lines if line] == [PROMPT.strip()])

    def complete(self, typed: str, tabs: int = 1) -> str:
        """Return what a line becomes when TAB is pressed at its end; the line is taken away again."""
        self.type(f"{_KILL_LINE}\x0c{typed}" + "\t" * tabs + MARK)
        lines = self.wait_for(lambda lines: any(MARK in line for line in lines))
        (line,) = [line for line in lines if MARK in line]
        self.screen = [text for text in lines if text]
        self.clear()
        return line.partition(MARK)[0].removeprefix(PROMPT)
