"""`credvault delete`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.model.errors import NotFound


@verb("delete")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-y", "--yes", is_flag=True, help="do not ask")
@click.pass_obj
def command(run: Run, names: tuple[str, ...], *, yes: bool) -> None:
    """Remove secrets with every version of them. All names are checked first; if one is not there, none is removed.

    Example: credvault delete old/token old/password
    """
    parsed = [run.name(name) for name in names]
    with run.open_vault() as vault:
        there = {record.name for record in vault.list()}
        missing = [name for name in parsed if name not in there]
        if missing:
            named = ", ".join(str(name) for name in missing)
            raise NotFound(f"there is no secret {named}; nothing was deleted", hint=vault.near(missing[0]))
        run.confirm(f"Delete {', '.join(str(name) for name in parsed)} with every version?", yes=yes)
        vault.delete(parsed)
    if run.out.json:
        run.out.fact({"deleted": [str(name) for name in parsed]})
    run.out.say(f"deleted {', '.join(str(name) for name in parsed)}")
