"""`credvault rotate`."""

from typing import Any

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.values import names_a_source, read_value, value_options
from credvault.model.errors import Invalid


@verb("rotate")
@click.argument("name")
@click.option("--undo", is_flag=True, help="go back to the previous version's value, as a new version")
@value_options
@click.pass_obj
def command(run: Run, /, name: str, *, undo: bool, **options: Any) -> None:
    """Put a new value in as the next version; all facts stay, and the old versions can still be read.

    Example: credvault rotate db/password --generate --length 40
    """
    parsed = run.name(name)
    if undo and names_a_source(options):
        raise Invalid("--undo takes the previous value, so no other source goes with it")
    with run.open_vault() as vault:
        if undo:
            record = vault.undo(parsed)
            run.out.stored(record, None)
            return
        if run.can_ask:
            vault.history(parsed)  # before anybody types a value for a name that is not there
        value = read_value(run, options)
        record = vault.rotate(parsed, value)
    run.out.stored(record, value)
