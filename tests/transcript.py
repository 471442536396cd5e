"""The format of transcripts: commands with all that they print, read by people and played by `stage.py`.

Parses a transcript and spells output as one: what cannot be seen is spelled out, what varies is named by a
pattern. Pure text, runs nothing. The syntax is shown in test_transcripts.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from operator import itemgetter
from typing import Literal

NO_NEWLINE = "\\no newline"
MARK = re.compile(r"(\$\$|<\*|[$#%?!<>|])(?: (.*)|)$")
NEEDS_BAR = re.compile(rf"$|(?:{MARK.pattern})|\.\.\.$|!?\\no newline$")  # stdout that would read as something else
DIRECTIVES = {
    "env",
    "unset",
    "cwd",
    "file",
    "capture",
    "canary",
    "canary-in",
    "reveals",
    "strip-escapes",
    "needs",
    "when",
    "end",
}

ABILITIES = {"versions", "bytes"}  # what not every store has: versions, and values that are no text

PATTERN = re.compile(r"(\[\.\.\.\]|<[a-z]+>)")
PATTERNS = {
    "[...]": ".*",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "<key>": "cvk1_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}",
    "<id>": "[A-Za-z0-9_-]{6,}",
    "<digits>": r"\d+",
    "<path>": r"""(?:<home>|<cwd>|<tmp>|/)[^\s:;,'"()]*""",
}
SPELLED_OUT = re.compile("<(x[0-9a-f]{2}|u[0-9a-f]{4,6}|tab)>")


class TranscriptError(Exception):
    """A transcript that cannot be read or followed; the message begins with the line number."""


@dataclass(frozen=True)
class Item:
    """One line of output, or something typed, in the spelling of transcripts."""

    text: str
    kind: Literal["line", "any", "prompt", "typed"] = "line"
    ended: bool = True  # by a newline


@dataclass
class Answer:
    """What a command says; of a terminal, `stdout` is the screen with the typing, and `stderr` is empty."""

    stdout: list[Item] = field(default_factory=list)
    stderr: list[Item] = field(default_factory=list)
    status: int = 0

    def spell(self) -> list[str]:
        """Return the lines of a transcript that say this."""
        status = [f"? {self.status}"] if self.status else []
        return [*_spell(self.stdout, ""), *_spell(self.stderr, "!"), *status]

    def respell(self, seen: "Answer", new: Callable[[Item], Item] = lambda item: item) -> "Answer":
        """Return `seen` in the words of this answer where they fit: equal to this answer when all fits."""
        stdout = _respell(self.stdout, seen.stdout, new)
        return Answer(stdout, _respell(self.stderr, seen.stderr, new), seen.status)


@dataclass
class Command:
    """A command line and what it must do."""

    number: int
    script: str
    on_terminal: bool
    source: list[str]
    answer: Answer = field(default_factory=Answer)
    answer_source: list[str] = field(default_factory=list)


@dataclass
class Directive:
    """A line for the stage; `source` includes the indented lines below it."""

    number: int
    name: str
    argument: str
    source: list[str]

    def body(self) -> str:
        """Return the text below the directive without its indentation and the blank lines after it."""
        text = "\n".join(line.removeprefix("    ") for line in self.source[1:]).rstrip("\n")
        return text + "\n" if text else ""


def parse(text: str) -> list[Command | Directive | str]:
    """Return the steps of a transcript; comments and blank lines are steps of plain text."""
    steps: list[Command | Directive | str] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        try:
            _parse_line(steps, number, line)
        except ValueError as error:
            raise TranscriptError(f"{number}: {error}: {line}") from error
    return steps


def _parse_line(steps: list[Command | Directive | str], number: int, line: str) -> None:
    found = MARK.match(line)
    mark, rest = (found[1], found[2] or "") if found else ("", line)
    last = steps[-1] if steps else None
    if isinstance(last, Directive) and last.name == "file" and (line.startswith("    ") or not line):
        last.source.append(line)
    elif mark == "#" or not line:
        steps.append(line)
    elif mark in ("$", "$$"):
        if not rest:
            raise ValueError("no command")
        steps.append(Command(number, rest, mark == "$$", [line]))
    elif mark == "%":
        name, _, argument = rest.partition(" ")
        if name not in DIRECTIVES:
            raise ValueError("unknown directive")
        if name == "when" and argument.strip() not in ABILITIES:
            raise ValueError("unknown ability")
        steps.append(Directive(number, name, argument.strip(), [line]))
    elif not isinstance(last, Command):
        raise ValueError("output without a command (an empty line of output is written |)")
    elif mark == ">":
        if last.answer_source:
            raise ValueError("a command that goes on below its output (output may be written | > …)")
        last.script += "\n" + rest
        last.source.append(line)
    else:
        _parse_answer(last, mark, rest, line)
        last.answer_source.append(line)


def _parse_answer(command: Command, mark: str, rest: str, line: str) -> None:
    to_stderr = mark == "!" or line == "!" + NO_NEWLINE
    stream = command.answer.stderr if to_stderr else command.answer.stdout
    if command.on_terminal and to_stderr:
        raise ValueError("a terminal has one screen, not a stderr")
    if mark == "?":
        command.answer.status = int(rest)
    elif mark in ("<", "<*"):
        if not command.on_terminal:
            raise ValueError("nobody types without a terminal ($$)")
        if stream and stream[-1].kind == "any":
            raise ValueError("typed at no particular prompt")
        prompt = stream.pop() if stream and stream[-1].kind == "line" else Item("")
        # Editors strip blanks at the end of a line, so those of a prompt do not count.
        stream.append(Item(prompt.text.removesuffix("<x20>").rstrip(), "prompt"))
        stream.append(Item(f"{mark} {rest}" if rest else mark, "typed"))
    elif line.removeprefix("!") == NO_NEWLINE:
        if not stream or stream[-1].kind == "any":
            raise ValueError("no line before it")
        stream[-1] = replace(stream[-1], ended=False)
    elif rest == "..." and mark in ("", "!"):
        stream.append(Item(rest, "any"))
    else:
        stream.append(Item(re.sub(" $", "<x20>", rest.replace("\t", "<tab>"))))


def show(text: str) -> str:
    """Return a line of output with all that a reader would miss spelled out; no two lines are shown alike."""
    text = SPELLED_OUT.sub(r"<x3c>\1>", text)
    return re.sub(" $", "<x20>", "".join(c if c.isprintable() else _spell_out(c) for c in text))


def _spell_out(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as surrogateescape decodes it
        return f"<x{code - 0xDC00:02x}>"
    if character == "\t":
        return "<tab>"
    return f"<x{code:02x}>" if code < 0x80 else f"<u{code:04x}>"


def _spell(items: list[Item], mark: str) -> list[str]:
    lines: list[str] = []
    for before, item in zip([None, *items], items, strict=False):
        if item.kind == "prompt" and not item.text and (before is None or before.kind == "typed"):
            continue  # typed where the line is empty; only below a line must the transcript say so
        bar = "|" if not mark and item.kind in ("line", "prompt") and NEEDS_BAR.match(item.text) else mark
        lines.append(f"{bar} {item.text}" if bar and item.text else bar or item.text)
        if not item.ended and item.kind != "prompt":
            lines.append(mark + NO_NEWLINE)
    return lines


@cache
def _pattern(spelling: str) -> re.Pattern[str]:
    # A pattern fits its own name too: a help text may say <path> and mean it.
    parts = [
        f"(?:{re.escape(part)}|{PATTERNS[part]})" if part in PATTERNS else re.escape(part)
        for part in PATTERN.split(spelling)
    ]
    return re.compile("".join(parts))


def fits(expected: Item, seen: Item) -> bool:
    """Tell whether a line of a transcript describes a line that was seen."""
    if (expected.kind, expected.ended) != (seen.kind, seen.ended):
        return False
    if expected.kind == "typed":
        return expected.text == seen.text
    return _pattern(expected.text).fullmatch(seen.text) is not None


def _respell(expected: list[Item], seen: list[Item], new: Callable[[Item], Item]) -> list[Item]:
    """Return `seen` with the items of `expected` that fit, by the least costly alignment (edit distance).

    What has no counterpart goes through `new`. An "any" takes everything but typing at no cost.
    """
    rows, columns = len(expected), len(seen)
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]

    def moves(i: int, j: int) -> list[tuple[int, str]]:
        found = []
        if i < rows and expected[i].kind == "any":
            found.append((cost[i + 1][j], "leave"))
            if j < columns and seen[j].kind != "typed":
                found.append((cost[i][j + 1], "swallow"))
        elif i < rows:
            if j < columns and fits(expected[i], seen[j]):
                found.append((cost[i + 1][j + 1], "keep"))
            found.append((cost[i + 1][j] + 1, "drop"))
        if j < columns:
            found.append((cost[i][j + 1] + 1, "new"))
        return found

    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            cost[i][j] = min(moves(i, j), default=(0, ""))[0]
    spelled, i, j = [], 0, 0
    while (i, j) != (rows, columns):
        move = min(moves(i, j), key=itemgetter(0))[1]
        if move in ("leave", "keep"):
            spelled.append(expected[i])
        elif move == "new":
            spelled.append(new(seen[j]))
        i += move in ("leave", "keep", "drop")
        j += move in ("swallow", "keep", "new")
    return spelled
