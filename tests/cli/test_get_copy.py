"""`get --copy` on real displays: what is on the clipboard, for how long, and where the value is not."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from credvault.delivery import clearing, clipboard
from credvault.model.value import SecretValue
from tests.canary import is_in
from tests.conftest import PROGRAM, Cli
from tests.displays import need, wayland_display, x_display
from tests.patience import SECONDS, wait_until
from tests.terminal import run_on_terminal

PASTE = {
    "xclip": ["xclip", "-selection", "clipboard", "-out"],
    "xsel": ["xsel", "--clipboard", "--output"],
    "wl-copy": ["wl-paste", "--no-newline"],
}
COPY = {"xclip": ["xclip", "-selection", "clipboard"], "xsel": ["xsel", "--clipboard", "-i"], "wl-copy": ["wl-copy"]}
PROGRAMS = {"xclip": ["xclip"], "xsel": ["xsel"], "wl-copy": ["wl-copy", "wl-paste"]}


@pytest.fixture(scope="module")
def displays() -> Iterator[Mapping[str, Mapping[str, str]]]:
    """An X server and a Wayland compositor, by tool."""
    need("xclip", "xsel")
    with x_display() as x, wayland_display() as wayland:
        yield {"xclip": x, "xsel": x, "wl-copy": wayland}


class Desk:
    """A vault, and a display with one tool for its clipboard."""

    def __init__(self, cli: Cli, tool: str, display: Mapping[str, str], folder: Path) -> None:
        self.tool, self._paste, self._copy = tool, PASTE[tool], COPY[tool]
        (folder / "bin").mkdir()
        for program in [PROGRAM, *PROGRAMS[tool]]:
            found = shutil.which(program)
            assert found is not None
            (folder / "bin" / Path(program).name).symlink_to(found)
        self.cli = cli
        self.env: dict[str, str] = {**display, "PATH": str(folder / "bin")}
        if tool == "wl-copy":  # it runs cat
            self.env["PATH"] += ":/usr/bin:/bin"

    def get(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        """Run `credvault get -c` here."""
        return self.cli("get", "-c", *words, env=self.env)

    def clipboard(self) -> clipboard.Clipboard:
        """Return the clipboard, as the program finds it here."""
        return clipboard.Clipboard({**os.environ, **self.env})

    def paste(self) -> bytes:
        """Return what is on the clipboard; nothing where it is empty."""
        done = self.cli.run([*self._paste], env={**self.env, "PATH": os.environ["PATH"]})
        return done.stdout

    def copy(self, text: bytes) -> None:
        """Copy something else, as any program does."""
        env = {**self.cli.env, **self.env, "PATH": os.environ["PATH"]}
        subprocess.run(
            self._copy, input=text, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )


@pytest.fixture(params=["xclip", "xsel", "wl-copy"])
def desk(
    request: pytest.FixtureRequest, stocked: Cli, displays: Mapping[str, Mapping[str, str]], tmp_path: Path
) -> Desk:
    """A desk for each tool, with an old text on the clipboard."""
    desk = Desk(stocked, request.param, displays[request.param], tmp_path)
    desk.copy(b"old text")
    return desk


# How long to wait with the clearing: the next is tried where a busy machine took longer before all was looked at.
WAITS = (1, 5, 25, 125)


def clearing_processes(desk: Desk) -> list[Path]:
    """Return the processes that are to clear the clipboard of a desk."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (
                b"credvault.delivery.clearing" in (process / "cmdline").read_bytes()
                and os.fsencode(desk.env["PATH"]) in (process / "environ").read_bytes()
            ):
                found.append(process)
    return found


TEXTS = [b"canary-4711", "двa\n🔑 «x» \t\\ $(id)".encode(), b"-----BEGIN\nkey\n-----END\n", b"--help", b"x" * 200_000]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_value_is_on_the_clipboard_as_it_is(desk: Desk, text: bytes) -> None:
    if desk.tool == "xsel":
        text = text[:4000]  # xsel 1.2 itself loses now and then what goes in several parts
    desk.cli("add", "a/text", "--stdin-raw", stdin=text, check=True)

    done = desk.get("a/text", "--clear-after", "0")

    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"credvault: copied a/text, never cleared\n"
    assert desk.paste() == text
    assert clearing_processes(desk) == []


def test_clipboard_is_cleared_after_the_time_and_nobody_waits_for_it(desk: Desk) -> None:
    for wait in WAITS:
        # The shell waits until all that could write into its $(…) has ended.
        done = desk.cli.run(
            ["/bin/bash", "-c", f'x=$(credvault get -c dev/api_key --clear-after {wait}s 2>&1); echo "$x"'],
            env=desk.env,
        )
        copied, waiting = desk.paste(), clearing_processes(desk)
        if waiting:
            break

    assert done.stdout == f"credvault: copied dev/api_key, cleared in {wait}s\n".encode()
    assert copied == b"canary-dev"
    assert len(waiting) == 1
    wait_until(lambda: not clearing_processes(desk))
    assert desk.paste() == b""


def test_what_was_copied_since_stays(desk: Desk) -> None:
    for wait in WAITS:
        desk.get("dev/api_key", "--clear-after", f"{wait}s")
        desk.copy(b"newer text")
        waiting = clearing_processes(desk)
        if waiting:
            break

    assert len(waiting) == 1
    wait_until(lambda: not clearing_processes(desk))
    assert desk.paste() == b"newer text"


def test_value_that_is_copied_again_stays_for_the_later_time(desk: Desk) -> None:
    desk.get("dev/api_key", "--clear-after", "1s")
    desk.get("dev/api_key", "--clear-after", "0")

    wait_until(lambda: not clearing_processes(desk))
    assert desk.paste() == b"canary-dev"

    desk.get("dev/api_key", "--clear-after", "1s")

    wait_until(lambda: not clearing_processes(desk))
    assert desk.paste() == b""


@pytest.mark.parametrize("desk", ["xclip"], indirect=True)
def test_copy_that_cannot_be_written_down_is_cleared_all_the_same(desk: Desk) -> None:
    (desk.cli.home / ".local/state/credvault/copies.json").mkdir(parents=True)

    done = desk.get("dev/api_key", "--clear-after", "1s")

    assert done.returncode == 0, done.stderr
    wait_until(lambda: not clearing_processes(desk))
    assert desk.paste() == b""


def test_closed_terminal_does_not_keep_the_clipboard_from_being_cleared(desk: Desk) -> None:
    env = {name: str(value) for name, value in desk.cli.environment(desk.env).items()}
    env["PATH"] += ":/bin:/usr/bin"

    for wait in WAITS:
        # The terminal goes, and with it the group in its foreground.
        command = f"trap '' HUP; credvault get -c dev/api_key --clear-after {wait}s; kill -HUP 0; kill -INT 0"
        ran = run_on_terminal(command, env, desk.cli.cwd, [], lambda _: None, SECONDS, SECONDS)
        copied = desk.paste()
        if clearing_processes(desk):
            break

    assert copied == b"canary-dev", ran
    wait_until(lambda: not clearing_processes(desk))
    assert desk.paste() == b""


def test_value_is_in_no_command_line_no_environment_and_no_file(desk: Desk, tmp_path: Path) -> None:
    desk.get("dev/api_key", "--clear-after", "1h")
    canaries = [b"canary-dev", desk.cli.env["CREDVAULT_KEY"].encode()]

    found, looked = [], 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lines = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
            if os.fsencode(tmp_path) in environment:
                looked += 1
                found += [lines] if is_in(lines + environment, canaries) else []

    for process in clearing_processes(desk):
        os.kill(int(process.name), signal.SIGKILL)
    assert looked >= 2  # what serves the clipboard, and what is to clear it
    assert found == []
    assert not [path for path in desk.cli.home.rglob("*") if path.is_file() and is_in(path.read_bytes(), canaries)]


def test_parts_of_a_secret_are_copied(desk: Desk) -> None:
    field = desk.get("dev/db", "--field", "host", "--clear-after", "0")
    host = desk.paste()
    dsn = desk.get("dev/db", "--dsn", "--clear-after", "0")

    assert (field.returncode, dsn.returncode) == (0, 0)
    assert host == b"db.example.org"
    assert desk.paste() == b"postgresql://us%20er:canary%2F%3A%40%23%3F@db.example.org:5433"


REFUSED: Sequence[tuple[Sequence[str], bytes]] = [
    (["TOKEN", "--json"], b"leave out --field, --dsn, -o and -c"),
    (["TOKEN", "-o", "file"], b"give one of -o and -c"),
    (["TOKEN", "--clear-after", "45"], b"'45' is not a duration"),
    (["TOKEN", "--clear-after", "-1s"], b"is not a duration"),
    (["a/binary"], b"the value is not text"),
    (["a/nul"], b"the value is not text"),
]


@pytest.mark.parametrize(("words", "reason"), REFUSED, ids=range(len(REFUSED)))
@pytest.mark.parametrize("desk", ["xclip"], indirect=True)
def test_what_cannot_be_copied_leaves_the_clipboard_as_it_is(desk: Desk, words: Sequence[str], reason: bytes) -> None:
    desk.cli("add", "a/binary", "--stdin-raw", stdin=b"\xff\xfe", check=True)
    desk.cli("add", "a/nul", "--stdin-raw", stdin=b"a\0b", check=True)

    done = desk.get(*words)

    assert (done.returncode, done.stdout) == (2, b"")
    assert reason in done.stderr
    assert desk.paste() == b"old text"
    assert list(desk.cli.cwd.iterdir()) == []
    assert clearing_processes(desk) == []


def test_clear_after_without_copy_is_refused(stocked: Cli) -> None:
    done = stocked("get", "TOKEN", "--clear-after", "45s")

    assert (done.returncode, done.stdout) == (2, b"")


UNREACHABLE = {
    "no display": ({}, ["xclip"], b"there is no clipboard"),
    "no tool": ({"DISPLAY": ":1", "WAYLAND_DISPLAY": "w"}, [], b"install one of wl-copy, xclip, xsel"),
    "dead display": ({"DISPLAY": ":99999"}, ["xclip", "xsel"], b"cannot be reached by xclip, xsel"),
}


@pytest.mark.parametrize("case", UNREACHABLE)
def test_clipboard_that_is_not_there_is_said_before_anything_is_unlocked(
    stocked: Cli, tmp_path: Path, case: str
) -> None:
    need("xclip", "xsel")
    env, programs, reason = UNREACHABLE[case]
    (tmp_path / "bin").mkdir()
    for program in programs:
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    key = None if case != "dead display" else stocked.env["CREDVAULT_KEY"]

    done = stocked.run(
        [PROGRAM, "get", "-c", "TOKEN"], env={**env, "PATH": str(tmp_path / "bin"), "CREDVAULT_KEY": key}
    )

    assert (done.returncode, done.stdout) == (8, b"")
    assert reason in done.stderr
    assert b"credvault: hint: " in done.stderr
    assert b"canary" not in done.stderr


def test_windows_is_given_its_own_kind_of_text_and_cleared_by_it(stocked: Cli, tmp_path: Path) -> None:
    """With stand-ins for the two programs of Windows, which take UTF-16 and add a line end."""
    text = "двa\nline «x»".encode()
    stocked("add", "a/text", "--stdin-raw", stdin=text, check=True)
    store = tmp_path / "store"
    (tmp_path / "bin").mkdir()
    for program, script in {
        "clip.exe": f"cat >{store}",
        "powershell.exe": f"iconv -f utf-16le -t utf-8 {store}; printf '\\r\\n'",
    }.items():
        (tmp_path / "bin" / program).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / program).chmod(0o755)
    env = {"WSL_DISTRO_NAME": "Debian", "PATH": f"{tmp_path}/bin:{stocked.env['PATH']}"}

    done = stocked("get", "-c", "a/text", "--clear-after", "1s", env=env)

    assert done.stderr == b"credvault: copied a/text, cleared in 1s\n"
    assert store.read_bytes() == text.decode().encode("utf-16-le")
    wait_until(lambda: store.read_bytes() == b"")


def test_value_that_nothing_would_clear_does_not_stay(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    monkeypatch.setattr(clipboard, "SETTLE_SECONDS", SECONDS)

    with pytest.raises(FileNotFoundError):
        clearing.copy_for(desk.clipboard(), SecretValue(b"canary-dev"), 45, str(tmp_path))

    assert desk.paste() == b""


def test_copy_and_its_end_wait_for_a_tool_that_is_late(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As xclip is now and then: it ends, and what it leaves behind takes the clipboard after that."""
    program = Path(desk.env["PATH"].split(":")[0], desk.tool)
    words = f'exec 3<&0; case " $* " in *out*|*help*) exec {program.resolve()} "$@";; esac'
    late = f'(sleep 0.3; exec {program.resolve()} "$@") <&3 3<&- >/dev/null 2>&1 &'
    program.unlink()
    program.write_text(f"#!/bin/sh\n{words}\n{late}\n")
    program.chmod(0o755)
    desk.env["PATH"] += ":/usr/bin:/bin"
    monkeypatch.setattr(clipboard, "SETTLE_SECONDS", SECONDS)
    here = desk.clipboard()

    tool = here.copy(SecretValue(b"canary-dev"))
    copied = desk.paste()
    here.clear(tool)

    assert (copied, desk.paste()) == (b"canary-dev", b"")
