"""dotenvx: an encrypted .env file beside its key, of one secret and of many: it decrypts all that are in it."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.measure import SELDOM
from tests.benchmarks.peers.peer import KEY, SECRETS, Missing, Peer, environ, found, ready, said

PINS = Path(__file__).resolve().parent


@contextmanager
def peers(folder: Path) -> Iterator[list[Peer]]:
    """Install it below `folder` and have `dotenvx get` ready; raises Missing."""
    npm, node = found("npm"), found("node")
    for pins in ("package.json", "package-lock.json"):
        shutil.copy(PINS / pins, folder)
    try:
        # With the environment as it is: npm finds its settings there.
        said([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], os.environ, cwd=folder)
    except Missing as exc:
        raise Missing("npm could not install its package", exc.details) from exc
    program = str(folder / "node_modules" / ".bin" / "dotenvx")
    env = environ(folder)
    version = f"dotenvx {said([program, '--version'], env)}, Node.js {said([node, '--version'], env)}"
    one, whole = _file(folder / "one", program, {KEY: SECRETS[KEY]}), _file(folder / "whole", program, SECRETS)
    of_many = ready("dotenvx get, 100 secrets", [program, "get", KEY.upper(), "-f", whole], env, version)
    yield [
        ready("dotenvx get, 1 secret", [program, "get", KEY.upper(), "-f", one], env, version),
        of_many._replace(case=of_many.case._replace(every=SELDOM)),
    ]


def _file(folder: Path, program: str, secrets: Mapping[str, str]) -> str:
    folder.mkdir()
    file = folder / ".env"
    file.write_text("".join(f'{name.upper()}="{value}"\n' for name, value in secrets.items()), encoding="utf-8")
    said([program, "encrypt", "-f", str(file)], environ(folder), cwd=folder)
    if SECRETS[KEY] in file.read_text(encoding="utf-8"):
        raise Missing("dotenvx encrypt left the values readable")
    return str(file)
