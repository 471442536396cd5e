"""Which environment variables a secret may become."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.environment import (
    MAX_VARIABLE_BYTES,
    check_variable,
    check_variable_value,
    is_forbidden,
    is_variable,
)
from credvault.model.errors import InvalidValue
from credvault.model.unlocking import unlocks_a_vault

FORBIDDEN = (
    "PATH IFS ENV BASH_ENV SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND ZDOTDIR CDPATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT"
    " DYLD_INSERT_LIBRARIES BASH_FUNC_ls PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5LIB PERL5OPT PERLLIB RUBYOPT RUBYLIB"
    " NODE_OPTIONS NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH GIT_SSH_COMMAND GIT_DIR"
    " HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy Https_Proxy SSL_CERT_FILE SSL_CERT_DIR HOME SHELL EDITOR"
    " VISUAL PAGER GCONV_PATH GLIBC_TUNABLES CREDVAULT_KEY CREDVAULT_PASSPHRASE path Ld_Preload"
    " LD_ BASH_FUNC_x PYTHON CREDVAULT_ANYTHING PS0 PS1 PS2 MAILPATH BASH_LOADABLES_PATH MODULE_PATH FPATH"
    " fish_function_path fish_complete_path"
)
FREE = (
    "DB_PASSWORD a _ _X1 OPENAI_API_KEY MYPATH PATH_TO OLD_VALUE PROXY XLD_A TOKEN DATABASE_URL VAULT_TOKEN BAO_TOKEN"
    " AWS_SECRET_ACCESS_KEY _X x1 LDAP_PASSWORD LD PATHS GITHUB_TOKEN GIT PROXY_URL SSL_KEY EDITORS HOMEPAGE CREDVAULT"
    " ENVIRONMENT BASH_FUNCTION PS PS10 PROMPT MAIL"
)


@pytest.mark.parametrize("variable", FORBIDDEN.split())
def test_variable_that_steers_programs_is_refused_in_every_spelling_unless_allowed_by_name(variable: str) -> None:
    for spelling in (variable, variable.lower(), variable.title()):
        assert is_forbidden(spelling)
        with pytest.raises(InvalidValue, match=f"{spelling} steers how programs load or run") as caught:
            check_variable(spelling, allowed=["OTHER", spelling + "X"])
        assert caught.value.hint == f"choose another variable, or give --allow-env {spelling}"
        check_variable(spelling, allowed=[spelling])


@pytest.mark.parametrize("variable", FREE.split())
def test_ordinary_variable_is_allowed(variable: str) -> None:
    check_variable(variable)

    assert is_variable(variable)
    assert not is_forbidden(variable)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1A",
        "A-B",
        "A B",
        "A=B",
        "É",
        "A\n",
        "\nA",
        "A\0",
        "BASH_FUNC_x%%",
        "a.b",
        "ﬀ",
        "A１",
        "\uff21",
        "$A",
        "\udcff",
    ],
)
def test_text_that_is_no_variable_is_refused_even_when_allowed(text: str) -> None:
    assert not is_variable(text)
    with pytest.raises(InvalidValue, match="is not a variable name") as caught:
        check_variable(text, allowed=[text])

    assert caught.value.message.isprintable()


@given(st.text(max_size=10))
def test_variable_is_letters_digits_and_underscore(text: str) -> None:
    expected = text.isascii() and text.isidentifier()

    assert is_variable(text) is expected


@pytest.mark.parametrize(
    "variable",
    [
        "CREDVAULT_KEY",
        "CREDVAULT_TOKEN",
        "CREDVAULT_",
        "CREDVAULT_PASSPHRASE_COMMAND",
        "VAULT_TOKEN",
        "VAULT_SECRET_ID",
        "BAO_TOKEN",
        "BAO_SECRET_ID",
    ],
)
def test_variable_that_unlocks_a_vault_is_known(variable: str) -> None:
    assert unlocks_a_vault(variable)
    assert not unlocks_a_vault(variable + "_X") or variable.startswith("CREDVAULT_")


@pytest.mark.parametrize(
    "variable",
    ["VAULT_ADDR", "MY_CREDVAULT_KEY", "VAULT_TOKENS", "XVAULT_TOKEN", "credvault_key", "CREDVAULT", "TOKEN", ""],
)
def test_other_variable_unlocks_nothing(variable: str) -> None:
    assert not unlocks_a_vault(variable)


@pytest.mark.parametrize("value", [b"\0", b"canary\0", b"\0canary", b"canary\0canary"])
def test_value_with_a_nul_byte_is_refused_without_showing_it(value: bytes) -> None:
    with pytest.raises(InvalidValue, match="the value for A holds a NUL byte") as caught:
        check_variable_value("A", value)

    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("name_bytes", [1, 4, 10, 1000])
def test_value_at_the_limit_of_the_system_passes_and_one_byte_more_does_not(name_bytes: int) -> None:
    """One string of the environment: name, '=', value, NUL (execve(2))."""
    variable = "V" * name_bytes
    longest = MAX_VARIABLE_BYTES - name_bytes - 2

    check_variable_value(variable, b"x" * longest)
    with pytest.raises(InvalidValue, match=f"has {longest + 1} bytes; a variable holds 131072"):
        check_variable_value(variable, b"x" * (longest + 1))


@pytest.mark.parametrize("value", [b"", b"\xff\n\x1b", b"a b", "é".encode()])
def test_any_other_value_can_be_carried(value: bytes) -> None:
    check_variable_value("A", value)
