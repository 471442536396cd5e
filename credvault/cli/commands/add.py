"""`credvault add`."""

from typing import Any

import click

from credvault.cli.context import Run
from credvault.cli.facts import fact_options, read_facts
from credvault.cli.options import verb
from credvault.cli.values import read_value, value_options
from credvault.model.errors import AlreadyExists, NoVault
from credvault.model.record import RUNTIME_ENV, derived_env_name


@verb("add")
@click.argument("name")
@click.option("--force", is_flag=True, help="replace the value if the name is there; facts not given stay")
@value_options
@fact_options
@click.pass_obj
def command(
    run: Run,
    /,
    name: str,
    *,
    force: bool,
    runtime_env: bool,
    allow_env: tuple[str, ...],
    **options: Any,
) -> None:
    """Store a new secret. The value is asked for, or comes from one of the sources below; never an argument.

    Example: credvault add openai/api_key --env OPENAI_API_KEY --expires 90d
    """
    parsed = run.name(name)
    given = read_facts(run, options)
    if runtime_env:
        given.setdefault("env_name", derived_env_name(parsed))
        given["delivery"] = RUNTIME_ENV
    _offer_vault(run)
    with run.open_vault() as vault:
        # Before anybody types a value for nothing.
        if not force and run.can_ask and vault.has(parsed):
            raise AlreadyExists(f"{parsed} is there already", hint=f"'credvault rotate {parsed}' puts a new value in")
        value = read_value(run, options)
        record = vault.add(parsed, value, replace=force, allow_env=allow_env, **given)
    run.out.stored(record, value)


def _offer_vault(run: Run) -> None:
    """Make a vault first where there is none yet and a person says yes."""
    if run.settings.backend.value != "file" or not run.can_ask:
        return
    file = run.vault_file()
    try:
        file.read_head()
    except NoVault as exc:
        from credvault.cli.commands.init import make_with_passphrase
        from credvault.cli.prompt import ask_yes

        if not ask_yes(f"There is no vault at {file.path} yet. Make one?"):
            raise NoVault(exc.message, hint=exc.hint) from None
        make_with_passphrase(run)
