"""Writes what is said of the program elsewhere from the program itself: `make docs`.

Two tables of README.md, between their markers, and man/credvault.1. `tests/test_docs.py` fails when they drift.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from credvault import __version__
from credvault.cli.main import COMMANDS, cli
from credvault.cli.variables import SETTINGS, UNLOCKING
from credvault.model.errors import (
    EXIT_CLOSED_PIPE,
    EXIT_EXEC_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NO_PROGRAM,
    EXIT_NOT_RUNNABLE,
    CredvaultError,
    error_classes,
)

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MAN_PAGE = ROOT / "man" / "credvault.1"

# What the base class stands for when it is raised by itself.
UNEXPECTED = "something unexpected, which should be reported; -vv says where"
# How a run ends where it is no error of the table.
OTHER_STATUSES = {
    EXIT_EXEC_FAILED: "exec: a failure before the program started; the message says which of the above",
    EXIT_NOT_RUNNABLE: "exec: the program was found and cannot be run",
    EXIT_NO_PROGRAM: "exec: there is no such program; otherwise exec ends as the program does",
    EXIT_INTERRUPTED: "interrupted by Ctrl-C",
    EXIT_CLOSED_PIPE: "the reader of the output went away",
}

DESCRIPTION = """\
credvault keeps secrets in one encrypted file and hands them to programs: a value on standard output (credvault get),
or variables in the environment of a program (credvault exec). A value is never an argument, and no message shows one.

A name is NAMESPACE/KEY, or a KEY alone in the namespace default: openai/api_key, newsbot/prod/database/password. Times
are UTC. Durations are written 15m, 8h, 14d, 12w.

Answers go to standard output; messages and questions go to standard error or the terminal."""

UNLOCKING_FIRST = """\
The vault file is unlocked by --key-file, else by the first of these that is set, else by a passphrase that is asked
for on the terminal:"""
NOT_INHERITED = "A program that exec runs inherits none of CREDVAULT_*, unless --keep names it."

FILES = {
    "~/.config/credvault/config.toml": "settings and profiles",
    ".credvault.toml": "settings of a project, found upwards from the current folder: a vault file inside that folder, "
    "a namespace, and references for exec",
    "~/.local/share/credvault/vault.json": "the vault file, where no setting names another; beside it the generation "
    "before (.bak) and a lock (.lock)",
    "~/.local/state/credvault/": "what was last seen of each vault file, the trail of accesses, test results",
}
FILES_ELSEWHERE = "On macOS all three folders are ~/Library/Application Support/credvault."


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield each command of the program by what a user types for it, those of a group after the group."""
    context = click.Context(cli, info_name="credvault")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is None:
            raise LookupError(name)
        yield name, command
        if isinstance(command, click.Group):
            for below, subcommand in command.commands.items():
                yield f"{name} {below}", subcommand


def usage(name: str, command: click.Command) -> str:
    """Return a command as it is typed, without its options: `add NAME`."""
    pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
    return " ".join([name, *(piece for piece in pieces if piece != "[OPTIONS]")])


def example(command: click.Command) -> str | None:
    """Return the example in a command's help, or None where there is none."""
    found = re.search(r"^\s*Example: (.*\bcredvault\b.*)$", command.help or "", re.MULTILINE)
    return found[1] if found else None


def error_rows() -> list[tuple[int, str, str]]:
    """Return exit status, wire code and meaning of each code, in the order of the statuses."""
    meanings: dict[tuple[int, str], str] = {}
    for error in error_classes():
        # Classes that share a code are told apart by their messages, not by their status.
        meaning = UNEXPECTED if error is CredvaultError else _first_line(error.__doc__)
        meanings.setdefault((error.exit_status, error.code), meaning)
    return [(status, code, meaning) for (status, code), meaning in sorted(meanings.items(), key=lambda row: row[0][0])]


def commands_table() -> str:
    """Return the table of the commands for the README."""
    rows = [
        (f"`{usage(name, command)}`", COMMANDS[name].replace("|", "\\|"))
        for name, command in commands()
        if name in COMMANDS
    ]
    return _markdown(("command", "does"), rows)


def exit_codes_table() -> str:
    """Return the table of the exit codes for the README."""
    rows = [("0", "", "it was done")]
    rows += [(str(status), f"`{code}`", meaning) for status, code, meaning in error_rows()]
    rows += [(str(status), "", meaning) for status, meaning in OTHER_STATUSES.items()]
    return _markdown(("status", "code", "means"), rows)


def readme(text: str) -> str:
    """Return a README with both tables made anew; raises LookupError where a pair of markers is not there once."""
    for name, table in (("commands", commands_table()), ("exit codes", exit_codes_table())):
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise LookupError(f"{start} … {end}")
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{table}{end}{rest.partition(end)[2]}"
    return text


def man_page() -> str:
    """Return the manual page, in the macros of man(7)."""
    all_commands = list(commands())
    top = [(usage(name, command), COMMANDS[name]) for name, command in all_commands if name in COMMANDS]
    statuses = [("0", "it was done")]
    statuses += [(str(status), f"{meaning} ({code})") for status, code, meaning in error_rows()]
    statuses += [(str(status), meaning) for status, meaning in OTHER_STATUSES.items()]
    examples = [(COMMANDS[name], example(command)) for name, command in all_commands if name in COMMANDS]
    sections = {
        "NAME": ["credvault \\- a vault for secrets on the command line"],
        "SYNOPSIS": [".B credvault", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]"],
        "DESCRIPTION": _paragraphs(DESCRIPTION),
        "COMMANDS": [*_paragraphs("credvault COMMAND --help shows the options of each."), *_definitions(top)],
        "OPTIONS": [*_paragraphs("They may stand before or after the command."), *_definitions(_global_options())],
        "EXIT STATUS": _definitions(statuses),
        "ENVIRONMENT": [
            *_paragraphs(UNLOCKING_FIRST),
            *_definitions(UNLOCKING.items()),
            ".PP",
            "Besides:",
            *_definitions(SETTINGS.items()),
            ".PP",
            troff(NOT_INHERITED),
        ],
        "FILES": [*_definitions(FILES.items()), ".PP", troff(FILES_ELSEWHERE)],
        "EXAMPLES": [line for caption, typed in examples if typed for line in _example(caption, typed)],
    }
    head = [
        '.\\" Made from the program by tests/render_docs.py (make docs).',
        f'.TH CREDVAULT 1 "" "credvault {__version__}" "User Commands"',
    ]
    lines = [line for title, content in sections.items() for line in (f'.SH "{title}"', *content)]
    return "\n".join([*head, *lines]) + "\n"


def troff(text: str) -> str:
    """Return text as troff prints it, character by character."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    escaped = escaped.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    escaped = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    return "\\&" + escaped if escaped.startswith(".") else escaped


def _first_line(docstring: str | None) -> str:
    line = (docstring or "").strip().split("\n")[0].removesuffix(".")
    return line[:1].lower() + line[1:]


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n".replace("|  |", "| |") for cells in lines)


def _global_options() -> list[tuple[str, str]]:
    context = click.Context(cli, info_name="credvault")
    records = [option.get_help_record(context) for option in cli.get_params(context)]
    return [record for record in records if record is not None]


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        yield from (troff(line) for line in paragraph.split("\n"))


def _bold(text: str) -> str:
    return f"\\fB{troff(text)}\\fR"


def _definitions(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in rows:
        yield from (".TP", _bold(term), troff(meaning))


def _example(caption: str, line: str) -> Iterator[str]:
    yield from (".PP", troff(f"{caption[:1].upper()}{caption[1:]}:"), ".PP", ".nf", ".RS", troff(line), ".RE", ".fi")


def rendered() -> Mapping[Path, str]:
    """Return what each file should hold."""
    return {README: readme(README.read_text(encoding="utf-8")), MAN_PAGE: man_page()}


def main() -> None:
    """Write the files that differ, and say which."""
    for path, text in rendered().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
