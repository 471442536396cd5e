"""What the program says of itself, read from its commands and its table of errors; how it is written is elsewhere."""

import re
from collections.abc import Iterator, Sequence
from inspect import cleandoc

import click

from credvault.cli.main import COMMANDS, cli
from credvault.cli.options import global_options
from credvault.model.errors import (
    EXIT_CLOSED_PIPE,
    EXIT_EXEC_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NO_PROGRAM,
    EXIT_NOT_RUNNABLE,
    CredvaultError,
    error_classes,
)

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

_EXAMPLE = re.compile(r"^\s*Example: (.*\bcredvault\b.*)$", re.MULTILINE)


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
    found = _EXAMPLE.search(command.help or "")
    return found[1] if found else None


def description(command: click.Command) -> Sequence[str]:
    """Return the paragraphs of a command's help, without the example."""
    return _EXAMPLE.sub("", cleandoc(command.help or "")).strip().split("\n\n")


def own_options(command: click.Command) -> Sequence[click.Option]:
    """Return the options that a user sees of a command, without the global ones that it takes as they are."""
    taken_over = {option.name for option in global_options()}
    return [
        option
        for option in shown_options(command)
        if option in command.params or command is cli or option.name not in taken_over
    ]


def shown_options(command: click.Command) -> Sequence[click.Option]:
    """Return every option that a user sees of a command."""
    params = command.get_params(click.Context(command))
    return [param for param in params if isinstance(param, click.Option) and not param.hidden]


def option_rows(options: Sequence[click.Option]) -> list[tuple[str, str]]:
    """Return each option as a user types it, and its help."""
    context = click.Context(cli, info_name="credvault")
    records = [option.get_help_record(context) for option in options]
    return [record for record in records if record is not None]


def error_rows() -> list[tuple[int, str, str]]:
    """Return exit status, wire code and meaning of each code, in the order of the statuses."""
    meanings: dict[tuple[int, str], str] = {}
    for error in error_classes():
        # Classes that share a code are told apart by their messages, not by their status.
        meaning = UNEXPECTED if error is CredvaultError else _first_line(error.__doc__)
        meanings.setdefault((error.exit_status, error.code), meaning)
    return [(status, code, meaning) for (status, code), meaning in sorted(meanings.items(), key=lambda row: row[0][0])]


def _first_line(docstring: str | None) -> str:
    line = (docstring or "").strip().split("\n")[0].removesuffix(".")
    return line[:1].lower() + line[1:]
