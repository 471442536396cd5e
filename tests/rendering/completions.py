"""The completions of every shell, by the names of their files."""

from collections.abc import Mapping

from credvault.cli.commands.completion import SCRIPTS
from tests.rendering.bash import bash
from tests.rendering.commandline import verbs
from tests.rendering.fish import fish
from tests.rendering.zsh import zsh

RENDERERS = {"bash": bash, "zsh": zsh, "fish": fish}


def completions() -> Mapping[str, str]:
    """Return each script by the name of its file; raises UnknownMetavarError."""
    found = verbs()
    return {file: RENDERERS[shell](found) for shell, file in SCRIPTS.items()}
