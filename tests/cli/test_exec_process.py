"""The child of `exec` is the program itself: what it is started with equals a direct run, but for the secrets."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROGRAM, Cli
from tests.patience import SECONDS

# As execve takes it, and no other launcher: a variable twice, an entry without '='.
RAW_EXECVE = """
import ctypes, sys
def array(words): return (ctypes.c_char_p * (len(words) + 1))(*words, None)
argv = [word.encode("utf-8", "surrogateescape") for word in sys.argv[2:]]
entries = bytes.fromhex(sys.argv[1]).split(bytes(1))
ctypes.CDLL(None).execve(argv[0], array(argv), array(entries))
"""
BLOCK = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM, signal.SIGINT])
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # what this Python ignores is no wish of the caller
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
LAUNCHERS = {
    "as it is": [],
    "with SIGINT ignored": ["sh", "-c", 'trap "" INT; exec "$@"', "sh"],
    "with many ignored": ["sh", "-c", 'trap "" INT QUIT TERM HUP USR1 USR2 CHLD TSTP TTIN TTOU; exec "$@"', "sh"],
    "nohup": ["nohup"],
    "in the background": ["sh", "-c", '"$@" & wait "$!"', "sh"],
    "with signals blocked": [sys.executable, "-c", BLOCK],
}
THROUGH = [PROGRAM, "exec", "--only", "TOKEN", "--"]


@pytest.mark.parametrize("launcher", LAUNCHERS.values(), ids=LAUNCHERS.keys())
def test_signal_dispositions_are_those_of_a_direct_run(stocked: Cli, launcher: list[str]) -> None:
    child = ["grep", "-E", "^(Sig(Blk|Ign|Cgt)|ShdPnd)", "/proc/self/status"]

    direct = stocked.run([*launcher, *child])
    through = stocked.run([*launcher, *THROUGH, *child])

    assert direct.stdout.count(b"\n") == 4
    assert through.stdout == direct.stdout
    assert through.returncode == direct.returncode == 0


def test_what_python_ignores_is_not_ignored_by_the_child(stocked: Cli) -> None:
    done = stocked("exec", "--", "sh", "-c", "yes | head -1; grep SigIgn /proc/self/status")

    lines = done.stdout.splitlines()
    ignored = int(lines[1].split()[1], 16)
    assert lines[0] == b"y"
    assert [ignored >> (number - 1) & 1 for number in (signal.SIGPIPE, signal.SIGXFSZ)] == [0, 0]
    assert done.stderr == b""


@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": None},
        {"LANG": ""},
        {"LANG": "C"},
        {"LANG": "POSIX"},
        {"LANG": "C.UTF-8"},
        {"LANG": "xx_YY.nonsense"},
        {"LANG": None, "LC_ALL": "C"},
        {"LANG": None, "LC_ALL": ""},
        {"LANG": None, "LC_CTYPE": "C.UTF-8"},
        {"LANG": "C", "LC_CTYPE": "C"},
        {"LANG": "C", "LC_CTYPE": ""},
        {"LANG": None, "PYTHONCOERCECLOCALE": "0"},
        {"LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "warn"},
    ],
    ids=str,
)
def test_environment_is_that_of_a_direct_run(stocked: Cli, locale: dict[str, str | None]) -> None:
    env: dict[str, str | bytes | None] = {
        **locale,
        "NOT_TEXT": b"\xff\xfe=\xe9",
        "EMPTY": "",
        "LINES": "a\nb\n",
        "a.b%%": "=x=",
    }

    direct = stocked.run(["cat", "/proc/self/environ"], env={**env, "CREDVAULT_KEY": None})
    through = stocked("exec", "--only", "TOKEN", "--", "cat", "/proc/self/environ", env=env)

    assert b"NOT_TEXT=\xff\xfe=\xe9\0" in direct.stdout
    assert through.stdout == direct.stdout + b"TOKEN=canary-token\0"


def test_environment_with_odd_entries_is_that_of_a_direct_run(stocked: Cli) -> None:
    entries = [f"{name}={value}".encode() for name, value in stocked.env.items() if name != "CREDVAULT_KEY"]
    odd = [b"TWICE=1", b"=C:=C:\\", b"TWICE=2", b"==", b"sp ace=x", b"TWICE=1"]
    unlocking = f"CREDVAULT_KEY={stocked.env['CREDVAULT_KEY']}".encode()
    block = b"\0".join(
        [*entries, *odd, unlocking, b"no equals sign", b"VAULT_TOKEN=a", b"VAULT_TOKEN=b", b"TOKEN=x", b"TOKEN=y"]
    )
    launch = [sys.executable, "-c", RAW_EXECVE, block.hex()]

    through = stocked.run([*launch, *THROUGH, "/bin/cat", "/proc/self/environ"])

    assert through.stdout == b"\0".join([*entries, *odd, b"TOKEN=canary-token", b""])
    assert through.stderr == b"credvault: warning: overwritten by secrets: TOKEN\n"


def test_process_is_the_same_one(stocked: Cli) -> None:
    child = ["sh", "-c", "echo $$; ps -o ppid=,pgid=,sid= -p $$"]

    with subprocess.Popen(
        [*THROUGH, *child], stdout=subprocess.PIPE, env=stocked.environment(), cwd=stocked.cwd
    ) as process:
        stdout, _ = process.communicate(timeout=SECONDS)

    assert stdout.split() == [str(n).encode() for n in (process.pid, os.getpid(), os.getpgrp(), os.getsid(0))]


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-", "5</dev/null 7>&1"])
def test_descriptors_are_those_of_a_direct_run(stocked: Cli, closed: str) -> None:
    seen = stocked.cwd / "seen"
    launcher: list[str | bytes] = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    # Not through a pipe of its own, which would fill a gap.
    child = [sys.executable, "-S", "-c", OPEN_DESCRIPTORS, str(seen)]

    stocked.run([*launcher, *child], check=True)
    direct = seen.read_text()
    stocked.run([*launcher, *THROUGH, *child], check=True)

    assert seen.read_text() == direct
    assert ("0" in direct.split()) is ("<&-" not in closed)


OPEN_DESCRIPTORS = """
import os, sys
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
found = [str(fd) for fd in range(100) if is_open(fd)]
open(sys.argv[1], "w").write(" ".join(found))
"""


def test_folder_umask_and_limits_are_those_of_a_direct_run(stocked: Cli) -> None:
    folder = stocked.cwd / "a b"
    folder.mkdir()
    launcher: list[str | bytes] = ["sh", "-c", 'umask 031; ulimit -n 77; exec nice -n 3 "$@"', "sh"]
    child = ["sh", "-c", "pwd; umask; ulimit -a; nice; cat /proc/self/oom_score_adj"]

    direct = stocked.run([*launcher, *child], cwd=folder)
    through = stocked.run([*launcher, *THROUGH, *child], cwd=folder)

    assert b"a b\n0031\n" in direct.stdout
    assert through.stdout == direct.stdout


def test_child_runs_where_the_folder_was_removed(stocked: Cli) -> None:
    gone: list[str | bytes] = ["sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$@"', "sh"]

    done = stocked.run([*gone, *THROUGH, "echo", "here"])

    assert done.stdout == b"here\n"


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b" ",
        b"a b",
        b"a\nb",
        b"\xff\xfe",
        "é\u202e".encode(),
        b"-x",
        b"--",
        b"--help",
        b"--json",
        b"-n",
        b"$HOME",
        b"'\"`\\*",
    ],
)
def test_arguments_are_passed_untouched(stocked: Cli, argument: bytes) -> None:
    done = stocked("exec", "--", "printf", "<%s>", argument, b"--", argument)

    assert done.stdout == b"<" + argument + b"><--><" + argument + b">"
    assert done.returncode == 0


def test_options_after_the_program_are_the_programs(stocked: Cli) -> None:
    done = stocked("exec", "printf", "<%s>", "--shell", "-e", "--", "-q")

    assert done.stdout == b"<--shell><-e><--><-q>"


def test_program_may_be_called_like_an_option(stocked: Cli) -> None:
    program = stocked.cwd / "--shell"
    program.write_text("#!/bin/sh\necho odd\n")
    program.chmod(0o755)

    done = stocked("exec", "--", "--shell", env={"PATH": f"{stocked.cwd}:/bin"})

    assert done.stdout == b"odd\n"


def test_program_sees_its_name_as_typed(stocked: Cli) -> None:
    done = stocked("exec", "--", "sh", "-c", 'tr "\\0" " " </proc/$$/cmdline')

    assert done.stdout.startswith(b"sh -c ")


def test_standard_streams_pass_through_untouched(stocked: Cli) -> None:
    data = bytes(range(256)) * 1000

    done = stocked("exec", "--", "sh", "-c", "cat; printf 'to stderr' >&2", stdin=data)

    assert done.stdout == data
    assert done.stderr == b"to stderr"


def test_every_exit_status_is_the_childs_own(stocked: Cli) -> None:
    statuses = [0, 1, 2, 125, 126, 127, 130, 143, 255]

    seen = [stocked("exec", "--", "sh", "-c", f"exit {status}").returncode for status in statuses]

    assert seen == statuses


@pytest.mark.parametrize(("word", "number"), [("TERM", 15), ("KILL", 9), ("PIPE", 13), ("USR1", 10), ("SEGV", 11)])
def test_child_that_dies_by_a_signal_dies_by_it(stocked: Cli, word: str, number: int) -> None:
    words = f"ulimit -c 0; {PROGRAM} exec -- sh -c 'kill -{word} $$'; echo $?"

    in_shell = stocked.run(["sh", "-c", words])
    itself = stocked("exec", "--", "sh", "-c", f"ulimit -c 0; kill -{word} $$")

    assert in_shell.stdout == b"%d\n" % (128 + number)
    assert itself.returncode == -number


def test_shell_is_there_when_asked_for(stocked: Cli) -> None:
    program = """printf '%s|' "$TOKEN" 'a  b' "\\"" `echo sub` *; exit 7"""

    done = stocked("exec", "--shell", program)

    assert done.stdout == b'canary-token|a  b|"|sub|*|'
    assert done.returncode == 7


def test_nothing_is_left_behind(stocked: Cli) -> None:
    stocked("exec", "--", "true", check=True)

    before = {path for path in stocked.home.rglob("*") if "state" not in path.parts}
    stocked("exec", "--", "true", check=True)

    assert {path for path in stocked.home.rglob("*") if "state" not in path.parts} == before
    assert not list(stocked.cwd.iterdir())
    assert not [p for p in Path(stocked.home).rglob("*") if p.is_file() and b"canary" in p.read_bytes()]
