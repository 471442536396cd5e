"""What intentframe-credentials' README does with a Vault, done with credvault: its AppRole, its policy, its layout.

"Production AppRole setup" and "Local testing" of that README, on OpenBao. How a reader outlives the tokens of such a
role is in tests/backends/hashicorp/test_renewal.py.
"""

from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.openbao import Bao

POLICY = """
path "secret/data/intentframe/*" {
  capabilities = ["create", "update", "read", "delete"]
}
path "secret/metadata/intentframe/*" {
  capabilities = ["read", "list", "delete"]
}
"""
# What the facts of a secret need besides.
MORE = POLICY.replace('"list", ', '"list", "create", "update", "patch", ')
CONFIG = """
default_profile = "vault"
[profiles.vault]
backend = "hashicorp"
layout = "field"
"""
MAILBOX = "email.you@gmail.com"


@pytest.fixture(scope="module")
def role(bao: Bao, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a role that was set up by the server's own client, as the README says."""
    write_policy(bao, tmp_path_factory.mktemp("policy"), POLICY)
    bao.cli("auth", "enable", "approle")
    bao.cli(
        *("write", "auth/approle/role/intentframe", "token_policies=intentframe", "token_ttl=20s", "token_max_ttl=60s")
    )
    return {
        "VAULT_ADDR": bao.address,
        "VAULT_ROLE_ID": bao.cli("read", "-field=role_id", "auth/approle/role/intentframe/role-id"),
        "VAULT_SECRET_ID": bao.cli("write", "-f", "-field=secret_id", "auth/approle/role/intentframe/secret-id"),
    }


@pytest.fixture
def vault(cli: Cli, role: dict[str, str]) -> Cli:
    """The program with the environment of that service, and a profile that says which layout."""
    folder = cli.home / ".config/credvault"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    del cli.env["CREDVAULT_KEY"]
    cli.env.update(role)
    return cli


def write_policy(bao: Bao, folder: Path, text: str) -> None:
    path = folder / "intentframe-policy.hcl"
    path.write_text(text, encoding="utf-8")
    bao.cli("policy", "write", "intentframe", str(path))


def test_store_get_has_list_and_delete_as_its_smoke_test_does(vault: Cli, bao: Bao) -> None:
    vault("add", f"{MAILBOX}/password", "--stdin", stdin=b"xxxx-xxxx", check=True)
    vault("add", f"{MAILBOX}/username", "--stdin", stdin=b"you", check=True)

    got = vault("get", f"{MAILBOX}/password", check=True).stdout
    by_bao = bao.cli("kv", "get", "-field=password", f"secret/intentframe/{MAILBOX}")
    there = [vault("check", f"{MAILBOX}/{key}").returncode for key in ("password", "none")]
    listed = vault("list", f"{MAILBOX}/*", check=True).stdout.decode().splitlines()
    vault("add", f"{MAILBOX}/password", "--force", "--stdin", stdin=b"upserted", check=True)
    vault("rotate", f"{MAILBOX}/username", "--stdin", stdin=b"me", check=True)
    after = vault("get", f"{MAILBOX}/password", check=True).stdout, vault("get", f"{MAILBOX}/username").stdout
    deleted = [vault("delete", "-y", f"{MAILBOX}/{key}").returncode for key in ("password", "password", "username")]

    assert (got, by_bao, there) == (b"xxxx-xxxx", "xxxx-xxxx", [0, 3])
    assert [line.partition("\t")[0] for line in listed] == [f"{MAILBOX}/password", f"{MAILBOX}/username"]
    assert (after, deleted) == ((b"upserted", b"me"), [0, 3, 0])
    assert bao.ask("GET", f"secret/metadata/intentframe/{MAILBOX}")[0] == 404


def test_what_bao_puts_there_is_read_injected_and_left_beside(vault: Cli, bao: Bao) -> None:
    bao.cli("kv", "put", "secret/intentframe/jarvis", "OPENAI_API_KEY=sk-1", "other=canary")

    injected = vault("exec", "--", "sh", "-c", 'echo "$OPENAI_API_KEY"', check=True).stdout
    vault("rotate", "jarvis/OPENAI_API_KEY", "--stdin", stdin=b"sk-2", check=True)
    bao.cli("kv", "patch", "-method=rw", "secret/intentframe/jarvis", "third=3")

    assert injected == b"sk-1\n"
    assert vault("exec", "--", "sh", "-c", 'echo "$OPENAI_API_KEY"', check=True).stdout == b"sk-2\n"
    assert bao.cli("kv", "get", "-field=other", "secret/intentframe/jarvis") == "canary"
    assert vault("get", "jarvis/third", check=True).stdout == b"3"
    vault("delete", "-y", "jarvis/OPENAI_API_KEY", "jarvis/other", "jarvis/third", check=True)


def test_facts_need_more_than_its_policy_and_the_error_says_what(vault: Cli, bao: Bao, tmp_path: Path) -> None:
    add = ("add", "openai/api_key", "--env", "OPENAI_API_KEY", "--stdin")

    refused = vault(*add, stdin=b"sk-canary")
    left = bao.ask("GET", "secret/metadata/intentframe/openai")[0]
    write_policy(bao, tmp_path, MORE)
    stored = vault(*add, stdin=b"sk-1")
    injected = vault("exec", "-n", "openai", "--", "sh", "-c", 'echo "$OPENAI_API_KEY"').stdout
    vault("delete", "-y", "openai/api_key", check=True)
    write_policy(bao, tmp_path, POLICY)

    assert (refused.returncode, left) == (4, 404)
    assert b"secret/metadata/intentframe/openai" in refused.stderr
    assert b"canary" not in refused.stderr
    assert (stored.returncode, injected) == (0, b"sk-1\n")


def test_versions_are_refused_for_a_reason(vault: Cli) -> None:
    vault("add", "team/a", "--stdin", stdin=b"1", check=True)

    done = [vault(*words) for words in (["history", "team/a"], ["rotate", "team/a", "--undo"])]
    done.append(vault("get", "team/a", "--version", "1"))
    vault("delete", "-y", "team/a", check=True)

    assert [one.returncode for one in done] == [8, 8, 8]
    assert all(b"one counter serves a whole namespace" in one.stderr and not one.stdout for one in done)


def test_token_wins_over_the_role(vault: Cli, bao: Bao) -> None:
    vault("add", "team/a", "--stdin", stdin=b"1", check=True)

    right = vault("get", "team/a", env={"VAULT_TOKEN": bao.token, "VAULT_SECRET_ID": "wrong"})
    wrong = vault("get", "team/a", env={"VAULT_TOKEN": "canary-of-no-server"})
    vault("delete", "-y", "team/a", check=True)

    assert (right.returncode, right.stdout) == (0, b"1")
    assert (wrong.returncode, wrong.stdout) == (5, b"")
    assert b"canary" not in wrong.stderr


def test_without_an_address_or_a_way_to_log_in_it_says_which_variables(vault: Cli) -> None:
    no_address = vault("get", "team/a", env={"VAULT_ADDR": None})
    no_login = vault("get", "team/a", env={"VAULT_ROLE_ID": None, "VAULT_SECRET_ID": None})

    assert (no_address.returncode, no_login.returncode) == (9, 5)
    assert b"VAULT_ADDR" in no_address.stderr
    assert b"VAULT_TOKEN" in no_login.stderr
