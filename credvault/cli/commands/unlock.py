"""`credvault unlock`."""

from contextlib import suppress

import click

from credvault.agent import launch
from credvault.agent.holding import HOLD_SECONDS, IDLE_SECONDS
from credvault.backends.agent import AgentClient
from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.model.errors import Invalid, StorageError
from credvault.model.times import duration_text, parse_duration
from credvault.state import signal_shells


@verb("unlock")
@click.option("--for", "hold", metavar="D", help="for at most this long (8h)")
@click.option("--idle", metavar="D", help="until nothing was asked for this long (15m)")
@click.pass_obj
def command(run: Run, *, hold: str | None, idle: str | None) -> None:
    """Let the agent hold the vault for a while: until then every command is answered without a key. The agent is
    started if it does not run. It forgets the key in time, when the machine sleeps, and by 'credvault lock'.

    Example: credvault unlock --for 2h
    """
    limit = run.settings.seconds("agent", "hold", HOLD_SECONDS)
    seconds = limit if hold is None else parse_duration(hold)
    idle_seconds = run.settings.seconds("agent", "idle", IDLE_SECONDS) if idle is None else parse_duration(idle)
    if seconds > limit:
        hint = "the limit is [agent] hold in config.toml"
        raise Invalid(f"--for {duration_text(seconds)} is over the limit of {duration_text(limit)}", hint=hint)
    idle_seconds = min(idle_seconds, seconds)
    launch.socket_path(run.settings.environ)
    file = run.vault_file()
    with file.open() as vault:
        key = vault.key
    client = AgentClient(run.settings.environ, run.out.warn, run.settings)
    try:
        launch.unlock(client, run.settings, key, seconds=seconds, idle=idle_seconds)
    finally:
        client.close()
    with suppress(StorageError):  # then they try again when their folder changes
        signal_shells(run.settings.state_folder)
    if run.out.json:
        run.out.fact({"path": file.path, "seconds": seconds, "idle_seconds": idle_seconds})
    idle_text = duration_text(idle_seconds)
    run.out.say(f"unlocked {file.path} for {duration_text(seconds)}, or until nothing is asked for {idle_text}")
