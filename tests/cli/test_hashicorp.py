"""What commands ask of an OpenBao, and say of what is there: one namespace and no other, what was deleted softly."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.openbao import Bao
from tests.recorder import recorder

# A policy for one namespace, by layout, and where its secrets are.
RIGHTS = {
    "secret": """
path "{mount}/data/credvault/team/*" {{ capabilities = ["read"] }}
path "{mount}/metadata/credvault/team/*" {{ capabilities = ["read", "list"] }}
""",
    "field": 'path "{mount}/data/intentframe/team" {{ capabilities = ["read"] }}',
}
PREFIXES = {"secret": "credvault", "field": "intentframe"}


@pytest.fixture
def profile(cli: Cli, tmp_path: Path) -> Callable[..., dict[str, str | None]]:
    """Write a profile of a server, and return what to run with."""

    def build(bao: Bao, address: str, token: str, **options: str) -> dict[str, str | None]:
        said = {"backend": "hashicorp", "address": address, **options}
        lines = [f'{key} = "{value}"' for key, value in said.items()]
        config = tmp_path / "prod.toml"
        config.write_text("\n".join(['default_profile = "prod"', "[profiles.prod]", *lines]), encoding="utf-8")
        return {"CREDVAULT_CONFIG": str(config), "VAULT_TOKEN": token, "CREDVAULT_KEY": None}

    return build


@pytest.mark.parametrize("layout", RIGHTS)
def test_rights_to_one_namespace_are_enough_for_what_is_asked_of_it_alone(
    cli: Cli, bao: Bao, profile: Callable[..., dict[str, str | None]], layout: str
) -> None:
    mount, prefix = bao.new_mount(), PREFIXES[layout]
    environ = profile(bao, bao.address, bao.token, mount=mount, layout=layout)
    for name in ("team/TOKEN", "other/SECRET"):
        cli("add", name, "--stdin", stdin=f"canary of {name}".encode(), env=environ, check=True)
    token = bao.new_token(bao.new_policy(RIGHTS[layout].format(mount=mount)))

    with recorder(bao.address) as (address, asked):
        environ = profile(bao, address, token, mount=mount, layout=layout)
        whole = cli("list", env=environ)
        refused = asked.copy()
        asked.clear()
        lists = [cli(*words, env=environ) for words in (["-n", "team", "list"], ["list", "team/**", "team/T*"])]
        ran = cli("exec", "-n", "team", "--", "sh", "-c", 'echo "$TOKEN, ${SECRET-none}"', env=environ)
        exported = cli("export", "-n", "team", "--format", "docker", env=environ)

    assert whole.returncode == 4
    assert b"credvault: hint: -n NAMESPACE asks for that one alone; a policy that does says: path " in whole.stderr
    assert (f"/v1/{mount}/metadata/{prefix}/?list=true", 403) in [(each.path, each.status) for each in refused]
    assert [(each.returncode, each.stdout.split(b"\t")[0]) for each in lists] == [(0, b"team/TOKEN")] * 2
    assert (ran.stdout, exported.stdout) == (b"canary of team/TOKEN, none\n", b"TOKEN=canary of team/TOKEN\n")
    places = tuple(f"/v1/{mount}/{kind}/{prefix}/team" for kind in ("data", "metadata", "subkeys"))
    # Who may not ask for the names of fields alone is asked who it is.
    places += ("/v1/auth/token/lookup-self",) if layout == "field" else ()
    assert asked
    assert [each.path for each in asked if not each.path.startswith(places)] == []


def test_namespace_that_is_not_there_is_empty_and_a_mount_that_is_not_there_an_error(
    cli: Cli, bao: Bao, profile: Callable[..., dict[str, str | None]]
) -> None:
    for layout in RIGHTS:
        environ = profile(bao, bao.address, bao.token, mount=bao.new_mount(), layout=layout)
        empty = cli("-n", "nobody", "list", env=environ)
        nowhere = cli("-n", "nobody", "list", env=profile(bao, bao.address, bao.token, mount="no-mount", layout=layout))

        assert (empty.returncode, empty.stdout, empty.stderr) == (0, b"", b"")
        assert nowhere.returncode == 9
        assert b"there is no KV engine at 'no-mount/'" in nowhere.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["exec", "-e", "A=app/TOKEN", "--", "true"],
        ["exec", "--file", "A=app/TOKEN", "--", "true"],
        ["export", "-e", "A=app/TOKEN", "--format", "json"],
        ["inject"],
        ["check", "app/TOKEN"],
        ["uri", "check", "--read", "credvault://app/TOKEN"],
        ["redact", "credvault://app/TOKEN"],
    ],
    ids=lambda words: words[0],
)
def test_what_was_deleted_softly_is_told_with_how_to_bring_it_back(
    cli: Cli, bao: Bao, profile: Callable[..., dict[str, str | None]], words: list[str]
) -> None:
    environ = profile(bao, bao.address, bao.token, mount=bao.new_mount())
    cli("add", "app/TOKEN", "--stdin", stdin=b"canary", env=environ, check=True)
    cli("delete", "--soft", "app/TOKEN", "-y", env=environ, check=True)

    done = cli(*words, stdin=b"{{ credvault://app/TOKEN }}", env=environ)

    assert done.returncode == (125 if words[0] == "exec" else 3)
    assert done.stdout == b"" or words[0] == "uri"
    assert b"credvault: hint: 'credvault undelete app/TOKEN' brings it back\n" in done.stderr


def test_several_that_are_not_there_are_told_with_what_can_be_brought_back(
    cli: Cli, bao: Bao, profile: Callable[..., dict[str, str | None]]
) -> None:
    environ = profile(bao, bao.address, bao.token, mount=bao.new_mount())
    cli("add", "app/TOKEN", "--stdin", stdin=b"canary", env=environ, check=True)
    cli("delete", "--soft", "app/TOKEN", "-y", env=environ, check=True)

    ran = cli("exec", "-e", "A=app/none", "-e", "B=app/TOKEN", "--", "true", env=environ)
    injected = cli("inject", stdin=b"{{ credvault://app/none }} {{ credvault://app/TOKEN?version=1 }}", env=environ)

    assert (ran.returncode, injected.returncode) == (125, 3)
    assert b"not there: app/none (-e), app/TOKEN (-e)\n" in ran.stderr
    assert b"hint: 'credvault undelete app/TOKEN' brings it back; 'credvault list' shows" in ran.stderr
    assert b"hint: 'credvault undelete app/TOKEN --version 1' brings it back; 'credvault list' shows" in injected.stderr
