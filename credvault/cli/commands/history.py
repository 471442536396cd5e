"""`credvault history`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import shown


@verb("history")
@click.argument("name")
@click.pass_obj
def command(run: Run, name: str) -> None:
    """Show the versions of a secret, newest first: when, and by whom; never values.

    Example: credvault history db/password
    """
    with run.open_vault() as vault:
        versions = vault.history(run.name(name))
    rows = [version._asdict() for version in versions]
    if run.out.json:
        run.out.fact(rows)
        return
    run.out.table(["version", "state", "created", "by"], [[shown(cell) for cell in row.values()] for row in rows])
