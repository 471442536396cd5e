"""Keys for gpg made for the tests, in a home of their own, and stores that the real `pass` makes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.patience import SECONDS

OPEN, LOCKED = "open@example.org", "locked@example.org"


@dataclass(frozen=True)
class Keyring:
    """A home of gpg with a key without a passphrase and one with; `env` is what programs see that use it."""

    folder: Path
    env: Mapping[str, str] = field(repr=False)

    def run(self, *words: str, stdin: bytes = b"", **environ: str) -> bytes:
        """Run a program with this keyring; it must succeed."""
        done = subprocess.run(
            words, input=stdin, capture_output=True, env={**self.env, **environ}, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done
        return done.stdout

    def encrypt(self, data: bytes, recipient: str = OPEN, *options: str) -> bytes:
        """Return a message of gpg."""
        words = ["gpg", "--batch", "--quiet", "--trust-model", "always", *options, "-e", "-r", recipient]
        return self.run(*words, stdin=data)


@dataclass(frozen=True)
class Store:
    """A store of `pass`."""

    folder: Path
    keyring: Keyring

    def insert(self, name: str, text: bytes) -> None:
        """Put an entry in, as a person does with `pass insert -m`."""
        self.keyring.run(
            "pass", "insert", "--multiline", "--force", name, stdin=text, PASSWORD_STORE_DIR=str(self.folder)
        )


@pytest.fixture(scope="session")
def keyring() -> Iterator[Keyring]:
    """Keys made for the tests. Below /tmp: a socket's path is short."""
    missing = [program for program in ("gpg", "pass") if shutil.which(program) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"no {missing[0]} here")
    folder = Path(tempfile.mkdtemp(prefix="cv-gpg-", dir="/tmp"))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GNUPGHOME": str(folder), "LANG": "C.UTF-8"}
    keys = Keyring(folder, env)
    try:
        for address, passphrase in ((OPEN, ""), (LOCKED, "the passphrase of the tests")):
            keys.run(
                *["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase],
                *["--quick-gen-key", address, "future-default", "default", "never"],
            )
        keys.run("gpgconf", "--kill", "gpg-agent")  # it would remember the passphrase
        yield keys
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=env, timeout=SECONDS, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def store(tmp_path: Path, keyring: Keyring) -> Store:
    """An empty store made by `pass init`."""
    folder = tmp_path / "store"
    keyring.run("pass", "init", OPEN, PASSWORD_STORE_DIR=str(folder))
    return Store(folder, keyring)
