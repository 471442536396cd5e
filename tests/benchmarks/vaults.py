"""Vaults to measure with: any number of secrets, made in one generation, in a home folder of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from credvault.backends.base import ABSENT, Change
from credvault.backends.file import FileBackend
from credvault.model.names import parse_name
from credvault.model.value import SecretValue
from credvault.sealing.keys import DataKey, new_key, print_key
from credvault.sealing.slots import PASSPHRASE, RAW, KeyMaterial, make_slot, passphrase_bytes
from credvault.sealing.vaultfile import VaultFile
from credvault.state import PinStore

TIME = "2026-11-22T01:02:03Z"
PASSWORD = "correct horse battery staple"  # of a vault that holds random bytes for a minute
CONFIG = '[profiles.home]\nbackend = "file"\n\n[profiles.work]\nbackend = "file"\nnamespace = "work"\n'

# What `get` is asked for, and the one secret that `exec` injects.
NAME, INJECTED = "bench/secret_0", "bench/injected"


class Home(NamedTuple):
    """A home folder with a vault in it, the environment to run there, and that with the key besides."""

    folder: Path
    environ: dict[str, str]
    unlocking: dict[str, str]

    @property
    def with_key(self) -> dict[str, str]:
        """The environment that opens the vault without an agent."""
        return self.environ | self.unlocking


def make_home(folder: Path, count: int, *, passphrase: bool = False, config: bool = False) -> Home:
    """Make a home whose vault holds `count` secrets; it opens by a raw key, or by a passphrase at full strength."""
    folder.mkdir()
    raw, key = new_key(), DataKey(os.urandom(32), os.urandom(16).hex())
    kind, secret = (PASSPHRASE, passphrase_bytes(PASSWORD)) if passphrase else (RAW, raw)
    material = KeyMaterial(kind, SecretValue(secret), "the benchmark")
    pins = PinStore(str(folder / ".local/state/credvault"))
    file = VaultFile(str(folder / ".local/share/credvault/vault.json"), lambda slots: material, pins=pins)
    file.create(key, [make_slot("1", kind, secret, key, created_at=TIME)])
    FileBackend(file).put_many([_change(f"bench/secret_{number}") for number in range(count - 1)] + [_injected()])
    if config:
        (folder / ".config/credvault").mkdir(parents=True)
        (folder / ".config/credvault/config.toml").write_text(CONFIG, encoding="utf-8")
    unlocking = {"CREDVAULT_PASSPHRASE": PASSWORD} if passphrase else {"CREDVAULT_KEY": print_key(raw)}
    return Home(folder, _environ(folder), unlocking)


def copy_home(home: Home, folder: Path) -> Home:
    """Make another home with the same vault in it: a large one takes long to make."""
    shutil.copytree(home.folder, folder, ignore=shutil.ignore_patterns("run"))
    return Home(folder, _environ(folder), home.unlocking)


@contextmanager
def unlocked(home: Home, program: str) -> Iterator[Home]:
    """Have an agent hold the vault of a home for as long as this lasts; raises CalledProcessError."""
    _run(home, program, "unlock", "--for", "8h", "--idle", "8h")
    try:
        yield home
    finally:
        _run(home, program, "agent", "stop")


def _run(home: Home, *words: str) -> None:
    subprocess.run(words, check=True, env=home.with_key, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _environ(folder: Path) -> dict[str, str]:
    # An agent's socket is in it, and the path of a socket has to be short.
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    # Made from nothing: PYTHONDONTWRITEBYTECODE, coverage and the like would measure something else.
    return {"HOME": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(runtime)}


def _change(name: str, **facts: str) -> Change:
    value = SecretValue(os.urandom(24).hex().encode("ascii"))
    return Change(parse_name(name), value, {"updated_at": TIME, "value_changed_at": TIME, **facts}, ABSENT)


def _injected() -> Change:
    return _change(INJECTED, env_name="BENCH_SECRET", delivery="runtime_env")
