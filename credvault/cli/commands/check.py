"""`credvault check`."""

import click

from credvault.access.nearness import LIST_HINT
from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.model.errors import Invalid, NotFound


@verb("check")
@click.argument("names", nargs=-1)
@click.option("--require", "required", multiple=True, metavar="NAME", help="a secret that must be there; repeatable")
@click.pass_obj
def command(run: Run, names: tuple[str, ...], required: tuple[str, ...]) -> None:
    """Say nothing where all these secrets are there, and else name every one that is not, with status 3. For the
    start of a script or a service: a locked vault is status 5, one that cannot be reached 6. No value is given out.

    Example: credvault check --require db/url --require openai/api_key && exec ./serve
    """
    wanted = list(dict.fromkeys(run.name(text) for text in (*required, *names)))
    if not wanted:
        raise Invalid("which secrets?", hint="credvault check --require NAME")
    with run.open_vault() as vault:
        there = vault.has_many(wanted)
        missing = [name for name in wanted if name not in there]
        hint = vault.near(missing[0]) if len(missing) == 1 else LIST_HINT
    if run.out.json:
        run.out.fact({"required": [str(name) for name in wanted], "missing": [str(name) for name in missing]})
    if missing:
        raise NotFound(f"not there: {', '.join(map(str, missing))}", hint=hint)
    run.out.detail(f"there: {', '.join(map(str, wanted))}")
