"""`credvault completion`."""

import os

import click

import credvault
from credvault import files
from credvault.cli.options import verb
from credvault.cli.output import write_bytes
from credvault.model.errors import StorageError

PROGRAM = "credvault"
SCRIPTS = {"bash": f"{PROGRAM}.bash", "zsh": f"_{PROGRAM}", "fish": f"{PROGRAM}.fish"}

_MAX_BYTES = 1024 * 1024


@verb("completion")
@click.argument("shell", type=click.Choice(tuple(SCRIPTS)), metavar="SHELL")
def command(shell: str) -> None:
    """Print the completions for a shell: bash, zsh or fish. They complete commands, options, files, and names of
    secrets, namespaces and profiles: names only while the agent holds the vault or a raw key is set. TAB never asks.

    \b
    bash  in ~/.bashrc:  eval "$(credvault completion bash)"
    zsh   in ~/.zshrc, after compinit:  eval "$(credvault completion zsh)"
    fish  credvault completion fish >~/.config/fish/completions/credvault.fish

    Example: eval "$(credvault completion bash)"
    """
    write_bytes(_read_script(SCRIPTS[shell]))


def _read_script(name: str) -> bytes:
    """Return a script as it was made with this version; raises StorageError where the installation lacks it."""
    package = os.path.dirname(os.path.abspath(credvault.__file__))
    # In the package where it was installed, else beside it, in the checkout.
    for folder in (package, os.path.dirname(package)):
        data = files.read_small_file(os.path.join(folder, "completions", name), _MAX_BYTES)
        if data is not None:
            return data
    raise StorageError("the completions are not where they were installed", hint="install credvault again")
