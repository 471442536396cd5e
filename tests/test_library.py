"""The library as the README shows it: the public names, and a program that lives with them."""

import subprocess
import sys
from pathlib import Path

import pytest

import credvault
from credvault import SecretValue, errors, open_vault
from credvault.lifecycle.custody import NewSlot, create_vault
from credvault.sealing.keys import new_key, print_key
from credvault.sealing.slots import PASSPHRASE, RAW, KeyMaterial
from credvault.sealing.vaultfile import Limits, VaultFile
from credvault.state import PinStore
from credvault.testing import CHEAP_KDF
from tests.pages import recipe
from tests.patience import SECONDS


def make_vault(path: Path, slot: NewSlot) -> None:
    pins = PinStore(str(path.parent / "state"))
    create_vault(VaultFile(str(path), lambda slots: slot.material, pins=pins, limits=Limits(kdf=CHEAP_KDF)), slot, 0.0)


def test_every_public_name_is_there_and_listed() -> None:
    for name in credvault.__all__:
        assert getattr(credvault, name) is not None

    assert set(dir(credvault)) == set(credvault.__all__)
    with pytest.raises(AttributeError):
        _ = credvault.nosuch


def test_program_of_the_readme_runs(tmp_path: Path) -> None:
    key = new_key()
    make_vault(tmp_path / "vault.json", NewSlot(RAW, KeyMaterial(RAW, SecretValue(key), "the test")))
    program = recipe("For programs", "python")
    (tmp_path / "config.toml").write_text(f'[profiles.home]\npath = "{tmp_path / "vault.json"}"\n')
    env = {
        "HOME": str(tmp_path),
        "CREDVAULT_CONFIG": str(tmp_path / "config.toml"),
        "CREDVAULT_KEY": print_key(key),
        "PATH": "/usr/bin:/bin",
    }

    done = subprocess.run(
        [sys.executable, "-c", program + "\nprint(key, child)"],
        env=env,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.stdout == b"b'sk-test' {'OPENAI_API_KEY': b'sk-test'}\n", done.stderr


def test_unlock_is_asked_last_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    material = KeyMaterial(PASSPHRASE, SecretValue(b"correct horse"), "the prompt")
    make_vault(tmp_path / "vault.json", NewSlot(PASSPHRASE, material, iterations=1000))
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("CREDVAULT_KEY", "CREDVAULT_PASSPHRASE", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    asked = []

    def ask() -> KeyMaterial:
        asked.append(1)
        return material

    with open_vault(path=str(tmp_path / "vault.json"), unlock=ask, kdf=CHEAP_KDF) as vault:
        vault.add("k", b"1")
        vault.get("k")

    assert asked == [1]


def test_locked_vault_without_anybody_to_ask_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    material = KeyMaterial(PASSPHRASE, SecretValue(b"correct horse"), "the prompt")
    make_vault(tmp_path / "vault.json", NewSlot(PASSPHRASE, material, iterations=1000))
    monkeypatch.setenv("HOME", str(tmp_path))

    with open_vault(path=str(tmp_path / "vault.json"), kdf=CHEAP_KDF) as vault, pytest.raises(errors.Locked):
        vault.get("k")


def test_default_reader_refuses_a_cheap_derivation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests use to be quick opens nowhere else."""
    material = KeyMaterial(PASSPHRASE, SecretValue(b"correct horse"), "the prompt")
    make_vault(tmp_path / "vault.json", NewSlot(PASSPHRASE, material, iterations=1000))
    monkeypatch.setenv("HOME", str(tmp_path))

    vault = open_vault(path=str(tmp_path / "vault.json"), unlock=lambda: material)
    with vault, pytest.raises(errors.Damaged, match="iterations"):
        vault.get("k")
