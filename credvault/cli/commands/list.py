"""`credvault list`."""

from collections.abc import Mapping, Sequence

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import shown, shown_time
from credvault.lifecycle.due import due_reason
from credvault.model import times
from credvault.model.errors import Due
from credvault.model.names import Name
from credvault.model.record import DELIVERIES, TYPES, Record
from credvault.model.text import listed
from credvault.state import test_results
from credvault.vault import Vault

_SHORT = ("name", "version", "type", "delivery", "env_name", "updated_at")
_LONG = (
    *_SHORT,
    "service",
    "tags",
    "consumers",
    "value_changed_at",
    "expires_at",
    "rotate_every",
    "last_used_at",
    "last_test",
)


@verb("list")
@click.argument("globs", nargs=-1, metavar="[GLOB]...")
@click.option("--type", "type_", type=click.Choice(TYPES), metavar="TYPE", help="only of this type")
@click.option("--service", metavar="S", help="only for this service")
@click.option("--tag", metavar="T", help="only with this tag")
@click.option("--delivery", type=click.Choice(DELIVERIES), help="only with this delivery")
@click.option("--due", metavar="D", help="only what expires or is to be rotated within D, such as 14d")
@click.option("--check", is_flag=True, help="exit 12 if anything listed is due or expired")
@click.option("--long", "is_long", is_flag=True, help="more facts")
@click.pass_obj
def command(
    run: Run,
    globs: tuple[str, ...],
    *,
    type_: str | None,
    service: str | None,
    tag: str | None,
    delivery: str | None,
    due: str | None,
    check: bool,
    is_long: bool,
) -> None:
    """Show names and facts, never values. In a pipe the columns are separated by tabs, without a heading:
    name, version, type, delivery, variable, time of the last change.

    A GLOB is a name with * (within one part) or ** (across parts); NAMESPACE/ means all below.

    Example: credvault list 'openai/**' --due 14d
    """
    now, within = run.clock(), times.parse_duration(due) if due is not None else 0
    patterns = run.globs(globs)
    with run.open_vault() as vault:
        records = [
            record
            for record in vault.list(patterns)
            if type_ in (None, record.type)
            and service in (None, record.service)
            and (tag is None or tag in record.tags)
            and delivery in (None, record.delivery)
            and (due is None or due_reason(record, now, within) is not None)
        ]
        remembered = _remembered(run, vault, records) if is_long or run.out.json else {}
    if run.out.json:
        run.out.fact([{**record.members(), **remembered[record.name]} for record in records])
    else:
        columns = _LONG if is_long else _SHORT
        rows = [_cells(record, remembered.get(record.name, {}), columns) for record in records]
        run.out.table([column.removesuffix("_at") for column in columns], rows)
    if check:
        _refuse_late(records, now, within)


def _refuse_late(records: Sequence[Record], now: float, within: float) -> None:
    """Raise Due where any is due, naming the first five."""
    late = [f"{record.name} {reason}" for record in records if (reason := due_reason(record, now, within)) is not None]
    if late:
        raise Due(f"due: {listed(late, 5)}", hint="'credvault rotate NAME' puts a new value in")


def _remembered(run: Run, vault: Vault, records: Sequence[Record]) -> dict[Name, dict[str, str]]:
    """Return what this machine remembers of each secret beside the vault."""
    uses = vault.last_uses()
    tests = test_results(run.settings.state_folder).read()
    remembered = {}
    for record in records:
        reference = vault.backend.reference(record.name)
        stored = tests.get(reference)
        last = stored if isinstance(stored, dict) else {}
        facts = {"last_used_at": uses.get(reference), "last_tested_at": last.get("at"), "last_test": last.get("result")}
        remembered[record.name] = {fact: value for fact, value in facts.items() if isinstance(value, str)}
    return remembered


def _cells(record: Record, remembered: Mapping[str, str], columns: Sequence[str]) -> list[str]:
    facts = [remembered.get(column) or getattr(record, column, None) for column in columns]
    return [
        shown_time(fact, day=True) if column.endswith("_at") else _shown(fact)
        for column, fact in zip(columns, facts, strict=True)
    ]


def _shown(fact: object) -> str:
    return str(fact) if isinstance(fact, Name) else shown(fact)
