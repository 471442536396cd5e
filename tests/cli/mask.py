"""What the tests of masking share: a shell of a person, and programs that show a secret in odd ways."""

import os
import subprocess
import sys
import termios
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl

from tests.conftest import Cli
from tests.screen import PROMPT, Screen, on_screen

SECRET = "canary-token"  # TOKEN in the vault of tests/cli/conftest.py
MARK = "[REDACTED]"
MASKED = "credvault exec -q --mask --only TOKEN --"
SHELL = f"exec env PS1='{PROMPT}' bash --norc --noprofile --noediting -i"
PYTHON = f"{sys.executable} -S"


@contextmanager
def shell(cli: Cli, *, term: str = "xterm") -> Iterator[Screen]:
    """Sit at a shell with job control; at the end no secret has been on the terminal."""
    env = {name: str(value) for name, value in cli.environment({"TERM": term}).items()}
    with on_screen(SHELL, env, cli.cwd) as screen:
        screen.see(PROMPT.rstrip())
        yield screen
        assert SECRET.encode() not in screen.output
        assert b"credvault/delivery" not in screen.output  # no traceback of ours


def relay_of(screen: Screen, child: str) -> int:
    """Return the process that relays for a child, which is the third of its kind: relay, leader, child."""
    found: dict[int, int] = {}

    def is_there() -> bool:
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    pid, _, rest = file.read().partition(" (")
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except (OSError, ValueError):
                continue
            session = int(rest.rpartition(") ")[2].split()[3])
            if session == screen.pid and child.encode() in words and b"exec" in words:
                found[int(pid)] = session
        return bool(found)

    screen.wait(is_there, f"the process that relays for {child}")
    return next(iter(found))


def child_of(pid: int) -> int:
    """Return the one child of a process."""
    (child,) = _children_of(pid)
    return child


def has_child(pid: int) -> bool:
    """Say whether a process has a child yet."""
    return bool(_children_of(pid))


def _children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def is_stopped(pid: int) -> bool:
    """Say whether a process is stopped, as by Ctrl-Z."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2].startswith("T")


def wait_for_report(screen: Screen, relay: int) -> None:
    """Wait until something is in a pipe of a relay that is stopped: what becomes of the child is told by one."""

    def is_told() -> bool:
        waiting = array("i", [0])
        for name in os.listdir(f"/proc/{relay}/fd"):
            path = f"/proc/{relay}/fd/{name}"
            if os.readlink(path).startswith("pipe:") and not waiting[0]:
                with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as pipe:
                    ioctl(pipe, termios.FIONREAD, waiting)
        return waiting[0] > 0

    screen.wait(is_told, "news of the child")


def running_in(screen: Screen) -> list[str]:
    """Return the processes of the shell's session other than the shell."""
    told = subprocess.run(["ps", "-o", "pid=", "-s", str(screen.pid)], capture_output=True, text=True, check=False)
    return [pid for pid in told.stdout.split() if int(pid) != screen.pid]


def continue_in_front(screen: Screen, word: str) -> None:
    """Bring a stopped job to the foreground, and type a word to it: its child reads again, and says what it read."""
    screen.run("fg", "exec")
    screen.wait(lambda: screen.is_raw, "raw mode")
    screen.type(f"{word}\r")
    screen.see(f"{word}\n{word}")


def wait_for_job(screen: Screen, state: str) -> None:
    """Ask the shell for its jobs until one is in that state."""

    def is_so() -> bool:
        screen.run("jobs; echo those", "\nthose")
        return state in screen.text

    screen.wait(is_so, f"a job that is {state}")


def wait_for_front(screen: Screen) -> None:
    """Wait until the shell has given the terminal to a job: what is typed before is the shell's."""
    screen.wait(lambda: os.tcgetpgrp(screen.master) != screen.pid, "a job in front")
