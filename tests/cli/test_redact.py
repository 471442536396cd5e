"""The filter as a process between others: what comes out while its input is still open, and what never does."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.conftest import PROGRAM, Cli
from tests.patience import SECONDS

CANARY = b"canary-closed"  # closed/password of the stocked vault
HALF = len(b"canary-dev") // 2 + 1  # of another there, which begins so
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(stocked: Cli) -> Iterator[Start]:
    """Start the filter with pipes; it is ended with the test."""
    started = []

    def begin(*words: str) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [PROGRAM, "redact", *words],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=stocked.env,
            cwd=stocked.cwd,
            bufsize=0,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def write(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)


def read(process: "subprocess.Popen[bytes]", seconds: float = SECONDS) -> bytes:
    """Return what comes out next, nothing if that takes longer."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return os.read(process.stdout.fileno(), 65_536) if ready else b""


def test_lines_come_out_while_the_input_is_open(start: Start) -> None:
    process = start()

    outs = []
    for line in (b"one\n", b"two " + CANARY + b"\n", b"three\n"):
        write(process, line)
        outs.append(read(process))

    assert outs == [b"one\n", b"two [REDACTED]\n", b"three\n"]


def test_prompt_that_looks_like_a_beginning_comes_out_after_a_while(start: Start) -> None:
    process = start()

    write(process, b"> can")
    first = read(process)
    write(process, b"ar")  # with this it is half of another secret, which is the most that quiet lets go
    outs = [first, read(process)]
    while sum(map(len, outs)) < 7 and outs[-1]:
        outs.append(read(process))

    assert b"".join(outs) == b"> canar"


def test_canary_byte_by_byte_with_pauses_shows_three_bytes(start: Start) -> None:
    process = start()

    shown = b""
    for byte in b"<" + CANARY[:3]:
        write(process, bytes([byte]))
        shown += read(process)
    # More than half of the shortest secret that begins so: from here on no quiet, however long, lets anything go.
    write(process, CANARY[3:HALF])
    for byte in CANARY[HALF:]:
        time.sleep(0.05)
        write(process, bytes([byte]))
    stdout, stderr = process.communicate(b">", timeout=SECONDS)

    assert shown == b"<" + CANARY[:3]
    assert (process.returncode, stdout, stderr) == (0, b"[REDACTED]>", b"")


def test_what_holds_no_secret_passes_byte_by_byte(stocked: Cli) -> None:
    data = os.urandom(3_000_000)

    done = stocked("redact", stdin=data)

    assert (done.returncode, done.stdout == data, done.stderr) == (0, True, b"")


def test_every_secret_is_hidden_whatever_its_delivery(stocked: Cli) -> None:
    values = [b"canary-token", b"canary-dev", b"canary-prod", b"canary-bot", b"canary-login", b"canary-closed-db"]

    done = stocked("redact", stdin=b"\n".join([*values, b"canary/:@#?", b"canary-none"]))

    assert done.stdout.split(b"\n") == [b"[REDACTED]"] * 7 + [b"canary-none"]


@pytest.mark.parametrize(
    ("words", "changes", "status"),
    [
        ([], {"CREDVAULT_KEY": None}, 5),
        ([], {"CREDVAULT_KEY": "cvk1_wrong"}, 5),
        (["no/such"], {}, 3),
        (["--vault", "none"], {}, 6),
        (["--no-such-option"], {}, 2),
    ],
)
def test_when_it_cannot_hide_it_reads_nothing(
    stocked: Cli, words: list[str], changes: dict[str, str | None], status: int
) -> None:
    reading, writing = os.pipe()
    os.write(writing, CANARY)
    os.close(writing)

    done = subprocess.run(
        [PROGRAM, "redact", *words],
        stdin=reading,
        capture_output=True,
        env=stocked.environment(changes),
        cwd=stocked.cwd,
        timeout=SECONDS,
        check=False,
    )
    left = os.read(reading, 100)
    os.close(reading)

    assert (done.returncode, done.stdout, left) == (status, b"", CANARY)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_lets_nothing_go_that_is_held_back(start: Start, signum: signal.Signals) -> None:
    process = start()
    write(process, b"<" + CANARY[:-1])
    assert read(process) == b"<"

    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=SECONDS)

    assert (stdout, stderr.strip()) == (b"", b"")
    assert process.returncode == (130 if signum == signal.SIGINT else -signum)


def test_input_that_cannot_be_read_is_an_error(stocked: Cli) -> None:
    (stocked.cwd / "written").write_bytes(CANARY)

    done = stocked.run(["/bin/sh", "-c", f"exec {PROGRAM} redact 0>>written"])

    assert (done.returncode, done.stdout) == (6, b"")
    assert done.stderr == b"credvault: error: cannot read stdin: bad file descriptor\n"


def test_pipes_that_do_not_wait_are_waited_for(stocked: Cli) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = subprocess.Popen([PROGRAM, "redact"], stdin=reading, stdout=subprocess.PIPE, env=stocked.env)
    os.close(reading)

    time.sleep(0.5)
    with suppress(BrokenPipeError):
        os.write(writing, b"<" + CANARY + b">")
    os.close(writing)
    stdout, _ = process.communicate(timeout=SECONDS)

    assert (process.returncode, stdout) == (0, b"<[REDACTED]>")


def test_reader_that_has_gone_ends_it_quietly(start: Start) -> None:
    process = start()
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None

    write(process, b"one\n")
    process.wait(SECONDS)

    assert process.stderr is not None
    assert (process.returncode, process.stderr.read()) == (141, b"")
