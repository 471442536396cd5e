"""On a terminal the child is in the foreground by itself: its keys, its size and its jobs are its own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.patience import SECONDS
from tests.terminal import Keys, Ran, run_on_terminal

CATCHER = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: print("caught INT", flush=True))
signal.signal(signal.SIGQUIT, lambda *_: print("caught QUIT", flush=True))
print("ready", flush=True)
for line in sys.stdin:
    print("read", line.strip(), flush=True)
"""


def seen(*texts: bytes) -> Callable[[list[bytes]], float | None]:
    """Type the n-th keys when the n-th text has been shown since the last ones."""
    return lambda outputs: 0.1 if texts[len(outputs) - 1] in outputs[-1] else None


def on_terminal(cli: Cli, command: str, typed: list[bytes], pause: Callable[[list[bytes]], float | None]) -> Ran:
    env = {name: str(value) for name, value in cli.environment({"TERM": "dumb"}).items()}
    keys = [Keys(keys, hidden=False) for keys in typed]
    ran = run_on_terminal(command, env, cli.cwd, keys, pause, SECONDS, SECONDS)
    assert not ran.overdue, ran
    return ran


def catcher(folder: Path) -> str:
    (folder / "catcher.py").write_text(CATCHER)
    return f"{sys.executable} -S {folder / 'catcher.py'}"


@pytest.mark.parametrize(("key", "shown"), [(b"\x03", b"caught INT"), (b"\x1c", b"caught QUIT")])
def test_key_that_sends_a_signal_reaches_the_child_once(stocked: Cli, key: bytes, shown: bytes) -> None:
    command = f"credvault exec -- {catcher(stocked.cwd)}; echo status $?"

    ran = on_terminal(stocked, command, [key, b"word\r", b"\x04"], seen(b"ready", shown, b"read word"))

    screen = b"".join(ran.outputs)
    assert screen.count(shown) == 1
    assert b"read word" in screen
    assert screen.rstrip().endswith(b"status 0")
    assert b"credvault:" not in screen


@pytest.mark.parametrize(("key", "status"), [(b"\x03", b"status 130"), (b"\x1c", b"status 131")])
def test_key_ends_a_child_that_does_not_catch_it(stocked: Cli, key: bytes, status: bytes) -> None:
    command = "ulimit -c 0; trap : INT QUIT; credvault exec -- sh -c 'echo ready; exec sleep 600'; echo status $?"

    ran = on_terminal(stocked, command, [key], seen(b"ready"))

    assert status in b"".join(ran.outputs)


def test_job_can_be_stopped_and_continued(stocked: Cli) -> None:
    typed = [b"credvault exec -- cat\r", b"one\r", b"\x1a", b"jobs\r", b"fg\r", b"two\r", b"\x04", b"exit 7\r"]
    pause = seen(b"> ", b"cat\r\n", b"one\r\none", b"Stopped", b"Stopped", b"cat\r\n", b"two\r\ntwo", b"> ")

    ran = on_terminal(stocked, "exec env PS1='> ' bash --norc --noprofile --noediting -i", typed, pause)

    assert ran.status == 7
    assert b"".join(ran.outputs).count(b"Stopped") == 2
    assert b"Traceback" not in b"".join(ran.outputs)


def test_terminal_is_the_childs(stocked: Cli) -> None:
    program = "import os, sys; print(os.tcgetpgrp(0) == os.getpgrp(), [os.isatty(fd) for fd in (0, 1, 2)])"

    ran = on_terminal(
        stocked,
        f"stty size; credvault exec -- stty size; credvault exec -- {sys.executable} -c '{program}'",
        [],
        seen(),
    )

    assert b"".join(ran.outputs) == b"24 80\r\n24 80\r\nTrue [True, True, True]\r\n"


def test_missing_program_is_said_without_asking_for_the_passphrase(stocked: Cli) -> None:
    del stocked.env["CREDVAULT_KEY"]

    ran = on_terminal(stocked, "credvault exec -- /no/such", [], seen())

    assert ran.status == 127
    assert b"".join(ran.outputs) == b"credvault: error: there is no program /no/such\r\n"
