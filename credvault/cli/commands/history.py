"""`credvault history`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import shown, shown_time


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
    cells = [[shown(v.version), shown(v.state), shown_time(v.created_at), shown(v.updated_by)] for v in versions]
    run.out.table(["version", "state", "created", "by"], cells)
