"""The fast lane, the cold lane and the command line: one answer, whichever gives it.

Each row of the tables is run by an agent (fast lane), with a raw key (cold lane), and through Click with and without
an agent: a global option that changes nothing makes it leave the lanes.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.agent.desk import Desk
from tests.patience import SECONDS

PYTHON = [sys.executable, "-P", "-m", "credvault"]
CLICK = ["--color", "auto"]
LARGE = bytes(range(256)) * 4096  # 1 MiB


class Case(NamedTuple):
    """A command line and its circumstances; `bash` is what a shell does with it, "$@", if it is run by one."""

    words: Sequence[str]
    status: int
    environ: Mapping[str, str] = {}
    folder: str = "."
    bash: str = ""
    trouble: str = ""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk for all cases: an agent that holds a vault with something of each kind."""
    with tempfile.TemporaryDirectory(prefix="cv-", dir="/tmp") as runtime:
        made = Desk(tmp_path_factory.mktemp("same"), Path(runtime))
        try:
            stock(made)
            made.held(detached=False)
            yield made
        finally:
            made.close()


def stock(desk: Desk) -> None:
    """Put something of each kind into the vault and the home."""
    desk.put("a/text", b"a text")
    desk.put("bare", b"of the default namespace")
    desk.put("a/binary", bytes(range(256)))
    desk.put("a/newline", b"\n")
    desk.put("a/blank", b" ")
    desk.put("a/nul", b"\0")
    desk.put("a/lines", b"one\ntwo\r\n\n\tthree\n")
    desk.put("a/unicode", "grüße 😀 \u202e".encode())
    desk.put("a/large", LARGE)
    desk.put("a/expired", b"old", "--expires", "2020-01-01T00:00:00Z")
    desk.put("a/versions", b"first")
    assert desk.home.run("rotate", "a/versions", "--stdin", stdin=b"second", **desk.key).status == 0
    desk.put("run/token", b"token value", "--env", "RUN_TOKEN")
    desk.put("run/lines", b"one\ntwo=three\n", "--env", "RUN_LINES")
    desk.put("old/token", b"old token", "--env", "OLD_TOKEN", "--expires", "2020-01-01T00:00:00Z")
    desk.put("nul/token", b"a\0b", "--env", "NUL_TOKEN")
    desk.put("twice/one", b"1", "--env", "TWICE")
    desk.put("twice/two", b"2", "--env", "TWICE")
    desk.put("steers/path", b"/evil", "--env", "LD_PRELOAD", "--allow-env", "LD_PRELOAD")
    desk.put("large/token", b"x" * 200_000, "--env", "LARGE_TOKEN")
    desk.home.write("project/.credvault.toml", '[env]\nPROJECT_TOKEN = "run/token"\n')
    desk.home.write("absent/.credvault.toml", '[env]\nPROJECT_TOKEN = "run/nothing"\n')
    desk.home.write("spaced/.credvault.toml", 'namespace = "a"\n')
    desk.home.write("wrong/.credvault.toml", "wrong = 1\n")
    desk.home.write("loose/.credvault.toml", 'namespace = "a"\n', mode=0o666)
    desk.home.write("bin/not-executable", "#!/bin/sh\n", mode=0o644)
    desk.home.write("bin/no-format", "what\0is this", mode=0o755)
    desk.home.write("bin/no-interpreter", "#!/nowhere/sh\n", mode=0o755)
    (desk.home.root / "bin/folder").mkdir()


GETS = {
    "text": Case(["get", "a/text"], 0),
    "bare name": Case(["get", "bare"], 0),
    "binary": Case(["get", "a/binary"], 0),
    "a newline": Case(["get", "a/newline"], 0),
    "a blank": Case(["get", "a/blank"], 0),
    "a NUL": Case(["get", "a/nul"], 0),
    "lines": Case(["get", "a/lines"], 0),
    "unicode": Case(["get", "a/unicode"], 0),
    "large": Case(["get", "a/large"], 0),
    "versions": Case(["get", "a/versions"], 0),
    "expired": Case(["get", "a/expired"], 0),
    "-n": Case(["get", "-n", "a", "text"], 0),
    "-n and a whole name": Case(["get", "-n", "b", "a/text"], 2),
    "-n of the same namespace": Case(["get", "-n", "a", "a/text"], 0),
    "-n that is bad": Case(["get", "-n", "A B", "text"], 2),
    "-n of a slash": Case(["get", "-n", "a/", "text"], 2),
    "-n of the mark": Case(["get", "-n", "default", "bare"], 0),
    "the mark as a namespace": Case(["get", "-/bare"], 2),
    "default in words": Case(["get", "default/bare"], 0),
    "unknown": Case(["get", "a/nothing-like-it-at-all"], 3),
    "unknown with a near one": Case(["get", "a/txet"], 3),
    "unknown with a near bare one": Case(["get", "bear"], 3),
    "unknown namespace": Case(["get", "-n", "nowhere", "text"], 3),
    "upper case": Case(["get", "A/TEXT"], 3),
    "dots": Case(["get", "../../etc/passwd"], 2),
    "two slashes": Case(["get", "a//text"], 2),
    "a slash at the end": Case(["get", "a/"], 2),
    "a slash at the start": Case(["get", "/text"], 2),
    "empty": Case(["get", ""], 2),
    "a glob": Case(["get", "a/*"], 2),
    "quoted": Case(["get", "a%2Ftext"], 2),
    "a question mark": Case(["get", "a/text?version=1"], 2),
    "a version by @": Case(["get", "a/versions@1"], 3),
    "an escape sequence": Case(["get", "a/\x1b[2Jx"], 2),
    "a line break": Case(["get", "a/x\r\ncredvault-exit: 0"], 2),
    "not UTF-8": Case(["get", "a/\udce9"], 2),
    "very long": Case(["get", "a/" + "x" * 5_000], 2),
    "longer than a head": Case(["get", "a/" + "x" * 50_000], 2),
    "a namespace of the settings": Case(["get", "text"], 0, {"CREDVAULT_NAMESPACE": "a"}),
    "a bad namespace of the settings": Case(["get", "text"], 9, {"CREDVAULT_NAMESPACE": "A/B"}),
    "a namespace of the project": Case(["get", "text"], 0, folder="spaced"),
    "a wrong project": Case(["get", "a/text"], 9, folder="wrong"),
    "a loose project": Case(["get", "a/text"], 0, folder="loose"),
    "a vault that is not there": Case(["get", "a/text"], 6, {"CREDVAULT_VAULT": "/nowhere/vault.json"}),
    "a profile that is not there": Case(["get", "a/text"], 9, {"CREDVAULT_PROFILE": "none"}),
    "two ways to name a vault": Case(["get", "a/text"], 0, {"CREDVAULT_VAULT": "{vault}", "CREDVAULT_PROFILE": "none"}),
    "another backend": Case(["get", "a/text"], 8, {"CREDVAULT_BACKEND": "nothing"}),
    "a loose vault": Case(["get", "a/text"], 0, trouble="loose"),
    "a damaged vault": Case(["get", "a/text"], 10, trouble="damaged"),
    "no vault": Case(["get", "a/text"], 6, trouble="gone"),
    "closed stdout": Case(["get", "a/text"], 6, bash='"$@" >&-'),
    "closed stdin": Case(["get", "a/text"], 0, bash='"$@" <&-'),
    "closed stderr": Case(["get", "a/expired"], 0, bash='"$@" 2>&-'),
    "full disk": Case(["get", "a/text"], 6, bash='"$@" >/dev/full'),
    # 120 is the interpreter's own word for it, which the installed launcher leaves out.
    "full disk for messages": Case(["get", "a/expired"], 120, bash='"$@" 2>/dev/full'),
    "full disk for an error": Case(["get", "a/nothing"], 120, bash='"$@" 2>/dev/full'),
    "a closed pipe": Case(["get", "a/text"], 141, trouble="closed pipe"),
    "a closed pipe and much to say": Case(["get", "a/large"], 141, trouble="closed pipe"),
    "a pipe that closes early": Case(["get", "a/large"], 0, bash='"$@" | head -c 10'),
    "a folder that is gone": Case(["get", "a/text"], 0, bash='cd "$(mktemp -d)" && rmdir "$PWD" && "$@"'),
}

EXECS = {
    "one": Case(["exec", "-n", "run", "--", "env"], 0),
    "one in CI, masked": Case(["exec", "-n", "run", "--", "sh", "-c", "echo $RUN_TOKEN"], 0, {"CI": "true"}),
    "its words": Case(["exec", "-n", "run", "--", "printf", "%s|", "", "a b", "--", "-n", "*"], 0),
    "its status": Case(["exec", "-n", "run", "--", "sh", "-c", "exit 42"], 42),
    "its signal": Case(["exec", "-n", "run", "--", "sh", "-c", "kill -TERM $$"], -15),
    "its descriptors": Case(["exec", "-n", "run", "--", "sh", "-c", "ls /proc/$$/fd"], 0),
    "its signals": Case(["exec", "-n", "run", "--", "grep", "^Sig[^Q]", "/proc/self/status"], 0),
    "its limits": Case(["exec", "-n", "run", "--", "sh", "-c", "umask; ulimit -c; ulimit -n"], 0),
    "all": Case(["exec", "--", "env"], 125),
    "expired": Case(["exec", "-n", "old", "--", "env"], 0),
    "twice": Case(["exec", "-n", "twice", "--", "env"], 125),
    "a NUL": Case(["exec", "-n", "nul", "--", "env"], 125),
    "too large": Case(["exec", "-n", "large", "--", "env"], 125),
    "forbidden": Case(["exec", "-n", "steers", "--", "env"], 125),
    "nothing": Case(["exec", "-n", "a", "--", "env"], 0),
    "a bad namespace": Case(["exec", "-n", "A B", "--", "env"], 2),
    "a bad namespace of the settings": Case(["exec", "--", "env"], 125, {"CREDVAULT_NAMESPACE": "A/B"}),
    "overwritten": Case(["exec", "-n", "run", "--", "env"], 0, {"RUN_TOKEN": "of the caller", "RUN_LINES": "x"}),
    "what unlocks": Case(["exec", "-n", "run", "--", "env"], 0, {"VAULT_TOKEN": "x", "CREDVAULT_NO_INPUT": "1"}),
    "a project": Case(["exec", "--", "env"], 0, folder="project"),
    "a project and -n": Case(["exec", "-n", "run", "--", "env"], 0, folder="project"),
    "a project of what is not there": Case(["exec", "--", "env"], 125, folder="absent"),
    "a wrong project": Case(["exec", "--", "env"], 125, folder="wrong"),
    "a loose project": Case(["exec", "-n", "run", "--", "env"], 0, folder="loose"),
    "no program": Case(["exec", "-n", "run", "--", "no-such-program"], 127),
    "no program at a path": Case(["exec", "-n", "run", "--", "./no-such-program"], 127),
    "an empty program": Case(["exec", "-n", "run", "--", ""], 127),
    "not executable": Case(["exec", "-n", "run", "--", "bin/not-executable"], 126),
    "a folder": Case(["exec", "-n", "run", "--", "bin/folder"], 126),
    "no format": Case(["exec", "-n", "run", "--", "bin/no-format"], 126),
    "no interpreter": Case(["exec", "-n", "run", "--", "bin/no-interpreter"], 126),
    "no program and no secret": Case(["exec", "-n", "nothing", "--", "no-such-program"], 127),
    "a vault that is not there": Case(["exec", "--", "env"], 125, {"CREDVAULT_VAULT": "/nowhere/vault.json"}),
    "no vault": Case(["exec", "--", "env"], 125, trouble="gone"),
    "a damaged vault": Case(["exec", "-n", "run", "--", "env"], 125, trouble="damaged"),
    "a loose vault": Case(["exec", "-n", "run", "--", "env"], 0, trouble="loose"),
    "closed stdout": Case(["exec", "-n", "run", "--", "sh", "-c", "ls /proc/$$/fd >&2"], 0, bash='"$@" >&-'),
    "closed stdin": Case(["exec", "-n", "run", "--", "env"], 0, bash='"$@" <&-'),
    "closed stderr": Case(["exec", "-n", "old", "--", "env"], 0, bash='"$@" 2>&-'),
    "full disk for messages": Case(["exec", "-n", "old", "--", "env"], 0, bash='"$@" 2>/dev/full'),
    "a closed pipe": Case(["exec", "-n", "run", "--", "seq", "100000"], -13, trouble="closed pipe"),
}


class Answer(NamedTuple):
    """How a command line ended."""

    status: int
    stdout: bytes | None
    stderr: bytes


def answers(desk: Desk, case: Case) -> dict[str, Answer]:
    """Run a case in each of the four ways, side by side."""
    ways: Mapping[str, tuple[Sequence[str], Mapping[str, str]]] = {
        "fast lane": ([], {}),
        "cold lane": ([], desk.key),
        "Click by the agent": (CLICK, {}),
        "Click with a key": (CLICK, desk.key),
    }
    started = {way: start(desk, case, options, key) for way, (options, key) in ways.items()}
    ended = {way: process.communicate(timeout=SECONDS) for way, process in started.items()}
    return {way: Answer(process.returncode, *ended[way]) for way, process in started.items()}


def start(desk: Desk, case: Case, options: Sequence[str], key: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a case."""
    words = [*PYTHON, case.words[0], *options, *case.words[1:]]
    if case.bash:
        words = ["bash", "-c", case.bash, "bash", *words]
    given = {name: value.replace("{vault}", str(desk.home.vault)) for name, value in case.environ.items()}
    with closed_pipe() as unread:
        return subprocess.Popen(
            [os.fsencode(word) for word in words],
            env={**desk.home.environ, **given, **key},
            cwd=desk.home.root / case.folder,
            stdin=subprocess.DEVNULL,
            stdout=unread if case.trouble == "closed pipe" else subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Give a descriptor to write to that nobody reads from."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.fixture
def troubled(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Case]:
    """A case, with its trouble made and mended afterwards."""
    case: Case = request.param
    whole = desk.home.vault.read_bytes()
    if case.trouble == "loose":
        desk.home.vault.chmod(0o644)
    elif case.trouble == "damaged":
        desk.home.vault.write_bytes(whole[:-40] + b"x" + whole[-39:])
    elif case.trouble == "gone":
        desk.home.vault.unlink()
    yield case
    if case.trouble:
        desk.home.vault.write_bytes(whole)
        desk.home.vault.chmod(0o600)


@pytest.mark.parametrize("troubled", GETS.values(), ids=GETS, indirect=True)
def test_get_gives_one_answer(desk: Desk, troubled: Case) -> None:
    found = answers(desk, troubled)

    assert set(found.values()) == {found["Click with a key"]}, found
    assert found["fast lane"].status == troubled.status
    assert b"Traceback" not in found["fast lane"].stderr


@pytest.mark.parametrize("troubled", EXECS.values(), ids=EXECS, indirect=True)
def test_exec_gives_one_answer(desk: Desk, troubled: Case) -> None:
    found = answers(desk, troubled)

    in_order = {way: answer._replace(stdout=_sorted(answer.stdout)) for way, answer in found.items()}
    assert set(in_order.values()) == {in_order["Click with a key"]}, found
    assert found["fast lane"].status == troubled.status
    assert b"Traceback" not in found["fast lane"].stderr


def _sorted(output: bytes | None) -> bytes:
    """Return lines in order: in which order variables stand in an environment says nothing."""
    return b"\n".join(sorted((output or b"").split(b"\n")))


MODULES = "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
RUN = "from credvault.__main__ import main; sys.exit(main())"


def test_each_way_is_what_it_is_taken_for(desk: Desk) -> None:
    """Else the tables would compare a thing with itself."""
    loaded = {}
    ways: Sequence[tuple[str, Sequence[str], Mapping[str, str]]]
    ways = (("fast", [], {}), ("cold", [], desk.key), ("whole", CLICK, {}))
    for way, options, key in ways:
        done = subprocess.run(
            [sys.executable, "-P", "-c", MODULES + RUN, "get", *options, "a/text"],
            env={**desk.home.environ, **key},
            cwd=desk.home.root,
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        modules = set(done.stderr.decode().split())
        watched = {"click", "credvault.sealing", "credvault.agent.fastlane", "credvault.cli.coldlane"}
        loaded[way] = sorted(modules & watched)

    assert loaded == {
        "fast": ["credvault.agent.fastlane"],
        "cold": ["credvault.cli.coldlane", "credvault.sealing"],
        "whole": ["click"],
    }
