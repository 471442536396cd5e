"""`credvault undelete`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import VERSION, verb


@verb("undelete")
@click.argument("name")
@click.option("--version", type=VERSION, metavar="N", help="this version, not the newest")
@click.pass_obj
def command(run: Run, name: str, *, version: int | None) -> None:
    """Bring back a version that 'credvault delete --soft' took away, with its number, where the backend can.
    'credvault history NAME' shows which are deleted.

    Example: credvault undelete db/password
    """
    with run.open_vault() as vault:
        record = vault.undelete(run.name(name), version)
    if run.out.json:
        run.out.fact(record.members())
    run.out.say(f"undeleted {record.name} version {record.version}")
