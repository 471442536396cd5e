"""Which secrets become variables: the options that `exec` and `export` share, and the selection they make."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from credvault.cli.context import Run
from credvault.cli.options import F, add_options
from credvault.delivery.envfile import read_env_file
from credvault.delivery.selection import (
    DATABASE_VARIABLE,
    ERROR,
    FD,
    FILE,
    IGNORE,
    STDIN,
    WARN,
    Selection,
    Wanted,
    from_project,
    parse_choice,
)
from credvault.model.errors import Invalid
from credvault.model.names import compile_word_globs, parse_name, parse_namespace
from credvault.model.reference import Reference, parse_reference


def selection_options(function: F) -> F:
    """Add the options that choose secrets and their variables."""
    return add_options(
        function,
        [
            click.option(
                "-n",
                "--namespace",
                "namespaces",
                multiple=True,
                metavar="NS",
                help="only this namespace; may be repeated",
            ),
            click.option(
                "-e", "explicit", multiple=True, metavar="VAR=NAME", help="the secret NAME as VAR; wins over the rest"
            ),
            click.option(
                "--only", multiple=True, metavar="VAR,VAR", help="only these variables; * stands for any characters"
            ),
            click.option(
                "--env-file", "env_files", multiple=True, metavar="F", help="lines VAR=credvault://NAME or VAR=text"
            ),
            click.option(
                "--db", "databases", multiple=True, metavar="NAME", help="a database credential as DATABASE_URL"
            ),
            click.option("--as", "consumer", metavar="CONSUMER", help="only secrets for CONSUMER, or for everybody"),
            click.option(
                "--if-missing",
                type=click.Choice([ERROR, WARN, IGNORE]),
                default=ERROR,
                help="what to do about a missing secret",
            ),
            click.option(
                "--allow-env", multiple=True, metavar="VAR", help="let VAR be set although it steers programs"
            ),
        ],
    )


def parse_selection(run: Run, options: Mapping[str, Any]) -> Selection:
    """Return what the options of `selection_options` ask for; reads no file.

    Raises Invalid, InvalidName, InvalidURI.
    """
    # Before the command, -n is a global option.
    namespaces = list(dict.fromkeys([*filter(None, [run.explicit_namespace]), *options["namespaces"]]))
    for each in namespaces:
        parse_namespace(each)
    namespace, default = _only(namespaces), default_namespace(run, namespaces)
    databases = [parse_name(text, namespace=namespace, default=default) for text in options["databases"]]
    return Selection(
        explicit=[parse_choice(text, namespace=namespace, default=default) for text in options["explicit"]],
        wanted=[Wanted(DATABASE_VARIABLE, Reference(name), "--db", is_dsn=True) for name in databases],
        only=_variables(options["only"]),
        namespaces=namespaces,
        consumer=options["consumer"],
        if_missing=options["if_missing"],
        allow_env=options["allow_env"],
    )


def descriptor_options(function: F) -> F:
    """Add the options that choose secrets for `exec` to hand over otherwise than as variables."""
    return add_options(
        function,
        [
            click.option(
                "--file", "files", multiple=True, metavar="VAR=NAME", help="the secret NAME as a file, its path in VAR"
            ),
            click.option(
                "--fd",
                "fds",
                multiple=True,
                metavar="VAR=NAME",
                help="the secret NAME as an open descriptor, its number in VAR",
            ),
            click.option(
                "--stdin", "stdins", multiple=True, metavar="NAME", help="the secret NAME as the program's stdin"
            ),
        ],
    )


def add_descriptors(run: Run, selection: Selection, options: Mapping[str, Any]) -> Selection:
    """Return a selection with what the options of `descriptor_options` ask for besides.

    Raises Invalid, InvalidName, InvalidURI.
    """
    if len(options["stdins"]) > 1:
        raise Invalid("a program has one stdin: give --stdin once")
    namespaces = selection.namespaces
    namespace, default = _only(namespaces), default_namespace(run, namespaces)
    chosen = [
        parse_choice(text, namespace=namespace, default=default, option=option, form=form)
        for option, form, texts in (("--file", FILE, options["files"]), ("--fd", FD, options["fds"]))
        for text in texts
    ]
    for text in options["stdins"]:
        reference = parse_reference(text, namespace=namespace, default=default)
        chosen.append(Wanted("", reference, "--stdin", form=STDIN))
    return selection._replace(explicit=[*selection.explicit, *chosen])


def add_files(run: Run, selection: Selection, env_files: Sequence[str]) -> Selection:
    """Return a selection with what the project and files of variables ask for besides.

    Raises ConfigError, and what `read_env_file` raises.
    """
    default = default_namespace(run, selection.namespaces)
    wanted = list(selection.wanted)
    project = run.settings.project
    if project is not None:
        wanted += from_project(project.env, project.path, default=default, allow_env=selection.allow_env)
    for path in env_files:
        wanted += read_env_file(path, default=default)
    return selection._replace(wanted=wanted, has_files=bool(env_files))


def default_namespace(run: Run, namespaces: Sequence[str]) -> str:
    """Return the namespace of a name without one: the one that is chosen, or that of the settings."""
    return _only(namespaces) or run.settings.namespace.value


def split_words(texts: Sequence[str]) -> list[str]:
    """Return the words of options that take a list with commas, and may be repeated."""
    return [word for text in texts for word in text.split(",") if word]


def _only(namespaces: Sequence[str]) -> str | None:
    return namespaces[0] if len(namespaces) == 1 else None


def _variables(only: Sequence[str]) -> list[str]:
    """Return the variables and patterns of --only; raises Invalid for an empty one, which must not mean all."""
    words = split_words(only)
    if only and not words:
        raise Invalid("--only names no variable", hint="--only VAR,VAR; without --only it is every one")
    compile_word_globs(words)
    return words
