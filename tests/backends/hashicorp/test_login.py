"""Logging in on a real OpenBao: by token, by AppRole, by what is wrapped; and what is refused."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from credvault.backends.hashicorp import login as logins
from credvault.backends.hashicorp.address import find_address
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import CredvaultError, Unauthenticated
from credvault.model.value import SecretValue
from tests.backends.hashicorp.peers import answer, answering
from tests.backends.hashicorp.profiles import make_settings
from tests.openbao import Bao, Role
from tests.patience import SECONDS, wait_until

RULES = 'path "secret/data/credvault/*" { capabilities = ["read"] }'
SECRET = Request("GET", "secret/data/credvault/login")


@pytest.fixture(scope="module")
def reader(bao: Bao) -> str:
    """A policy that lets read one secret, which is there."""
    bao.must("POST", "secret/data/credvault/login", {"data": {"value": "v"}})
    return bao.new_policy(RULES)


@contextmanager
def login(
    bao: Bao, folder: Path, environ: Mapping[str, str] | None = None, profile: Mapping[str, Any] | None = None
) -> Iterator[tuple[Login, Transport]]:
    """Log in to the server by a profile with its address, and the environment."""
    settings = make_settings(folder, environ or {}, {"address": bao.address, **(profile or {})})
    transport = Transport(find_address(settings, lambda text: None, lambda text: None))
    opened = Login(settings, transport, warn=lambda text: None, detail=lambda text: None)
    try:
        yield opened, transport
    finally:
        opened.close()
        transport.close()


def status(way: tuple[Login, Transport]) -> int:
    """Return the status of a read with the token of a login."""
    return way[1].ask(SECRET, way[0].token()).status


def by_approle(role: Role) -> tuple[dict[str, str], dict[str, str]]:
    """Return environment and profile of a role."""
    return {"VAULT_SECRET_ID": role.secret_id}, role.profile


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path.name


def test_token_is_taken_as_it_is_and_outlives_the_run(bao: Bao, reader: str, tmp_path: Path) -> None:
    token = bao.new_token(reader)

    with login(bao, tmp_path, {"VAULT_TOKEN": token}) as way:
        assert status(way) == 200

    assert bao.ask("GET", "auth/token/lookup-self", token=token)[0] == 200


def test_approle_logs_in_once_and_its_token_ends_with_the_run(
    bao: Bao, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "REVOKING_SECONDS", SECONDS)

    with login(bao, tmp_path, *by_approle(bao.new_role(reader))) as way:
        statuses = [status(way), status(way)]
        tokens = {way[0].token().reveal() for _ in range(2)}

    assert statuses == [200, 200]
    assert len(tokens) == 1
    assert bao.ask("GET", "auth/token/lookup-self", token=tokens.pop().decode())[0] == 403


def test_login_that_is_never_used_asks_for_nothing(bao: Bao, tmp_path: Path) -> None:
    with login(bao, tmp_path, {"VAULT_SECRET_ID": "wrong"}, {"role_id": "wrong"}):
        pass


def test_approle_logs_in_again_where_its_token_is_no_longer_known(bao: Bao, reader: str, tmp_path: Path) -> None:
    with login(bao, tmp_path, *by_approle(bao.new_role(reader))) as way:
        first = way[0].token()
        bao.must("POST", "auth/token/revoke", {"token": first.reveal().decode()})
        refused = status(way)
        has_another = way[0].token_was_refused()
        again = status(way)

    assert (refused, has_another, again) == (403, True, 200)


def test_token_file_is_read_again_where_its_token_is_no_longer_known(bao: Bao, reader: str, tmp_path: Path) -> None:
    """An agent that keeps the file may have put another one there."""
    write(tmp_path / "token", "s.000000000000000000000000")

    with login(bao, tmp_path, profile={"token_file": "token"}) as way:
        refused = status(way)
        write(tmp_path / "token", bao.new_token(reader))
        has_another = way[0].token_was_refused()
        again = status(way)

    assert (refused, has_another, again) == (403, True, 200)


@pytest.mark.parametrize("what", ["wrong", "revoked", "expired"])
def test_token_that_is_not_known_is_unauthenticated(bao: Bao, reader: str, tmp_path: Path, what: str) -> None:
    token = "s.000000000000000000000000"
    if what == "revoked":
        token = bao.new_token(reader)
        bao.must("POST", "auth/token/revoke", {"token": token})
    if what == "expired":
        token = bao.new_token(reader, ttl="1s")
        wait_until(lambda: bao.ask("GET", "auth/token/lookup-self", token=token)[0] == 403)

    with login(bao, tmp_path, {"VAULT_TOKEN": token}) as way:
        refused = status(way)
        with pytest.raises(Unauthenticated) as caught:
            way[0].token_was_refused()

    assert refused == 403
    assert caught.value.message.endswith("does not know the token from VAULT_TOKEN: it is wrong, expired or revoked")
    assert token not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("options", [{}, {"no_default_policy": True}], ids=["may look at itself", "may not"])
def test_token_that_a_policy_stops_is_not_taken_for_a_bad_one(
    bao: Bao, tmp_path: Path, options: dict[str, bool]
) -> None:
    token = bao.new_token(bao.new_policy('path "other/*" { capabilities = ["read"] }'), **options)

    with login(bao, tmp_path, {"VAULT_TOKEN": token}) as way:
        refused = status(way)
        has_another = way[0].token_was_refused()

    assert (refused, has_another) == (403, False)


@pytest.mark.parametrize("wrong", ["role_id", "secret_id", "auth_mount"])
def test_approle_that_is_refused_says_what_to_look_at(bao: Bao, reader: str, tmp_path: Path, wrong: str) -> None:
    role = bao.new_role(reader)
    environ, profile = by_approle(role)
    if wrong == "secret_id":
        environ["VAULT_SECRET_ID"] = "canary-secret-id"
    else:
        profile[wrong] = "canary-other"

    with login(bao, tmp_path, environ, profile) as way, pytest.raises(Unauthenticated) as caught:
        way[0].token()

    assert caught.value.message == f"{bao.address} refused the AppRole login by VAULT_SECRET_ID"
    assert role.secret_id not in f"{caught.value.message} {caught.value.hint}"
    assert "canary-secret-id" not in f"{caught.value.message} {caught.value.hint}"


def test_secret_id_that_is_used_up_is_refused(bao: Bao, reader: str, tmp_path: Path) -> None:
    role = bao.new_role(reader, secret_id_num_uses=1)

    with login(bao, tmp_path, *by_approle(role)) as way:
        first = status(way)
    with login(bao, tmp_path, *by_approle(role)) as way, pytest.raises(Unauthenticated) as caught:
        way[0].token()

    assert first == 200
    assert "used up" in str(caught.value.hint)


def test_wrapped_secret_id_logs_in_once(bao: Bao, reader: str, tmp_path: Path) -> None:
    role = bao.new_role(reader)
    path = f"auth/{role.mount}/role/reader/secret-id"
    wrapping = bao.wrap("POST", path)
    profile = {**role.profile, "secret_id_file": write(tmp_path / "id", wrapping), "secret_id_wrapping_path": path}

    with login(bao, tmp_path, profile=profile) as way:
        first = status(way)
        bao.must("POST", "auth/token/revoke", {"token": way[0].token().reveal().decode()})
        again = way[0].token_was_refused() and status(way)
    with login(bao, tmp_path, profile=profile) as way, pytest.raises(Unauthenticated) as caught:
        way[0].token()

    assert (first, again) == (200, 200)
    assert "was used already, or has expired" in caught.value.message
    assert "somebody may have read what it stands for" in str(caught.value.hint)
    assert wrapping not in f"{caught.value.message} {caught.value.hint}"


def test_wrapped_token_is_unwrapped(bao: Bao, reader: str, tmp_path: Path) -> None:
    wrapping = bao.wrap("POST", "auth/token/create", {"policies": [reader]})

    profile = {"token_file": write(tmp_path / "token", wrapping), "token_wrapping_path": "auth/token/create"}
    with login(bao, tmp_path, profile=profile) as way:
        found = status(way)

    assert found == 200


@pytest.mark.parametrize("what", ["a secret", "another role"])
def test_wrapping_token_that_was_swapped_is_noticed_and_not_used(
    bao: Bao, reader: str, tmp_path: Path, what: str
) -> None:
    role, other = bao.new_role(reader), bao.new_role(reader)
    path = f"auth/{role.mount}/role/reader/secret-id"
    swapped = SECRET.path if what == "a secret" else f"auth/{other.mount}/role/reader/secret-id"
    wrapping = bao.wrap("GET" if what == "a secret" else "POST", swapped)
    profile = {**role.profile, "secret_id_file": write(tmp_path / "id", wrapping), "secret_id_wrapping_path": path}

    with login(bao, tmp_path, profile=profile) as way, pytest.raises(Unauthenticated) as caught:
        way[0].token()

    assert f"was made by a request to {swapped}, not to {path}" in caught.value.message
    assert bao.ask("POST", "sys/wrapping/lookup", {"token": wrapping}, token="")[0] == 200


def test_wrapped_secret_is_read_by_whoever_has_its_token(bao: Bao, reader: str, tmp_path: Path) -> None:
    """A service may be handed a secret without a token that reads (requirements.md M56)."""
    from credvault.backends.hashicorp.wrapping import fetch_wrapped

    wrapping = SecretValue(bao.wrap("GET", SECRET.path).encode())

    with login(bao, tmp_path) as (_, transport):
        body = fetch_wrapped(transport, wrapping, "the message", SECRET.path).body
        with pytest.raises(CredvaultError):
            fetch_wrapped(transport, wrapping, "the message", SECRET.path)

    assert body["data"]["data"] == {"value": "v"}


FORKING = """
import os
from credvault import open_vault
vault = open_vault()
vault.get("a/b")
if os.fork() == 0:
    vault.get("a/b")
    vault.close()
    os._exit(0)
os.wait()
vault.get("a/b")
vault.close()
"""


def test_process_that_was_forked_off_shares_no_connection_and_revokes_nothing(tmp_path: Path) -> None:
    """Eight workers of one program were handed each other's secrets."""
    token = answer(200, {"auth": {"client_token": "s.token", "lease_duration": 60}})
    metadata = {"version": 1, "created_time": "2026-01-31T12:00:00Z", "deletion_time": "", "destroyed": False}
    value = answer(200, {"data": {"data": {"value": "v"}, "metadata": metadata}})
    with answering([token, value, value, value, answer(204)]) as peer:
        environ = {"VAULT_ADDR": f"http://127.0.0.1:{peer.port}", "VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s"}
        environ |= {"CREDVAULT_BACKEND": "hashicorp", "VAULT_RENEW": "false", "HOME": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", FORKING], env=environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(peer.connections) == 2
    asked = [request.split(b" ")[1].decode() for request in peer.requests]
    assert asked == ["/v1/auth/approle/login", *["/v1/secret/data/credvault/a/b"] * 3, "/v1/auth/token/revoke-self"]
