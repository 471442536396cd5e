"""Where a token comes from: the first way that is set, and never from what is meant for another server."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from credvault.backends.hashicorp.address import find_address
from credvault.backends.hashicorp.credentials import AppRole, Token, find_credentials
from credvault.model.errors import ConfigError, CredvaultError, Unauthenticated
from tests.backends.hashicorp.profiles import make_settings

ADDRESS = {"VAULT_ADDR": "https://vault.example.org:8200"}
HTTPS = ADDRESS["VAULT_ADDR"]
CANARY = "s.canary-token-94f1"


def found(folder: Path, environ: Mapping[str, str], profile: Mapping[str, Any] | None = None) -> Token | AppRole:
    settings = make_settings(folder, environ, profile)
    return find_credentials(settings, find_address(settings, lambda text: None, lambda text: None))


def token(folder: Path, environ: Mapping[str, str], profile: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """Return the token that is found, and where it comes from."""
    credentials = found(folder, environ, profile)
    assert isinstance(credentials, Token)
    return credentials.read().reveal().decode(), credentials.source


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def helper(folder: Path, script: str) -> Path:
    return write(folder / "helper", f"#!/bin/sh\n{script}\n", 0o700)


def test_token_file_of_the_profile_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "token", f"{CANARY}\r\n")
    environ = {"VAULT_TOKEN": "other", "VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s"}

    read, source = token(tmp_path, environ, {"address": HTTPS, "token_file": "token"})

    assert (read, source) == (CANARY, f"the token file {tmp_path / 'token'}")


def test_variable_comes_before_approle(tmp_path: Path) -> None:
    environ = {**ADDRESS, "VAULT_TOKEN": CANARY, "VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s"}

    assert token(tmp_path, environ) == (CANARY, "VAULT_TOKEN")


@pytest.mark.parametrize("family", ["VAULT", "BAO"])
def test_approle_of_the_environment_comes_before_what_a_login_keeps(tmp_path: Path, family: str) -> None:
    write(tmp_path / ".vault-token", "other")
    environ = {f"{family}_ADDR": HTTPS, f"{family}_ROLE_ID": "r", f"{family}_SECRET_ID": CANARY}

    role = found(tmp_path, environ)

    assert isinstance(role, AppRole)
    assert (role.mount, role.role_id, role.read_secret_id().reveal()) == ("approle", "r", CANARY.encode())
    assert role.source == f"{family}_SECRET_ID"


def test_approle_of_the_profile_beats_that_of_the_environment(tmp_path: Path) -> None:
    write(tmp_path / "secret-id", CANARY)
    profile = {"address": HTTPS, "role_id": "mine", "secret_id_file": "secret-id", "auth_mount": "team/approle"}

    role = found(tmp_path, {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s"}, profile)

    assert isinstance(role, AppRole)
    assert (role.mount, role.role_id, role.read_secret_id().reveal()) == ("team/approle", "mine", CANARY.encode())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (".vault", 'token_helper = "{}"'),
        (".vault", '# of mine\n  token_helper="{}"  \n'),
        (".vault", 'token_helper = "{}" # of mine'),
        (".vault", '# token_helper = "/a"\n// token_helper = "/b"\n/* token_helper =\n"/c" */ token_helper="{}"'),
        (".vault", '{{"token_helper": "{}"}}'),
        (".vault", '{{\n  "x": "y",\n  "token_helper": "{}",\n  "z": 1\n}}'),
    ],
)
def test_token_helper_of_vault_stands_in_for_its_file(tmp_path: Path, name: str, line: str) -> None:
    path = helper(tmp_path, f'test "$1" = get && test "$VAULT_ADDR" = {HTTPS} && echo {CANARY}')
    write(tmp_path / ".vault-token", "other")
    write(tmp_path / name, line.format(path))

    assert token(tmp_path, ADDRESS) == (CANARY, f"the token helper {path}")


@pytest.mark.parametrize(
    "text",
    ['# token_helper = "/old"', '/* token_helper\n= "/old" */', '// "token_helper"', 'token_helper = ""', "x = 1"],
)
def test_configuration_that_names_no_helper_leaves_the_file(tmp_path: Path, text: str) -> None:
    write(tmp_path / ".vault-token", CANARY)
    write(tmp_path / ".vault", text)

    assert token(tmp_path, ADDRESS) == (CANARY, f"the token file {tmp_path}/.vault-token")


def test_token_helper_of_the_profile_beats_that_of_vault_and_sees_nothing_that_opens_a_vault(tmp_path: Path) -> None:
    path = helper(tmp_path, f'test -z "$CREDVAULT_KEY$BAO_TOKEN$BAO_SECRET_ID" && test "$2" = get && echo {CANARY}')
    write(tmp_path / ".vault", 'token_helper = "/no/such/program"')
    opening = {"CREDVAULT_KEY": "k", "BAO_TOKEN": "t", "BAO_SECRET_ID": "s", "BAO_ADDR": "https://other"}

    read, _ = token(tmp_path, opening, {"address": HTTPS, "token_helper": [str(path), "word"]})

    assert read == CANARY


@pytest.mark.parametrize("environ", [ADDRESS, {"BAO_ADDR": HTTPS}])
def test_file_of_a_login_comes_last(tmp_path: Path, environ: dict[str, str]) -> None:
    write(tmp_path / ".vault-token", CANARY)
    write(tmp_path / ".vault", "a password of ansible-vault, which has a file of this name")

    assert token(tmp_path, environ) == (CANARY, f"the token file {tmp_path / '.vault-token'}")


def test_file_of_a_login_may_be_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", CANARY)

    assert token(tmp_path, {"BAO_ADDR": HTTPS, "BAO_TOKEN_PATH": "~/elsewhere"})[0] == CANARY


@pytest.mark.parametrize(
    ("environ", "profile", "message"),
    [
        ({"BAO_ADDR": HTTPS, "VAULT_TOKEN": CANARY}, None, "VAULT_TOKEN, which is for a server that VAULT_ADDR names"),
        (
            {"BAO_ADDR": HTTPS, "VAULT_ADDR": "https://other", "VAULT_TOKEN": CANARY},
            None,
            "VAULT_TOKEN, which is for the server of VAULT_ADDR",
        ),
        ({"VAULT_ADDR": HTTPS, "BAO_TOKEN": CANARY}, None, "BAO_TOKEN, which is for a server that BAO_ADDR names"),
        (
            {"VAULT_ADDR": "https://other", "VAULT_TOKEN": CANARY},
            {"address": HTTPS},
            "VAULT_TOKEN, which is for the server of VAULT_ADDR",
        ),
        (
            {"VAULT_URL": "https://other", "VAULT_TOKEN": CANARY},
            {"address": HTTPS},
            "VAULT_TOKEN, which is for the server of VAULT_URL",
        ),
    ],
)
def test_token_of_another_server_is_not_sent_and_the_error_says_so(
    tmp_path: Path, environ: dict[str, str], profile: dict[str, str] | None, message: str
) -> None:
    with pytest.raises(Unauthenticated) as caught:
        found(tmp_path, environ, profile)

    assert message in caught.value.message
    assert caught.value.message.endswith("is not sent there")
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("words", [("VAULT_ADDR", HTTPS), ("BAO_ADDR", HTTPS)])
def test_variables_beside_the_profiles_own_address_are_for_its_server(tmp_path: Path, words: tuple[str, str]) -> None:
    variable = words[0].replace("ADDR", "TOKEN")

    read, source = token(tmp_path, {words[0]: words[1], variable: CANARY}, {"address": HTTPS})

    assert (read, source) == (CANARY, variable)


def test_two_tokens_and_nothing_that_says_which_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated) as caught:
        found(tmp_path, {"VAULT_TOKEN": CANARY, "BAO_TOKEN": "other"}, {"address": HTTPS})

    assert caught.value.message.startswith("BAO_TOKEN and VAULT_TOKEN differ")
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (ADDRESS, "there is no token for https://vault.example.org:8200"),
        ({**ADDRESS, "VAULT_TOKEN": ""}, "VAULT_TOKEN is set but empty"),
        ({**ADDRESS, "VAULT_ROLE_ID": "", "VAULT_SECRET_ID": "s"}, "VAULT_ROLE_ID is set but empty"),
        ({**ADDRESS, "VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": ""}, "VAULT_SECRET_ID is set but empty"),
        ({**ADDRESS, "VAULT_ROLE_ID": "r"}, "VAULT_ROLE_ID names a role, and its secret id is not set"),
        ({**ADDRESS, "VAULT_SECRET_ID": "s"}, "a secret id is set, and no role id"),
    ],
)
def test_way_that_is_not_there_or_half_there_is_an_error(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        found(tmp_path, environ)

    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize("key", ["token_file", "secret_id_file"])
@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        (None, 0o600, "there is no {} file"),
        ("", 0o600, "is empty"),
        ("\n", 0o600, "is empty"),
        (CANARY, 0o640, "can be read by others (mode 0640), so it is refused"),
        (CANARY, 0o604, "can be read by others (mode 0604), so it is refused"),
    ],
)
def test_file_that_is_missing_empty_or_open_to_others_is_refused(
    tmp_path: Path, key: str, text: str | None, mode: int, message: str
) -> None:
    if text is not None:
        write(tmp_path / "file", text, mode)
    profile = {"address": HTTPS, key: "file", **({"role_id": "r"} if key == "secret_id_file" else {})}
    credentials = found(tmp_path, {}, profile)

    with pytest.raises(Unauthenticated) as caught:
        credentials.read() if isinstance(credentials, Token) else credentials.read_secret_id()

    assert message.format(key.removesuffix("_file").replace("_", " ")) in caught.value.message
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"


def test_file_that_is_a_pipe_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file", 0o600)

    with pytest.raises(CredvaultError) as caught:
        token(tmp_path, {}, {"address": HTTPS, "token_file": "file"})

    assert "it is not a regular file" in caught.value.message


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", "failed with status 3"),
        ("true", "there is no token for"),
        ("echo", "there is no token for"),
        (f"echo {CANARY}; exit 1", "failed with status 1"),
    ],
)
def test_token_helper_that_has_none_is_an_error_without_what_it_prints(
    tmp_path: Path, script: str, message: str
) -> None:
    path = helper(tmp_path, script)
    write(tmp_path / ".vault", f'token_helper = "{path}"')

    with pytest.raises(Unauthenticated) as caught:
        token(tmp_path, ADDRESS)

    assert message in caught.value.message
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('token_helper = "helper"', "token_helper is not an absolute path"),
        ("token_helper = <<EOT", "token_helper cannot be read"),
        ("token_helper = '/one'", "token_helper cannot be read"),
        ('token_helper = "/a\\tb"', "token_helper cannot be read"),
        ('token_helper = ["/one"]', "token_helper cannot be read"),
    ],
)
def test_configuration_of_a_helper_that_cannot_be_meant_is_an_error(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path / ".vault", line)

    with pytest.raises(ConfigError, match=message):
        found(tmp_path, ADDRESS)


@pytest.mark.parametrize("value", ["two words", "zwei\nzeilen", "tab\t", "ünïcode"])
def test_token_is_one_word_and_nothing_of_another_is_quoted(tmp_path: Path, value: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        token(tmp_path, {**ADDRESS, "VAULT_TOKEN": value})

    assert caught.value.message == "VAULT_TOKEN holds characters that no token has"
    assert value not in f"{caught.value.message} {caught.value.hint}"


def test_secret_id_may_be_any_line_that_somebody_chose(tmp_path: Path) -> None:
    role = found(tmp_path, {**ADDRESS, "VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "my own sécret id"})
    broken = found(tmp_path, {**ADDRESS, "VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "two\nlines"})

    assert isinstance(role, AppRole)
    assert isinstance(broken, AppRole)
    assert role.read_secret_id().reveal().decode() == "my own sécret id"
    with pytest.raises(Unauthenticated, match="VAULT_SECRET_ID holds characters that no secret id has"):
        broken.read_secret_id()
