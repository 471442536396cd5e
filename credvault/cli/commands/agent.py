"""`credvault agent`: status, stop, run."""

import os
import sys
from contextlib import suppress

import click

from credvault.agent import launch
from credvault.backends.agent import AgentClient
from credvault.cli.context import Run
from credvault.cli.options import verb, verb_group
from credvault.cli.output import shown
from credvault.model import wire
from credvault.model.errors import Unsupported
from credvault.model.times import duration_text


@verb_group("agent")
def command() -> None:
    """Look at the agent, end it, or run it in the foreground. 'credvault unlock' starts one by itself.

    Example: credvault agent status
    """


@verb("status", short_help="show which vaults it holds, and for how long")
@click.pass_obj
def status(run: Run) -> None:
    """Show which vaults the agent holds, for how long at most, and for how long without use.

    Example: credvault agent status --json
    """
    client = AgentClient(os.environ, run.out.warn)
    try:
        facts = client.ask("GET", wire.AGENT) if client.connect() else None
    finally:
        client.close()
    if run.out.json:
        run.out.fact({"running": facts is not None, **(facts or {"vaults": []})})
        return
    if facts is None:
        run.out.say("no agent is running")
        return
    run.out.say(f"the agent is process {facts['pid']}")
    rows = [
        [shown(vault["path"]), duration_text(vault["seconds_left"]), duration_text(vault["idle_seconds_left"])]
        for vault in facts["vaults"]
    ]
    run.out.table(["vault", "for", "without use"], rows)


@verb("stop", short_help="end it; it forgets every vault")
@click.pass_obj
def stop(run: Run) -> None:
    """End the agent; it forgets every vault.

    Example: credvault agent stop
    """
    client = AgentClient(os.environ, run.out.warn)
    try:
        was_running = client.connect()
        if was_running:
            with suppress(Unsupported):  # one of another version says so, and ends all the same
                client.ask("DELETE", wire.AGENT)
    finally:
        client.close()
    if run.out.json:
        run.out.fact({"stopped": was_running})
    run.out.say("the agent has ended" if was_running else "no agent is running")


@verb("run", short_help="run it in the foreground, for systemd and launchd")
@click.pass_obj
def run_agent(run: Run) -> None:
    """Run the agent in the foreground until it is stopped, for systemd and launchd. It takes a socket that systemd
    hands over. It holds nothing until 'credvault unlock' gives it a key.

    Example: credvault agent run
    """
    run.out.detail(f"listening at {(path := launch.socket_path(os.environ))}")
    words = launch.command(path)
    # In its place, without what the command line loaded.
    os.execve(sys.executable, words, launch.agent_environment(os.environ))


command.add_command(status)
command.add_command(stop)
command.add_command(run_agent)
