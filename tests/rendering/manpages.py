"""The manual pages: one of the program, and one of each command with the commands of its group."""

import re
from collections.abc import Iterator, Mapping, Sequence

import click

from credvault.cli.main import COMMANDS, cli
from credvault.cli.options import global_options
from credvault.cli.variables import SERVERS, SETTINGS, UNLOCKING
from credvault.model.errors import EXIT_CLOSED_PIPE, EXIT_INTERRUPTED, Due, Invalid, Rejected, error_classes
from credvault.model.unlocking import SECRETS_OF_SERVERS
from tests.rendering.program import (
    OTHER_STATUSES,
    commands,
    description,
    error_rows,
    example,
    option_rows,
    own_options,
    usage,
)
from tests.rendering.troff import bold, definitions, page, paragraphs, shown_command, troff

PROGRAM = "credvault"

DESCRIPTION = """\
credvault keeps secrets in one encrypted file, in the OS keyring, or on an OpenBao or HashiCorp Vault server, and hands
them to programs: a value on standard output (credvault get), or variables in the environment of a program (credvault
exec). A value is never an argument, and no message shows one.

A name is NAMESPACE/KEY, or a KEY alone in the namespace default: openai/api_key, newsbot/prod/database/password. Times
are UTC. Durations are written 15m, 8h, 14d, 12w.

Answers go to standard output; messages and questions go to standard error or the terminal."""

UNLOCKING_FIRST = """\
The vault file is unlocked by --key-file, else by the first of these that is set, else by the agent if it holds the
vault, else by the OS keyring if the vault has a slot for it, else by a passphrase that is asked for on the terminal:"""
SERVERS_FIRST = "For OpenBao and Vault, of the family (BAO_ or VAULT_) that names the server:"
NOT_INHERITED = f"""\
A program that exec runs inherits none of CREDVAULT_*, {", ".join(SECRETS_OF_SERVERS)}, unless --keep names it."""

FILES = {
    "~/.config/credvault/config.toml": "settings and profiles",
    ".credvault.toml": "settings of a project, found upwards from the current folder: a vault file inside that folder, "
    "a namespace, and references for exec",
    "~/.local/share/credvault/vault.json": "the vault file, where no setting names another; beside it the generation "
    "before (.bak) and a lock (.lock)",
    "~/.local/state/credvault/": "what was last seen of each vault file, the trail of accesses, test results, trusted "
    "projects, undo files of imports",
}
FILES_ELSEWHERE = "On macOS all three folders are ~/Library/Application Support/credvault."

# How any command may end besides 0; two have a status of their own, and exec makes all that went wrong one.
ANY_COMMAND = {error.exit_status for error in error_classes()} | {EXIT_INTERRUPTED, EXIT_CLOSED_PIPE}
ANY_COMMAND -= {Rejected.exit_status, Due.exit_status}
STATUSES = {
    "list": {*ANY_COMMAND, Due.exit_status},
    "test": {*ANY_COMMAND, Rejected.exit_status},
    "exec": {Invalid.exit_status, *OTHER_STATUSES},
}


def pages() -> Mapping[str, str]:
    """Return every manual page by the name of its file."""
    by_name = dict(commands())
    rest = {name: command_page(name, by_name) for name in COMMANDS}
    return {f"{PROGRAM}.1": program_page(by_name), **{f"{PROGRAM}-{name}.1": text for name, text in rest.items()}}


def program_page(by_name: Mapping[str, click.Command]) -> str:
    """Return the page of the program."""
    top = [(usage(name, by_name[name]), summary) for name, summary in COMMANDS.items()]
    statuses = [("0", "it was done")]
    statuses += [(str(status), f"{meaning} ({code})") for status, code, meaning in error_rows()]
    statuses += [(str(status), meaning) for status, meaning in OTHER_STATUSES.items()]
    sections = {
        "NAME": [f"{PROGRAM} \\- a vault for secrets on the command line"],
        "SYNOPSIS": [f".B {PROGRAM}", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]"],
        "DESCRIPTION": paragraphs(DESCRIPTION.split("\n\n")),
        "COMMANDS": [
            troff(f"{PROGRAM} COMMAND --help shows the options of each, and so does its page: {PROGRAM}-COMMAND(1)."),
            *definitions(top),
        ],
        "OPTIONS": [
            troff("They may stand before or after the command."),
            *definitions(option_rows(own_options(cli))),
        ],
        "EXIT STATUS": definitions(statuses),
        "ENVIRONMENT": [
            *paragraphs([UNLOCKING_FIRST]),
            *definitions(UNLOCKING.items()),
            ".PP",
            "Besides:",
            *definitions(SETTINGS.items()),
            ".PP",
            troff(SERVERS_FIRST),
            *definitions((f"BAO_{name}, VAULT_{name}", what) for name, what in SERVERS.items()),
            ".PP",
            troff(NOT_INHERITED),
        ],
        "FILES": [*definitions(FILES.items()), ".PP", troff(FILES_ELSEWHERE)],
        "EXAMPLES": _examples({name: by_name[name] for name in COMMANDS}),
        "SEE ALSO": _see_also([f"{PROGRAM}-{name}" for name in COMMANDS]),
    }
    return page(PROGRAM, sections)


def command_page(name: str, by_name: Mapping[str, click.Command]) -> str:
    """Return the page of a command, in which the commands of a group have a part each."""
    command = by_name[name]
    below = {other: by_name[other] for other in by_name if other.startswith(f"{name} ")}
    sections = {
        "NAME": [f"{PROGRAM}\\-{troff(name)} \\- {troff(COMMANDS[name])}"],
        "SYNOPSIS": _synopsis(below or {name: command}),
        "DESCRIPTION": paragraphs(description(command)),
        "COMMANDS": [line for other, subcommand in below.items() for line in _subcommand(other, subcommand)],
        "OPTIONS": [*definitions(option_rows(own_options(command))), *_global_options()],
        "EXIT STATUS": [
            *definitions([("0", "it was done"), *_statuses(name)]),
            ".PP",
            troff("With --json an error is an object on standard error, with the code that credvault(1) lists."),
        ],
        "ENVIRONMENT": [
            *definitions([(", ".join(UNLOCKING), "unlock the vault file: the first that is set is used")]),
            *definitions((variable, what) for variable, what in SETTINGS.items() if variable.startswith("CREDVAULT_")),
            ".PP",
            troff("credvault(1) has the rest, and where files are."),
        ],
        "EXAMPLES": _examples(below or {name: command}),
        "SEE ALSO": _see_also([PROGRAM, *_mentioned(name, [command, *below.values()])]),
    }
    return page(f"{PROGRAM}-{name}", sections)


def statuses_of(name: str) -> set[int]:
    """Return every status, but 0, that a command may end with as its page says."""
    return STATUSES.get(name, ANY_COMMAND)


def _statuses(name: str) -> Iterator[tuple[str, str]]:
    meanings: dict[int, list[str]] = {}
    for status, _, meaning in error_rows():
        meanings.setdefault(status, []).append(meaning)
    for status, meaning in OTHER_STATUSES.items():
        meanings.setdefault(status, []).append(meaning.removeprefix("exec: ").removesuffix(" of the above"))
    for status in sorted(statuses_of(name)):
        yield str(status), "; or ".join(meanings[status])


def _synopsis(by_name: Mapping[str, click.Command]) -> Iterator[str]:
    for number, (name, command) in enumerate(by_name.items()):
        pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
        if number:
            yield ".br"
        yield from (bold(f"{PROGRAM} {name}"), troff(" ".join(pieces)))


def _subcommand(name: str, command: click.Command) -> Iterator[str]:
    yield f'.SS "{troff(f"{PROGRAM} {usage(name, command)}")}"'
    yield from paragraphs(description(command))
    yield from definitions(option_rows([option for option in own_options(command) if option.name != "help"]))


def _global_options() -> Iterator[str]:
    spelt = ", ".join(option.opts[-1] for option in global_options())
    yield from (".PP", troff(f"The options of credvault(1) may be given too: {spelt}."))


def _examples(by_name: Mapping[str, click.Command]) -> Iterator[str]:
    for name, command in by_name.items():
        typed = example(command)
        if typed:
            yield from shown_command(COMMANDS.get(name) or description(command)[0].partition(". ")[0], typed)


def _mentioned(name: str, texts: Sequence[click.Command]) -> Sequence[str]:
    """Return the pages of the other commands that the help of this one names."""
    found = {word for command in texts for word in re.findall(r"\bcredvault ([a-z]+)", command.help or "")}
    return [f"{PROGRAM}-{other}" for other in COMMANDS if other in found and other != name]


def _see_also(names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names, start=1):
        yield f"{bold(name)}(1){',' if number < len(names) else ''}"
