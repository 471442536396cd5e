"""`credvault get`."""

import json
import os
from typing import TYPE_CHECKING

import click

from credvault.cli.context import Run
from credvault.cli.options import VERSION, verb
from credvault.model.errors import Invalid, NotFound
from credvault.model.messages import value_members
from credvault.model.record import Secret
from credvault.model.reference import Reference
from credvault.model.times import duration_text, parse_duration
from credvault.model.value import SecretValue

if TYPE_CHECKING:
    from credvault.delivery.clipboard import Clipboard
    from credvault.model.uri import SecretURI

# How long a copied value stays on the clipboard, seconds: as long as with pass.
CLEAR_SECONDS = 45


@verb("get")
@click.argument("name")
@click.option("--version", type=VERSION, metavar="N", help="an earlier version")
@click.option("--field", metavar="F", help="one field of the record, such as host or username")
@click.option("--dsn", is_flag=True, help="the connection string of a database")
@click.option("-o", "--output", metavar="FILE", help="put it in a new file, mode 0600")
@click.option("--force", is_flag=True, help="with -o, replace the file if it is there")
@click.option("-c", "--copy", is_flag=True, help="put it on the clipboard, and clear that after a while")
@click.option("--clear-after", metavar="D", help="with -c, after this long (45s); 0 is never")
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
    copy: bool,
    clear_after: str | None,
    newline: bool | None,
    raw: bool,
) -> None:
    """Print a value exactly as it was stored, and nothing else. NAME may be a reference (credvault://NAME#FIELD), or a
    secret URI (openbao+kv2://MOUNT/PATH#FIELD?version=N); a URI without a field gives all of them, as a JSON object.
    Quote it: shells read # and ? themselves. With -c the value goes to the clipboard instead, which is cleared after a
    while unless something else was copied since. While it is there other programs can read it, and one that manages the
    clipboard may keep it.

    Example: curl -H "Authorization: Bearer $(credvault get openai/api_key)" …
    """
    if field is not None and dsn:
        raise Invalid("give one of --field and --dsn")
    if output == "-":
        output = None
    if copy and output is not None:
        raise Invalid("give one of -o and -c")
    if clear_after is not None and not copy:
        raise Invalid("--clear-after is for the clipboard", hint="give -c too")
    reference = _parse(run, name, version, field, dsn=dsn)
    if run.out.json and (_field(reference) is not None or dsn or output is not None or copy):
        raise Invalid("--json shows the whole secret; leave out --field, --dsn, -o and -c")
    seconds = _clear_seconds(clear_after)
    clipboard = _find_clipboard() if copy else None  # before anything is unlocked
    secret = run.fetch(reference)
    if run.out.json:
        run.out.fact(_members(reference, secret))
        return
    value = _part(secret, _field(reference), dsn)
    if output is not None:
        from credvault.cli.outfile import write_outfile

        write_outfile(run, output, [value.reveal() + (b"\n" if newline else b"")], force=force)
        return
    if clipboard is not None:
        from credvault.delivery.clearing import copy_for

        text = SecretValue(value.reveal() + b"\n") if newline else value
        copy_for(clipboard, text, seconds, run.settings.state_folder)
        run.out.say(
            f"copied {_shown(reference)}, " + (f"cleared in {duration_text(seconds)}" if seconds else "never cleared")
        )
        return
    run.out.value(value, newline=newline, raw=raw)


def _parse(run: Run, text: str, version: int | None, field: str | None, *, dsn: bool) -> "Reference | SecretURI":
    """Return what is wanted; raises Invalid for options that say again what a URI says."""
    if "://" not in text:
        return Reference(run.name(text), field, version)
    if version is not None or field is not None:
        raise Invalid("a URI names field and version itself", hint="write them at its end: #FIELD?version=N")
    reference = run.reference(text)
    if dsn and not (isinstance(reference, Reference) and reference.field is None):
        raise Invalid("--dsn is for a whole secret of type database", hint="name it without a field")
    return reference


def _field(reference: "Reference | SecretURI") -> str | None:
    """Return the field of a record that is wanted; what a URI names is a value."""
    return reference.field if isinstance(reference, Reference) else None


def _shown(reference: "Reference | SecretURI") -> str:
    return str(reference.name if isinstance(reference, Reference) else reference)


def _members(reference: "Reference | SecretURI", secret: Secret) -> dict[str, object]:
    members = secret.record.members()
    if isinstance(reference, Reference):
        return {**members, **value_members(secret.value)}
    facts = {member: fact for member, fact in members.items() if member not in ("namespace", "key")}
    content = {"data": json.loads(secret.value.reveal())} if reference.fragment is None else value_members(secret.value)
    return {"uri": str(reference), **facts, **content}


def _find_clipboard() -> "Clipboard":
    from credvault.delivery.clipboard import Clipboard

    return Clipboard(os.environ)


def _clear_seconds(text: str | None) -> int:
    if text is None:
        return CLEAR_SECONDS
    return 0 if text == "0" else parse_duration(text)


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
