"""What the child inherits: all but what unlocks a vault, or a short list, or what is asked for."""

import pytest

from tests.conftest import Cli

UNLOCKING = {
    "CREDVAULT_PASSPHRASE": "canary-1",
    "CREDVAULT_TOKEN": "canary-2",
    "CREDVAULT_SOMETHING_NEW": "canary-3",
    "VAULT_TOKEN": "canary-4",
    "VAULT_SECRET_ID": "canary-5",
    "BAO_TOKEN": "canary-6",
    "BAO_SECRET_ID": "canary-7",
}


def child_environment(cli: Cli, *options: str, env: dict[str, str] | None = None) -> dict[str, str]:
    done = cli("exec", "--only", "TOKEN", *options, "--", "env", "-0", env=env)
    assert done.returncode == 0, done.stderr
    return dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)


def test_what_unlocks_a_vault_is_not_inherited(stocked: Cli) -> None:
    others = {"VAULT_ADDR": "https://vault.example.org", "CREDVAULTX": "1", "MY_VAULT_TOKEN": "2"}

    done = stocked("exec", "--", "cat", "/proc/self/environ", env={**UNLOCKING, **others})

    assert b"CREDVAULT_" not in done.stdout
    assert stocked.env["CREDVAULT_KEY"].encode() not in done.stdout
    assert not any(value.encode() in done.stdout for value in UNLOCKING.values())
    assert all(f"{name}={value}\0".encode() in done.stdout for name, value in others.items())


@pytest.mark.parametrize("variable", ["CREDVAULT_KEY", "CREDVAULT_SOMETHING_NEW", "VAULT_TOKEN"])
@pytest.mark.parametrize("pristine", [(), ("--pristine",)])
def test_what_unlocks_a_vault_can_be_kept_by_name(stocked: Cli, variable: str, pristine: tuple[str, ...]) -> None:
    seen = child_environment(stocked, "--keep", variable, *pristine, env=UNLOCKING)

    expected = {**UNLOCKING, **stocked.env}[variable]
    assert {name: seen[name] for name in seen if name in UNLOCKING or name == "CREDVAULT_KEY"} == {variable: expected}


def test_preserving_keeps_nothing_that_unlocks_a_vault(stocked: Cli) -> None:
    seen = child_environment(stocked, "--preserve-env", "--preserve", "CREDVAULT_KEY,VAULT_TOKEN", env=UNLOCKING)

    assert not [name for name in seen if name in UNLOCKING or name.startswith("CREDVAULT_")]


def test_secret_put_where_an_unlocking_variable_was_is_the_secret(stocked: Cli) -> None:
    seen = child_environment(stocked, "-e", "VAULT_TOKEN=dev/api_key", "--preserve-env", env=UNLOCKING)

    assert seen["VAULT_TOKEN"] == "canary-dev"


def test_pristine_child_inherits_a_short_list(stocked: Cli) -> None:
    kept = {"USER": "u", "LC_ALL": "C.UTF-8", "LC_ODD": "x", "TERM": "dumb", "TZ": "UTC", "TMPDIR": "/tmp", "LANG": "C"}
    others = {"SHELL": "/bin/sh", "LCX": "1", "EDITOR": "vi", "PATHS": "x", "LD_BIND_NOW": "1", "KEPT": "k"}

    seen = child_environment(stocked, "--pristine", "--keep", "KEPT", "--keep", "NOSUCH", env={**kept, **others})

    base = {"PATH": stocked.env["PATH"], "HOME": stocked.env["HOME"]}
    assert seen == {**base, **kept, "KEPT": "k", "TOKEN": "canary-token"}


def test_overwritten_variables_are_named(stocked: Cli) -> None:
    env = {"TOKEN": "mine", "DEV_KEY": "", "OTHER": "x"}

    done = stocked("exec", "--", "printenv", "TOKEN", "DEV_KEY", env=env)
    quiet = stocked("-q", "exec", "--", "printenv", "TOKEN", "DEV_KEY", env=env)
    pristine = stocked("exec", "--pristine", "--", "printenv", "TOKEN", "DEV_KEY", env=env)

    assert done.stdout == quiet.stdout == pristine.stdout == b"canary-token\ncanary-dev\n"
    assert done.stderr == b"credvault: warning: overwritten by secrets: TOKEN, DEV_KEY\n"
    assert quiet.stderr == pristine.stderr == b""


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        (("--preserve-env",), b"mine\n\ncanary-prod\n"),
        (("--preserve", "TOKEN,DEV_KEY,PROD_KEY"), b"mine\n\ncanary-prod\n"),
        (("--preserve", "TOKEN", "--preserve", "DEV_KEY"), b"mine\n\ncanary-prod\n"),
        (("--preserve", "DEV_KEY"), b"canary-token\n\ncanary-prod\n"),
        (
            ("--preserve-env", "-e", "TOKEN=dev/api_key", "-e", "DEV_KEY=TOKEN", "-e", "PROD_KEY=TOKEN"),
            b"mine\n\ncanary-token\n",
        ),
        (("--preserve-env", "--pristine"), b"canary-token\ncanary-dev\ncanary-prod\n"),
    ],
)
def test_preserved_variables_are_the_callers(stocked: Cli, options: tuple[str, ...], seen: bytes) -> None:
    env = {"TOKEN": "mine", "DEV_KEY": ""}

    done = stocked("exec", *options, "--", "printenv", "TOKEN", "DEV_KEY", "PROD_KEY", env=env)

    assert done.stdout == seen
    if "--preserve" not in options or "TOKEN" in " ".join(options):
        assert done.stderr == b""
