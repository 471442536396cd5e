"""Secrets that a policy gives out wrapped alone: read by `wrap_ttl` in the profile, and not without (M56)."""

import pytest

from tests.conftest import Cli
from tests.openbao import Bao


@pytest.fixture
def wrapped(cli: Cli, bao: Bao) -> Cli:
    """The program with a token that reads a mount wrapped, and not otherwise; `a/b` has three versions there."""
    mount = bao.new_mount()
    for value in ("one", "two", "three"):
        bao.must("POST", f"{mount}/data/credvault/a/b", {"data": {"value": value}})
    bao.must("POST", f"{mount}/data/credvault/a/c", {"data": {"value": "c"}})
    policy = bao.new_policy(
        f'path "{mount}/data/*" {{ capabilities = ["read"]\n min_wrapping_ttl = "10s"\n max_wrapping_ttl = "90s" }}\n'
        f'path "{mount}/metadata/*" {{ capabilities = ["read", "list"] }}'
    )
    profile = f"backend = 'hashicorp'\naddress = '{bao.address}'\nmount = '{mount}'\n"
    path = cli.home / "config.toml"
    path.write_text(f"[profiles.plain]\n{profile}[profiles.wrapped]\n{profile}wrap_ttl = 60\n", encoding="utf-8")
    cli.env.update(CREDVAULT_CONFIG=str(path), VAULT_TOKEN=bao.new_token(policy), TEST_MOUNT=mount)
    return cli


def test_secret_is_read_wrapped_where_a_policy_asks_for_that(wrapped: Cli) -> None:
    plain = wrapped("get", "a/b", "--profile", "plain")
    newest = wrapped("get", "a/b", "--profile", "wrapped", check=True)
    older = wrapped("get", "a/b", "--profile", "wrapped", "--version", "1", check=True)
    uri = f"openbao+kv2://{wrapped.env['TEST_MOUNT']}/credvault/a/c#value"
    by_uri = wrapped("get", uri, "--profile", "wrapped")
    several = wrapped(
        "exec", "--profile", "wrapped", "--file", "B=a/b", "--file", "C=a/c", "--", "sh", "-c", "cat $B $C"
    )

    assert (plain.returncode, plain.stdout) == (4, b"")
    assert (newest.stdout, older.stdout, several.stdout) == (b"three", b"one", b"threec")
    assert (by_uri.stdout, by_uri.stderr) == (b"c", b"")


def test_what_is_gone_is_told_apart_through_the_wrapping(wrapped: Cli, bao: Bao) -> None:
    mount = wrapped.env["TEST_MOUNT"]
    bao.must("DELETE", f"{mount}/data/credvault/a/b")
    bao.must("POST", f"{mount}/destroy/credvault/a/b", {"versions": [2]})

    deleted = wrapped("get", "a/b", "--profile", "wrapped")
    destroyed = wrapped("get", "a/b", "--profile", "wrapped", "--version", "2")
    never = wrapped("get", "a/none", "--profile", "wrapped")

    assert [done.returncode for done in (deleted, destroyed, never)] == [3, 3, 3]
    assert b"version 3 of a/b is deleted" in deleted.stderr
    assert b"version 2 of a/b is destroyed" in destroyed.stderr
    assert b"there is no secret a/none" in never.stderr


def test_time_that_cannot_be_meant_is_refused(wrapped: Cli) -> None:
    config = wrapped.home / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("= 60", "= 0"), encoding="utf-8")

    done = wrapped("get", "a/b", "--profile", "wrapped")

    assert done.returncode == 9
    assert b"wrap_ttl of profile wrapped in" in done.stderr
