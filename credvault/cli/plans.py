"""Plans at the command line, of an import or a copy: what is done where something is there, and how a plan is shown."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import click

from credvault.cli.context import Run
from credvault.cli.output import shown
from credvault.model.errors import CredvaultError
from credvault.transfer.plan import (
    ADD,
    COLLISION,
    CONFLICT,
    CONTINUED,
    FAIL,
    INVALID,
    OVERWRITTEN,
    POLICIES,
    SKIPPED,
    UNNAMED,
    UNREADABLE,
    counts,
)

# How the counts are said.
_SAID = {
    ADD: "to add",
    CONTINUED: "to continue",
    OVERWRITTEN: "to overwrite",
    SKIPPED: "skipped",
    CONFLICT: "in conflict",
    COLLISION: "of one name",
    UNNAMED: "without a name",
    INVALID: "that cannot be stored",
    UNREADABLE: "that cannot be read",
}

conflict_option = click.option(
    "--on-conflict",
    "policy",
    type=click.Choice(POLICIES),
    default=FAIL,
    help="if the name is there with something else: fail (the default), skip, or overwrite (a new version)",
)


class ShownRow(Protocol):
    """A row of a plan that can be shown."""

    @property
    def action(self) -> str:
        """What becomes of a secret."""

    @property
    def error(self) -> CredvaultError | None:
        """Why the plan cannot be carried out as it is, if so."""

    def members(self) -> Mapping[str, Any]:
        """Return the row as `--json` shows it."""


def show_plan(run: Run, rows: Sequence[ShownRow], columns: Sequence[str], *, is_last: bool) -> None:
    """Write a plan as the answer, and its counts to stderr; as JSON only where nothing comes after it."""
    if run.out.json:
        if is_last:
            run.out.fact({"plan": [row.members() for row in rows]})
    else:
        run.out.table(columns, [[shown(row.members().get(column)) for column in columns] for row in rows])
    if rows:
        said = [f"{count} {_SAID.get(action, action)}" for action, count in counts(rows).items()]
        run.out.say(f"{len(rows)} in the source: {', '.join(said)}")
