"""Streams in odd states: closed pipes, pipes that do not wait, terminals of another encoding, Ctrl-C at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.patience import SECONDS

# Says when credvault's own code is about to run; a signal that falls between the two is none of its business.
STARTED = """
import os
import credvault.__main__ as program
status = 130
try:
    os.write(2, b"+")
    status = program.main()
except KeyboardInterrupt as exc:
    if exc.__traceback__.tb_next is not None:
        raise
os._exit(status)
"""
SCRIPT = str(Path(sys.executable).with_name("credvault"))


@pytest.mark.parametrize("words", [["--help"], ["add", "--help"], ["--version"]], ids=" ".join)
def test_help_into_a_pipe_that_nobody_reads_is_quiet_141(cli: Cli, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "wb") as stdout:
        done = subprocess.run([SCRIPT, *words], stdout=stdout, stderr=subprocess.PIPE, timeout=SECONDS, check=False)

    assert (done.returncode, done.stderr) == (141, b"")


def test_help_is_shown_in_an_encoding_that_lacks_its_characters(cli: Cli) -> None:
    done = cli("add", "--help", env={"PYTHONIOENCODING": "latin-1"})

    assert done.returncode == 0
    assert b"--probe JSON" in done.stdout
    assert done.stderr == b""


def test_value_is_written_whole_to_a_pipe_that_does_not_wait(cli: Cli) -> None:
    value = os.urandom(300_000)
    cli("add", "large", "--stdin-raw", stdin=value, check=True)
    program = (
        "import os, subprocess, sys, time\n"
        "reading, writing = os.pipe()\n"
        "os.set_blocking(writing, False)\n"
        "child = subprocess.Popen(sys.argv[1:], stdout=writing)\n"
        "os.close(writing)\n"
        "data = b''\n"
        "while piece := os.read(reading, 4096):\n"
        "    data += piece\n"
        "sys.stdout.buffer.write(data)\n"
        "sys.exit(child.wait())\n"
    )

    done = cli.run([sys.executable, "-c", program, SCRIPT, "get", "large"])

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == value


def test_value_is_read_from_a_pipe_that_does_not_wait(cli: Cli) -> None:
    program = (
        "import os, subprocess, sys, time\n"
        "reading, writing = os.pipe()\n"
        "os.set_blocking(reading, False)\n"
        "child = subprocess.Popen(sys.argv[1:], stdin=reading)\n"
        "os.close(reading)\n"
        "time.sleep(0.5)  # so that it is asked for before it is there\n"
        "os.write(writing, b'late')\n"
        "os.close(writing)\n"
        "sys.exit(child.wait())\n"
    )

    cli.run([sys.executable, "-c", program, SCRIPT, "add", "late", "--stdin"])

    assert cli("get", "late").stdout == b"late"


def test_ctrl_c_at_any_moment_shows_no_traceback(cli: Cli) -> None:
    """But for the interpreter's own start, which ends by the signal itself before any of our code runs."""
    cli("add", "k", "--stdin", stdin=b"value", check=True)
    rng = random.Random(20261122)  # noqa: S311 - to repeat, not to hide
    odd = []

    for _ in range(40):
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                STARTED,
                "get",
                "k",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=cli.env,
        )
        assert child.stderr is not None
        child.stderr.read(1)
        time.sleep(rng.uniform(0, 0.12))
        child.send_signal(signal.SIGINT)
        stdout, stderr = child.communicate(timeout=SECONDS)
        if (child.returncode, stdout) not in ((0, b"value"), (130, b""), (130, b"value")) or stderr.strip():
            odd.append((child.returncode, stderr[-300:]))

    assert odd == []


@pytest.mark.parametrize(("call", "stdout"), [("disable", b""), ("freeze", b"value")], ids=["first", "last"])
def test_ctrl_c_at_the_first_and_at_the_last_step_shows_no_traceback(cli: Cli, call: str, stdout: bytes) -> None:
    cli("add", "k", "--stdin", stdin=b"value", check=True)
    code = (
        "import gc, os, signal, sys\n"
        "from credvault.__main__ import main\n"
        "def interrupt():\n"
        "    if sys._getframe(1).f_code is main.__code__:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        f"gc.{call} = interrupt\n"
        "os._exit(main())\n"
    )

    done = cli.run([sys.executable, "-c", code, "get", "k"])

    assert (done.returncode, done.stdout, done.stderr) == (130, stdout, b"")


@pytest.mark.parametrize("words", [["get", "k"], ["list"]], ids=" ".join)
def test_ctrl_c_while_a_class_is_made_shows_no_traceback(cli: Cli, words: list[str]) -> None:
    """Python 3.11 makes a RuntimeError of what its `__set_name__` calls raise."""
    cli("add", "k", "--stdin", stdin=b"value", check=True)
    code = (
        "import functools, os, signal\n"
        "from credvault.__main__ import main\n"
        "functools.cached_property.__set_name__ = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "os._exit(main())\n"
    )

    done = cli.run([sys.executable, "-c", code, *words])

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
