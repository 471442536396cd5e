"""What `doctor` says of a Vault or OpenBao server: reached how, as whom, and what is allowed; with a mend to paste."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from credvault.backends.hashicorp.aspects import policy_text
from tests.conftest import Cli
from tests.openbao import Bao, development_server
from tests.raft import raft_server


def doctor(cli: Cli, environ: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """Return the status of a look, and what was found by subject, with level and mend."""
    done = cli("doctor", env={"CREDVAULT_BACKEND": "hashicorp", "CREDVAULT_KEY": None, **environ})
    for secret in (environ.get("VAULT_TOKEN"), environ.get("VAULT_SECRET_ID")):
        assert not secret or secret not in done.stdout.decode() + done.stderr.decode()
    found = re.findall(r"^(\w+) +([\w ]+): (.*(?:\n +mend: .*)?)$", done.stdout.decode(), re.MULTILINE)
    return done.returncode, {subject: f"{level} {text}" for level, subject, text in found}


def test_owner_is_told_what_works_and_that_it_may_do_too_much(cli: Cli, bao: Bao) -> None:
    status, found = doctor(cli, bao.environ)

    assert status == 0
    assert re.fullmatch(rf"ok {bao.address}, version [0-9.]+", found["server"])
    assert found["TLS"] == "ok none, on the loopback interface"
    assert found["token"].startswith("advice from VAULT_TOKEN, policies root, never expires")
    assert "it may do everything on this server" in found["token"]
    assert found["engine"] == "ok KV version 2 at 'secret/'"
    assert found["rights"] == (
        "ok the token may read, list, write, delete, delete and bring back at secret/data/credvault/default/any"
    )


def test_token_that_may_read_alone_is_well_and_shown_the_policy_for_more(cli: Cli, bao: Bao) -> None:
    rules = 'path "secret/data/credvault/*" { capabilities = ["read"] }'
    token = bao.new_token(bao.new_policy(rules), ttl="30m", renewable=False)

    status, found = doctor(cli, {**bao.environ, "VAULT_TOKEN": token})

    assert status == 0
    assert re.match(
        r"advice from VAULT_TOKEN, policies default policy\d+, (30|29)m( \d+s)? left, not renewable", found["token"]
    )
    assert found["rights"].startswith("advice the token may read at secret/data/credvault/default/any; it may not list")
    assert policy_text("secret", "credvault").replace("\n", " ") in found["rights"]


def test_token_without_rights_is_wrong(cli: Cli, bao: Bao) -> None:
    status, found = doctor(cli, {**bao.environ, "VAULT_TOKEN": bao.new_token("default")})

    assert status == 4
    assert found["rights"].startswith("wrong the token may do nothing at secret/data/credvault/default/any")


@pytest.mark.parametrize("layout", ["secret", "field"])
def test_policy_of_the_mend_is_enough_for_every_command_and_no_more(cli: Cli, bao: Bao, layout: str) -> None:
    mount = bao.new_mount()
    token = bao.new_token(bao.new_policy(policy_text(mount, "team/a")))
    profile = f"[profiles.p]\nbackend = 'hashicorp'\nmount = '{mount}'\nprefix = 'team/a'\nlayout = '{layout}'\n"
    (cli.home / "config.toml").write_text(profile, encoding="utf-8")
    environ = {"CREDVAULT_CONFIG": str(cli.home / "config.toml"), "CREDVAULT_PROFILE": "p"}
    environ |= {"VAULT_ADDR": bao.address, "VAULT_TOKEN": token}
    versions = [["rotate", "--undo", "n/a"], ["history", "n/a"], ["delete", "-y", "--soft", "n/a"], ["undelete", "n/a"]]
    commands = [["add", "--stdin", "--env", "A", "n/a"], ["list"], ["edit", "--note", "x", "n/a"], ["get", "n/a"]]
    commands += [["rotate", "--stdin", "n/a"], *(versions if layout == "secret" else [])]

    ended = {" ".join(words): cli(*words, stdin=b"v", env=environ) for words in [*commands, ["delete", "-y", "n/a"]]}
    _, found = doctor(cli, environ)

    assert {words: done.stderr for words, done in ended.items() if done.returncode} == {}
    assert found["rights"].startswith("ok the token may read, list, write, delete, delete and bring back at")
    assert found["token"].startswith("ok ")
    assert bao.ask("GET", f"{mount}/config", token=token)[0] == 403


@pytest.mark.parametrize(
    ("environ", "status", "subject", "message"),
    [
        ({"VAULT_TOKEN": "s.wrong"}, 5, "token", "wrong http.* does not know the token from VAULT_TOKEN"),
        ({"VAULT_TOKEN": ""}, 5, "token", "wrong VAULT_TOKEN is set but empty"),
        ({"VAULT_NAMESPACE": "none"}, 9, "token", "wrong there is no namespace 'none' on http"),
        ({"VAULT_KV_MOUNT": "none"}, 9, "engine", "wrong there is no KV engine at 'none/'"),
        ({"VAULT_KV_MOUNT": "old"}, 8, "engine", "wrong the engine at 'old/' .* is KV version 1"),
    ],
)
def test_what_is_wrong_is_said_under_its_subject_with_a_mend(
    cli: Cli, bao: Bao, environ: dict[str, str], status: int, subject: str, message: str
) -> None:
    if environ.get("VAULT_KV_MOUNT") == "old":
        bao.must("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})

    ended, found = doctor(cli, {**bao.environ, **environ})

    assert ended == status
    assert re.match(message, found[subject])
    assert "mend: " in found[subject]
    assert "rights" not in found
    assert "KV version 2" not in found["server"]


def test_server_that_is_sealed_is_the_end_of_the_look(cli: Cli, tmp_path: Path) -> None:
    with raft_server(tmp_path / "server") as server:
        status, found = doctor(cli, {"VAULT_ADDR": server.address, "VAULT_TOKEN": "s.any"})

    assert status == 6
    assert found["server"].startswith(f"wrong {server.address} is not initialised")
    assert "'bao operator init'" in found["server"]
    assert "token" not in found


def test_authority_is_named_and_its_lack_is_wrong(cli: Cli, tmp_path: Path) -> None:
    with development_server(tmp_path, tls=True) as server:
        _, checked = doctor(cli, server.environ)
        status, unchecked = doctor(
            cli, {"VAULT_ADDR": server.address, "VAULT_TOKEN": server.token, "VAULT_SKIP_VERIFY": "1"}
        )

    assert checked["TLS"] == f"ok checked by the authority in {server.ca_file}"
    assert status == 6
    assert unchecked["TLS"].startswith("wrong the certificate is not checked: anybody may answer as this server")


def test_approle_is_shown_without_its_secret_id(cli: Cli, bao: Bao) -> None:
    role = bao.new_role(bao.new_policy(policy_text("secret", "credvault")), token_ttl="20m")
    profile = f"[profiles.p]\nbackend = 'hashicorp'\naddress = '{bao.address}'\nauth_mount = '{role.mount}'\n"
    (cli.home / "config.toml").write_text(profile, encoding="utf-8")
    environ = {"CREDVAULT_CONFIG": str(cli.home / "config.toml"), "CREDVAULT_PROFILE": "p"}

    status, found = doctor(cli, {**environ, "VAULT_ROLE_ID": role.role_id, "VAULT_SECRET_ID": role.secret_id})

    assert status == 0
    assert found["token"].startswith("ok from the AppRole login by VAULT_SECRET_ID, policies default policy")


def test_token_of_one_namespace_is_enough_for_that_and_cannot_look_through_all(cli: Cli, bao: Bao) -> None:
    """What docs/openbao.md says of it: without a namespace the prefix is listed, and that must be allowed."""
    bao.must("POST", "secret/data/credvault/mine/TOKEN", {"data": {"value": "v"}})
    rules = 'path "secret/data/credvault/mine/*" { capabilities = ["read"] }\n'
    rules += 'path "secret/metadata/credvault/mine/*" { capabilities = ["read", "list"] }'
    environ = {**bao.environ, "CREDVAULT_BACKEND": "hashicorp", "CREDVAULT_KEY": None}
    environ["VAULT_TOKEN"] = bao.new_token(bao.new_policy(rules))

    got = cli("get", "mine/TOKEN", env=environ)
    ran = cli("exec", "-e", "T=mine/TOKEN", "--", "printenv", "T", env=environ)
    listed = cli("-n", "mine", "list", env=environ)
    everywhere = cli("list", env=environ)

    assert (got.returncode, got.stdout) == (0, b"v"), got
    assert (ran.returncode, ran.stdout) == (0, b"v\n"), ran
    assert (listed.returncode, listed.stdout[:11]) == (0, b"mine/TOKEN\t"), listed
    assert (everywhere.returncode, everywhere.stdout) == (4, b""), everywhere
    assert b'path "secret/metadata/credvault/" { capabilities = ["list"] }' in everywhere.stderr
