"""Where a transcript is played: a home, a current folder and a temporary folder of its own.

Runs the commands, follows the directives, and watches over canaries: secret values that must not get out. The
one thing it writes elsewhere is a recording, in place of the transcript.
"""

import base64
import os
import re
import shutil
import signal
import stat
import string
import sysconfig
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.patience import SECONDS
from tests.terminal import Keys, Ran, run_in_script, run_on_terminal
from tests.transcript import PATTERNS, Answer, Command, Directive, Item, TranscriptError, fits, parse, show

# How long a terminal is quiet before something is typed. When all that is expected has been seen, not at all;
# but a prompt that does not end with a blank may be half of one, as click writes the blank by itself. When
# only the prompt is right the test has failed, and types on to show the rest. A recording types anyway.
BLANK_SECONDS, WRONG_SECONDS, RECORD_SECONDS = 0.2, 0.5, 2.0
MIN_CANARY_BYTES = 8  # a shorter one turns up by chance

CONTROL = re.compile(r"\^[@-_]")
ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")


def play(
    path: Path,
    *,
    record: bool = False,
    command_seconds: float = SECONDS,
    prompt_seconds: float = SECONDS,
    prepare: Callable[["Stage"], None] = lambda stage: None,
    abilities: Collection[str] = (),
) -> list[str]:
    """Play a transcript and return what is wrong, one message each; an empty list is a pass.

    `prepare` may furnish the stage first; what stands below `% when ABILITY` is passed over without that ability.
    Stops at the first command that fails. With `record` goes on, and rewrites what the file expects with what
    was seen, unless a command hung or a canary got out.
    """
    with tempfile.TemporaryDirectory(prefix="cv-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        # A short path: a Unix socket below it may have 104 bytes.
        stage = Stage(Path(folder).resolve(), record, command_seconds, prompt_seconds)
        failures, recording, passed_over = [], [], False
        try:
            prepare(stage)
            for step in parse(path.read_text(encoding="utf-8")):
                if isinstance(step, Directive) and step.name in ("when", "end"):
                    passed_over = step.name == "when" and step.argument not in abilities
                if passed_over or isinstance(step, str):
                    recording += [step] if isinstance(step, str) else step.source + _answer_source(step)
                elif isinstance(step, Command):
                    seen, found = stage.perform(step)
                    failures += [f"{path}:{step.number}: {what}" for what in found]
                    if found and not record:
                        break
                    kept = seen == step.answer
                    recording += step.source + (step.answer_source if kept else seen.spell())
                else:
                    stage.follow(step)
                    recording += step.source
        except TranscriptError as error:
            failures.append(f"{path}:{error}")
        finally:
            stage.end_processes()
        failures += [f"{path}: {what}" for what in stage.search()]
    if record and not failures:
        path.write_text("\n".join(recording) + "\n", encoding="utf-8")
    return failures


class Stage:
    """The folders under `root`, and what the transcript has set so far."""

    def __init__(self, root: Path, record: bool, command_seconds: float, prompt_seconds: float) -> None:
        self.root, self.record = root, record
        self.command_seconds, self.prompt_seconds = command_seconds, prompt_seconds
        for name in ("home", "cwd", "tmp"):
            (root / name).mkdir(mode=0o700)
        self.cwd = root / "cwd"
        self.env = {
            "PATH": f"{sysconfig.get_path('scripts')}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            # Set only while coverage is measured, for the processes that it starts.
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        }
        self.canaries: list[str] = []
        self.canary_homes: list[Path] = []
        self.reveals = self.strips_escapes = False
        self.stdout = ""

    def follow(self, directive: Directive) -> None:
        """Do what a directive says; $NAME in its argument stands for a variable of the transcript."""
        try:  # a canary named by a variable that is not there would never be found
            argument = string.Template(directive.argument).substitute(self.env)
        except (KeyError, ValueError) as error:
            raise TranscriptError(f"{directive.number}: not a variable so far ($$ is a dollar): {error}") from error
        match directive.name:
            case "env":
                name, equals, value = argument.partition("=")
                if not equals:
                    raise TranscriptError(f"{directive.number}: not NAME=VALUE: {argument}")
                self.env[name] = value
            case "unset":
                self.env.pop(argument, None)
            case "cwd":
                self.cwd = self.root / "cwd" / argument
                self.cwd.mkdir(parents=True, exist_ok=True)
            case "file":
                path = self.cwd / argument
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(directive.body(), encoding="utf-8")
            case "capture":
                self.env[argument] = self.stdout.removesuffix("\n")
            case "canary":
                if len(argument.encode()) < MIN_CANARY_BYTES:
                    raise TranscriptError(f"{directive.number}: a canary has at least {MIN_CANARY_BYTES} bytes")
                self.canaries.append(argument)
            case "canary-in":
                self.canary_homes.append(self.cwd / argument)
            case "reveals":
                self.reveals = True
            case "strip-escapes":
                self.strips_escapes = True
            case "needs":
                if not shutil.which(argument, path=self.env["PATH"]):
                    pytest.skip(f"needs the program {argument}")

    def perform(self, command: Command) -> tuple[Answer, list[str]]:
        """Run a command; return what was seen, in the words of the transcript, and what is wrong."""
        ran, seen = self._at_terminal(command) if command.on_terminal else self._in_script(command)
        answer = command.answer.respell(seen, new=_vary if self.record else lambda item: item)
        wrong = [ran.overdue] if ran.overdue else []
        if not self.record:
            wrong += _differences(command, answer)
        failures = [_report(command, answer, ", ".join(wrong))] if wrong else []
        names = ["screen"] * len(ran.outputs) if command.on_terminal else ["stdout", "stderr"]
        for name, output in zip(names, ran.outputs, strict=True):
            if name == "stderr" or not self.reveals:
                failures += [f"{name} shows the canary {canary}" for canary in self._canaries_in(output)]
        self.reveals = False
        return answer, failures

    def _in_script(self, command: Command) -> tuple[Ran, Answer]:
        ran = run_in_script(command.script, self.env, self.cwd, self.command_seconds)
        stdout, stderr = ran.outputs
        self.stdout = stdout.decode("utf-8", "surrogateescape")
        return ran, Answer(self._lines(stdout), self._lines(stderr), ran.status)

    def _at_terminal(self, command: Command) -> tuple[Ran, Answer]:
        expected = command.answer.stdout
        turns = [at for at, item in enumerate(expected) if item.kind == "typed"]
        keys = [expected[at].text.partition(" ")[2] for at in turns]

        def pause(outputs: list[bytes]) -> float | None:
            wanted = expected[: turns[len(outputs) - 1]]
            seen = self._screen(outputs, keys, waiting=True)
            if Answer(wanted).respell(Answer(seen)) == Answer(wanted):
                return 0.0 if not wanted[-1].text or outputs[-1].endswith(b" ") else BLANK_SECONDS
            if wanted[-1].text and fits(wanted[-1], seen[-1]):
                return WRONG_SECONDS
            return RECORD_SECONDS if self.record else None

        typed = [Keys(_sent(key), expected[at].text.startswith("<*")) for at, key in zip(turns, keys, strict=True)]
        limits = self.command_seconds, self.prompt_seconds
        ran = run_on_terminal(command.script, self.env, self.cwd, typed, pause, *limits)
        return ran, Answer(self._screen(ran.outputs, keys), [], ran.status)

    def _screen(self, outputs: list[bytes], keys: list[str], waiting: bool = False) -> list[Item]:
        """Return what a terminal shows, "typed" where it is cut; when `waiting`, it ends with a prompt."""
        items: list[Item] = []
        for turn, output in enumerate(outputs):
            text = output.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
            if self.strips_escapes:
                text = ESCAPE_SEQUENCE.sub("", text)
            if turn:
                # The echo, and the newline that ends the line of the prompt, belong to the typing.
                key = keys[turn - 1]
                echoed = text.startswith(key) and key != ""
                text = text.removeprefix(key)
                in_line = bool(items[-1].text) or echoed
                ended = text.startswith("\n") or not in_line
                text = text.removeprefix("\n") if in_line else text
                mark = "<" if echoed or not key or CONTROL.fullmatch(key) else "<*"
                items.append(Item(f"{mark} {key}" if key else mark, "typed", ended))
            *lines, last = text.split("\n")
            items += [Item(self._show(line)) for line in lines]
            if waiting or turn < len(outputs) - 1:
                items.append(Item(self._show(last.rstrip()), "prompt"))
            elif last:
                items.append(Item(self._show(last), ended=False))
        return items

    def _lines(self, output: bytes) -> list[Item]:
        *lines, last = output.decode("utf-8", "surrogateescape").split("\n")
        return [Item(self._show(line)) for line in lines] + ([Item(self._show(last), ended=False)] if last else [])

    def _show(self, line: str) -> str:
        for name in ("home", "cwd", "tmp"):
            line = line.replace(str(self.root / name), f"<{name}>")
        return show(line)

    def end_processes(self) -> None:
        """Kill what the commands left running, such as an agent; only Linux tells whose a process is."""
        deadline = time.monotonic() + SECONDS
        while (left := list(self._processes())) and time.monotonic() < deadline:
            for number in left:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.01)

    def _processes(self) -> Iterator[int]:
        mark = os.fsencode(self.root) + b"/"
        for process in Path("/proc").glob("[0-9]*"):
            try:  # in the midst of exec a process has no environment to be read, but it has a folder
                where = os.fsencode(os.readlink(process / "cwd"))
                if mark in where or mark in (process / "environ").read_bytes():
                    yield int(process.name)
            except OSError:  # it has ended, or it is another user's
                continue

    def search(self) -> Iterator[str]:
        """Yield each file under the folders that holds a canary in the clear, in base64 or in hexadecimal."""
        for folder, folders, files in os.walk(self.root):
            for path in [Path(folder, name) for name in folders + files]:
                mode = path.lstat().st_mode
                if stat.S_ISDIR(mode):
                    path.chmod(0o700)  # before os.walk comes to it, which passes over what it may not read
                if any(home == path or home in path.parents for home in self.canary_homes):
                    continue
                content = os.fsencode(path.relative_to(self.root)) + b"\n"
                if stat.S_ISREG(mode):
                    path.chmod(0o600)
                    content += path.read_bytes()
                for canary in self._canaries_in(content):
                    yield f"{path.relative_to(self.root)} holds the canary {canary}"

    def _canaries_in(self, content: bytes) -> list[str]:
        return [canary for canary in self.canaries if any(form in content for form in _forms(canary.encode()))]


def _answer_source(step: Command | Directive) -> list[str]:
    return step.answer_source if isinstance(step, Command) else []


def _differences(command: Command, answer: Answer) -> list[str]:
    attributes = {"screen" if command.on_terminal else "stdout": "stdout", "stderr": "stderr", "status": "status"}
    differing = [
        name
        for name, attribute in attributes.items()
        if getattr(answer, attribute) != getattr(command.answer, attribute)
    ]
    verb = "differ" if len(differing) > 1 else "differs"
    return [f"{' and '.join(differing)} {verb}"] if differing else []


def _report(command: Command, answer: Answer, wrong: str) -> str:
    wanted, got = command.answer.spell(), answer.spell()
    # All of it, and not only what is near a difference: the other stream often tells why.
    diff = unified_diff(wanted, got, "expected", "got", n=len(wanted) + len(got), lineterm="")
    return "\n".join([wrong, *command.source, *(list(diff) or got)])


def _sent(key: str) -> bytes:
    return bytes([ord(key[1]) & 31]) if CONTROL.fullmatch(key) else f"{key}\r".encode()


def _forms(value: bytes) -> Iterator[bytes]:
    """Yield a value as it is and as it looks inside of longer base64 or hexadecimal text."""
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for offset in range(3):
        # The characters at both ends are shared with the bytes around the value.
        encoded = base64.b64encode(bytes(offset) + value)[(0, 2, 3)[offset] : (offset + len(value)) * 8 // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def _vary(item: Item) -> Item:
    """Return a new line of a recording with patterns for what the next run would print otherwise."""
    # Other times, of an expiry for instance, were chosen by the transcript.
    text = re.sub(rf"{datetime.now(UTC):%Y-%m-%d}T[\d:.]+Z", "<time>", item.text)
    return replace(item, text=re.sub(PATTERNS["<key>"], "<key>", text))
