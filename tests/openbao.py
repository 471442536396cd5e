"""A real OpenBao on the loopback interface: a server in development mode, in memory, and what tests ask of it."""

import http.client
import itertools
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.lifecycle.servers import free_port
from tests.patience import SECONDS

BAO = str(Path(sys.executable).with_name("bao"))

_counter = itertools.count(1)


class Role(NamedTuple):
    """What a program logs in with, and where."""

    mount: str
    role_id: str
    secret_id: str

    @property
    def profile(self) -> dict[str, str]:
        """What a profile says of it besides the secret id."""
        return {"auth_mount": self.mount, "role_id": self.role_id}


class Bao(NamedTuple):
    """A running server: `address` is a URL, `token` may do everything, `ca_file` is set where it speaks TLS."""

    address: str
    token: str
    process: "subprocess.Popen[bytes]"
    folder: Path
    ca_file: str | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Return status and body of an answer to `path` below /v1/, as this server's owner or by another token."""
        connection = self._connection()
        try:
            sent = {"X-Vault-Token": self.token if token is None else token, **(headers or {})}
            connection.request(method, f"/v1/{path}", None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else {}
        finally:
            connection.close()

    def must(self, method: str, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Return the body of an answer that must be a success."""
        status, answer = self.ask(method, path, body, **options)
        assert status in (200, 204), (status, answer)
        return answer

    def cli(self, *words: str, token: str | None = None) -> str:
        """Return what `bao` itself prints for a command, which must succeed."""
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "BAO_ADDR": self.address}
        env["BAO_TOKEN"] = self.token if token is None else token
        if self.ca_file:
            env["BAO_CACERT"] = self.ca_file
        done = subprocess.run([BAO, *words], env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done
        return done.stdout

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which a program finds this server."""
        found = {"VAULT_ADDR": self.address, "VAULT_TOKEN": self.token}
        return {**found, "VAULT_CACERT": self.ca_file} if self.ca_file else found

    def new_mount(self) -> str:
        """Return the name of a new, empty KV v2 secrets engine."""
        mount = f"kv{next(_counter)}"
        self.make_mount(mount)
        return mount

    def make_mount(self, mount: str) -> None:
        """Make a KV v2 secrets engine, and wait until it is ready."""
        self.must("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
        until = time.monotonic() + SECONDS
        # It upgrades itself from version 1 for a moment, and answers 400 meanwhile.
        while self.ask("GET", f"{mount}/config")[0] != 200 and time.monotonic() < until:
            time.sleep(0.02)

    def new_policy(self, rules: str) -> str:
        """Return the name of a new policy."""
        name = f"policy{next(_counter)}"
        self.must("POST", f"sys/policies/acl/{name}", {"policy": rules})
        return name

    def new_token(self, *policies: str, **options: Any) -> str:
        """Return a new token that has these policies, and `default`."""
        body = {"policies": list(policies), **options}
        return str(self.must("POST", "auth/token/create", body)["auth"]["client_token"])

    def new_role(self, *policies: str, **options: Any) -> "Role":
        """Return a role of a new AppRole auth method, with a secret id to log in by."""
        mount = f"approle{next(_counter)}"
        self.must("POST", f"sys/auth/{mount}", {"type": "approle"})
        self.must("POST", f"auth/{mount}/role/reader", {"token_policies": list(policies), **options})
        role_id = self.must("GET", f"auth/{mount}/role/reader/role-id")["data"]["role_id"]
        secret_id = self.must("POST", f"auth/{mount}/role/reader/secret-id")["data"]["secret_id"]
        return Role(mount, role_id, secret_id)

    def wrap(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
        """Return the wrapping token of an answer that is held back."""
        answer = self.must(method, path, body, headers={"X-Vault-Wrap-TTL": "3600"})
        return str(answer["wrap_info"]["token"])

    def _connection(self) -> http.client.HTTPConnection:
        host, _, port = self.address.partition("://")[2].rpartition(":")
        if self.ca_file is None:
            return http.client.HTTPConnection(host, int(port), timeout=SECONDS)
        context = ssl.create_default_context(cafile=self.ca_file)
        return http.client.HTTPSConnection(host, int(port), timeout=SECONDS, context=context)


@contextmanager
def development_server(
    folder: Path, *, tls: bool = False, program: str = BAO, config: Path | None = None
) -> Iterator[Bao]:
    """Run a server in development mode: unsealed, in memory, KV v2 at `secret/`; with `tls` by a CA of its own.

    `config` is a file with listeners of its own beside that one.
    """
    port = free_port()
    token = os.urandom(16).hex()
    words = [program, "server", "-dev-tls" if tls else "-dev", "-dev-no-store-token", f"-dev-root-token-id={token}"]
    if tls:
        words.append(f"-dev-tls-cert-dir={folder}")
    if config is not None:
        words.append(f"-config={config}")
    with (folder / "openbao.log").open("wb") as log:
        process = subprocess.Popen(
            [*words, f"-dev-listen-address=127.0.0.1:{port}"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        scheme, ca_file = ("https", str(folder / "vault-ca.pem")) if tls else ("http", None)
        server = Bao(f"{scheme}://127.0.0.1:{port}", token, process, folder, ca_file)
        wait_for_server(lambda: server.ask("POST", "secret/data/ready", {"data": {"is": "ready"}})[0] == 200, process)
        server.must("DELETE", "secret/metadata/ready")
        yield server
    finally:
        process.terminate()
        process.wait()


def wait_for_server(is_ready: Any, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a server is ready; it must not have ended."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended"
        try:
            if is_ready():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise AssertionError("the server did not start")
