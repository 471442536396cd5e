"""Starting an agent, and giving it the key of a vault: what `credvault unlock` and `credvault agent run` do."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import IO, cast

from credvault.agent.listening import AlreadyRunning
from credvault.backends.agent import AgentClient
from credvault.config import Settings, find_agent_socket
from credvault.model import wire
from credvault.model.errors import BackendUnavailable, Unsupported
from credvault.model.text import printable
from credvault.sealing.keys import DataKey

# How long an agent may take to be ready, seconds; it takes about a tenth of one.
START_SECONDS = 10.0
_ATTEMPTS = 3
# For how long one that ends may keep its place, until its writes are done (daemon.PATIENCE), seconds.
_ENDING_SECONDS = 15.0
_READY = b"ready"
# What an agent needs of the environment besides the settings that are not secret. Nothing that unlocks.
_INHERITED = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "XDG_RUNTIME_DIR", "LISTEN_FDS", "LISTEN_PID"),
    *("PYTHONPATH", "LD_LIBRARY_PATH"),  # what this interpreter needed, that one does
)


def unlock(client: AgentClient, settings: Settings, key: DataKey, *, seconds: int, idle: int) -> None:
    """Give the key of the vault file of settings to the agent, which is started if there is none.

    Held for at most `seconds`, and `idle` seconds without use. Raises BackendUnavailable, StorageError, and what
    the agent finds wrong with the vault.
    """
    headers = ((wire.FOR, str(seconds)), (wire.IDLE, str(idle)), (wire.VAULT, key.vault_id))
    attempts, until = 0, time.monotonic() + START_SECONDS + _ENDING_SECONDS
    while True:
        if not client.connect():
            start(socket_path(settings.environ), settings.environ)
        attempts += client.connect()
        try:
            client.ask("PUT", wire.AGENT_VAULT, *headers, body=key.reveal())
        except BackendUnavailable:
            # It ended just then, or is ending, or another one has just started: the same key twice does no harm.
            if attempts == _ATTEMPTS or time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def start(path: str, environ: Mapping[str, str]) -> None:
    """Start an agent that listens at `path` and goes on by itself; return once it is ready.

    Another one that was faster is as good. Raises BackendUnavailable, StorageError.
    """
    process = subprocess.Popen(
        [*command(path), "detached"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=agent_environment(environ),
        start_new_session=True,
    )
    with cast("IO[bytes]", process.stdout) as stdout, cast("IO[bytes]", process.stderr) as stderr:
        readable, _, _ = select.select([stdout], [], [], START_SECONDS)
        if readable and stdout.readline().strip() == _READY:
            process.returncode = 0  # it goes on, and nobody waits for it
            return
        if not readable:
            process.kill()
        said = stderr.read().decode("utf-8", "replace").strip()
        process.wait()
    if process.returncode == AlreadyRunning.exit_status and "another agent" in said:
        return
    lines = [line.removeprefix("credvault: ").removeprefix("error: ") for line in said.splitlines()]
    what = lines[0] if lines else f"it was not ready in {START_SECONDS:.0f} s"
    hint = next((line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")), None)
    raise BackendUnavailable(f"the agent could not be started: {printable(what)}", hint=hint)


def command(path: str) -> list[str]:
    """Return the words that run an agent at `path`, in the interpreter and the manner of this process."""
    # -I where nothing outside the environment is needed, -P where the package may be the user's own.
    return [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "credvault.agent", path]


def agent_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what an agent has of an environment: no key and no passphrase."""
    return {name: environ[name] for name in (*wire.SETTINGS, *_INHERITED) if name in environ}


def socket_path(environ: Mapping[str, str]) -> str:
    """Return where the agent's socket is; raises Unsupported where there can be none."""
    if os.name != "posix":
        raise Unsupported("there is no agent on this system: it needs Unix sockets")
    path = find_agent_socket(environ)
    if path is None:
        hint = "set CREDVAULT_AGENT_SOCKET to an absolute path, or unset it"
        raise Unsupported("there is no place for the agent's socket", hint=hint)
    return path
