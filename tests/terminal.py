"""One command line, run as a script does (pipes, no terminal) or as a person does (a pty of its own).

Nothing hangs: each run has a time limit in seconds, after which its process group is killed and `overdue`
says what was waited for. Knows nothing of transcripts; output comes back as bytes.
"""

import os
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROWS, COLUMNS = 24, 80
POLL_SECONDS = 0.02
# What is to stay hidden waits this long for the echo to be off: turning it off drops what was typed before.
ECHO_SECONDS = 10.0
# The leader of a session without a terminal gets the first one that it opens as its controlling terminal. So
# no code runs between fork and exec, which Python 3.12 warns of where there are threads.
ON_TERMINAL = 'exec <>"$0" >&0 2>&0; exec bash -c "$1"'


@dataclass(frozen=True)
class Keys:
    """What is typed at one prompt; `hidden` where the person expects not to see it."""

    sent: bytes
    hidden: bool


@dataclass(frozen=True)
class Ran:
    """What a command did: `outputs` is stdout and stderr, or what a terminal showed between typings."""

    outputs: list[bytes]
    status: int  # as a shell has it: 128+N after signal N
    overdue: str = ""  # empty when the command ended by itself


def run_in_script(command: str, env: Mapping[str, str], cwd: Path, seconds: float) -> Ran:
    """Run a bash command line with stdin empty and no terminal within reach."""
    overdue = ""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(["bash", "-c", command], env, cwd, **pipes) as process:
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            overdue = (
                "was still running" if process.poll() is None else "left a process behind that still held its output"
            )
            overdue += f" after {seconds:g} s"
            _kill(process)
            try:
                stdout, stderr = process.communicate(timeout=1)
            except subprocess.TimeoutExpired as late:  # held by a process outside the group
                stdout, stderr = late.output or b"", late.stderr or b""
    return Ran([stdout, stderr], _status(process), overdue)


def run_on_terminal(
    command: str,
    env: Mapping[str, str],
    cwd: Path,
    keys: Sequence[Keys],
    pause: Callable[[list[bytes]], float | None],
    seconds: float,
    prompt_seconds: float,
) -> Ran:
    """Run a bash command line on a pty, typing each of `keys` when its turn has come.

    `pause` is shown the output so far, cut where something was typed, and says how long (seconds) the
    terminal must have been quiet before the next of `keys` is typed; None means not yet.
    """
    outputs, overdue = [b""], ""
    master, slave = os.openpty()
    try:
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        with running(["bash", "-c", ON_TERMINAL, os.ttyname(slave), command], env, cwd) as process:
            started = turned = heard = time.monotonic()
            wait = pause(outputs) if keys else None
            while not overdue:
                ended = process.poll() is not None  # asked before reading: nothing is written after it
                chunk = _read(master)
                if ended and not chunk:
                    break
                now = time.monotonic()
                typing = keys[len(outputs) - 1] if len(outputs) <= len(keys) else None
                if chunk:
                    outputs[-1] += chunk
                    heard = now
                    wait = pause(outputs) if typing else None
                elif typing and wait is not None and now - heard >= wait + _echo_seconds(slave, typing):
                    os.write(master, typing.sent)
                    outputs.append(b"")
                    turned = now
                    wait = pause(outputs) if len(outputs) <= len(keys) else None
                elif typing and now - turned > prompt_seconds:
                    overdue = f"did not come to the next prompt within {prompt_seconds:g} s"
                if now - started > seconds:
                    overdue = f"was still running after {seconds:g} s"
    finally:
        os.close(slave)
        os.close(master)
    return Ran(outputs, _status(process), overdue)


def _read(master: int) -> bytes:
    """Return what the terminal shows next, empty when nothing came for a moment."""
    ready, _, _ = select.select([master], [], [], POLL_SECONDS)
    return os.read(master, 65536) if ready else b""


def _echo_seconds(slave: int, keys: Keys) -> float:
    local_modes: int = termios.tcgetattr(slave)[3]
    return ECHO_SECONDS if keys.hidden and local_modes & termios.ECHO else 0.0


@contextmanager
def running(argv: list[str], env: Mapping[str, str], cwd: Path, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a session of its own, and kill what is left of its process group."""
    with _signals_not_ignored():
        process = subprocess.Popen(argv, env=env, cwd=cwd, start_new_session=True, umask=0o022, **streams)
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                _kill(process)


@contextmanager
def _signals_not_ignored() -> Iterator[None]:
    """Undo what a test run in the background inherits: with SIGINT ignored, no ^C would reach a command."""
    watched = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
    ignored = [number for number in watched if signal.getsignal(number) is signal.SIG_IGN]
    try:
        for number in ignored:
            signal.signal(number, signal.SIG_DFL)
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Of a group whose members have all ended, Linux says "no such process" and macOS "not permitted".
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _status(process: subprocess.Popen[bytes]) -> int:
    return process.returncode if process.returncode >= 0 else 128 - process.returncode
