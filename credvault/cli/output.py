"""What a person and a pipe are shown: the answer on stdout, talk on stderr, tables on a terminal.

All text passes the one sanitiser; a value passes as bytes, untouched.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from credvault.model.errors import CredvaultError, InvalidValue, StorageError, failed
from credvault.model.record import Record
from credvault.model.text import counted, is_terminal_safe, printable, said, warned
from credvault.model.value import SecretValue


class Output:
    """Where a run writes: `quiet` silences messages, `verbose` adds more, `color` is auto, always or never."""

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = 0
        self.color = "auto"
        self.json = False

    def value(self, value: SecretValue, *, newline: bool | None, raw: bool) -> None:
        """Write a value exactly as it is, plus one newline on a terminal or as `newline` says.

        Raises InvalidValue for a terminal and a value that would drive it, unless `raw`.
        """
        on_terminal = is_terminal(sys.stdout)
        if on_terminal and not raw and not is_terminal_safe(value.reveal()):
            raise InvalidValue(
                "the value holds control characters, so it is not shown on a terminal",
                hint="give --raw to show it all the same, or -o FILE to put it in a file",
            )
        add_newline = on_terminal if newline is None else newline
        write_bytes(value.reveal() + b"\n" if add_newline else value.reveal())

    def stored(self, record: Record, value: SecretValue | None) -> None:
        """Say what was stored: name, version and, where it is known, bytes. Never the value."""
        if self.json:
            self.fact(record.members())
        size = "" if value is None else f" ({counted(len(value), 'byte')})"
        self.say(f"stored {record.name} version {record.version}{size}")

    def line(self, text: str) -> None:
        """Write one line of the answer; `text` may hold tabs of ours, its parts are sanitised by the caller."""
        write_bytes((text + "\n").encode(getattr(sys.stdout, "encoding", None) or "utf-8", "backslashreplace"))

    def fact(self, members: Any) -> None:
        """Write an answer as JSON, on one line in a pipe and indented on a terminal."""
        self.line(json.dumps(members, indent=2 if is_terminal(sys.stdout) else None))

    def say(self, text: str) -> None:
        """Tell the user what was done, on stderr."""
        if not self.quiet:
            write_error(said(text))

    def detail(self, text: str) -> None:
        """Tell the user how it was done, on stderr, with -v."""
        if self.verbose:
            write_error(said(text))

    def warn(self, text: str) -> None:
        """Warn the user, on stderr."""
        if not self.quiet:
            write_error(warned(text))

    def error(self, error: CredvaultError) -> None:
        """Show an error on stderr: what, and what to do; or as JSON."""
        if self.json:
            from credvault.model.messages import error_members

            write_error(json.dumps(error_members(error)) + "\n")
        else:
            write_error(failed(error))

    def finding(self, level: str, subject: str, text: str, mend: str | None) -> None:
        """Write one finding of the doctor as a line of the answer, and its mend below."""
        self.line(f"{level:<7} {subject}: {printable(text)}")
        if mend:
            self.line(f"        mend: {printable(mend)}")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows of sanitised text: a table on a terminal, else tab-separated lines without a heading."""
        if not is_terminal(sys.stdout):
            if rows:
                self.line("\n".join("\t".join(row) for row in rows))
            return
        if not rows:
            self.say("nothing to show")
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(
            color_system="auto" if self.has_color() else None, force_terminal=True, highlight=False, soft_wrap=False
        )
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        with console.capture() as capture:
            console.print(table)
        lines = [line.rstrip() for line in capture.get().splitlines()]
        write_bytes(("\n".join(lines) + "\n").encode(console.encoding, "backslashreplace"))

    def has_color(self) -> bool:
        """Say whether colours are wanted (no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shown(cell: object) -> str:
    """Return a fact as a cell of a table: sanitised, a dash where it is not set, lists joined by commas."""
    if isinstance(cell, tuple | list):
        cell = ",".join(cell)
    return printable(str(cell)) if cell not in (None, "") else "-"


def shown_time(time: object, *, day: bool = False) -> str:
    """Return a time as a cell: the minute or the day on a terminal, where columns are dear, else as it is."""
    if isinstance(time, str) and is_terminal(sys.stdout):
        return time[:10] if day else time[:16].replace("T", " ")
    return shown(time)


def is_terminal(stream: Any) -> bool:
    """Say whether a standard stream is there and is a terminal."""
    return stream is not None and stream.isatty()


class ClosedPipe(Exception):
    """Nobody reads stdout any more. Not an OSError, which Click would take for its own."""


def write_bytes(data: bytes) -> None:
    """Write to stdout, whole; raises StorageError where it is closed or full, ClosedPipe where nobody reads."""
    if sys.stdout is None:
        raise StorageError("stdout is closed, so there is nowhere to write the answer")
    rest = memoryview(data)
    try:
        # Past Python's buffer: what could not be written must not be tried again when the program ends.
        while rest:
            try:
                rest = rest[os.write(sys.stdout.fileno(), rest) :]
            except BlockingIOError:  # whoever opened stdout left it so that it does not wait (node does)
                from select import select

                select([], [sys.stdout.fileno()], [])
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as exc:
        raise StorageError(f"cannot write the answer: {(exc.strerror or 'input/output error').lower()}") from exc


def write_error(lines: str) -> None:
    """Write whole lines of sanitised text to stderr, if it is there."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(lines)
        sys.stderr.flush()
    except OSError:
        return  # nowhere to say it; the exit status stands
