"""Without a terminal, as in CI: pipes and sockets are masked, files are not, and the child's end is the true one."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.mask import MARK, PYTHON, SECRET
from tests.conftest import PROGRAM, Cli
from tests.patience import SECONDS

MASK = ["exec", "--mask", "--only", "TOKEN", "--"]
IN_CI = {"CI": "true"}
SHOW = ["sh", "-c", "echo $TOKEN; echo error $TOKEN >&2"]


@contextmanager
def running(cli: Cli, *child: str, **streams: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a masked child with pipes, in a session of its own; kill what is left of it."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    with subprocess.Popen(
        [PROGRAM, *MASK, *child], env=cli.environment(), cwd=cli.cwd, start_new_session=True, **pipes
    ) as process:
        try:
            yield process
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize(
    ("options", "env", "masks"),
    [
        ([], {}, False),
        ([], {"CI": ""}, False),
        ([], IN_CI, True),
        ([], {"CI": "1"}, True),
        (["--mask"], {}, True),
        (["--no-mask"], IN_CI, False),
        (["--mask", "--no-mask"], {}, False),
        (["--no-mask", "--mask"], IN_CI, True),
    ],
    ids=str,
)
def test_output_is_masked_in_ci_or_when_asked(
    stocked: Cli, options: list[str], env: dict[str, str], masks: bool
) -> None:
    done = stocked("exec", *options, "--", *SHOW, env=dict(env))

    word = MARK if masks else SECRET
    assert done.stdout.decode() == f"{word}\n"
    assert done.stderr.decode() == f"error {word}\n"
    assert done.returncode == 0


def test_plain_form_is_masked_in_ci_whichever_lane_would_run_it(stocked: Cli) -> None:
    plain = stocked("exec", "--", *SHOW)
    through_click = stocked("--color", "never", "exec", "--", *SHOW, env=dict(IN_CI))
    in_ci = stocked("exec", "--", *SHOW, env=dict(IN_CI))

    assert plain.stdout == b"canary-token\n"
    assert in_ci.stdout == through_click.stdout == b"[REDACTED]\n"


@pytest.mark.parametrize(
    "redirection", [">out", ">out 2>&1", ">>out", "2>out", ">/dev/null", "2>/dev/null", ">&-", "2>&-"]
)
def test_files_are_left_alone_beside_what_is_masked(stocked: Cli, redirection: str) -> None:
    out = stocked.cwd / "out"
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", PROGRAM]

    direct = stocked.run([*words, "exec", "--only", "TOKEN", "--", *SHOW])
    in_file = out.read_bytes() if out.exists() else b""
    out.unlink(missing_ok=True)
    masked = stocked.run([*words, "-q", *MASK, *SHOW])

    assert SECRET.encode() in direct.stdout + direct.stderr + in_file
    assert masked.stdout == direct.stdout.replace(SECRET.encode(), MARK.encode())
    assert masked.stderr == direct.stderr.replace(SECRET.encode(), MARK.encode())
    assert (out.read_bytes() if out.exists() else b"") == in_file


@pytest.mark.parametrize(
    ("options", "env", "redirection", "told"),
    [
        (["--mask"], {}, ">out", ["stdout"]),
        (["--mask"], IN_CI, ">out 2>out2", ["stdout", "stderr"]),
        (["--mask"], {}, ">/dev/null", []),
        (["--mask"], {}, ">&-", []),
        (["--mask", "-q"], {}, ">out", []),
        ([], IN_CI, ">out", []),
        (["--mask", "--no-mask"], {}, ">out", []),
    ],
    ids=str,
)
def test_somebody_who_asks_for_masking_is_told_of_files_once_each(
    stocked: Cli, options: list[str], env: dict[str, str], redirection: str, told: list[str]
) -> None:
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", PROGRAM]

    done = stocked.run([*words, "exec", *options, "--only", "TOKEN", "--", "true"], env=dict(env))

    said = done.stderr + b"".join(path.read_bytes() for path in stocked.cwd.glob("out*"))
    lines = [f"credvault: warning: {stream} is a file, and what is written there is not masked" for stream in told]
    assert said.decode().splitlines() == lines
    assert done.returncode == 0


def test_child_is_the_process_itself_where_nothing_is_masked(stocked: Cli) -> None:
    words: list[str | bytes] = [
        "sh",
        "-c",
        '"$@" >out 2>&1; echo $?',
        "sh",
        PROGRAM,
        "-q",
        *MASK,
        "sh",
        "-c",
        "echo $PPID; exit 3",
    ]

    done = stocked.run(words)
    nothing = stocked("exec", "--mask", "-e", "X=closed/none", "--if-missing", "ignore", "--", "sh", "-c", "echo $PPID")

    assert done.stdout == b"3\n"
    assert int((stocked.cwd / "out").read_text()) not in (0, os.getpid())
    assert nothing.stdout == b"%d\n" % os.getpid()


def test_socket_is_masked(stocked: Cli) -> None:
    here, there = socket.socketpair()
    with here, there, running(stocked, "sh", "-c", "echo $TOKEN; exit 2", stdout=there.fileno()) as process:
        assert process.wait(SECONDS) == 2
        there.close()

        assert here.recv(1000) == b"[REDACTED]\n"


def test_what_is_written_to_one_pipe_keeps_its_order(stocked: Cli) -> None:
    child = 'for i in 1 2 3 4 5 6 7 8 9; do echo "o$i"; echo "e$i" >&2; done'

    done = stocked.run(["sh", "-c", '"$@" 2>&1', "sh", PROGRAM, *MASK, "sh", "-c", child])

    assert done.stdout == b"".join(b"o%d\ne%d\n" % (i, i) for i in range(1, 10))


def test_every_byte_but_secrets_passes_as_it_is(stocked: Cli) -> None:
    data = bytes(range(256)) * 4000

    done = stocked(*MASK, "sh", "-c", "cat; printf 'to stderr' >&2", stdin=data)

    assert done.stdout == data
    assert done.stderr == b"to stderr"


def test_secret_in_pieces_never_comes_out(stocked: Cli) -> None:
    pieces = "import os, time\ntoken = os.environb[b'TOKEN']\n{}\nos.write(1, b'end')\n"
    writers = {
        "bytes": "for byte in token: os.write(1, bytes([byte])); time.sleep(0.003)",
        "two": "os.write(1, token[:6]); time.sleep(0.05); os.write(1, token[6:])",
        "base64": "import base64\nfor n in range(3): os.write(1, base64.b64encode(b'x' * n + token) + b'.')",
        "url": "from urllib.parse import quote\nos.write(1, quote(token + b'/').encode())",
        "json": "import json\nos.write(1, json.dumps(token.decode()).encode())",
    }
    for name, code in writers.items():
        (stocked.cwd / "writer.py").write_text(pieces.format(code))

        done = stocked(*MASK, *PYTHON.split(), "writer.py")

        assert MARK.encode() in done.stdout, name
        assert SECRET.encode() not in done.stdout
        assert b"Y2FuYXJ5" not in done.stdout  # base64 of the first six letters
        assert done.stdout.endswith(b"end")


def test_beginning_of_a_secret_is_not_held_for_long(stocked: Cli) -> None:
    with running(stocked, "sh", "-c", "printf can; sleep 600") as process:
        assert process.stdout is not None

        assert process.stdout.read(3) == b"can"
        assert process.poll() is None


def test_end_of_stdin_is_the_childs(stocked: Cli) -> None:
    done = stocked(*MASK, "wc", "-c", stdin=b"12345")

    assert done.stdout.strip() == b"5"


def test_every_exit_status_is_the_childs_own(stocked: Cli) -> None:
    statuses = [0, 1, 2, 125, 126, 127, 130, 143, 255]

    seen = [stocked(*MASK, "sh", "-c", f"exit {status}").returncode for status in statuses]

    assert seen == statuses


@pytest.mark.parametrize(("word", "number"), [("TERM", 15), ("KILL", 9), ("PIPE", 13), ("USR1", 10), ("SEGV", 11)])
def test_child_that_dies_by_a_signal_is_128_and_its_number(stocked: Cli, word: str, number: int) -> None:
    done = stocked(*MASK, "sh", "-c", f"ulimit -c 0; echo $TOKEN; kill -{word} $$")

    assert done.returncode == 128 + number
    assert done.stdout == b"[REDACTED]\n"
    assert done.stderr == b""


def test_interrupted_child_ends_us_in_the_same_way(stocked: Cli) -> None:
    """So that a shell that runs us ends its loop as well."""
    done = stocked(*MASK, "sh", "-c", "kill -INT $$")

    assert done.returncode == -signal.SIGINT


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "RTMIN"])
def test_signal_to_us_is_the_childs(stocked: Cli, name: str) -> None:
    number = getattr(signal, f"SIG{name}")
    child = f"import signal, sys\nsignal.signal({int(number)}, lambda *_: sys.exit(7))\n"
    child += "print('ready', flush=True)\nsignal.pause()"

    with running(stocked, *PYTHON.split(), "-c", child) as process:
        assert line(process) == b"ready\n"
        process.send_signal(number)

        assert process.wait(SECONDS) == 7


def test_signal_to_the_whole_group_ends_both(stocked: Cli) -> None:
    with running(stocked, "sh", "-c", "echo ready; sleep 600") as process:
        assert line(process) == b"ready\n"
        os.killpg(process.pid, signal.SIGTERM)

        assert process.wait(SECONDS) == 128 + signal.SIGTERM


BLOCK = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGCONT, signal.SIGTERM, signal.SIGTTOU])
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_child_is_in_our_group_and_has_our_dispositions(stocked: Cli) -> None:
    child = ["grep", "-E", "^(Sig(Blk|Ign|Cgt)|ShdPnd|NSpgid)", "/proc/self/status"]
    launcher = ["sh", "-c", 'trap "" INT USR1 CHLD TSTP CONT WINCH; exec "$@"', "sh"]

    for launch in ([], launcher, ["nohup"], [sys.executable, "-c", BLOCK]):
        direct = stocked.run([*launch, *child])
        through = stocked.run([*launch, PROGRAM, *MASK, *child])

        assert [row for row in through.stdout.splitlines() if b"NSpgid" not in row] == [
            row for row in direct.stdout.splitlines() if b"NSpgid" not in row
        ]
        assert b"SigBlk" in direct.stdout
        assert through.returncode == 0


def test_reader_that_goes_away_is_a_sigpipe_for_the_child(stocked: Cli) -> None:
    done = stocked.run(["bash", "-c", '"$@" | head -1; echo ${PIPESTATUS[0]}', "bash", PROGRAM, *MASK, "yes", "word"])

    assert done.stdout == b"word\n141\n"
    assert done.stderr == b""


def test_child_that_floods_is_held_back(stocked: Cli) -> None:
    flood = "import os, sys\nfor n in range(10**9):\n os.write(1, b'x' * 65536)\n print(n, file=sys.stderr, flush=True)"
    with running(stocked, *PYTHON.split(), "-c", flood, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.read(10_000_000)
        time.sleep(1)
        with open(f"/proc/{process.pid}/status") as status:
            kibibytes = next(int(row.split()[1]) for row in status if row.startswith("VmRSS"))

        assert kibibytes < 100_000
        assert process.poll() is None


def test_one_stream_does_not_wait_for_the_other(stocked: Cli) -> None:
    """Nobody reads stdout yet, which is full, and what goes to stderr is there at once."""
    flood = "import os, sys, threading\nthreading.Thread(target=lambda: os.write(1, b'x' * 2_000_000)).start()\n"
    flood += "os.write(2, b'heard\\n')\nsys.stdin.read()\nos.write(2, b'again\\n')"
    with running(stocked, sys.executable, "-c", flood) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == b"heard\n"
        time.sleep(0.5)
        process.stdin.close()
        assert process.stderr.readline() == b"again\n"

        assert len(process.stdout.read()) == 2_000_000
        assert process.wait(SECONDS) == 0


def test_child_that_closes_its_output_is_waited_for(stocked: Cli) -> None:
    start = time.monotonic()

    done = stocked(*MASK, "sh", "-c", "echo $TOKEN; exec >&- 2>&-; sleep 1; exit 6")

    assert time.monotonic() - start >= 1
    assert (done.returncode, done.stdout) == (6, b"[REDACTED]\n")


def test_daemon_that_holds_the_pipe_open_is_not_waited_for(stocked: Cli) -> None:
    child = "setsid sleep 600 & echo $! >pid; echo $TOKEN; exit 5"

    with running(stocked, "sh", "-c", child) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"[REDACTED]\n"
        assert process.wait(SECONDS) == 5
    daemon = int((stocked.cwd / "pid").read_text())
    os.kill(daemon, 0)  # it lives
    os.kill(daemon, signal.SIGKILL)


def test_daemon_that_writes_on_is_not_waited_for(stocked: Cli) -> None:
    done = stocked(*MASK, "sh", "-c", "setsid yes & echo $TOKEN; exit 5")

    assert done.returncode == 5
    assert b"[REDACTED]\n" in done.stdout


def test_all_that_the_child_wrote_comes_out_before_we_end(stocked: Cli) -> None:
    done = stocked(*MASK, "sh", "-c", "seq 100000; printf can", stdin=b"")

    assert done.stdout == b"".join(b"%d\n" % n for n in range(1, 100001)) + b"can"


def test_short_secret_is_named_and_the_others_are_masked(cli: Cli) -> None:
    cli("add", "PIN", "--stdin", stdin=b"4711", check=True)
    cli("add", "LONG", "--stdin", stdin=b"canary-long", check=True)

    done = cli("exec", "--mask", "--", "sh", "-c", "echo $PIN $LONG")
    alone = cli("exec", "--mask", "--only", "PIN", "--", "sh", "-c", "echo $PPID")

    assert done.stdout == b"4711 [REDACTED]\n"
    assert done.stderr == b"credvault: warning: too short to be hidden (under 6 bytes): default/PIN\n"
    assert alone.stdout == b"%d\n" % os.getpid()


def test_password_in_a_connection_string_is_masked_by_itself_too(stocked: Cli) -> None:
    (stocked.cwd / "password").write_bytes(b"canary/:@#?")

    done = stocked("exec", "--mask", "--db", "dev/db", "--", "sh", "-c", "echo $DATABASE_URL; cat password")

    assert done.stdout == b"[REDACTED]\n[REDACTED]"


def test_text_that_is_no_secret_is_not_masked(stocked: Cli) -> None:
    (stocked.cwd / "a.env").write_text("LEVEL=verbose\nKEY=credvault://TOKEN\n")

    done = stocked("exec", "--mask", "--env-file", "a.env", "--", "sh", "-c", "echo $LEVEL $KEY")

    assert done.stdout == b"verbose [REDACTED]\n"


@pytest.mark.parametrize(
    ("options", "child"),
    [
        (["--file", "F=closed/password"], 'cat "$F"'),
        (["--fd", "F=closed/password"], "cat <&$F"),
        (["--stdin", "closed/password"], "cat"),
    ],
    ids=["file", "fd", "stdin"],
)
def test_what_travels_otherwise_is_masked_too(stocked: Cli, options: list[str], child: str) -> None:
    done = stocked("exec", "--mask", *options, "--", "sh", "-c", f"{child}; exit 3")

    assert done.stdout == b"[REDACTED]"
    assert done.returncode == 3


@pytest.mark.parametrize("bad", [b"\x7fELF and no more\n", b"#!/no/such/interpreter\n"])
def test_program_that_cannot_be_run_is_said_as_in_a_direct_run(stocked: Cli, bad: bytes) -> None:
    script = stocked.cwd / "bad"
    script.write_bytes(bad)
    script.chmod(0o755)

    direct = stocked("exec", "--no-mask", "--", "./bad")
    masked = stocked(*MASK, "./bad")
    in_json = stocked("--json", *MASK, "./bad")

    assert direct.returncode == masked.returncode == in_json.returncode == 126
    assert masked.stderr == direct.stderr
    assert b'"code": "unsupported"' in in_json.stderr
    assert masked.stdout == b""


def test_nothing_is_left_open_for_the_child(stocked: Cli) -> None:
    words: list[str | bytes] = ["sh", "-c", 'exec "$@" 7>&1', "sh"]
    child = ["sh", "-c", "ls /proc/self/fd"]

    direct = stocked.run([*words, *child])
    through = stocked.run([*words, PROGRAM, *MASK, *child])

    assert through.stdout == direct.stdout
    assert b"7\n" in direct.stdout


def test_explain_says_what_would_be_masked(stocked: Cli, tmp_path: Path) -> None:
    in_json = stocked("--json", "exec", "--mask", "--explain")
    in_ci = stocked("exec", "--explain", env=dict(IN_CI))
    without = stocked("--json", "exec", "--explain")

    assert b'"mask": ["stdout", "stderr"]' in in_json.stdout
    assert in_ci.stdout.splitlines()[-1] == b"-\t-\t-\t-\tmasked: stdout, stderr"
    assert b'"mask": []' in without.stdout
