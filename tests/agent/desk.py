"""A user's home with a vault in it and a place for an agent: starts agents, talks to them, and ends every one.

Requests are made by hand here, not by the client, so that both ends are tested and not one against itself.
"""

import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from credvault.model import wire
from tests.home import PRINTED_KEY, Home
from tests.patience import SECONDS, wait_until

NOBODY = 65_534


class Reply(NamedTuple):
    """An answer of an agent: its status, its headers, its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Agent:
    """An agent that is a child of this process; its standard streams are in files and pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.pid = process.pid

    def status(self, field: str) -> str:
        """Return a line of `/proc/PID/status`."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(field + ":"))

    def resident_kilobytes(self) -> int:
        """Return how much memory it has."""
        return int(self.status("VmRSS").split()[0])

    def end(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.terminate()
        return self.process.wait(SECONDS)


class Desk:
    """A home, the agent's socket, and every agent that was started at it.

    `home.run(…)` runs a command line in this process, `home.command(…)` the program; without a key, so that only an
    agent opens the vault. `**desk.key` gives them the key.
    """

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.home = Home(folder / "home").furnish()
        self.runtime = runtime
        self.key: dict[str, Any] = {"CREDVAULT_KEY": PRINTED_KEY}
        self.socket = runtime / "credvault/agent.sock"
        self.home.environ.pop("CREDVAULT_KEY_FILE")
        self.home.environ["XDG_RUNTIME_DIR"] = str(runtime)
        self._agents: list[Agent] = []

    def put(self, name: str, value: bytes = b"value", *options: str) -> None:
        """Store a secret, without the agent."""
        done = self.home.run("add", name, "--stdin-raw", *options, stdin=value, **self.key)
        assert done.status == 0, done

    def start(self, *, detached: bool = True) -> Agent:
        """Start an agent that is a child of this process, and return when it can be asked."""
        words = [sys.executable, "-P", "-m", "credvault.agent", str(self.socket)]
        environ = {name: self.home.environ[name] for name in ("HOME", "PATH", "LANG")}
        agent = self.watch(
            subprocess.Popen(
                [*words, "detached"] if detached else words,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        if detached:
            assert agent.process.stdout is not None
            assert agent.process.stdout.readline() == b"ready\n"
        else:
            wait_until(self.is_answering)
        return agent

    def watch(self, process: "subprocess.Popen[bytes]") -> Agent:
        """Take a process for an agent that is to be ended with the test."""
        agent = Agent(process)
        self._agents.append(agent)
        return agent

    def held(self, *, seconds: int = 3600, idle: int = 3600, detached: bool = True) -> Agent:
        """Start an agent, and give it the key."""
        agent = self.start(detached=detached)
        assert self.hold(seconds=seconds, idle=idle).status == 200
        return agent

    def hold(self, path: Path | None = None, *, seconds: int = 3600, idle: int = 3600) -> Reply:
        """Give the agent the data key of the vault, or of the one at `path`."""
        with self.home.file(path).open() as vault:
            key, vault_id = vault.key.reveal(), vault.key.vault_id
        headers = [(wire.FOR, str(seconds)), (wire.IDLE, str(idle)), (wire.VAULT, vault_id)]
        if path is not None:
            headers.append((wire.FLAGS, wire.quote_table({"vault": str(path)})))
        return self.ask("PUT", wire.AGENT_VAULT, *headers, body=key)

    def connect(self) -> socket.socket:
        """Return a connection to the agent."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        try:
            connection.connect(str(self.socket))
        except OSError:
            connection.close()
            raise
        return connection

    def ask(self, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> Reply:
        """Return the answer to a request about the vault of this home."""
        with self.connect() as connection:
            connection.sendall(self.request(method, target, *headers, body=body))
            return read_reply(connection)

    def request(self, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> bytes:
        """Return the bytes of a request about the vault of this home."""
        settings = {name: value for name, value in self.home.environ.items() if name in wire.SETTINGS}
        lines = [
            f"{method} {target} HTTP/1.1",
            f"{wire.FOLDER}: {wire.quote_text(str(self.home.root))}",
            f"{wire.ENVIRONMENT}: {wire.quote_table(settings)}",
            *(f"{name}: {value}" for name, value in headers),
            f"content-length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    def is_answering(self) -> bool:
        """Say whether there is an agent."""
        try:
            return self.ask("GET", wire.HEALTH).status == 200
        except OSError:
            return False

    def is_accepting(self) -> bool:
        """Say whether somebody listens."""
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def pid(self) -> int:
        """Return the process that listens at the socket, as the system knows it."""
        with self.connect() as connection:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int(struct.unpack("3i", credentials)[0])

    def trail(self) -> list[str]:
        """Return the lines of the trail."""
        path = self.home.state / "trail.jsonl"
        return path.read_text().splitlines() if path.exists() else []

    def close(self) -> None:
        """End every agent, also those that a command started."""
        for agent in self._agents:
            if agent.process.poll() is None:
                agent.process.kill()
            agent.process.communicate()
        for pid in self.agents():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            # One that was ending removes its socket, while whoever called removes the folder around it.
            wait_until(lambda: not is_running(pid))  # noqa: B023

    def agents(self) -> list[int]:
        """Return every process whose command line names a socket of this desk."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if b"credvault.agent" in words and any(word.startswith(bytes(self.runtime)) for word in words):
                    found.append(int(path.parent.name))
        return found


def read_reply(connection: socket.socket) -> Reply:
    """Return the next answer of an agent; raises EOFError where none comes."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    while len(body) < int(headers["content-length"]):
        body += _more(connection)
    assert len(body) == int(headers["content-length"])
    return Reply(int(first.split(" ")[1]), headers, body)


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(1 << 16)
    if not chunk:
        raise EOFError
    return chunk


def is_running(pid: int) -> bool:
    """Say whether a process is there, and not only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@contextmanager
def as_nobody() -> Iterator[None]:
    """Let another user do what is done meanwhile; only root may."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
