"""A person at a terminal: types, and looks at a screen of which pyte knows what a real one would show.

Nothing hangs: what is not seen in time fails the test with the screen as it is.
"""

import os
import select
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyte

from tests.patience import SECONDS
from tests.terminal import COLUMNS, ON_TERMINAL, ROWS, running

QUIET_SECONDS = 0.3
PROMPT = "~> "


class _Display(pyte.Screen):
    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        if not private:  # vim sets a mode of xterm's keyboard so, which pyte takes for colours
            super().select_graphic_rendition(*attributes)


class Screen:
    """A terminal with a command on it. `output` is all that came, `pid` the first process, which leads the session."""

    def __init__(self, master: int, pid: int) -> None:
        self.output = b""
        self._typed = 0  # what was there when the last line was typed to the shell
        self.pid = pid
        self.master = master
        self._screen = _Display(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        """What is on the screen, without blanks at the end of lines."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def is_raw(self) -> bool:
        """Whether keys reach programs one by one."""
        local_modes: int = termios.tcgetattr(self.master)[3]
        return not local_modes & termios.ICANON

    @property
    def modes(self) -> list[object]:
        """The terminal's modes."""
        return list(termios.tcgetattr(self.master))

    def type(self, keys: str | bytes) -> None:
        """Type keys; `\\r` is Enter."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def see(self, *texts: str) -> None:
        """Wait until each text is on the screen."""
        self.wait(lambda: all(text in self.text for text in texts), f"{texts}")

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"not seen: {what}; the screen:\n{self.text}"
            self._take(0.02)

    def rest(self, seconds: float = QUIET_SECONDS) -> None:
        """Wait until nothing has come for a while."""
        while self._take(seconds):
            pass

    def run(self, line: str, *texts: str) -> None:
        """Type a command line to the shell, once it has the terminal, and wait for what is to be seen below it.

        What is typed before that would be the running program's.
        """
        self.wait(
            lambda: PROMPT.encode() in self.output[self._typed :] and os.tcgetpgrp(self.master) == self.pid,
            "the shell's prompt",
        )
        self._typed = len(self.output)
        self._screen.reset()
        self.type(line + "\r")
        self.see(*texts)

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size."""
        self._screen.resize(rows, columns)
        termios.tcsetwinsize(self.master, (rows, columns))

    def close(self) -> None:
        """Let the terminal go away, as when its window is closed."""
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    def _take(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], seconds)
        try:
            data = os.read(self.master, 65536) if ready else b""
        except OSError:  # EIO: nobody has it open
            data = b""
        self.output += data
        self._stream.feed(data)
        return bool(data)


@contextmanager
def on_screen(command: str, env: Mapping[str, str], cwd: Path) -> Iterator[Screen]:
    """Run a bash command line on a terminal of its own."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (ROWS, COLUMNS))
    with running(["bash", "-c", ON_TERMINAL, os.ttyname(slave), command], env, cwd) as process:
        screen = Screen(master, process.pid)
        try:
            yield screen
        finally:
            screen.close()
            os.close(slave)
