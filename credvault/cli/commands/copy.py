"""`credvault copy`."""

from collections.abc import Sequence
from typing import Any

import click

from credvault.cli.context import Run
from credvault.cli.copying import (
    find_places,
    name_place,
    opening,
    place_options,
    say_what_stays,
    show_outcome,
    show_plan,
)
from credvault.cli.options import verb
from credvault.cli.plans import conflict_option
from credvault.cli.progress import progress
from credvault.model.errors import CredvaultError
from credvault.model.text import counted
from credvault.transfer.copying import Copy, say_how_far
from credvault.transfer.copyplan import CopyRow
from credvault.transfer.plan import WRITTEN, find_problem


@verb("copy")
@click.argument("globs", nargs=-1, metavar="[GLOB...]")
@place_options
@click.option("--dry-run", is_flag=True, help="show the plan, and do nothing")
@click.option("-y", "--yes", is_flag=True, help="do not ask; needed without a terminal")
@conflict_option
@click.option("--no-versions", is_flag=True, help="copy only the current version of each")
@click.option("--skip-unreadable", is_flag=True, help="copy the rest where some cannot be read, or stored there")
@click.pass_obj
def command(run: Run, /, globs: tuple[str, ...], *, no_versions: bool, policy: str, **options: Any) -> None:
    """Copy secrets from one place to another, with their facts and versions: the plan is shown, then all is written
    in batches and read back. Without --from… or --to… that place is the current vault. A copy that was
    interrupted goes on when it is run again.

    Example: credvault copy 'openai/*' --from home --to prod --dry-run
    """
    here, there = find_places(run, options)
    with run.open_vault(here) as source, run.open_vault(there) as target:
        copy = Copy(source, target, policy=policy, versions=not no_versions)
        default = here.namespace.value
        with opening(here, "from"):
            names = copy.names(run.globs(globs), default, run.explicit_namespace)
        say_what_stays(run, copy, there, versions=not no_versions)
        with opening(there, "to"), progress(run.out, "comparing", len(names)) as advance:
            rows = copy.plan(names, advance)
        writes = sum(row.action in WRITTEN for row in rows)
        problem = find_problem(rows, skip_unreadable=options["skip_unreadable"], verb="copies", done="copied")
        show_plan(run, rows, is_last=options["dry_run"] or problem is not None)
        if problem is not None:
            raise problem
        if options["dry_run"]:
            return
        if writes:
            question = f"Copy {counted(writes, 'secret')} from {name_place(here)} to {name_place(there)}?"
            run.confirm(question, yes=options["yes"])
            _carry_out(run, copy, rows, writes)
    show_outcome(run, rows, copy.outcome, there)


def _carry_out(run: Run, copy: Copy, rows: Sequence[CopyRow], writes: int) -> None:
    try:
        with progress(run.out, "copying", writes) as advance:
            copy.carry_out(rows, advance)
    except CredvaultError as exc:
        raise say_how_far(exc, copy.outcome, writes) from None
    except KeyboardInterrupt:
        run.out.say(f"interrupted: {copy.outcome.secrets} of {writes} are copied; run again, it goes on from there")
        raise
