"""sops with an age key: one encrypted JSON file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.peers.peer import KEY, SECRETS, Peer, environ, found, ready, said


@contextmanager
def peers(folder: Path, sops: str) -> Iterator[list[Peer]]:
    """Have `sops -d --extract` ready; raises Missing."""
    identity, file = folder / "identity", folder / "secrets.json"
    env = environ(folder, SOPS_AGE_KEY_FILE=str(identity))
    said([found("age-keygen"), "-o", str(identity)], env)
    recipient = said([found("age-keygen"), "-y", str(identity)], env)
    file.write_text(json.dumps(SECRETS), encoding="utf-8")
    said([sops, "-e", "-i", "--age", recipient, str(file)], env)
    version = said([sops, "--version", "--disable-version-check"], env).splitlines()[0]
    yield [ready("sops -d --extract", [sops, "-d", "--extract", f'["{KEY}"]', str(file)], env, version)]
