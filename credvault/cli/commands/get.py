"""`credvault get`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.release import fetch
from credvault.model.errors import Invalid, NotFound
from credvault.model.messages import value_members
from credvault.model.record import Secret
from credvault.model.value import SecretValue


@verb("get")
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="an earlier version")
@click.option("--field", metavar="F", help="one field of the record, such as host or username")
@click.option("--dsn", is_flag=True, help="the connection string of a database")
@click.option("-o", "--output", metavar="FILE", help="put it in a new file, mode 0600")
@click.option("--force", is_flag=True, help="with -o, replace the file if it is there")
@click.option("--newline/--no-newline", default=None, help="end it with a newline or not (only on a terminal)")
@click.option("--raw", is_flag=True, help="show control characters on a terminal")
@click.pass_obj
def command(
    run: Run,
    name: str,
    *,
    version: int | None,
    field: str | None,
    dsn: bool,
    output: str | None,
    force: bool,
    newline: bool | None,
    raw: bool,
) -> None:
    """Print a value exactly as it was stored, and nothing else.

    Example: curl -H "Authorization: Bearer $(credvault get openai/api_key)" …
    """
    if field is not None and dsn:
        raise Invalid("give one of --field and --dsn")
    if output == "-":
        output = None
    if run.out.json and (field is not None or dsn or output is not None):
        raise Invalid("--json shows the whole secret; leave out --field, --dsn and -o")
    parsed = run.name(name)
    secret = fetch(run, parsed, version)
    if run.out.json:
        run.out.fact({**secret.record.members(), **value_members(secret.value)})
        return
    value = _part(secret, field, dsn)
    if output is not None:
        from credvault.cli.outfile import write_outfile

        write_outfile(run, output, [value.reveal() + (b"\n" if newline else b"")], force=force)
        return
    run.out.value(value, newline=newline, raw=raw)


def _part(secret: Secret, field: str | None, dsn: bool) -> SecretValue:
    if dsn:
        from credvault.delivery.dsn import connection_string

        return connection_string(secret)
    if field is None:
        return secret.value
    if field not in secret.record.fields:
        there = ", ".join(secret.record.fields) or "none"
        raise NotFound(f"{secret.record.name} has no field {field}", hint=f"it has {there}")
    return SecretValue(str(secret.record.fields[field]).encode("utf-8"))
