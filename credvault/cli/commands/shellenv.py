"""`credvault shellenv`."""

import os
import sys

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import is_terminal, write_bytes
from credvault.config import state_folder
from credvault.delivery.selection import Selection, collect, injected_records
from credvault.delivery.shellenv import LOADED, LOCKED, SHELLS, UNTRUSTED, code, hook
from credvault.delivery.trust import Trust, wanted_by
from credvault.model.errors import Invalid, Locked
from credvault.model.record import expiry_warnings
from credvault.state import signal_path


@verb("shellenv")
@click.argument("shell", type=click.Choice(list(SHELLS)), metavar="SHELL")
@click.option("--load", is_flag=True, help="print what to load in this folder; the hook runs this")
@click.option("--told", metavar="WHAT", help="with --load, do not say again that it is untrusted, or locked")
@click.pass_obj
def command(run: Run, shell: str, *, load: bool, told: str | None) -> None:
    """Print the hook of a shell (bash, zsh or fish), for its rc file. On entering a folder with a .credvault.toml that
    is trusted ('credvault trust') its [env] variables are loaded, on leaving they are taken back. What is executor_only
    is never loaded. credvault_reload, a function of the hook, loads anew. In fish: credvault shellenv fish | source

    Example: eval "$(credvault shellenv bash)"
    """
    if load:
        _load(run, shell, told)
    else:
        write_bytes(hook(shell, signal_path(state_folder(os.environ))))


def _load(run: Run, shell: str, told: str | None) -> None:
    if is_terminal(sys.stdout):
        hint = "'credvault exec --explain' shows what there is, without values"
        raise Invalid("--load prints values for a shell to read, not for a terminal", hint=hint)
    project = run.settings.project
    if project is None:
        return
    if not Trust(run.settings.state_folder).allows(project):
        if told != UNTRUSTED:
            run.out.say(f"{project.path} is not trusted; 'credvault trust' allows it")
        write_bytes(code(shell, UNTRUSTED))
        return
    wanted = wanted_by(project, default=run.settings.namespace.value)
    try:
        with run.open_vault() as vault:
            found = collect(vault, Selection(wanted=wanted, has_files=True))
    except Locked as exc:
        if told != LOCKED:
            run.out.say(f"{project.path} is not loaded: {exc.message}; 'credvault unlock' unlocks it")
        write_bytes(code(shell, LOCKED))
        return
    for text in expiry_warnings(injected_records(found.variables), run.clock()):
        run.out.warn(text)
    write_bytes(code(shell, LOADED, found.variables))
