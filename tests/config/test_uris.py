"""Which server a secret URI leads to, and which mounts it may name: by the user's settings alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from credvault.config import Flags, Settings, load_settings
from credvault.config.uris import Mounts, allowed_mounts, server_settings, tenant_salt
from credvault.model.errors import ConfigError
from credvault.model.uri import HASHICORP, OPENBAO

CONFIG = """
default_profile = "prod"
[profiles.prod]
backend = "hashicorp"
address = "https://prod.example.org:8200"
mount = "team"
[profiles.narrow]
backend = "hashicorp"
allowed_mounts = ["a", "b"]
[profiles.bare]
backend = "hashicorp"
[profiles.home]
backend = "file"
[profiles.wrong]
backend = "hashicorp"
allowed_mounts = ["a/b"]
"""
BOTH = {"BAO_ADDR": "https://bao", "BAO_TOKEN": "b", "VAULT_ADDR": "https://vault", "VAULT_TOKEN": "v"}


def settings(folder: Path, environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    whole = {"HOME": str(folder), "CREDVAULT_CONFIG": str(folder / "config.toml"), **(environ or {})}
    return load_settings(Flags(**flags), whole, str(folder))


@pytest.mark.parametrize(
    ("profile", "environ", "names", "source"),
    [
        ("home", {}, ("secret",), "the default"),
        ("bare", {}, ("secret",), "the default"),
        ("prod", {}, ("team",), "mount of profile prod"),
        ("home", {"TENANT_ALLOWED_MOUNTS": "a, b,"}, ("a", "b"), "TENANT_ALLOWED_MOUNTS"),
        ("prod", {"TENANT_ALLOWED_MOUNTS": "a"}, ("a",), "TENANT_ALLOWED_MOUNTS"),
        ("prod", {"TENANT_ALLOWED_MOUNTS": ""}, (), "TENANT_ALLOWED_MOUNTS"),
        ("prod", {"TENANT_ALLOWED_MOUNTS": " , "}, (), "TENANT_ALLOWED_MOUNTS"),
        ("narrow", {"TENANT_ALLOWED_MOUNTS": "c"}, ("a", "b"), "allowed_mounts of profile narrow"),
    ],
)
def test_mounts_are_those_of_the_first_place_that_names_some(
    tmp_path: Path, profile: str, environ: Mapping[str, str], names: tuple[str, ...], source: str
) -> None:
    mounts = allowed_mounts(settings(tmp_path, environ, profile=profile))

    assert mounts.names == names
    assert mounts.source.startswith(source)


@pytest.mark.parametrize("text", ["a/b", "*", "secret/", "..", "a b", "é"])
def test_what_is_no_mount_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="TENANT_ALLOWED_MOUNTS"):
        allowed_mounts(settings(tmp_path, {"TENANT_ALLOWED_MOUNTS": f"secret,{text}"}, profile="home"))
    with pytest.raises(ConfigError, match="allowed_mounts of profile wrong"):
        allowed_mounts(settings(tmp_path, profile="wrong"))


def test_profile_of_a_server_is_that_of_both_providers(tmp_path: Path) -> None:
    chosen = settings(tmp_path, BOTH, profile="prod")

    assert server_settings(chosen, OPENBAO) == server_settings(chosen, HASHICORP) == chosen


def test_environment_of_the_provider_comes_first(tmp_path: Path) -> None:
    def families(provider: str, **environ: str) -> set[str]:
        named = server_settings(settings(tmp_path, environ, profile="home"), provider)
        assert named.profile is None
        return {name.partition("_")[0] for name in named.environ if name in BOTH}

    assert families(OPENBAO, **BOTH) == {"BAO", "VAULT"}  # of which `bao` reads its own first
    assert families(HASHICORP, **BOTH) == {"VAULT"}
    assert families(HASHICORP, VAULT_URL="https://vault", BAO_ADDR="https://bao", BAO_TOKEN="b") == set()
    assert families(HASHICORP, BAO_ADDR="https://bao", BAO_TOKEN="b") == {"BAO"}


def test_a_project_with_a_vault_of_its_own_chooses_neither_server_nor_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".credvault.toml").write_text('vault = "own.json"\n')
    monkeypatch.chdir(tmp_path)

    chosen = settings(tmp_path, BOTH)

    assert chosen.in_project
    server = server_settings(chosen, OPENBAO)
    assert server.profile is not None
    assert server.option("address") == "https://prod.example.org:8200"
    assert allowed_mounts(chosen).names == ("team",)
    assert allowed_mounts(settings(tmp_path, BOTH, vault="own.json")) == Mounts(("secret",), "the default")


def test_salt_is_that_of_the_tenant(tmp_path: Path) -> None:
    def salt(**environ: str) -> str | None:
        return tenant_salt(settings(tmp_path, environ, profile="home"))

    assert salt() is None
    assert salt(TENANT_SALT="a") == "a"
    assert salt(TENANT_SALT="a", SECRET_TENANT_SALT="b") == "b"
    for name in ("TENANT_SALT", "SECRET_TENANT_SALT"):
        with pytest.raises(ConfigError, match=f"{name} is set but empty"):
            salt(**{name: ""})
