"""What a peer is to `make bench`: a case that prints one secret, or the reason why there is none."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.measure import Case

# How many secrets a peer's store holds, and the one that is asked for.
SECRETS = {f"secret_{number}": f"value of secret {number}: 0123456789abcdef" for number in range(100)}
KEY = "secret_0"


class Peer(NamedTuple):
    """A peer that is ready: the case, and the version of what is measured."""

    case: Case
    version: str


class Missing(Exception):
    """A peer cannot be had; says why, in words fit for the results.

    `details` may name folders and hosts of this machine, and is shown on stderr only.
    """

    def __init__(self, why: str, details: str = "") -> None:
        super().__init__(why)
        self.details = details


def found(command: str) -> str:
    """Return the path of a program; raises Missing."""
    path = shutil.which(command)
    if path is None:
        raise Missing(f"there is no {command} on this machine")
    return path


def environ(home: Path, **more: str) -> dict[str, str]:
    """Return an environment with a home of its own, and the PATH on which the peers were found."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


def said(words: Sequence[str], env: Mapping[str, str], stdin: str = "", cwd: Path | None = None) -> str:
    """Run a program and return its stdout without the newline at the end; raises Missing where it fails."""
    try:
        ran = subprocess.run(words, input=stdin, capture_output=True, text=True, env=env, cwd=cwd, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Missing(f"{Path(words[0]).name} did not run: {type(exc).__name__}") from exc
    if ran.returncode:
        raise Missing(f"{Path(words[0]).name} {words[1]} ended with {ran.returncode}", ran.stderr)
    return ran.stdout.removesuffix("\n")


def ready(called: str, words: Sequence[str], env: dict[str, str], version: str) -> Peer:
    """Return the peer whose words print the secret; raises Missing where they print something else."""
    if said(words, env) != SECRETS[KEY]:
        raise Missing("it does not print the secret that it was given")
    return Peer(Case(called, lambda number: words, env), version)
