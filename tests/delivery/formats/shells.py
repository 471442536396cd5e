"""Real shells that take in what a format wrote, and say with `env -0` what a program would then see."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# As people use it: a file that is read, and the output of a command that is evaluated.
READ, EVALUATE = ". ./exported", 'eval "$(cat exported)"'
FISH_READ, FISH_PIPE, FISH_EVALUATE = "source exported", "cat exported | source", "eval (cat exported | string collect)"
# By its path: PATH may be what was exported.
_SAY = f"\n{shutil.which('env')} -0"

SHELLS: Mapping[str, tuple[Sequence[str], str]] = {
    "dash, read": (["dash", "-c"], READ),
    "dash, evaluated": (["dash", "-c"], EVALUATE),
    "bash, read": (["bash", "-c"], READ),
    "bash, evaluated": (["bash", "-c"], EVALUATE),
    "bash as sh": (["bash", "--posix", "-c"], READ),
    "bash with history expansion": (["bash", "--norc", "-i", "-c"], f"set -o history -o histexpand; {EVALUATE}"),
    "zsh, read": (["zsh", "-f", "-c"], READ),
    "zsh, evaluated": (["zsh", "-f", "-i", "-c"], EVALUATE),
    "zsh with options": (["zsh", "-f", "-c"], f"setopt rcquotes extendedglob promptsubst shwordsplit; {READ}"),
}
FISHES: Mapping[str, tuple[Sequence[str], str]] = {
    "fish, read": (["fish", "--no-config", "-c"], FISH_READ),
    "fish, piped": (["fish", "--no-config", "-c"], FISH_PIPE),
    "fish, evaluated": (["fish", "--no-config", "-i", "-c"], FISH_EVALUATE),
}
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}


def environment_after(way: tuple[Sequence[str], str], text: bytes, folder: Path) -> dict[str, bytes]:
    """Return the environment of a program that a shell starts after it took in `text`."""
    words, script = way
    (folder / "exported").write_bytes(text)
    ran = subprocess.run(
        [*words, script + _SAY],
        cwd=folder,
        env={**ENVIRONMENT, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    pairs = [entry.partition(b"=") for entry in ran.stdout.split(b"\0")]
    return {name.decode("utf-8", "surrogateescape"): value for name, _, value in pairs}
