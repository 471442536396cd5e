"""An interactive bash, zsh or fish on a pty, as a person has it: lines are typed, and seen is what each leaves.

At each prompt, after the hooks before it, the shell writes down its `$?` and what a program would inherit.
"""

import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.patience import SECONDS
from tests.terminal import ON_TERMINAL

PROMPT = b"> "
RC = {
    "bash": """
PS1='> '
note() {{
  local status=$?
  {{ printf 'STATUS=%s\\0' "$status"; env -0; }} >"{notes}/.new" && mv "{notes}/.new" "{notes}/$((++noted))"
  return "$status"
}}
noted=0
{before}
case $(declare -p PROMPT_COMMAND 2>/dev/null) in
'declare -a'*) PROMPT_COMMAND+=(note) ;;
*) PROMPT_COMMAND+=${{PROMPT_COMMAND:+$'\n'}}note ;;
esac
{after}
eval "$(credvault shellenv bash)"
""",
    "zsh": """
PS1='> '
unsetopt zle
note() {{
  local was=$?
  {{ printf 'STATUS=%s\\0' "$was"; env -0; }} >"{notes}/.new" && mv "{notes}/.new" "{notes}/$((++noted))"
}}
noted=0
{before}
precmd_functions+=(note)
{after}
eval "$(credvault shellenv zsh)"
""",
    "fish": """
function fish_prompt; echo '> '; end
function fish_greeting; end
set -g noted 0
{before}
credvault shellenv fish | source
function note --on-event fish_prompt
    set -l was $status
    set noted (math $noted + 1)
    begin; printf 'STATUS=%s\\0' $was; env -0; end >"{notes}/.new"; and mv "{notes}/.new" "{notes}/$noted"
end
{after}
""",
}


class Seen(NamedTuple):
    """What one line left: `$?`, what a program would inherit, and what was shown since it was typed."""

    status: int
    variables: Mapping[bytes, bytes]
    screen: bytes


class Shell:
    """A running shell; `start` is what its first prompt left."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int, notes: Path) -> None:
        self._process, self._master, self._notes = process, master, notes
        self._noted = 0
        self.start = self._see(b"")

    def __call__(self, line: str | bytes) -> Seen:
        """Type a line, and return what it left when the next prompt has come."""
        sent = line.encode() if isinstance(line, str) else line
        os.write(self._master, sent + b"\r")
        return self._see(sent)

    def interrupt(self, line: str, started: Path) -> Seen:
        """Type a line, and ^C once the file `started` is there."""
        os.write(self._master, line.encode() + b"\r")
        until = time.monotonic() + SECONDS
        while not started.exists():
            assert time.monotonic() < until, line
            time.sleep(0.05)
        os.write(self._master, b"\x03")
        return self._see(line.encode())

    def _see(self, sent: bytes) -> Seen:
        self._noted += 1
        note = self._notes / str(self._noted)
        shown, until = b"", time.monotonic() + SECONDS
        while not note.exists():
            shown += _read(self._master)
            assert time.monotonic() < until, (sent, shown)
            assert self._process.poll() is None, (sent, shown)
        # What is typed before the prompt is there, is shown before it.
        while not shown.endswith(PROMPT):
            shown += _read(self._master)
            assert time.monotonic() < until, (sent, shown)
        variables = dict(entry.split(b"=", 1) for entry in note.read_bytes().split(b"\0") if b"=" in entry)
        return Seen(int(variables.pop(b"STATUS")), variables, shown)


@contextmanager
def interactive(
    shell: str, folder: Path, environment: Mapping[str, str | bytes], cwd: Path, *, before: str = "", after: str = ""
) -> Iterator[Shell]:
    """Give a shell with the hook; `before` and `after` are lines of its rc file around what is set up there."""
    notes = folder / f"notes-{time.monotonic_ns()}"
    notes.mkdir(parents=True)
    rc = notes / {"bash": "rc.bash", "zsh": ".zshrc", "fish": "rc.fish"}[shell]
    rc.write_text(RC[shell].format(notes=notes, before=before, after=after), encoding="utf-8")
    words = {
        "bash": f"bash --noprofile --rcfile {rc} --noediting -i",
        "zsh": "zsh --no-globalrcs -i",
        "fish": f"fish --no-config -i -C 'source {rc}'",
    }[shell]
    master, slave = os.openpty()
    try:
        process = subprocess.Popen(
            ["bash", "-c", ON_TERMINAL, os.ttyname(slave), f"exec {words}"],
            env={**environment, "TERM": "dumb", "ZDOTDIR": str(notes)},
            cwd=cwd,
            start_new_session=True,
        )
        try:
            yield Shell(process, master, notes)
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(slave)
        os.close(master)


def _read(master: int) -> bytes:
    ready, _, _ = select.select([master], [], [], 0.02)
    return os.read(master, 65536) if ready else b""
