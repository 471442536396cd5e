"""What the tests of masking share: a shell of a person, and programs that show a secret in odd ways."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import Cli
from tests.screen import PROMPT, Screen, on_screen

SECRET = "canary-token"  # TOKEN in the vault of tests/cli/conftest.py
MARK = "[REDACTED]"
MASKED = "credvault exec -q --mask --only TOKEN --"
SHELL = f"exec env PS1='{PROMPT}' bash --norc --noprofile --noediting -i"
PYTHON = f"{sys.executable} -S"


@contextmanager
def shell(cli: Cli, *, term: str = "xterm") -> Iterator[Screen]:
    """Sit at a shell with job control; at the end no secret has been on the terminal."""
    env = {name: str(value) for name, value in cli.environment({"TERM": term}).items()}
    with on_screen(SHELL, env, cli.cwd) as screen:
        screen.see(PROMPT.rstrip())
        yield screen
        assert SECRET.encode() not in screen.output
        assert b"credvault/delivery" not in screen.output  # no traceback of ours
