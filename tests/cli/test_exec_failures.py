"""Every failure of ours before the child starts is 125, and `--json` says which it was."""

import json
from collections.abc import Callable

import pytest

from tests.conftest import Cli


def damage(cli: Cli) -> None:
    vault = cli.home / ".local/share/credvault/vault.json"
    data = vault.read_bytes()
    vault.write_bytes(data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :])


def remove_vault(cli: Cli) -> None:
    (cli.home / ".local/share/credvault/vault.json").unlink()


def lock(cli: Cli) -> None:
    del cli.env["CREDVAULT_KEY"]


def empty_key(cli: Cli) -> None:
    cli.env["CREDVAULT_KEY"] = ""


def wrong_key(cli: Cli) -> None:
    done = cli("init", "--vault", "other.json", "--generate-key", check=True)
    (cli.cwd / "other.json").unlink()
    cli.env["CREDVAULT_KEY"] = done.stdout.decode().strip()


def no_key_at_all(cli: Cli) -> None:
    cli.env["CREDVAULT_KEY"] = "cvk1_nonsense"


def bad_config(cli: Cli) -> None:
    cli.env["CREDVAULT_CONFIG"] = str(cli.cwd / "nosuch.toml")


def unknown_backend(cli: Cli) -> None:
    cli.env["CREDVAULT_BACKEND"] = "nosuch"


SITUATIONS = {
    "locked": (lock, "locked"),
    "with an empty key": (empty_key, "locked"),
    "with a wrong key": (wrong_key, "wrong_key"),
    "with a key that is none": (no_key_at_all, "wrong_key"),
    "without a vault": (remove_vault, "no_vault"),
    "with a damaged vault": (damage, "damaged"),
    "without the config named": (bad_config, "config"),
    "with a backend that is not there": (unknown_backend, "unsupported"),
}


@pytest.mark.parametrize(("arrange", "code"), SITUATIONS.values(), ids=SITUATIONS.keys())
def test_failure_before_the_child_is_125(stocked: Cli, arrange: Callable[[Cli], None], code: str) -> None:
    arrange(stocked)

    done = stocked("exec", "--json", "--", "touch", "ran")

    assert done.returncode == 125
    assert json.loads(done.stderr)["error"]["code"] == code
    assert not (stocked.cwd / "ran").exists()
    assert b"canary" not in done.stdout + done.stderr


WISHES = {
    "two secrets by -e": (("-e", "X=TOKEN", "-e", "X=dev/api_key"), "X would be set twice"),
    "two databases": (("--db", "dev/db", "--db", "other/db"), "DATABASE_URL would be set twice"),
    "a secret and a text": (("--env-file", "text.env", "--only", "TOKEN"), "TOKEN would be set twice"),
    "no variable": (("-e", "1X=TOKEN"), "'1X' is not a variable name"),
    "no variable, but a blank": (("-e", "X Y=TOKEN"), "'X Y' is not a variable name"),
    "no variable, but not ASCII": (("-e", "É=TOKEN"), "'É' is not a variable name"),
    "a loader's variable": (("-e", "LD_PRELOAD=TOKEN"), "LD_PRELOAD steers"),
    "a variable of ours": (("-e", "CREDVAULT_KEY=TOKEN"), "CREDVAULT_KEY steers"),
    "a small-letter proxy": (("-e", "http_proxy=TOKEN"), "http_proxy steers"),
    "another one allowed": (("-e", "PATH=TOKEN", "--allow-env", "HOME"), "PATH steers"),
    "a forbidden text": (("--env-file", "path.env"), "PATH steers"),
    "no database": (("--db", "TOKEN"), "is not a database"),
}


@pytest.mark.parametrize(("options", "complaint"), WISHES.values(), ids=WISHES.keys())
def test_wish_that_cannot_be_is_125_and_named(stocked: Cli, options: tuple[str, ...], complaint: str) -> None:
    (stocked.cwd / "text.env").write_text("TOKEN=other\n")
    (stocked.cwd / "path.env").write_text("PATH=/evil\n")

    done = stocked("exec", *options, "--", "touch", "ran", env={"PYTHONUTF8": "1"})

    assert done.returncode == 125
    assert complaint in done.stderr.decode()
    assert not (stocked.cwd / "ran").exists()
    assert b"canary" not in done.stdout + done.stderr


def test_two_records_for_one_variable_stop_it_and_a_choice_helps(stocked: Cli) -> None:
    stocked("add", "second/token", "--env", "TOKEN", "--stdin", stdin=b"canary-second", check=True)

    stopped = stocked("exec", "--", "touch", "ran")
    chosen = stocked("exec", "-e", "TOKEN=second/token", "--", "printenv", "TOKEN")
    elsewhere = stocked("exec", "-n", "second", "--", "printenv", "TOKEN")

    assert stopped.returncode == 125
    assert b"TOKEN would be set twice: default/TOKEN (default) and second/token (default)" in stopped.stderr
    assert not (stocked.cwd / "ran").exists()
    assert chosen.stdout == elsewhere.stdout == b"canary-second\n"


def test_record_with_a_forbidden_variable_is_named_and_can_be_allowed(stocked: Cli) -> None:
    options = ("--env", "SSL_CERT_FILE", "--allow-env", "SSL_CERT_FILE")
    stocked("add", "odd/ca", *options, "--stdin", stdin=b"canary-ca", check=True)

    stopped = stocked("exec", "--", "touch", "ran")
    allowed = stocked("exec", "--allow-env", "SSL_CERT_FILE", "--", "printenv", "SSL_CERT_FILE")

    assert stopped.returncode == 125
    assert b"SSL_CERT_FILE steers" in stopped.stderr
    assert b"odd/ca" in stopped.stderr
    assert b"--allow-env SSL_CERT_FILE" in stopped.stderr
    assert not (stocked.cwd / "ran").exists()
    assert allowed.stdout == b"canary-ca\n"


def test_error_beside_the_option_json_of_the_child_is_text(stocked: Cli) -> None:
    lock(stocked)

    done = stocked("exec", "--", "echo", "--json")

    assert done.returncode == 125
    assert done.stderr.startswith(b"credvault: error: ")


def test_stderr_that_is_closed_or_full_changes_no_status(stocked: Cli) -> None:
    warned = {"TOKEN": "overwritten, so there is a warning"}

    full = stocked.run(["sh", "-c", "credvault exec -- printenv TOKEN 2>/dev/full"], env=warned)
    closed = stocked.run(["sh", "-c", "credvault exec -- printenv TOKEN 2>&-"], env=warned)
    failed = stocked.run(["sh", "-c", "credvault exec -- true 2>&-"], env={"CREDVAULT_KEY": None})

    assert (full.stdout, full.returncode) == (closed.stdout, closed.returncode) == (b"canary-token\n", 0)
    assert failed.returncode == 125
