"""A stop and what comes before, meanwhile and after it: what came last counts, as for any process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.patience import SECONDS

STOPS = """
import os, signal, sys
from credvault.delivery.signals import Signals
first, number = map(int, sys.argv[1:])
signals = Signals(stops=True)
signals.unblock()
os.kill(os.getpid(), first)
print([int(came) for came in signals.stop(number)])
"""


@contextmanager
def stopping(first: int, number: int) -> Iterator["subprocess.Popen[str]"]:
    """Run a job that stops by a signal while another, which came before, has not been looked at."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPS, str(int(first)), str(int(number))],
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_key_that_is_pressed_twice_stops_once() -> None:
    with stopping(signal.SIGTSTP, signal.SIGTSTP) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=SECONDS)

    assert said == f"[{int(signal.SIGCONT)}]\n"
    assert process.returncode == 0


def test_signal_that_is_no_stop_is_kept_over_one() -> None:
    with stopping(signal.SIGTERM, signal.SIGTSTP) as process:
        os.waitpid(process.pid, os.WUNTRACED)
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=SECONDS)

    assert said == f"[{int(signal.SIGTERM)}, {int(signal.SIGCONT)}]\n"


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGSTOP], ids=str)
def test_job_that_was_continued_before_it_came_to_stop_goes_on(number: int) -> None:
    with stopping(signal.SIGCONT, number) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        process.returncode = os.waitstatus_to_exitcode(status) if not os.WIFSTOPPED(status) else None
        assert process.returncode == 0
        assert process.stdout is not None
        said = process.stdout.read()

    assert set(said.strip("[]\n").split(", ")) == {str(int(signal.SIGCONT))}
