"""Servers that are ill, hidden, strangers or asleep: each fault is told apart, and neither token nor payload is shown.

The program itself is run, against a real OpenBao where there is such a fault of one, else against a peer made by hand.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.backends.hashicorp.peers import SILENCE, answer, answering
from tests.canary import is_in
from tests.conftest import Cli
from tests.lifecycle.conftest import certify
from tests.lifecycle.servers import Answer, Seen, free_port, serving, talking
from tests.openbao import Bao, development_server
from tests.patience import SECONDS, wait_until
from tests.raft import initialise, raft_server, unseal, wait_until_active

TOKEN, SECRET_ID, PAYLOAD = b"s.canaryTokenOfFaults94f1", b"canary-secret-id-94f1", b"canary-payload-94f1"
CANARIES = (TOKEN, SECRET_ID, PAYLOAD)
UNAUTHENTICATED, UNAVAILABLE, EXEC_FAILED = 5, 6, 125


class Told(NamedTuple):
    """How a run ended, and what it said of that."""

    status: int
    stderr: str


def ask(cli: Cli, environ: Mapping[str, str], *words: str) -> Told:
    """Run a command on the backend; whatever it says holds no canary."""
    done = cli(*(words or ("get", "a/b")), env={"CREDVAULT_BACKEND": "hashicorp", "CREDVAULT_KEY": None, **environ})
    assert done.stdout == b"", done
    assert not is_in(done.stderr, CANARIES), done
    assert b"Traceback" not in done.stderr
    return Told(done.returncode, done.stderr.decode())


def at(address: str, **more: str) -> dict[str, str]:
    return {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN.decode(), **more}


METADATA = {"version": 1, "created_time": "2026-01-31T12:00:00Z", "deletion_time": "", "destroyed": False}
ANSWERS = {
    "asked too often": (
        Answer(429, b'{"errors": ["rate limit quota exceeded, canary-payload-94f1"]}'),
        ("takes no more requests for now", "try again later"),
    ),
    "a standby behind its cluster": (
        Answer(412, b'{"errors": ["canary-payload-94f1"]}'),
        ("is a standby that is behind its cluster", "make the active node the address"),
    ),
    "a standby for disaster recovery": (Answer(472, b"{}"), ("is a standby", "bao operator raft list-peers")),
    "broken": (
        Answer(500, b'{"errors": ["1 error occurred: canary-payload-94f1"]}'),
        ("has failed (status 500)", "its log says why"),
    ),
    "what it was sent": (
        Answer(400, b'{"errors": ["odd token s.canaryTokenOfFaults94f1"]}'),
        ("refused the request (status 400)", "is this the address of an OpenBao or Vault server"),
    ),
    "a gateway without its server": (
        Answer(502, b"<html>canary-payload-94f1</html>"),
        ("cannot be reached by its gateway (status 502)", "is the server itself up?"),
    ),
    "a page for people": (
        Answer(200, b"<html>canary-payload-94f1</html>"),
        ("answers 200 with something that is not JSON", "is this the address of an OpenBao or Vault server"),
    ),
    "half of JSON": (
        Answer(200, b'{"data": {"data": {"value": "canary-payload-94f1"}'),
        ("answers 200 with something that is not JSON", "is this the address of an OpenBao or Vault server"),
    ),
    "JSON of something else": (
        Answer(200, b'{"data": {"data": ["canary-payload-94f1"], "metadata": {"version": "x"}}}'),
        ("is not that of a KV version 2 engine", "is this the address of an OpenBao or Vault server"),
    ),
    **{
        what: (
            Answer(
                200, json.dumps({"data": {"data": {"value": "canary-payload-94f1"}, "metadata": metadata}}).encode()
            ),
            ("is not that of a KV version 2 engine", "is this the address of an OpenBao or Vault server"),
        )
        for what, metadata in {
            "a time that is none": {**METADATA, "created_time": "soon"},
            "a version that is none": {**METADATA, "version": True},
            "a version before the first": {**METADATA, "version": 0},
        }.items()
    },
    "a list": (
        Answer(200, b'["canary-payload-94f1"]'),
        ("answers 200 with something that is not JSON", "is this the address of an OpenBao or Vault server"),
    ),
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_answer_that_is_none_has_words_of_its_own(cli: Cli, fault: str) -> None:
    answer, (message, hint) = ANSWERS[fault]

    with serving(lambda seen: answer) as peer:
        told = ask(cli, at(peer.url))

    assert told.status == UNAVAILABLE
    assert f"credvault: error: {peer.url if 'engine' not in message else 'the server'}" in told.stderr
    assert message in told.stderr
    assert hint in told.stderr.partition("\ncredvault: hint: ")[2]


def hang_up(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)


def half_an_answer(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{" + PAYLOAD)


def silence(connection: socket.socket, over: threading.Event) -> None:
    over.wait()


def another_language(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"SSH-2.0-" + PAYLOAD + b"\r\n\r\n")
    connection.recv(65_536)


@pytest.mark.parametrize(
    ("talk", "message"),
    [
        (hang_up, "does not answer: it closed the connection"),
        (half_an_answer, "does not answer: it closed the connection in the middle of an answer"),
        (silence, "does not answer: no answer came in 1 s"),
        (another_language, "the server's answer cannot be read: it is not HTTP"),
    ],
)
def test_peer_that_does_not_speak_as_a_server_ends_in_time(cli: Cli, talk: object, message: str) -> None:
    with talking(talk) as port:  # type: ignore[arg-type]  # one of the four above
        told = ask(cli, at(f"http://127.0.0.1:{port}", VAULT_TIMEOUT="1"))

    assert told.status == UNAVAILABLE
    assert message in told.stderr


def test_child_is_not_started_where_the_server_cannot_be_reached(cli: Cli, tmp_path: Path) -> None:
    told = ask(cli, at(f"http://127.0.0.1:{free_port()}"), "exec", "-e", "A=a/b", "--", "touch", "started")

    assert told.status == EXEC_FAILED
    assert "cannot be reached: connection refused" in told.stderr
    assert not (cli.cwd / "started").exists()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """A real OpenBao that speaks TLS by an authority of its own, with one secret."""
    with development_server(tmp_path_factory.mktemp("secured"), tls=True) as server:
        server.must("POST", "secret/data/credvault/a/b", {"data": {"value": "v"}})
        yield server


def test_private_authority_is_trusted_where_it_is_named(cli: Cli, secured: Bao) -> None:
    config = cli.home / "config.toml"
    config.write_text(
        f"[profiles.prod]\nbackend = 'hashicorp'\naddress = '{secured.address}'\nca_file = '{secured.ca_file}'\n",
        encoding="utf-8",
    )

    by_variable = cli("get", "a/b", env={"CREDVAULT_BACKEND": "hashicorp", **secured.environ})
    by_profile = cli(
        *("get", "a/b", "--profile", "prod"), env={"VAULT_TOKEN": secured.token, "CREDVAULT_CONFIG": str(config)}
    )

    assert (by_variable.stdout, by_variable.stderr) == (b"v", b"")
    assert (by_profile.stdout, by_profile.stderr) == (b"v", b"")


def test_certificate_is_checked_unless_somebody_says_otherwise_loudly(cli: Cli, secured: Bao) -> None:
    environ = {"VAULT_ADDR": secured.address, "VAULT_TOKEN": secured.token, "CREDVAULT_BACKEND": "hashicorp"}

    unchecked = cli("get", "a/b", env={**environ, "VAULT_SKIP_VERIFY": "true"})
    checked = cli("get", "a/b", env=environ)

    assert (unchecked.returncode, unchecked.stdout) == (0, b"v")
    assert b"warning: VAULT_SKIP_VERIFY switches off the check of the server's certificate" in unchecked.stderr
    assert (checked.returncode, checked.stdout) == (UNAVAILABLE, b"")
    assert b"is not trusted" in checked.stderr
    assert b"hint: name the authority that signed it: ca_file in the profile, or VAULT_CACERT" in checked.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file or directory"), (b"", "it holds no certificate"), (b"not PEM\n", "it holds no certificate")],
    ids=["missing", "empty", "not a certificate"],
)
def test_authority_that_cannot_be_read_is_said(cli: Cli, secured: Bao, content: bytes | None, message: str) -> None:
    if content is not None:
        (cli.cwd / "ca.pem").write_bytes(content)

    told = ask(cli, at(secured.address, VAULT_CACERT="ca.pem"))

    assert told.status == UNAVAILABLE
    assert f"the authority in ca.pem cannot be read: {message}" in told.stderr


@pytest.mark.parametrize(
    ("host", "days", "trusted", "message"),
    [
        ("127.0.0.1", (-1, 1), False, "self-signed certificate"),
        ("127.0.0.9", (-1, 1), True, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("127.0.0.1", (-9, -1), True, "certificate has expired"),
        ("127.0.0.1", (1, 9), True, "certificate is not yet valid"),
    ],
    ids=["another authority", "another host", "expired", "not yet"],
)
def test_certificate_that_is_not_good_is_refused_before_anything_is_sent(
    cli: Cli, host: str, days: tuple[int, int], trusted: bool, message: str
) -> None:
    now = time.time()
    shown = certify(cli.cwd, host=host, start=now + days[0] * 86_400, end=now + days[1] * 86_400)
    other = certify(cli.cwd, host="127.0.0.5", start=now - 9, end=now + 86_400)

    with serving(tls=shown.server_context()) as peer:
        told = ask(cli, at(peer.url, VAULT_CACERT=str(shown.path if trusted else other.path)))

    assert told.status == UNAVAILABLE
    assert f"the certificate of {peer.url} is not trusted" in told.stderr
    assert message.lower() in told.stderr.lower()
    assert peer.seen == []


def test_plain_http_to_a_port_of_https_and_the_reverse_are_said(cli: Cli, secured: Bao, bao: Bao) -> None:
    plain = ask(cli, at(secured.address.replace("https", "http")))
    tls = ask(cli, at(bao.address.replace("http", "https")))

    assert plain.status == UNAVAILABLE
    assert "speaks https, and not http" in plain.stderr
    assert tls.status == UNAVAILABLE
    assert "does not speak TLS as it must" in tls.stderr


def test_server_that_is_not_initialised_or_sealed_is_told_apart_and_serves_again(cli: Cli, tmp_path: Path) -> None:
    with raft_server(tmp_path / "server") as server:
        raw = ask(cli, at(server.address))
        keys = initialise(server)
        sealed = ask(cli, at(server.address))
        approle = ask(cli, {"VAULT_ADDR": server.address, "VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": SECRET_ID.decode()})
        in_exec = ask(cli, at(server.address), "exec", "-e", "A=a/b", "--", "touch", "started")
        unseal(server, keys)
        wait_until_active(server)
        server = server._replace(token=keys.token)
        server.must("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        wait_until(lambda: server.ask("POST", "secret/data/credvault/a/b", {"data": {"value": "v"}})[0] == 200)
        served = cli("get", "a/b", env={"CREDVAULT_BACKEND": "hashicorp", **server.environ})
        server.must("PUT", "sys/seal")
        again = ask(cli, at(server.address))
        unseal(server, keys)
        back = cli("get", "a/b", env={"CREDVAULT_BACKEND": "hashicorp", **server.environ})

    assert raw.status == UNAVAILABLE
    assert f"{server.address} is not initialised" in raw.stderr
    for told in (sealed, approle, again):
        assert told.status == UNAVAILABLE
        assert f"credvault: error: {server.address} is sealed\n" in told.stderr
        assert "'bao operator unseal'" in told.stderr
    assert in_exec.status == EXEC_FAILED
    assert not (cli.cwd / "started").exists()
    assert (served.stdout, back.stdout) == (b"v", b"v")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"VAULT_TOKEN": TOKEN.decode()}, "does not know the token from VAULT_TOKEN: it is wrong, expired or revoked"),
        ({"VAULT_TOKEN": f"{TOKEN.decode()}\n"}, "VAULT_TOKEN holds characters that no token has"),
        (
            {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": SECRET_ID.decode()},
            "refused the AppRole login by VAULT_SECRET_ID",
        ),
        ({"VAULT_TOKEN": ""}, "VAULT_TOKEN is set but empty"),
        ({"BAO_TOKEN": TOKEN.decode()}, "BAO_TOKEN, which is for a server that BAO_ADDR names, is not sent there"),
        ({}, "there is no token for"),
    ],
    ids=["wrong", "two lines", "wrong secret id", "empty", "of the other family", "none"],
)
@pytest.mark.parametrize("options", [(), ("-vv",), ("--json",)], ids=lambda options: " ".join(options))
def test_caller_that_is_not_known_is_unauthenticated(
    cli: Cli, bao: Bao, environ: dict[str, str], message: str, options: tuple[str, ...]
) -> None:
    done = cli(
        *("get", "a/b", *options),
        env={"CREDVAULT_BACKEND": "hashicorp", "CREDVAULT_KEY": None, "VAULT_ADDR": bao.address, **environ},
    )

    assert (done.returncode, done.stdout) == (UNAUTHENTICATED, b"")
    assert message in done.stderr.decode()
    assert not is_in(done.stderr, CANARIES)


def test_token_is_sent_in_its_header_alone_and_to_its_server_alone(cli: Cli) -> None:
    def script(seen: Seen) -> Answer:
        return Answer(404, b'{"errors": []}')

    with serving(script) as peer, serving(script) as other:
        told = ask(cli, {**at(peer.url), "BAO_TOKEN": "s.other", "HTTPS_PROXY": other.url, "HTTP_PROXY": other.url})

    assert told.status == 3
    assert {seen.headers.get("x-vault-token") for seen in peer.seen} == {TOKEN.decode()}
    assert not any(TOKEN.decode() in f"{seen.path}{seen.body!r}" for seen in peer.seen)
    assert other.seen == []


def test_child_has_nothing_that_opens_the_server(cli: Cli, bao: Bao) -> None:
    bao.must("POST", "secret/data/credvault/faults/CHILD_VALUE", {"data": {"value": "v"}})
    role = bao.new_role(bao.new_policy('path "secret/*" { capabilities = ["read", "list"] }'))
    profile = f"[profiles.prod]\nbackend = 'hashicorp'\naddress = '{bao.address}'\nauth_mount = '{role.mount}'\n"
    (cli.home / "config.toml").write_text(profile, encoding="utf-8")
    environ = {"CREDVAULT_CONFIG": str(cli.home / "config.toml"), "CREDVAULT_PROFILE": "prod"}
    environ |= {"BAO_ROLE_ID": role.role_id, "BAO_SECRET_ID": role.secret_id, "BAO_ADDR": bao.address}
    environ |= {"VAULT_TOKEN": TOKEN.decode(), "VAULT_SECRET_ID": SECRET_ID.decode()}

    done = cli(
        *("exec", "-e", "A=faults/CHILD_VALUE", "--", "sh", "-c", "env; cat /proc/$$/cmdline"), env=environ, check=True
    )

    assert b"A=v\n" in done.stdout
    assert f"BAO_ADDR={bao.address}".encode() in done.stdout
    assert not is_in(done.stdout + done.stderr, [*CANARIES, role.secret_id.encode()])


def test_namespace_of_the_server_is_that_of_the_profile(cli: Cli, bao: Bao) -> None:
    bao.must("POST", "sys/namespaces/faults", {})
    inside = {"X-Vault-Namespace": "faults"}
    bao.must("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}, headers=inside)
    wait_until(lambda: bao.ask("GET", "secret/config", headers=inside)[0] == 200)
    bao.must("POST", "secret/data/credvault/ns/a", {"data": {"value": "inside"}}, headers=inside)
    environ = {"CREDVAULT_BACKEND": "hashicorp", **bao.environ}

    there = cli("get", "ns/a", env={**environ, "VAULT_NAMESPACE": "faults"})
    outside = cli("get", "ns/a", env=environ)
    nowhere = cli("get", "ns/a", env={**environ, "VAULT_NAMESPACE": "no/such"})

    assert there.stdout == b"inside"
    assert outside.returncode == 3
    assert nowhere.returncode == 9
    assert f"there is no namespace 'no/such' on {bao.address}" in nowhere.stderr.decode()


def test_nothing_of_a_run_is_kept_on_disk(cli: Cli, bao: Bao) -> None:
    """Neither the token that a login gave nor the secret id: each run logs in for itself."""
    bao.must("POST", "secret/data/credvault/faults/disk", {"data": {"value": PAYLOAD.decode()}})
    role = bao.new_role(bao.new_policy('path "secret/*" { capabilities = ["read"] }'))
    profile = f"[profiles.prod]\nbackend = 'hashicorp'\naddress = '{bao.address}'\nauth_mount = '{role.mount}'\n"
    (cli.home / "config.toml").write_text(profile, encoding="utf-8")
    environ = {"CREDVAULT_CONFIG": str(cli.home / "config.toml"), "VAULT_ROLE_ID": role.role_id}

    done = cli("--profile", "prod", "get", "faults/disk", env={**environ, "VAULT_SECRET_ID": role.secret_id})

    assert done.stdout == PAYLOAD
    found = subprocess.run(
        ["grep", "-rlE", f"{role.secret_id}|{PAYLOAD.decode()}|s\\.[A-Za-z0-9]{{24}}", cli.home, cli.cwd],
        capture_output=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (1, b"")


@pytest.mark.parametrize("mount", ["none", "sys", "cubbyhole", "auth/token"])
def test_mount_that_is_no_engine_of_secrets_is_a_wrong_setting(cli: Cli, bao: Bao, mount: str) -> None:
    token = bao.new_token(bao.new_policy('path "*" { capabilities = ["read", "list", "create", "update"] }'))
    environ = {"VAULT_ADDR": bao.address, "VAULT_TOKEN": token, "VAULT_KV_MOUNT": mount}

    read = ask(cli, environ)
    written = cli("add", "a/b", "--stdin", stdin=b"v", env={"CREDVAULT_BACKEND": "hashicorp", **environ})

    assert read.status == 9
    assert f"there is no KV engine at '{mount}/' of {bao.address}" in read.stderr
    assert written.returncode in (9, 6)


def test_run_that_is_interrupted_does_not_wait_for_a_server_that_hangs(cli: Cli) -> None:
    """Neither for what was asked, nor for the token of the run to be taken back."""
    login = answer(200, {"auth": {"client_token": TOKEN.decode(), "lease_duration": 60}})
    program = [str(Path(sys.executable).with_name("credvault")), "get", "a/b"]

    with answering([login, SILENCE]) as peer:
        address = f"http://127.0.0.1:{peer.port}"
        environ = {"HOME": str(cli.home), "PATH": os.defpath, "CREDVAULT_BACKEND": "hashicorp", "VAULT_ADDR": address}
        environ |= {"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": SECRET_ID.decode()}
        running = subprocess.Popen(program, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: len(peer.requests) == 2)
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=SECONDS)
        wait_until(lambda: len(peer.requests) == 3)

    assert running.returncode == 130
    assert (stdout, stderr) == (b"", b"")
    assert [request.split(b" HTTP")[0] for request in peer.requests] == [
        b"POST /v1/auth/approle/login",
        b"GET /v1/secret/data/credvault/a/b",
        b"POST /v1/auth/token/revoke-self",
    ]


@pytest.mark.parametrize("token", ["\ud800", "", "two words", "two\nlines", 5, None])
def test_login_that_gives_no_token_is_said(cli: Cli, token: object) -> None:
    body = json.dumps({"auth": {"client_token": token, "lease_duration": 60}}).encode()

    with serving(lambda seen: Answer(200, body)) as peer:
        environ = {"VAULT_ADDR": peer.url, "VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": SECRET_ID.decode()}
        told = ask(cli, environ)

    assert told.status == UNAVAILABLE
    assert "answered a login without a token" in told.stderr
    assert len(peer.seen) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"version": True},
        {"version": -1},
        {"created_time": "\x1b[31m" + PAYLOAD.decode()},
        {"created_time": ""},
        {"destroyed": "no"},
        {"deletion_time": None},
    ],
)
@pytest.mark.parametrize("words", [("get", "a/b"), ("edit", "a/b", "--note", "n")])
def test_version_that_is_none_is_no_answer_of_an_engine(cli: Cli, odd: dict[str, object], words: tuple[str]) -> None:
    stage = {"version": 1, "created_time": "2026-01-01T00:00:00.5Z", "deletion_time": "", "destroyed": False, **odd}
    reading = {"data": {"value": PAYLOAD.decode()}, "metadata": stage}
    metadata = {
        "current_version": 1,
        "created_time": "2026-01-01T00:00:00Z",
        "versions": {str(stage["version"]): stage},
    }

    def script(seen: Seen) -> Answer:
        return Answer(200, json.dumps({"data": metadata if "/metadata/" in seen.path else reading}).encode())

    with serving(script) as peer:
        told = ask(cli, at(peer.url), *words)

    assert told.status == UNAVAILABLE
    assert "the server's answer is not that of a KV version 2 engine" in told.stderr
    assert {seen.method for seen in peer.seen} == {"GET"}


@pytest.mark.parametrize(
    ("variables", "status", "said"),
    [
        ({"BAO_KV_MOUNT": "none"}, 9, "set mount in the profile, or BAO_KV_MOUNT"),
        ({"BAO_NAMESPACE": "none"}, 9, "set vault_namespace in the profile, or BAO_NAMESPACE"),
        ({"BAO_CACERT": None}, UNAVAILABLE, "ca_file in the profile, or BAO_CACERT"),
        ({"BAO_CACERT": "none"}, UNAVAILABLE, "set ca_file in the profile, or BAO_CACERT"),
        ({"BAO_CAPATH": "none", "BAO_CACERT": None}, UNAVAILABLE, "set ca_file in the profile, or BAO_CACERT"),
        ({"BAO_TLS_SERVER_NAME": "other.example"}, UNAVAILABLE, "or BAO_TLS_SERVER_NAME says what name"),
        ({"BAO_CLIENT_KEY": "key"}, 9, "or BAO_CLIENT_CERT and BAO_CLIENT_KEY"),
        ({"BAO_CLIENT_CERT": "none"}, 5, "or BAO_CLIENT_CERT and BAO_CLIENT_KEY"),
        ({"BAO_SKIP_VERIFY": "1"}, 3, "with ca_file or BAO_CACERT"),
        ({"BAO_TOKEN": None, "BAO_ROLE_ID": "r"}, 5, "set BAO_SECRET_ID, or secret_id_file"),
        ({"BAO_TOKEN": None, "BAO_SECRET_ID": "s"}, 5, "set BAO_ROLE_ID, or role_id"),
    ],
)
def test_a_hint_names_variables_that_are_read_for_this_server(
    cli: Cli, secured: Bao, variables: dict[str, str | None], status: int, said: str
) -> None:
    """Of a server that BAO_ADDR names, those of VAULT_* say nothing."""
    environ = {"CREDVAULT_BACKEND": "hashicorp", "BAO_ADDR": secured.address, "BAO_TOKEN": secured.token}

    done = cli("get", "no/such", env={**environ, "BAO_CACERT": secured.ca_file, **variables})

    assert (done.returncode, done.stdout) == (status, b"")
    assert said in done.stderr.decode()
    assert b"VAULT_" not in done.stderr
