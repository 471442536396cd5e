"""The command line as a completion sees it: commands, their options, and what completes the word after each.

All of it comes from the commands themselves. The one table here says what a metavar stands for.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import click

from credvault.cli.main import COMMANDS, cli
from credvault.cli.options import global_options
from credvault.config import Flags
from credvault.delivery.formats import FORMATS
from credvault.transfer.importers.choosing import SOURCES
from tests.rendering.program import commands, description, own_options, shown_options

# Kinds of word: the first three the program is asked for, the others the shell knows.
NAME, NAMESPACE, PROFILE = "name", "namespace", "profile"
FILE, FOLDER, VARIABLE, PROGRAM = "file", "folder", "variable", "program"
ASSIGNED = "assigned"  # VAR=NAME
CHOICE = "choice"
TEXT = "text"  # anything; nothing is offered

METAVARS = {
    "NAME": NAME,
    "NAMES": NAME,
    "GLOB": NAME,
    "NAMESPACE": NAMESPACE,
    "NS": NAMESPACE,
    "P": PROFILE,
    "FILE": FILE,
    "F": FILE,
    "FOLDER": FOLDER,
    "VAR": VARIABLE,
    "VAR=NAME": ASSIGNED,
    "CMD": PROGRAM,
    "TEMPLATE": FILE,
    "PATH": FILE,
    **dict.fromkeys(
        "A,B B C CONSUMER D HOST ID JSON K=V N OLD=NEW S STRING T TEXT URI VAR,VAR WHAT WHEN".split(),
        TEXT,
    ),
}


class Word(NamedTuple):
    """What completes a word: a kind, for a choice what there is, and whether as many may follow as one likes."""

    kind: str
    choices: Sequence[str] = ()
    repeated: bool = False


# Where a metavar stands for something else with one parameter, or for words that a table of the program has.
PARAMETERS = {
    ("export", "--format"): Word(CHOICE, tuple(FORMATS)),
    ("get", "--field"): Word(TEXT),
    ("import", "--prefix"): Word(TEXT),
    ("import", "source"): Word(CHOICE, tuple(SOURCES)),
}


class Option(NamedTuple):
    """An option as it is typed, its help, the word after it (None for one that takes none), how often it may stand.

    `is_global` is one of the program that a command takes as it is.
    """

    spellings: Sequence[str]
    help: str
    word: Word | None
    repeated: bool
    is_global: bool


class Verb(NamedTuple):
    """A command by all its words (`slot add`, nothing for the program), and what may follow it."""

    path: str
    summary: str
    options: Sequence[Option]
    arguments: Sequence[Word]
    below: Sequence[tuple[str, str]]


class UnknownMetavarError(LookupError):
    """A metavar of which no table says what completes it."""


def verbs() -> Sequence[Verb]:
    """Return the program and each of its commands; raises UnknownMetavarError."""
    by_name = dict(commands())
    program = _verb("", "", cli, list(COMMANDS.items()))
    rest = []
    for path, command in by_name.items():
        below = [(each.removeprefix(f"{path} "), _summary(each, by_name)) for each in by_name if f"{path} " in each]
        rest.append(_verb(path, _summary(path, by_name), command, below))
    return [program, *rest]


def chosen_by() -> Sequence[tuple[Sequence[str], str, bool]]:
    """Return the options that say which vault is meant: how they are typed, which of `Flags`, if with a word."""
    return [
        ([*option.opts], option.name, not option.is_flag)
        for option in global_options()
        # Names are those of the store, with --offline too: after `test` that means something else.
        if option.name in Flags._fields and option.name not in ("offline", "max_age")
    ]


def word_of(path: str, parameter: click.Parameter) -> Word:
    """Return what completes the word that a parameter takes; raises UnknownMetavarError."""
    if isinstance(parameter.type, click.Choice):
        return Word(CHOICE, tuple(map(str, parameter.type.choices)), parameter.nargs != 1)
    if isinstance(parameter.type, click.Path):
        return Word(FOLDER if not parameter.type.file_okay else FILE, (), parameter.nargs != 1)
    metavar = parameter.metavar or (parameter.name or "").upper()
    found = re.search(r"[A-Z][A-Z=,]*", metavar)
    shown = found[0] if found else metavar
    for spelling in parameter.opts:  # an argument's name
        if (path, spelling) in PARAMETERS:
            return PARAMETERS[path, spelling]
    if shown not in METAVARS:
        raise UnknownMetavarError(
            f"'credvault {path}' {parameter.opts[0]} takes {shown}: say in METAVARS of tests/rendering/commandline.py "
            "what completes it"
        )
    return Word(METAVARS[shown], (), parameter.nargs != 1)


def _verb(path: str, summary: str, command: click.Command, below: Sequence[tuple[str, str]]) -> Verb:
    own = own_options(command)
    options = [
        Option(
            (*option.opts, *option.secondary_opts),
            option.help or "",
            None if option.is_flag or option.count else word_of(path, option),
            option.multiple or option.count,
            option not in own or (command is cli and option.name not in ("version", "help")),
        )
        for option in shown_options(command)
    ]
    arguments = [word_of(path, param) for param in command.params if isinstance(param, click.Argument)]
    return Verb(path, summary, options, arguments, below)


def _summary(path: str, by_name: dict[str, click.Command]) -> str:
    if path in COMMANDS:
        return COMMANDS[path]
    sentence = re.split(r"[.:;] ", description(by_name[path])[0].replace("\n", " "))[0].removesuffix(".")
    return sentence[:1].lower() + sentence[1:]
