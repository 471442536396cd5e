"""`credvault lock`."""

import os

import click

from credvault.backends.agent import AgentClient
from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.model import wire


@verb("lock")
@click.option("--all", "is_all", is_flag=True, help="forget every vault")
@click.pass_obj
def command(run: Run, *, is_all: bool) -> None:
    """Let the agent forget the vault at once. Where no agent holds it, there is nothing to do.

    Example: credvault lock --all
    """
    if not is_all:
        run.check_is_vault_file()
    # A settings file with a mistake must not keep anybody from locking everything.
    client = AgentClient(os.environ, run.out.warn, None if is_all else run.settings)
    forgotten: list[str] = []
    try:
        if client.connect():
            target = f"{wire.AGENT_VAULT}?all" if is_all else wire.AGENT_VAULT
            forgotten = client.ask("DELETE", target)["forgotten"]
    finally:
        client.close()
    if run.out.json:
        run.out.fact({"locked": forgotten})
    for path in forgotten:
        run.out.say(f"locked {path}")
    if not forgotten:
        run.out.say("nothing was unlocked" if is_all else "the vault was not unlocked")
