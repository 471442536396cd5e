"""keyring on a real Secret Service: GNOME's, unlocked, on a message bus of its own."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tests.benchmarks.peers.peer import KEY, SECRETS, Missing, Peer, environ, found, ready, said

START_SECONDS = 20.0
# Without the folders of services that a bus would start by itself: it would start another one than ours.
BUS = """
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
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
    """Have `keyring get` ready, of the environment of an interpreter; raises Missing."""
    bus, service = found("dbus-daemon"), found("gnome-keyring-daemon")
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    env = environ(folder, XDG_RUNTIME_DIR=str(runtime))
    settings = folder / "bus.conf"
    settings.write_text(BUS.format(folder=runtime), encoding="utf-8")
    with _process([bus, f"--config-file={settings}", "--nofork", "--print-address"], env) as daemon:
        env["DBUS_SESSION_BUS_ADDRESS"] = cast("IO[str]", daemon.stdout).readline().strip()
        with _process([service, "--foreground", "--unlock", "--components=secrets"], env) as keeper:
            password = cast("IO[str]", keeper.stdin)
            password.write("password")
            password.close()
            keyring = str(Path(python).parent / "keyring")
            _store(python, env)
            versions = said([python, "-I", "-c", _VERSIONS], env)
            versions += f", {said([service, '--version'], env).splitlines()[0].replace(':', '')}"
            yield [ready("keyring get", [keyring, "get", "bench", KEY], env, versions)]


@contextmanager
def _process(words: list[str], env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _store(python: str, env: dict[str, str]) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            said([python, "-I", "-c", _STORE], env, stdin=json.dumps(SECRETS))
            return
        except Missing:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)  # the service is not on the bus yet
