"""keyring on a real Secret Service: GNOME's, unlocked, on a message bus of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.measure import Case
from tests.benchmarks.peers.peer import KEY, SECRETS, Peer, environ, found, ready, said
from tests.secretservice import secret_service

READ, WRITE = "keyring get", "keyring set"

_STORE = """
import json, sys, keyring
for name, value in json.load(sys.stdin).items():
    keyring.set_password("bench", name, value)
"""
_VERSIONS = """
from importlib.metadata import version
print(f"keyring {version('keyring')}, secretstorage {version('secretstorage')}")
"""


@contextmanager
def peers(folder: Path, python: str) -> Iterator[list[Peer]]:
    """Have `keyring get` and `keyring set` ready, of the environment of an interpreter; raises Missing."""
    service = found("gnome-keyring-daemon")
    found("dbus-daemon")
    with secret_service(folder) as running:
        env = environ(folder, **running.environ)
        said([python, "-I", "-c", _STORE], env, stdin=json.dumps(SECRETS))
        versions = said([python, "-I", "-c", _VERSIONS], env)
        versions += f", {said([service, '--version'], env).splitlines()[0].replace(':', '')}"
        program = str(Path(python).parent / "keyring")
        value = folder / "value"
        value.write_text(SECRETS[KEY], encoding="ascii")
        writing = Case(WRITE, lambda number: [program, "set", "bench", "written"], env, value)
        yield [ready(READ, [program, "get", "bench", KEY], env, versions), Peer(writing, versions)]
