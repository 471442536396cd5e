"""Every peer, got ready one after the other; one that cannot be had is left out with the reason."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.installed import make_environment
from tests.benchmarks.peers import dotenvx, gnupg, openbao, secret_service, sops
from tests.benchmarks.peers.peer import Missing, Peer

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


class Peers(NamedTuple):
    """Those that are ready, and why the others are not."""

    ready: list[Peer]
    left_out: dict[str, str]


def get_ready(folder: Path, stack: ExitStack) -> Peers:
    """Install and fill every peer below `folder`; their daemons run until the stack unwinds."""
    packages = _Packages(folder / "packages")
    makers: dict[str, Callable[[Path], AbstractContextManager[list[Peer]]]] = {
        "pass": gnupg.peers,
        "sops": lambda below: sops.peers(below, packages.binary("sops")),
        "bao": lambda below: openbao.peers(below, packages.binary("bao")),
        "keyring": lambda below: secret_service.peers(below, packages.python()),
        "dotenvx": dotenvx.peers,
    }
    peers = Peers([], {})
    for name, maker in makers.items():
        below = folder / name
        below.mkdir()
        print(f"getting {name} ready", file=sys.stderr)
        try:
            peers.ready.extend(stack.enter_context(maker(below)))
        except Missing as exc:
            peers.left_out[name] = str(exc)
            print(f"{exc.details}left out: {name}: {exc}", file=sys.stderr)
        except OSError as exc:  # names paths
            peers.left_out[name] = "the system refused something while it was got ready"
            print(f"left out: {name}: {exc}", file=sys.stderr)
    return peers


class _Packages:
    """The environment of the peers that pip installs, made when the first of them is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python: str | None = None

    def python(self) -> str:
        """Return its interpreter; raises Missing."""
        if self._python is None:
            try:
                self._python = make_environment(self._folder, "--require-hashes", "-r", str(REQUIREMENTS))
            except subprocess.CalledProcessError as exc:
                raise Missing("pip could not install its package", exc.stderr) from exc
        return self._python

    def binary(self, name: str) -> str:
        """Return the path of a binary inside a package, not of the Python script that starts it; raises Missing."""
        self.python()
        for path in self._folder.glob(f"lib/python*/site-packages/*/bin/{name}"):
            path.chmod(0o755)
            return os.fspath(path)
        raise Missing(f"its package has no binary of {name} for this machine")
