"""`credvault delete`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.lifecycle.deletion import check_deletable


@verb("delete")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--soft", is_flag=True, help="only the current version, until 'undelete', where the backend can")
@click.option("-y", "--yes", is_flag=True, help="do not ask")
@click.pass_obj
def command(run: Run, names: tuple[str, ...], *, soft: bool, yes: bool) -> None:
    """Remove secrets with every version of them. All names are checked first; if one is not there, none is removed.

    With --soft the current version of each is kept out of sight, and 'credvault undelete' brings it back.

    Example: credvault delete old/token old/password
    """
    parsed = list(dict.fromkeys(run.name(name) for name in names))
    named = ", ".join(str(name) for name in parsed)
    with run.open_vault() as vault:
        check_deletable(vault, parsed, softly=soft)
        run.confirm(f"Delete {named} {'softly' if soft else 'with every version'}?", yes=yes)
        if soft:
            vault.delete_softly(parsed)
        else:
            vault.delete(parsed)
    if run.out.json:
        run.out.fact({"deleted": [str(name) for name in parsed], **({"soft": True} if soft else {})})
    run.out.say(f"deleted {named}" + ("; 'credvault undelete NAME' brings one back" if soft else ""))
