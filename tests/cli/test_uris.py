"""Secret URIs on a real OpenBao, wherever a reference may stand: what they give, and what they never do."""

import hmac
import json
import os
from pathlib import Path

import pytest

from tests.canary import files_with, is_in
from tests.conftest import Cli
from tests.lifecycle.servers import noting
from tests.openbao import Bao
from tests.recorder import recorder

CANARY = "canary-of-openbao-7"
OTHER = "canary-of-the-user-8"
OLD = "canary-of-yesterday-9"
CANARIES = [text.encode() for text in (CANARY, OTHER, OLD)]


@pytest.fixture
def mount(bao: Bao) -> str:
    """A mount with a secret of another program, in two versions, and with one that must not become a variable."""
    mount = bao.new_mount()
    bao.must("POST", f"{mount}/data/app/api", {"data": {"token": OLD}})
    bao.must("POST", f"{mount}/data/app/api", {"data": {"token": CANARY, "user": OTHER, "port": 5432}})
    bao.must("POST", f"{mount}/data/app/closed", {"data": {"token": CANARY}})
    bao.must("POST", f"{mount}/metadata/app/closed", {"custom_metadata": {"delivery": "executor_only"}})
    return mount


@pytest.fixture
def served(cli: Cli, bao: Bao, mount: str) -> Cli:
    """The program beside that server, without a vault and without a key."""
    cli.env.pop("CREDVAULT_KEY")
    cli.env.update(BAO_ADDR=bao.address, BAO_TOKEN=bao.token, TENANT_ALLOWED_MOUNTS=mount)
    (cli.home / ".local/share/credvault/vault.json").unlink()
    return cli


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("openbao+kv2://{}/app/api#token", CANARY),
        ("OpenBao://{}/app/api/#token", CANARY),
        ("hashicorp+kv2://{}/app/api#user", OTHER),
        ("openbao+kv2://{}/app/api#token?version=1", OLD),
        ("openbao+kv2://{}/app/api?version=1#token", OLD),
    ],
)
def test_get_prints_the_field_that_a_uri_names(served: Cli, mount: str, uri: str, expected: str) -> None:
    done = served("get", uri.format(mount))

    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, expected, b"")


def test_get_without_a_field_is_the_whole_map(served: Cli, mount: str) -> None:
    whole = served("get", f"openbao+kv2://{mount}/app/api")
    as_json = served("get", "--json", f"openbao://{mount}/app/api")
    field = served("get", "--json", f"openbao://{mount}/app/api#token")

    data = {"token": CANARY, "user": OTHER, "port": 5432}
    assert json.loads(whole.stdout) == data
    shown = json.loads(as_json.stdout)
    assert (shown["uri"], shown["version"], shown["data"]) == (f"openbao+kv2://{mount}/app/api", 2, data)
    shown = json.loads(field.stdout)
    assert (shown["uri"], shown["value"]) == (f"openbao+kv2://{mount}/app/api#token", CANARY)
    assert "namespace" not in shown


def test_a_uri_stands_wherever_a_reference_may(served: Cli, mount: str, tmp_path: Path) -> None:
    uri = f"openbao+kv2://{mount}/app/api#token?version=2"
    (served.cwd / "refs.env").write_text(
        f"# comment\nA={uri}\nB='hashicorp://{mount}/app/api?version=1#token'\nC=text\n"
    )
    (served.cwd / "t").write_text(f"a={{{{ {uri} }}}} b={{{{HashiCorp://{mount}/app/api#user}}}} c=\\{{{{ {uri} }}}}\n")
    both = (f"{CANARY} {OLD} text\n").encode()

    env_file = served("exec", "--env-file", "refs.env", "--", "sh", "-c", 'echo "$A $B $C"')
    explicit = served("exec", "-e", f"A={uri}", "--", "sh", "-c", 'printf %s "$A"')
    as_file = served("exec", "--file", f"A={uri}", "--", "sh", "-c", 'cat "$A"')
    as_fd = served("exec", "--fd", f"A={uri}", "--", "sh", "-c", 'cat <&"$A"')
    as_stdin = served("exec", "--stdin", uri, "--", "cat")
    exported = served("export", "--format", "json", "-e", f"A={uri}")
    injected = served("inject", "-i", "t")
    hidden = served("redact", uri, f"openbao://{mount}/app/closed", stdin=f"<{CANARY}> {OTHER}".encode())
    whole = served("redact", f"openbao://{mount}/app/api", stdin=f"<{CANARY}> {OTHER} 5432".encode())

    assert env_file.stdout == both
    assert {done.stdout for done in (explicit, as_file, as_fd, as_stdin)} == {CANARY.encode()}
    assert json.loads(exported.stdout) == {"A": CANARY}
    assert injected.stdout.decode() == f"a={CANARY} b={OTHER} c={{{{ {uri} }}}}\n"
    assert hidden.stdout.decode() == f"<[REDACTED]> {OTHER}"
    assert whole.stdout == b"<[REDACTED]> [REDACTED] 5432"
    assert all(done.returncode == 0 for done in (env_file, as_fd, exported, injected, hidden, whole))


def test_a_project_and_its_shell_may_name_one(served: Cli, mount: str) -> None:
    (served.cwd / ".credvault.toml").write_text(f'[env]\nA = "openbao+kv2://{mount}/app/api#token"\n')

    ran = served("exec", "--", "sh", "-c", 'printf %s "$A"')
    untrusted = served("shellenv", "bash", "--load")
    trusted = served("trust", "-y")
    loaded = served("shellenv", "bash", "--load")

    assert ran.stdout == CANARY.encode()
    assert not is_in(untrusted.stdout, CANARIES)
    assert f"A from openbao+kv2://{mount}/app/api#token".encode() in trusted.stderr
    assert CANARY.encode() in loaded.stdout


@pytest.mark.parametrize("variable", ["VAULT_ADDR", "BAO_SKIP_VERIFY", "TENANT_ALLOWED_MOUNTS", "XDG_CONFIG_HOME"])
def test_a_project_does_not_say_which_server_is_meant(served: Cli, mount: str, variable: str) -> None:
    (served.cwd / ".credvault.toml").write_text(f'[env]\n{variable} = "openbao+kv2://{mount}/app/api#user"\n')

    trusted = served("trust", "-y")
    ran = served("exec", "--", "env")
    explicit = served("exec", "--no-mask", "--", "env")
    allowed = served("exec", "--allow-env", variable, "--", "env")

    assert (trusted.returncode, ran.returncode, explicit.returncode) == (9, 125, 125)
    for done in (trusted, ran, explicit):
        assert f"env.{variable}: {variable} says which server or settings are meant".encode() in done.stderr
        assert not is_in(done.stdout + done.stderr, CANARIES)
    assert served("trust", "--list").stdout == b""
    assert f"{variable}={OTHER}\n".encode() in allowed.stdout


def test_a_project_may_name_a_token(served: Cli, mount: str) -> None:
    (served.cwd / ".credvault.toml").write_text(f'[env]\nVAULT_TOKEN = "openbao+kv2://{mount}/app/api#user"\n')

    ran = served("exec", "--", "env")

    assert f"VAULT_TOKEN={OTHER}\n".encode() in ran.stdout


def test_names_and_uris_go_together(cli: Cli, bao: Bao, mount: str) -> None:
    cli.env.update(BAO_ADDR=bao.address, BAO_TOKEN=bao.token, TENANT_ALLOWED_MOUNTS=mount)
    cli("add", "a/b", "--stdin", "--runtime-env", "--field", "host=h", stdin=b"of the vault", check=True)
    uri = f"openbao://{mount}/app/api#token"

    mixed = cli("exec", "-e", "A=a/b", "-e", f"B={uri}", "--", "sh", "-c", 'echo "$A, $B"')
    explained = json.loads(cli("exec", "--json", "--explain", "-e", "A=a/b", "-e", f"B={uri}").stdout)["inject"]
    by_scheme = [cli("get", f"credvault://a/b{end}").stdout for end in ("", "#host", "?version=1")]
    by_scheme += [cli("get", "CREDVAULT://a/b").stdout]
    checked = cli("check", "credvault://a/b#host", "credvault://a/b?version=1", uri, f"openbao://{mount}/app/api")
    missing = cli("check", "credvault://a/b#port", "credvault://a/b?version=2", uri + "s")

    assert mixed.stdout.decode() == f"of the vault, {CANARY}\n"
    assert [(each["name"], each["version"]) for each in explained] == [
        ("a/b", 1),
        (f"openbao+kv2://{mount}/app/api", 2),
    ]
    assert by_scheme == [b"of the vault", b"h", b"of the vault", b"of the vault"]
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    assert missing.returncode == 3
    assert f"not there: a/b#port, a/b?version=2, openbao+kv2://{mount}/app/api#tokens".encode() in missing.stderr


@pytest.mark.parametrize("env", [{"TENANT_ALLOWED_MOUNTS": "other, more"}, {"TENANT_ALLOWED_MOUNTS": ""}, {}])
@pytest.mark.parametrize("words", [["get", "{}"], ["exec", "-e", "A={}", "--", "true"], ["check", "{}"]])
def test_no_server_is_asked_for_a_mount_that_is_not_allowed(
    cli: Cli, words: list[str], env: dict[str, str | bytes | None]
) -> None:
    uri = "openbao+kv2://closed/app#token"
    with noting() as (address, heard):
        # Without a token: who is refused for the mount is not told to log in.
        done = cli(*(word.format(uri) for word in words), env={"BAO_ADDR": address, **env})

    assert done.returncode == (125 if words[0] == "exec" else 4)
    assert b"TENANT_MOUNT_MISMATCH" in done.stderr
    assert heard == []
    assert not (cli.home / ".local/state/credvault/salt.json").read_bytes().count(b"closed")


def test_a_mount_that_is_not_allowed_is_said_before_the_vault_is_opened(cli: Cli) -> None:
    locked: dict[str, str | bytes | None] = {"CREDVAULT_KEY": None}

    done = cli("exec", "-e", "A=a/b", "-e", "B=openbao://other/a#b", "--", "true", env=locked)

    assert done.returncode == 125
    assert b"TENANT_MOUNT_MISMATCH" in done.stderr


def test_one_mount_that_is_not_allowed_stops_them_all(served: Cli, mount: str) -> None:
    with noting() as (address, heard):
        uris = [f"openbao://{mount}/app/api#token", "openbao://other/app#token"]
        done = served("exec", "-e", f"A={uris[0]}", "-e", f"B={uris[1]}", "--", "true", env={"BAO_ADDR": address})

    assert (done.returncode, heard) == (125, [])


@pytest.mark.parametrize(
    ("env", "status", "words"),
    [
        ({"TENANT_ALLOWED_MOUNTS": "secret/*"}, 9, b"is not a mount that a URI can name"),
        ({"BAO_TOKEN": None}, 5, b"token"),
        ({"BAO_TOKEN": "wrong"}, 5, b"does not know the token"),
        ({"BAO_ADDR": None}, 9, b"no Vault or OpenBao server is named"),
        ({"BAO_ADDR": "http://127.0.0.1:9"}, 6, b"cannot be reached"),
        ({"BAO_ADDR": "http://example.org"}, 9, b"plain http"),
        ({"SECRET_TENANT_SALT": ""}, 9, b"SECRET_TENANT_SALT is set but empty"),
    ],
)
def test_settings_that_are_wrong_are_said(
    served: Cli, mount: str, env: dict[str, str | bytes | None], status: int, words: bytes
) -> None:
    done = served("get", f"openbao://{mount}/app/api#token", env=env)

    assert (done.returncode, done.stdout) == (status, b"")
    assert words in done.stderr
    assert b"hint: " in done.stderr


def test_address_and_token_are_of_one_family(cli: Cli) -> None:
    with noting() as (bao_address, by_bao), noting() as (vault_address, by_vault):
        env = {"BAO_ADDR": bao_address, "BAO_TOKEN": "token-of-bao", "VAULT_ADDR": vault_address}
        both: dict[str, str | bytes | None] = {**env, "VAULT_TOKEN": "token-of-vault"}
        cli("get", "openbao+kv2://secret/a#b", env=both)
        cli("get", "hashicorp+kv2://secret/a#b", env=both)
        mixed = cli("exec", "-e", "A=openbao://secret/a#b", "-e", "B=hashicorp://secret/a#b", "--", "true", env=both)
        counts = len(by_bao), len(by_vault)
        # The token that is missing is not taken from the other family.
        lone = cli("get", "hashicorp+kv2://secret/a#b", env={**env, "VAULT_TOKEN": None})
        other = cli("get", "hashicorp://secret/a#b", env={"BAO_ADDR": bao_address, "VAULT_TOKEN": "token-of-vault"})

    assert mixed.returncode == 125
    assert min(counts) >= 2
    assert (lone.returncode, other.returncode) == (5, 5)
    assert all(b"x-vault-token: token-of-bao\r\n" in head for head in by_bao)
    assert all(b"x-vault-token: token-of-vault\r\n" in head for head in by_vault)
    assert not is_in(b"".join(by_bao), [b"token-of-vault"])


def test_profile_of_such_a_server_wins_and_a_project_cannot_take_its_place(
    served: Cli, bao: Bao, mount: str, tmp_path: Path
) -> None:
    folder = served.home / ".config/credvault"
    folder.mkdir(parents=True)
    (folder / "bao.token").write_text(bao.token)
    (folder / "bao.token").chmod(0o600)
    (folder / "config.toml").write_text(
        f'default_profile = "prod"\n[profiles.prod]\nbackend = "hashicorp"\naddress = "{bao.address}"\n'
        f'token_file = "bao.token"\nmount = "{mount}"\n[profiles.narrow]\nbackend = "hashicorp"\n'
        f'address = "{bao.address}"\ntoken_file = "bao.token"\nallowed_mounts = ["other"]\n'
    )
    (served.cwd / ".credvault.toml").write_text('vault = "own.json"\n')
    uri = f"hashicorp://{mount}/app/api#token"
    with noting() as (address, heard):
        env: dict[str, str | bytes | None] = {"BAO_ADDR": address, "VAULT_ADDR": address, "VAULT_TOKEN": "elsewhere"}
        env["TENANT_ALLOWED_MOUNTS"] = None
        by_profile = served("get", uri, env=env)
        narrow = served("--profile", "narrow", "get", uri, env={**env, "TENANT_ALLOWED_MOUNTS": mount})
        by_environment = served("--vault", "own.json", "get", "openbao://secret/a#b", env=env)

    assert (by_profile.returncode, by_profile.stdout.decode()) == (0, CANARY)
    assert narrow.returncode == 4
    assert b"allowed_mounts of profile narrow" in narrow.stderr
    assert by_environment.returncode == 3
    assert heard


def test_offline_asks_no_server(cli: Cli) -> None:
    folder = cli.home / ".config/credvault"
    folder.mkdir(parents=True)
    with noting() as (address, heard):
        (folder / "config.toml").write_text(
            f'[profiles.prod]\nbackend = "hashicorp"\naddress = "{address}"\noffline = true\n'
        )
        got = cli("--profile", "prod", "--offline", "get", "openbao://secret/a#b")
        ran = cli("--profile", "prod", "--offline", "exec", "-e", "A=openbao://secret/a#b", "--", "true")

    assert (got.returncode, ran.returncode, heard) == (8, 125, [])
    assert b"is in no offline copy" in got.stderr


def test_what_is_executor_only_becomes_no_variable(served: Cli, mount: str) -> None:
    uri = f"openbao+kv2://{mount}/app/closed#token"
    (served.cwd / ".credvault.toml").write_text(f'[env]\nA = "{uri}"\n')
    served("trust", "-y", check=True)

    as_variable = served("exec", "-e", f"B={uri}", "--", "true")
    by_project = served("exec", "--", "true")
    exported = served("export", "--format", "json", "-e", f"B={uri}")
    loaded = served("shellenv", "bash", "--load")
    as_file = served("exec", "--file", f"B={uri}", "-e", f"A=openbao://{mount}/app/api#user", "--", "cat", "/dev/null")
    got = served("get", uri)

    for done, status in ((as_variable, 125), (by_project, 125), (exported, 4), (loaded, 4)):
        assert done.returncode == status
        assert f"openbao+kv2://{mount}/app/closed#token is executor_only".encode() in done.stderr
        assert not is_in(done.stdout + done.stderr, CANARIES)
    assert as_file.returncode == 0
    assert got.stdout == CANARY.encode()


@pytest.mark.parametrize("layout", ["secret", "field"])
def test_a_uri_is_no_way_round_what_holds_for_the_name(served: Cli, bao: Bao, mount: str, layout: str) -> None:
    at_field = layout == "field"
    uri = f"A=openbao+kv2://{mount}/own/" + ("mail#{}" if at_field else "mail/{}#value")
    bao.must("POST", f"{mount}/data/own/mail{'' if at_field else '/foreign'}", {"data": {"foreign": OLD, "value": OLD}})
    config = served.home / ".config/credvault/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[profiles.prod]\nbackend = "hashicorp"\naddress = "{bao.address}"\nmount = "{mount}"\nprefix = "own"\n'
        f'layout = "{layout}"\n'
    )
    served("--profile", "prod", "add", "mail/closed", "--stdin", stdin=CANARY.encode(), check=True)
    served("--profile", "prod", "add", "mail/edi", "--stdin", "--consumer", "edi", stdin=CANARY.encode(), check=True)
    served("--profile", "prod", "add", "mail/open", "--stdin", "--runtime-env", stdin=OTHER.encode(), check=True)

    def ask(key: str, *options: str) -> tuple[int, bytes]:
        done = served("--profile", "prod", "exec", *options, uri.format(key), "--", "env")
        return done.returncode, done.stdout + done.stderr

    refused = [ask(key, "-e") for key in ("closed", "edi", "foreign")]
    as_file = [ask("edi", "--as", consumer, "--file")[0] for consumer in ("edi", "job")]
    given, words = ask("open", "-e")
    # Facts and the name are the secret's own, whichever profile is the current one.
    elsewhere = [served("exec", "-e", uri.format(key), "--", "env") for key in ("edi", "closed", "foreign")]
    # A profile that cannot be used has nothing to say of it; nor has one of another server.
    for address in ("http://192.0.2.1", "http://127.0.0.1:1"):
        config.write_text(config.read_text().replace(f'"{bao.address}"', f'"{address}"'))
        elsewhere.append(served("exec", "-e", uri.format("edi"), "--", "env"))
        assert served("exec", "-e", uri.format("foreign"), "--", "true").returncode == 0
        config.write_text(config.read_text().replace(f'"{address}"', f'"{bao.address}"'))

    for status, said in refused:
        assert status == 125
        assert b"is executor_only" in said
        assert not is_in(said, CANARIES)
    assert as_file == [0, 125]
    assert (given, f"A={OTHER}\n".encode() in words) == (0, True)
    for done in elsewhere:
        assert (done.returncode, done.stdout) == (125, b"")
        assert b"is executor_only" in done.stderr


def test_consumers_are_heeded(served: Cli, bao: Bao, mount: str) -> None:
    bao.must("POST", f"{mount}/metadata/app/api", {"custom_metadata": {"consumers": '["web"]'}})
    choice = f"A=openbao://{mount}/app/api#token"

    right = served("exec", "--as", "web", "-e", choice, "--", "true")
    wrong = served("exec", "--as", "job", "-e", choice, "--", "true")

    assert (right.returncode, wrong.returncode) == (0, 125)
    assert b"is not for job: its consumers are web" in wrong.stderr


@pytest.mark.parametrize(
    ("end", "status", "code", "words"),
    [
        ("app/api#none?version=2", 3, "not_found", "has no field none"),
        ("app/none#token", 3, "not_found", "there is no openbao+kv2://"),
        ("app/api#token?version=9", 3, "not_found", "?version=9"),
        ("app#token", 3, "not_found", "there is no openbao+kv2://"),
        ("app/api#token?version=3", 3, "version_deleted", "version 3 of"),
        ("app/api#token?version=4", 3, "version_destroyed", "version 4 of"),
        ("app/api#port?version=2", 8, "unsupported", "field port of"),
    ],
)
def test_what_is_not_there_is_typed_whatever_asks(
    served: Cli, bao: Bao, mount: str, end: str, status: int, code: str, words: str
) -> None:
    for _ in range(2):
        bao.must("POST", f"{mount}/data/app/api", {"data": {"token": OLD}})
    bao.must("POST", f"{mount}/delete/app/api", {"versions": [3]})
    bao.must("PUT", f"{mount}/destroy/app/api", {"versions": [4]})
    uri = f"openbao+kv2://{mount}/{end}"

    got = served("get", "--json", uri)
    exported = served("export", "--json", "--format", "json", "-e", f"A={uri}")
    ran = served("exec", "-e", f"A={uri}", "--", "true")
    checked = served("check", uri)

    filled = served("inject", "--json", stdin=f"{{{{ {uri} }}}}".encode())

    for done in (got, exported, filled):
        error = json.loads(done.stderr)["error"]
        assert (done.returncode, error["code"], done.stdout) == (status, code, b"")
        assert words in error["message"]
        if "version=9" in end:
            assert error["hint"] == f"'bao kv metadata get -mount={mount} app/api' shows which versions there are"
    assert ran.returncode == 125
    assert checked.returncode == status
    assert not is_in(got.stderr + exported.stderr + ran.stderr + checked.stderr, CANARIES)


def test_several_that_are_missing_are_named_and_where_to_look(served: Cli, mount: str) -> None:
    uris = [f"openbao+kv2://{mount}/app/{end}" for end in ("api#none", "none#token")]
    chosen = [word for number, uri in enumerate(uris) for word in ("-e", f"V{number}={uri}")]

    ran = served("exec", *chosen, "--", "touch", "ran")
    mixed = served("exec", *chosen, "-e", "B=a/b", "--", "touch", "ran", env={"CREDVAULT_BACKEND": "env"})
    filled = served("inject", stdin="".join(f"{{{{ {uri} }}}}" for uri in uris).encode())
    checked = served("check", *uris)

    for done in (ran, filled, checked):
        assert all(uri.encode() in done.stderr for uri in uris)
        assert b"hint: 'credvault uri check --read URI' says why" in done.stderr
    assert b"hint: 'credvault list' shows what is" in mixed.stderr
    assert (ran.returncode, filled.returncode, checked.returncode, filled.stdout) == (125, 3, 3, b"")
    assert not (served.cwd / "ran").exists()


def test_missing_fields_are_named_and_those_that_are_there(served: Cli, mount: str) -> None:
    uri = f"openbao+kv2://{mount}/app/api"

    one = served("exec", "-e", f"A={uri}#none", "--", "true")
    two = served("exec", "-e", f"A={uri}#none", "-e", f"B={uri}#neither", "--", "true")
    template = served("inject", stdin=f"\n{{{{ {uri}#none }}}}".encode())
    templates = served("inject", stdin=f"{{{{ {uri}#none }}}} {{{{ {uri}#neither }}}}".encode())
    passed = served("exec", "--if-missing", "warn", "-e", f"A={uri}#none", "--", "sh", "-c", "echo ${A-unset}")

    assert one.stderr.decode() == (
        f"credvault: error: {uri} has no field none (-e)\ncredvault: hint: it has port, token, user\n"
    )
    assert f"not there: {uri}#none (-e), {uri}#neither (-e)".encode() in two.stderr
    assert template.stderr.decode() == (
        f"credvault: error: {uri} has no field none (stdin:2)\ncredvault: hint: it has port, token, user\n"
    )
    assert f"not there: {uri}#none (stdin:1), {uri}#neither (stdin:1)".encode() in templates.stderr
    assert (template.stdout, templates.stdout) == (b"", b"")
    assert (passed.returncode, passed.stdout) == (0, b"unset\n")


def test_a_mount_that_is_none_or_of_version_1_is_said(served: Cli, bao: Bao) -> None:
    bao.must("POST", "sys/mounts/uris1", {"type": "kv", "options": {"version": "1"}})
    env: dict[str, str | bytes | None] = {"TENANT_ALLOWED_MOUNTS": "uris1,nowhere"}

    version_1 = served("get", "openbao://uris1/a#b", env=env)
    nowhere = served("get", "openbao://nowhere/a#b", env=env)

    assert (version_1.returncode, nowhere.returncode) == (8, 9)
    assert b"KV version 1" in version_1.stderr
    assert b"no KV engine at 'nowhere/'" in nowhere.stderr
    assert b"hint: a URI names it first, after '://'; 'bao secrets list'" in nowhere.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["exec", "-e", "A={}", "--", "true"],
        ["exec", "--file", "A={}", "--", "true"],
        ["exec", "--stdin", "{}", "--", "true"],
        ["export", "--format", "json", "-e", "A={}"],
    ],
)
def test_one_value_takes_a_uri_with_a_field(served: Cli, mount: str, words: list[str]) -> None:
    uri = f"openbao+kv2://{mount}/app/api"

    done = served(*(word.format(uri) for word in words))

    assert done.returncode == 2
    assert f"hint: write {uri}#FIELD".encode() in done.stderr


def test_what_looks_like_a_uri_is_never_handed_out_as_a_text(served: Cli, mount: str) -> None:
    for text in (f"openbao+kv3://{mount}/app/api#token", f"openbao+://{mount}/a#b", f"hashicorp://{mount}//a#b"):
        (served.cwd / "refs.env").write_text(f"A={text}\n")
        done = served("exec", "--env-file", "refs.env", "--", "env")
        assert (done.returncode, done.stdout) == (125, b"")
        assert b"refs.env:1: " in done.stderr
    (served.cwd / "refs.env").write_text("A=file:///etc/hosts\nB=postgres://u@h/d\nC=vault://x\n")

    literal = served("exec", "--env-file", "refs.env", "--", "sh", "-c", 'echo "$A $B $C"')

    assert literal.stdout == b"file:///etc/hosts postgres://u@h/d vault://x\n"


def test_custom_metadata_pass_for_no_value(served: Cli, bao: Bao, mount: str) -> None:
    custom = dict.fromkeys(("uri", "data", "value", "value_base64", "namespace", "key", "version"), "forged")
    bao.must("POST", f"{mount}/metadata/app/api", {"custom_metadata": {**custom, "delivery": "runtime_env"}})
    bao.must("POST", f"{mount}/data/credvault/app/bytes", {"data": {"value_base64": "/w=="}})
    bao.must("POST", f"{mount}/metadata/credvault/app/bytes", {"custom_metadata": custom})
    env: dict[str, str | bytes | None] = {"CREDVAULT_BACKEND": "hashicorp", "BAO_KV_MOUNT": mount}

    field = json.loads(served("--json", "get", f"openbao://{mount}/app/api#token", check=True).stdout)
    whole = json.loads(served("--json", "get", f"openbao://{mount}/app/api", check=True).stdout)
    by_name = json.loads(served("--json", "get", "app/bytes", env=env, check=True).stdout)

    for shown in (field, whole, by_name):
        assert "forged" not in shown.values()
    assert (field["value"], whole["data"]["token"], by_name["value_base64"]) == (CANARY, CANARY, "/w==")


def test_each_secret_is_read_once(served: Cli, bao: Bao, mount: str) -> None:
    fields = [f"{field}=openbao://{mount}/app/api#{field}" for field in ("token", "user")]
    words = [word for field in fields for word in ("-e", field)]
    with recorder(bao.address) as (address, asked):
        done = served(
            "exec",
            *words,
            "-e",
            f"OLD=openbao://{mount}/app/api#token?version=1",
            "--",
            "true",
            env={"BAO_ADDR": address},
        )

    assert done.returncode == 0
    read = f"/v1/{mount}/data/app/api"
    assert sorted(each.path for each in asked) == [read, f"{read}?version=1"]


def test_trail_knows_a_uri_by_its_reference_alone(served: Cli, mount: str) -> None:
    uri = f"openbao+kv2://{mount}/app/api#token"
    state = served.home / ".local/state/credvault"
    salted: dict[str, str | bytes | None] = {"SECRET_TENANT_SALT": "salt", "TENANT_SALT": "other"}

    served("get", f"openbao://{mount}/app/api/?version=2#token", env=salted, check=True)
    served("get", uri, env={"TENANT_SALT": "other"}, check=True)
    served("get", uri, check=True)
    served("get", f"{uri}s")

    lines = [json.loads(line) for line in (state / "trail.jsonl").read_text().splitlines()]
    kept = json.loads((state / "salt.json").read_text())["salt"]
    texts = [("salt", f"{uri}?version=2"), ("other", uri), (kept, uri), (kept, f"{uri}s")]
    expected = [hmac.digest(salt.encode(), text.encode(), "sha256").hex()[:16] for salt, text in texts]
    assert [line["resource_ref"] for line in lines] == expected
    assert [(line["command"], line["result"]) for line in lines] == [("get", "ok")] * 3 + [("get", "not_found")]
    assert not is_in((state / "trail.jsonl").read_bytes(), [mount.encode() + b"/app", *CANARIES])
    assert (state / "salt.json").stat().st_mode & 0o777 == 0o600


def test_no_value_and_no_token_is_left_anywhere(served: Cli, bao: Bao, mount: str) -> None:
    uri = f"openbao+kv2://{mount}/app/api"
    shown = []
    for option in ("-q", "-v", "-vv", "--json"):
        for words in (
            ["exec", option, "-e", f"A={uri}#token", "--", "true"],
            ["exec", option, "--explain", "-e", f"A={uri}#token"],
            ["get", option, f"{uri}#none"],
            ["get", option, f"{uri}#port"],
            ["check", option, f"{uri}#token"],
            ["uri", option, "check", "--read", uri, f"{uri}#token", f"{uri}#none", f"openbao://{mount}/app/closed"],
        ):
            done = served(*words)
            shown.append(done.stdout + done.stderr)

    assert not is_in(b"".join(shown), [*CANARIES, bao.token.encode()])
    assert b"unexpected" not in b"".join(shown)
    assert files_with(served.home, [*CANARIES, bao.token.encode()]) == []


def test_uri_check_of_a_name_says_how_to_write_it(served: Cli) -> None:
    done = served("uri", "check", "app/token")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"of the current profile it is credvault://NAME" in done.stderr


def test_uri_check_asks_no_server_unless_it_is_to_read(served: Cli, bao: Bao, mount: str) -> None:
    uri = f"openbao://{mount}/app/api?version=2"
    with recorder(bao.address) as (address, asked):
        looked = served("uri", "check", "--json", uri, env={"BAO_ADDR": address, "BAO_TOKEN": None})
        before = len(asked)
        read = served("uri", "check", "--json", "--read", uri, env={"BAO_ADDR": address})

    assert (looked.returncode, before, len(asked)) == (0, 0, 1)
    facts = json.loads(looked.stdout)[0]
    assert facts["uri"] == f"openbao+kv2://{mount}/app/api?version=2"
    assert (facts["server"], facts["server_from"]) == (address, "BAO_ADDR")
    assert (facts["allowed_mounts"], facts["allowed_mounts_from"]) == ([mount], "TENANT_ALLOWED_MOUNTS")
    facts = json.loads(read.stdout)[0]
    assert (facts["there"], facts["found_version"], sorted(facts["fields"])) == (True, 2, ["port", "token", "user"])


def test_state_folder_that_cannot_be_written_stops_no_reading(served: Cli, mount: str) -> None:
    state = served.home / ".local/state"
    state.mkdir(parents=True, exist_ok=True)
    (state / "credvault").write_text("no folder")

    done = served("get", f"openbao://{mount}/app/api#token")

    assert (done.returncode, done.stdout.decode()) == (0, CANARY)
    assert os.path.isfile(state / "credvault")
