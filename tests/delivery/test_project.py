"""A project's `.credvault.toml`: whose it may be, where it may point, and what it may say (spec.md 9)."""

import os
from pathlib import Path

import pytest

from credvault.config import Flags, Settings, load_settings
from credvault.model.errors import ConfigError, CredvaultError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "repo"
    made.mkdir()
    return made


def settings(folder: Path, text: str | None = None) -> Settings:
    if text is not None:
        (folder / ".credvault.toml").write_text(text)
        (folder / ".credvault.toml").chmod(0o644)
    return load_settings(Flags(), {"HOME": str(folder.parent / "home")}, str(folder))


def test_nearest_file_upwards_holds(folder: Path) -> None:
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    settings(folder, 'vault = "v/vault.json"\nnamespace = "team"\n[env]\nX = "key"\n')

    found = settings(below)

    assert found.project is not None
    assert found.project.env == {"X": "key"}
    assert (found.path.value, found.in_project) == (f"{folder}/v/vault.json", True)
    assert found.namespace.value == "team"


def test_environment_and_flags_rank_above_it(folder: Path) -> None:
    settings(folder, 'vault = "vault.json"\nnamespace = "team"\n')
    env = {"HOME": str(folder.parent), "CREDVAULT_VAULT": "/srv/v.json", "CREDVAULT_NAMESPACE": "mine"}

    by_environment = load_settings(Flags(), env, str(folder))
    by_flags = load_settings(Flags(vault="/srv/w.json", namespace="flag"), env, str(folder))

    assert (by_environment.path.value, by_environment.namespace.value) == ("/srv/v.json", "mine")
    assert (by_flags.path.value, by_flags.namespace.value) == ("/srv/w.json", "flag")


HOSTILE = {
    "an absolute vault": 'vault = "/etc/passwd"\n',
    "a vault above": 'vault = "../vault.json"\n',
    "a vault above, by detour": 'vault = "a/../../vault.json"\n',
    "a vault behind a link": 'vault = "out/vault.json"\n',
    "a vault that is a link": 'vault = "link.json"\n',
    "the folder as vault": 'vault = "."\n',
    "an empty vault": 'vault = ""\n',
    "a neighbour with the same beginning": 'vault = "../repository/vault.json"\n',
    "a number as vault": "vault = 3\n",
    "a backend": 'backend = "hashicorp"\n',
    "an address": 'url = "https://example.org"\n',
    "a profile": '[profiles.x]\nbackend = "server"\n',
    "a default profile": 'default_profile = "x"\n',
    "a token's file": 'token_file = "~/.ssh/id_ed25519"\n',
    "a key's file": 'key_file = "key"\n',
    "a command": '[probes.x]\ncommand = ["id"]\n',
    "a typo": 'namespac = "team"\n',
    "a table in env": "[env.X]\nname = 1\n",
    "a number in env": "[env]\nX = 1\n",
    "an env that is no table": 'env = "X"\n',
    "no TOML": "X\n",
    "many brackets": "x = " + "[" * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_it_may_not_say_is_an_error_that_names_it(folder: Path, text: str) -> None:
    (folder.parent / "outside").mkdir()
    (folder / "out").symlink_to(folder.parent / "outside")
    (folder / "link.json").symlink_to(folder.parent / "outside" / "vault.json")

    with pytest.raises(ConfigError) as caught:
        settings(folder, text)

    assert f"{folder}/.credvault.toml" in caught.value.message
    assert caught.value.exit_status == 9


def test_bad_namespace_is_an_error(folder: Path) -> None:
    with pytest.raises(CredvaultError, match="not allowed"):
        settings(folder, 'namespace = "a b"\n')


def test_file_that_cannot_be_read_is_an_error_and_nothing_hangs(folder: Path) -> None:
    path = folder / ".credvault.toml"

    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigError, match="not a regular file"):
        settings(folder)
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(ConfigError, match="not a regular file"):
        settings(folder)
    path.rmdir()
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="too large"):
        settings(folder)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        settings(folder)


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o620, 0o664, 0o777])
def test_file_that_others_may_write_is_passed_over_and_said(folder: Path, mode: int) -> None:
    settings(folder, '[env]\nX = "key"\n')
    (folder / ".credvault.toml").chmod(mode)

    found = settings(folder)

    assert found.project is None
    assert found.notices == (f"{folder}/.credvault.toml can be written by others, so it was passed over",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_somebody_else_is_passed_over_and_said(folder: Path) -> None:
    settings(folder, '[env]\nX = "key"\n')
    os.chown(folder / ".credvault.toml", 12345, -1)

    found = settings(folder)

    assert found.project is None
    assert found.notices == (f"{folder}/.credvault.toml is not yours, so it was passed over",)


def test_file_that_takes_the_place_of_another_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(folder, 'namespace = "mine"\n')
    path, look = folder / ".credvault.toml", os.stat

    def look_and_lose(found: str | os.PathLike[str]) -> os.stat_result:
        facts = look(found)
        path.rename(folder / "away")
        path.write_text('namespace = "theirs"\n')
        path.chmod(0o666)
        return facts

    monkeypatch.setattr(os, "stat", look_and_lose)
    with pytest.raises(ConfigError, match="can be written by others") as caught:
        settings(folder)

    monkeypatch.undo()
    assert "theirs" not in caught.value.message
