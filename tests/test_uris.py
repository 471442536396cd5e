"""The door for secret URIs, from a program: the guard before it, and what is recorded of who was refused."""

import json
from pathlib import Path

import pytest

from credvault import SecretURI, open_vault
from credvault.access.identity import Identity
from credvault.access.policy import ALLOW, Policy, Rule, owner_policy
from credvault.audit import Trail
from credvault.backends.memory import MemoryBackend
from credvault.config import Flags, Settings, load_settings
from credvault.model.errors import Denied, InvalidURI, NotFound, Unsupported, VersionDeleted
from credvault.state import reference_salt
from credvault.vault import Vault
from tests.openbao import Bao

ME = Identity("me")
URI = "openbao+kv2://secret/a#b"


def settings_of(folder: Path, **environ: str) -> Settings:
    return load_settings(Flags(), {"HOME": str(folder), **environ}, str(folder))


def vault_for(folder: Path, policy: Policy, settings: Settings | None) -> Vault:
    return Vault(
        MemoryBackend(),
        policy=policy,
        trail=Trail(str(folder), lambda: 0.0),
        identity=ME,
        clock=lambda: 0.0,
        reach=None if settings is None else (settings, lambda text: None, lambda text: None),
    )


def test_program_reads_by_uri(bao: Bao, tmp_path: Path) -> None:
    mount = bao.new_mount()
    bao.must("POST", f"{mount}/data/a", {"data": {"b": "first"}})
    bao.must("POST", f"{mount}/data/a", {"data": {"b": "canary"}})
    bao.must("DELETE", f"{mount}/data/a")
    settings = settings_of(tmp_path, BAO_ADDR=bao.address, BAO_TOKEN=bao.token, TENANT_ALLOWED_MOUNTS=mount)

    with open_vault(settings) as vault:
        secret = vault.uris.get(SecretURI.parse(f"openbao+kv2://{mount}/a?version=1#b", "dev", [mount]))
        with pytest.raises(VersionDeleted):
            vault.uris.get(f"openbao+kv2://{mount}/a#b")
        with pytest.raises(NotFound):
            vault.uris.get(f"openbao+kv2://{mount}/a#c?version=1")

    assert secret.value.reveal() == b"first"
    assert (secret.record.version, str(secret.record.name)) == (1, f"openbao+kv2://{mount}/a")


def test_only_who_may_read_everything_may_read_by_uri(tmp_path: Path) -> None:
    rules = [Rule("some", ALLOW, frozenset({"read"}), namespace="openbao+kv2://secret")]
    settings = settings_of(tmp_path, BAO_ADDR="http://127.0.0.1:9", BAO_TOKEN="t", SECRET_TENANT_SALT="salt")

    for policy in (Policy({}), Policy({"me": rules}), owner_policy(Identity("another"))):
        with vault_for(tmp_path, policy, settings) as vault, pytest.raises(Denied, match="me may not read"):
            vault.uris.get(URI)

    lines = [json.loads(line) for line in (tmp_path / "trail.jsonl").read_text().splitlines()]
    assert [(line["command"], line["result"]) for line in lines] == [("get", "denied")] * 3
    assert {*lines[0]} == {"time", "command", "resource_ref", "result"}


def test_another_identity_has_a_door_of_its_own(tmp_path: Path) -> None:
    with vault_for(tmp_path, owner_policy(ME), settings_of(tmp_path)) as vault:
        other = vault.acting_as(Identity("another"))
        with pytest.raises(Denied, match="another may not read"):
            other.uris.get(URI)

    assert other.uris is not vault.uris


def test_vault_without_settings_knows_no_server(tmp_path: Path) -> None:
    with vault_for(tmp_path, owner_policy(ME), None) as vault, pytest.raises(Unsupported):
        vault.uris.get(URI)


def test_junk_and_what_is_not_read_here_are_refused_before_anything(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, TENANT_ALLOWED_MOUNTS="a")

    with vault_for(tmp_path, owner_policy(ME), settings) as vault:
        with pytest.raises(InvalidURI):
            vault.uris.get("openbao://a//b")
        with pytest.raises(Unsupported):
            vault.uris.get("file://a/b")
        assert vault.uris.get_many([]) == {}


def test_salt_is_made_once_and_kept_private(tmp_path: Path) -> None:
    folder = str(tmp_path / "state")

    first = reference_salt(folder)

    assert reference_salt(folder) == first
    assert len(first) == 64
    assert (tmp_path / "state/salt.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "state/salt.json").write_text('{"salt": 5}')
    assert len(reference_salt(folder)) == 64
    assert reference_salt(folder) == reference_salt(folder)


def test_trail_that_is_off_needs_no_salt(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[trail]\nenabled = false\n")
    environ = {"BAO_ADDR": "http://127.0.0.1:9", "CREDVAULT_CONFIG": str(tmp_path / "config.toml")}
    settings = settings_of(tmp_path, TENANT_ALLOWED_MOUNTS="", **environ)

    with open_vault(settings) as vault, pytest.raises(Denied):
        vault.uris.get(URI)

    assert not (tmp_path / ".local").exists()
