"""Fixtures of the whole suite: the installed program, with a home and a vault of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.openbao import Bao, development_server
from tests.patience import SECONDS
from tests.secretservice import SecretService, secret_service

# Asserts of the shipped suite explain themselves as those of the tests do.
pytest.register_assert_rewrite("credvault.testing")

PROGRAM = str(Path(sys.executable).with_name("credvault"))

# A script that runs the tests in the background, or nohup, ignores these, and what the tests start would inherit that.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

# What Hypothesis does by itself where CI is set: a busy machine is no failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if not os.environ.get("CI"):
    settings.load_profile("unhurried")


@dataclass(frozen=True)
class Cli:
    """The installed program with a home of its own; call it with the words of a command line.

    `env` is the whole environment of a call, and may be changed by a test. Without a terminal within reach, as a
    script runs it.
    """

    home: Path
    cwd: Path
    env: dict[str, str] = field(repr=False)  # has the key

    def __call__(
        self,
        *args: str | bytes,
        stdin: bytes = b"",
        env: Mapping[str, str | bytes | None] | None = None,
        cwd: Path | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command; `env` changes the environment, None takes a variable out. With `check` it must succeed."""
        return self.run([PROGRAM, *args], stdin=stdin, env=env, cwd=cwd, check=check)

    def run(
        self,
        words: list[str | bytes],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str | bytes | None] | None = None,
        cwd: Path | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run any program in the same circumstances."""
        done = subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            env=self.environment(env),
            cwd=cwd or self.cwd,
            timeout=SECONDS,
            start_new_session=True,
            check=False,
        )
        assert not check or done.returncode == 0, done
        return done

    def environment(self, changes: Mapping[str, str | bytes | None] | None = None) -> dict[str, str | bytes]:
        """Return the environment of a call with changes; None takes a variable out."""
        merged = {**self.env, **(changes or {})}
        return {name: value for name, value in merged.items() if value is not None}


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with an empty vault in it, to be copied; and its raw key, which opens it without a derivation."""
    home = tmp_path_factory.mktemp("template") / "home"
    home.mkdir(mode=0o700)
    done = subprocess.run(
        [PROGRAM, "init", "--generate-key"], env=environment(home), capture_output=True, timeout=SECONDS, check=True
    )
    return home, done.stdout.decode("ascii").strip()


@pytest.fixture
def cli(empty_home: tuple[Path, str], tmp_path: Path) -> Cli:
    """The program with an empty vault, unlocked by `CREDVAULT_KEY`; its folder is empty."""
    template, key = empty_home
    return cli_of(template, tmp_path, key)


def cli_of(template: Path, folder: Path, key: str) -> Cli:
    """Return the program with a copy of a home. What it remembers of the vault is not copied: it goes by path."""
    home, cwd = folder / "home", folder / "cwd"
    shutil.copytree(template, home, ignore=shutil.ignore_patterns("state"))
    cwd.mkdir()
    return Cli(home, cwd, {**environment(home), "CREDVAULT_KEY": key})


def environment(home: Path) -> dict[str, str]:
    """Return a small environment with the program and the system's tools in PATH."""
    return {
        "PATH": f"{Path(PROGRAM).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        # Set only while coverage is measured, for the processes that it starts.
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
    }


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """A real OpenBao in development mode, for all tests of this process: each makes a mount of its own."""
    with development_server(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session")
def keyring_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretService]:
    """A real Secret Service, unlocked, for all tests of this process: each uses names of its own."""
    with secret_service(tmp_path_factory.mktemp("secrets")) as service:
        yield service


@pytest.fixture
def empty_keyring(keyring_service: SecretService) -> Iterator[SecretService]:
    """The Secret Service with nothing in its keyring, whatever other tests left there; this one leaves nothing."""
    keyring_service.empty()
    yield keyring_service
    keyring_service.empty()
