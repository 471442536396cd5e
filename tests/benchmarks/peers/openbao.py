"""OpenBao: a server in development mode on the loopback interface, in memory, asked by its own client."""

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.peers.peer import KEY, SECRETS, Missing, Peer, environ, ready, said

START_SECONDS = 20.0


@contextmanager
def peers(folder: Path, bao: str) -> Iterator[list[Peer]]:
    """Have `bao kv get` ready; raises Missing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    token = os.urandom(16).hex()
    env = environ(folder, BAO_ADDR=f"http://{address}", BAO_TOKEN=token)
    words = [bao, "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={token}"]
    server = subprocess.Popen(
        [*words, f"-dev-listen-address={address}"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(server, address)
        for name, value in SECRETS.items():
            _put(address, token, name, value)
        version = " ".join(said([bao, "version"], env).split()[:2])
        get = [bao, "kv", "get", "-field=value", f"secret/bench/{KEY}"]
        yield [ready("bao kv get", get, env, version)]
    finally:
        server.terminate()
        server.wait()


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            # Its secrets engine is mounted a moment after it answers.
            if _status(address, "GET", "/v1/sys/health", {}, "") == 200:
                time.sleep(1)
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise Missing("bao server -dev did not start")


def _put(address: str, token: str, name: str, value: str) -> None:
    body = json.dumps({"data": {"value": value}})
    if _status(address, "POST", f"/v1/secret/data/bench/{name}", {"X-Vault-Token": token}, body) != 200:
        raise Missing("bao server -dev does not store a secret")


def _status(address: str, method: str, path: str, headers: dict[str, str], body: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=START_SECONDS)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
