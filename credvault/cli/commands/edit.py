"""`credvault edit`."""

from typing import Any

import click

from credvault.cli.context import Run
from credvault.cli.facts import fact_options, read_facts
from credvault.cli.options import verb
from credvault.model.errors import Invalid
from credvault.model.record import EXECUTOR_ONLY, RUNTIME_ENV, derived_env_name

_UNSETTABLE = (
    "service",
    "env_name",
    "consumers",
    "tags",
    "note",
    "metadata",
    "fields",
    "expires_at",
    "rotate_every",
    "probe",
)


@verb("edit")
@click.argument("name")
@click.option(
    "--unset",
    multiple=True,
    type=click.Choice(_UNSETTABLE),
    metavar="FACT",
    help=f"take a fact away: {', '.join(_UNSETTABLE)}; may be repeated",
)
@fact_options
@click.pass_obj
def command(
    run: Run,
    /,
    name: str,
    *,
    unset: tuple[str, ...],
    runtime_env: bool,
    allow_env: tuple[str, ...],
    **options: Any,
) -> None:
    """Change facts of a secret, not its value. A list such as tags is replaced whole.

    Example: credvault edit openai/api_key --tag ci --tag prod --unset note
    """
    parsed = run.name(name)
    given = read_facts(run, options)
    if runtime_env:
        given.setdefault("env_name", derived_env_name(parsed))
        given["delivery"] = RUNTIME_ENV
    both = next((fact for fact in unset if fact in given), None)
    if both is not None:
        raise Invalid(f"{both} is both set and unset")
    changes = {**given, **dict.fromkeys(unset)}
    if "env_name" in unset:
        changes.setdefault("delivery", EXECUTOR_ONLY)
    if not changes:
        raise Invalid("what is to be changed?", hint="give at least one fact, such as --note or --unset tags")
    with run.open_vault() as vault:
        record = vault.edit(parsed, allow_env=allow_env, **changes)
    if run.out.json:
        run.out.fact(record.members())
    run.out.say(f"edited {parsed}: {', '.join(sorted(changes))}")
