"""`credvault import`."""

# ruff: noqa: N999 - a command's file is its verb; it is loaded by name

import os
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from credvault.cli.context import Run
from credvault.cli.importing import build_choices, show_plan, show_undoing
from credvault.cli.options import verb
from credvault.cli.plans import conflict_option
from credvault.model.errors import CredvaultError, Invalid, StorageError
from credvault.model.text import counted
from credvault.transfer import importing, undo
from credvault.transfer.importers.base import Source
from credvault.transfer.importers.choosing import read_source
from credvault.transfer.plan import (
    WRITTEN,
    Row,
    compare_rows,
    find_problem,
    note_variables,
    plan_rows,
)

if TYPE_CHECKING:
    from credvault.vault import Vault


@verb("import")
@click.argument("source", required=False, metavar="SOURCE")
@click.argument("path", required=False, metavar="PATH")
@click.option("--dry-run", is_flag=True, help="show the plan, and do nothing")
@click.option("-y", "--yes", is_flag=True, help="do not ask; needed without a terminal")
@conflict_option
@click.option("--prefix", default="", metavar="P", help="put P before each name, such as work/")
@click.option("--map", "mappings", multiple=True, metavar="OLD=NEW", help="call OLD of the source NEW; may be repeated")
@click.option("--map-file", metavar="F", help="lines OLD<tab>NEW, as --dry-run prints them in a pipe")
@click.option("--runtime-env", is_flag=True, help="give each a variable made of its name")
@click.option("--executor-only", is_flag=True, help="give none a variable, whatever its name or the source says")
@click.option("--allow-env", multiple=True, metavar="VAR", help="let VAR be set although it steers programs")
@click.option("--whole", is_flag=True, help="pass, gopass: the whole text of an entry is its value")
@click.option("--password-file", metavar="F", help="keepass, bitwarden: the password is in the file F")
@click.option("--kdbx-key-file", metavar="F", help="keepass: the key file of the database")
@click.option("--skip-unreadable", is_flag=True, help="import the rest where some entries cannot be read or stored")
@click.option("--undo-file", metavar="F", help="write the undo file to F, not to the state folder")
@click.option("--undo", "undone", metavar="F", help="take back the import whose undo file F is")
@click.pass_obj
def command(
    run: Run, /, source: str | None, path: str | None, *, undone: str | None, dry_run: bool, yes: bool, **options: Any
) -> None:
    """Bring in the secrets of another program: the plan is shown, then all is stored in one step and read back.

    SOURCE is dotenv, json, pass, gopass, keepass, bitwarden, 1password, fpai or agentskills; PATH is its file or
    folder, - for stdin. No value is shown, and none is written to disk but into the vault.

    Example: credvault import pass ~/.password-store --dry-run
    """
    if undone is not None:
        if source is not None:
            raise Invalid("--undo takes no source", hint="credvault import --undo FILE")
        return _undo(run, undone, dry_run=dry_run, yes=yes)
    if source is None or path is None:
        hint = "credvault import SOURCE PATH; 'credvault import --help' lists the sources"
        raise Invalid("which source, and where is it?", hint=hint)
    _import(run, source, path, dry_run=dry_run, yes=yes, **options)
    return None


def _import(run: Run, name: str, path: str, *, dry_run: bool, yes: bool, **options: Any) -> None:
    if options["undo_file"] == "":
        raise Invalid("--undo-file is empty")
    choices = build_choices(run, options)
    source = Source(
        path,
        run.settings.environ,
        run.ask_hidden if run.can_ask else None,
        options["password_file"],
        options["kdbx_key_file"],
        options["whole"],
    )
    rows = plan_rows(read_source(name, source), choices)
    with run.open_vault() as vault:
        rows = compare_rows(rows, importing.fetch_there(vault, rows), options["policy"])
        rows = note_variables(rows, importing.fetch_variables(vault))
        writes = sum(row.action in WRITTEN for row in rows)
        problem = find_problem(rows, skip_unreadable=options["skip_unreadable"])
        show_plan(run, rows, is_last=dry_run or not writes or problem is not None)
        if problem is not None:
            raise problem
        if dry_run or not writes:
            return
        run.confirm(f"Store {counted(writes, 'secret')} in {run.settings.path.value}?", yes=yes)
        undo_file = os.path.expanduser(options["undo_file"] or "") or undo.default_path(run.settings, name, run.clock())
        _store(run, vault, rows, undo_file)
    # Said first: it is done, whether or not the answer can be written.
    run.out.say(f"imported {counted(writes, 'secret')}; to take it back: credvault import --undo {quote(undo_file)}")
    if run.out.json:
        run.out.fact({"plan": [row.members() for row in rows], "undo_file": undo_file})


def _store(run: Run, vault: "Vault", rows: Sequence[Row], undo_file: str) -> None:
    """Store what is planned. The way back is written first, so that nothing is ever stored without one."""
    steps = undo.steps_of(rows, run.clock())
    undo.write_undo(undo_file, run.settings, steps, replace=False)
    try:
        records = importing.write_rows(vault, rows)
    except CredvaultError as exc:
        if undo.was_in_vain(vault, steps, exc):
            undo.forget(undo_file)
        raise
    try:
        undo.write_undo(undo_file, run.settings, undo.done_steps(steps, records), replace=True)
    except StorageError as exc:  # the one that was written first does
        run.out.warn(f"{exc.message}; it is kept as it was before the import")


def _undo(run: Run, path: str, *, dry_run: bool, yes: bool) -> None:
    steps = undo.read_undo(path, run.settings)
    with run.open_vault() as vault:
        undoing = undo.plan_undoing(vault, steps)
        show_undoing(run, undoing)
        if dry_run:
            return
        run.confirm(f"Undo the import of {counted(len(steps), 'secret')}?", yes=yes)
        undo.undo(vault, steps, undoing)
    undo.forget(path)
    run.out.say(f"undone: {counted(len(undoing.removed), 'secret')} removed, {len(undoing.restored)} as before")
