"""Real interactive shells with the completions loaded, at a desk with a vault and a place for an agent."""

import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.agent.desk import Desk
from tests.interactive import PROMPT, Shell
from tests.patience import PATIENT_AT_TAB

SHELLS = ("bash", "zsh", "fish")
# What is loaded before the completions: a prompt that can be told from anything else, and no questions.
SETUPS = {
    "bash": f"PS1='{PROMPT}'; bind 'set bell-style none'",
    "zsh": f"PS1='{PROMPT}'; unsetopt beep; autoload -U compinit; compinit -u -D",
    "fish": f"function fish_prompt; echo -n '{PROMPT}'; end; function fish_right_prompt; end; set -g fish_greeting",
}
LOADING = {
    "bash": "source <(credvault completion bash)",
    "zsh": "source <(credvault completion zsh)",
    "fish": "credvault completion fish | source",
}

NAMES = (
    "bare",
    "openai/api_key",
    "openai/prod/token",
    "openai/prod/url",
    "mail/email.user@gmail.com/password",
    "other-space/x+y",
)


class Place:
    """A desk, and a `credvault` that keeps a list of how it was called before it is the real one."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.folder = desk.home.root
        self._calls = self.folder / "calls"
        wrapper = desk.home.write(
            "bin/credvault",
            f"#!/bin/sh\nprintf '%s\\0' \"$@\" >>{shlex.quote(str(self._calls))}\n"
            f'printf "\\n" >>{shlex.quote(str(self._calls))}\n'
            f'exec {shlex.quote(sys.executable)} -I -c {shlex.quote(PATIENT_AT_TAB)} "$@"\n',
            0o755,
        )
        desk.home.environ["PATH"] = f"{wrapper.parent}:/usr/local/bin:/usr/bin:/bin"

    def calls(self) -> list[list[str]]:
        """Return the words of each call since the last question, and begin anew."""
        text = self._calls.read_text(encoding="utf-8") if self._calls.exists() else ""
        self._calls.unlink(missing_ok=True)
        return [line.split("\0")[:-1] for line in text.split("\n")[:-1]]


StartShell = Callable[..., Shell]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A home with a vault that holds NAMES; locked."""
    runtime = Path(tempfile.mkdtemp(prefix="cv-", dir="/tmp"))
    desk = Desk(tmp_path, runtime)
    try:
        for name in NAMES:
            desk.put(name, b"canary-value-of-a-secret")
        yield Place(desk)
    finally:
        desk.close()
        shutil.rmtree(runtime)


@pytest.fixture(params=SHELLS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which shell."""
    name = str(request.param)
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def start(place: Place) -> Iterator[StartShell]:
    """Start a shell: `start(kind, setup, loading=…, **environ)`; it is ended with the test."""
    with ExitStack() as stack:

        def start(kind: str, setup: str = "", *, loading: str | None = None, **environ: str) -> Shell:
            script = f"{SETUPS[kind]}\n{LOADING[kind] if loading is None else loading}\n{setup}\n"
            rc = place.desk.home.write({"bash": "rc.bash", "zsh": ".zshrc", "fish": "rc.fish"}[kind], script)
            argv = {
                "bash": ["bash", "--noprofile", "--rcfile", str(rc), "-i"],
                "zsh": ["zsh", "-d", "-i"],
                "fish": ["fish", "--no-config", "-C", f"source {rc}"],
            }[kind]
            variables = {**place.desk.home.environ, "ZDOTDIR": str(place.folder), **environ}
            shell = Shell(argv, variables, place.folder)
            stack.callback(shell.close)
            place.calls()
            return shell

        yield start
