"""Secret URIs beside an agent: it reads none itself, for their server and its token are the client's."""

from typing import Any

import pytest

from tests.agent.desk import Desk
from tests.openbao import Bao


@pytest.fixture
def environ(desk: Desk, bao: Bao) -> dict[str, Any]:
    """What names the server, for a project whose variables are of both kinds; an agent holds the vault."""
    mount = bao.new_mount()
    bao.must("POST", f"{mount}/data/app", {"data": {"token": "of the server"}})
    desk.put("a/b", b"of the vault", "--runtime-env")
    desk.home.write(".credvault.toml", f'[env]\nA = "a/b"\nB = "openbao+kv2://{mount}/app#token"\n')
    desk.held()
    return {"BAO_ADDR": bao.address, "BAO_TOKEN": bao.token, "TENANT_ALLOWED_MOUNTS": mount}


def test_plain_exec_gets_both_kinds(desk: Desk, environ: dict[str, Any]) -> None:
    done = desk.home.command("exec", "--", "sh", "-c", 'printf "%s, %s" "$A" "$B"', **environ)

    assert (done.status, done.stdout, done.stderr) == (0, b"of the vault, of the server", "")
    assert ["resource_ref" in line for line in desk.trail()] == [False, True, False]


def test_plain_get_of_a_uri_does_not_go_to_the_agent(desk: Desk, environ: dict[str, Any]) -> None:
    mount = environ["TENANT_ALLOWED_MOUNTS"]

    by_uri = desk.home.command("get", f"openbao://{mount}/app#token", **environ)
    by_name = desk.home.command("get", "credvault://a/b", **environ)

    assert (by_uri.status, by_uri.stdout) == (0, b"of the server")
    assert (by_name.status, by_name.stdout) == (0, b"of the vault")


def test_server_that_is_not_there_is_said_as_without_an_agent(desk: Desk, environ: dict[str, Any]) -> None:
    done = desk.home.command("exec", "--", "env", **{**environ, "BAO_ADDR": "http://127.0.0.1:9"})

    assert (done.status, done.stdout) == (125, b"")
    assert "cannot be reached" in done.stderr
