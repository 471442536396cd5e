"""The way to OpenBao of docs/openbao.md, block by block as it stands there; and a program that outlives its tokens."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credvault.backends.hashicorp.aspects import policy_text
from tests.conftest import Cli
from tests.openbao import BAO, Bao, development_server
from tests.pages import recipes
from tests.patience import SECONDS

HEADING = "OpenBao and Vault"
# How long the tokens of a role live, how long at most, and how long a program reads with them, seconds.
LIFE, LONGEST, WORK = (20, 60, 80) if os.environ.get("CREDVAULT_SLOW") else (2, 6, 9)
# A service, as it would use the library: it reads twice a second, the last time when it has worked for long enough,
# and never hears of tokens. It says for how long it has read, whole seconds.
SERVICE = """
import sys, time
from credvault import open_vault
began, worked = time.monotonic(), 0.0
with open_vault(warn=lambda text: print(text, file=sys.stderr)) as vault:
    while worked < float(sys.argv[1]):
        time.sleep(0.5)
        worked = time.monotonic() - began
        assert vault.get("openai/api_key").value.reveal() == b"sk-1"
print(int(worked))
"""


@pytest.fixture
def service(cli: Cli, tmp_path: Path) -> Iterator[tuple[Cli, Bao]]:
    """The program after the blocks of the page: the policy is written, the role is there, the profile logs in by it."""
    with development_server(tmp_path) as bao:
        (cli.cwd / "credvault.hcl").write_text(block("hcl"), encoding="utf-8")
        del cli.env["CREDVAULT_KEY"]
        cli.env["PATH"] = f"{Path(BAO).parent}:{cli.env['PATH']}"
        for _, script in [found for found in recipes(HEADING) if found[0] == "sh"]:
            cli.run(["sh", "-eu", "-c", script], env={"BAO_ADDR": bao.address, "BAO_TOKEN": bao.token}, check=True)
        yield cli, bao


def block(language: str) -> str:
    """Return the one block of that language."""
    (text,) = [text for its_language, text in recipes(HEADING) if its_language == language]
    return text


def test_policy_of_the_page_is_that_of_doctor() -> None:
    assert block("hcl").strip() == policy_text("secret", "credvault")


def test_program_that_is_set_up_so_works_without_the_owner(service: tuple[Cli, Bao]) -> None:
    cli, bao = service

    got = cli("get", "openai/api_key", check=True)
    by_bao = bao.cli("kv", "get", "-field=value", "secret/credvault/openai/api_key")
    looked = cli("doctor", check=True)
    listed = cli("list", check=True)

    assert (got.stdout, by_bao) == (b"sk-1", "sk-1")
    assert listed.stdout.startswith(b"openai/api_key\t1\t")
    assert b"token: from the AppRole login by the secret id file" in looked.stdout
    assert (cli.home / ".config/credvault/secret-id").stat().st_mode & 0o777 == 0o600


def test_profile_of_the_page_is_one_that_opens(cli: Cli) -> None:
    (cli.home / "config.toml").write_text(block("toml"), encoding="utf-8")

    done = cli("-v", "get", "a/b", "--profile", "prod", env={"CREDVAULT_CONFIG": str(cli.home / "config.toml")})

    assert b"server https://vault.example.org:8200 (from address of profile prod in" in done.stderr
    assert b"is not a setting" not in done.stderr


def test_program_that_goes_on_outlives_its_tokens(service: tuple[Cli, Bao]) -> None:
    """A reader by AppRole whose tokens live for 20 s, and for 60 s at most, works for 80 s (with CREDVAULT_SLOW=1)."""
    cli, bao = service
    bao.cli("write", "auth/approle/role/credvault", f"token_ttl={LIFE}s", f"token_max_ttl={LONGEST}s")

    done = subprocess.run(
        [sys.executable, "-c", SERVICE, str(WORK)],
        env=cli.environment(),
        cwd=cli.cwd,
        capture_output=True,
        timeout=WORK + SECONDS,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert int(done.stdout) >= WORK > LONGEST
