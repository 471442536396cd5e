"""`credvault export`."""

import os
from collections.abc import Sequence
from typing import Any

import click

from credvault import files
from credvault.cli.choosing import add_files, parse_selection, selection_options
from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.outfile import refuse_own_file, write_outfile
from credvault.cli.release import warn_of
from credvault.delivery.formats import FORMATS, GITHUB_ACTIONS, render
from credvault.delivery.selection import Injection, collect
from credvault.model.errors import Invalid
from credvault.model.text import counted
from credvault.model.value import SecretValue

# Where a step of GitHub Actions leaves variables for later steps; the runner made the file.
_GITHUB_ENV = "GITHUB_ENV"


_READERS = ", ".join(f"{name} ({fmt.reader})" if fmt.reader else name for name, fmt in FORMATS.items())


@verb("export")
@click.option(
    "--format", "format_name", type=click.Choice(list(FORMATS)), metavar="FORMAT", help=f"who reads it: {_READERS}"
)
@selection_options
@click.option("-o", "--output", metavar="FILE", help="put it in a new file, mode 0600")
@click.option("--force", is_flag=True, help="with -o, replace the file if it is there")
@click.option("--raw", is_flag=True, help="show control characters on a terminal")
@click.pass_obj
def command(
    run: Run, /, *, format_name: str | None, output: str | None, force: bool, raw: bool, **options: Any
) -> None:
    """Write variables and their values in the form that a shell, a file or a CI service reads. The options choose as
    those of exec do: without one, it is every secret that has a variable.

    A value that a format cannot carry is an error, and nothing is written. github-actions writes to the file that
    GITHUB_ENV names, and prints what hides each line of a value in the log.

    Example: eval "$(credvault export --format shell -n openai)"
    """
    output = None if output == "-" else output
    name = _chosen_format(format_name, run.out.json)
    runner_file = _runner_file(run, output) if name == GITHUB_ACTIONS else None
    selection = add_files(run, parse_selection(run, options), options["env_files"])
    with run.open_vault() as vault:
        found = collect(vault, selection)
    text = render(name, found.variables)
    warn_of(run, found, found.variables, selection.if_missing)
    if not found.variables:
        run.out.say("there is no secret to export")
    if runner_file is not None:
        _set_for_later_steps(run, runner_file, text, found.variables, raw=raw)
    elif output is not None:
        write_outfile(run, output, [text], force=force)
    else:
        run.out.value(SecretValue(text), newline=False, raw=raw)


def _chosen_format(name: str | None, as_json: bool) -> str:
    if name is None:
        raise Invalid("which format?", hint=f"give --format: {', '.join(FORMATS)}")
    if as_json and name != "json":
        raise Invalid("--json goes with --format json, and with no other", hint="give one of the two")
    return name


def _runner_file(run: Run, output: str | None) -> str:
    """Return the file that GITHUB_ENV names, before anything is unlocked; raises Invalid where there is none."""
    if output is not None:
        raise Invalid(f"{GITHUB_ACTIONS} writes to the file that {_GITHUB_ENV} names", hint="leave out -o")
    path = os.environ.get(_GITHUB_ENV)
    if not path:
        hint = "run it in a step of a workflow; elsewhere choose another format"
        raise Invalid(f"{_GITHUB_ENV} is not set, so there is no file to write to", hint=hint)
    if not os.path.isfile(path):
        raise Invalid(f"{_GITHUB_ENV} names {path}, which is not a file", hint="the runner makes it, before each step")
    refuse_own_file(run, path)
    return path


def _set_for_later_steps(run: Run, path: str, text: bytes, variables: Sequence[Injection], *, raw: bool) -> None:
    from credvault.delivery.formats.github import masks

    # Masks first: from the moment a value is in that file, a step may print it.
    run.out.value(SecretValue(masks(variable.value.reveal() for variable in variables)), newline=False, raw=raw)
    if variables:
        files.append_whole(path, text)
        run.out.say(f"set {counted(len(variables), 'variable')} for later steps")
