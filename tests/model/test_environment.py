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
    unlocks_a_vault,
)
from credvault.model.errors import InvalidValue

FORBIDDEN = (
    "PATH IFS ENV BASH_ENV SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND ZDOTDIR CDPATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT"
    " DYLD_INSERT_LIBRARIES BASH_FUNC_ls PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5LIB PERL5OPT PERLLIB RUBYOPT RUBYLIB"
    " NODE_OPTIONS NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH GIT_SSH_COMMAND GIT_DIR"
    " HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy Https_Proxy SSL_CERT_FILE SSL_CERT_DIR HOME SHELL EDITOR"
    " VISUAL PAGER GCONV_PATH GLIBC_TUNABLES CREDVAULT_KEY CREDVAULT_PASSPHRASE path Ld_Preload"
)


@pytest.mark.parametrize("variable", FORBIDDEN.split())
def test_variable_that_steers_programs_is_refused_unless_allowed_by_name(variable: str) -> None:
    with pytest.raises(InvalidValue, match="steers how programs load or run") as caught:
        check_variable(variable)

    assert caught.value.hint == f"choose another variable, or give --allow-env {variable}"
    check_variable(variable, allowed=[variable])
    with pytest.raises(InvalidValue):
        check_variable(variable, allowed=["OTHER"])


@pytest.mark.parametrize(
    "variable", ["DB_PASSWORD", "a", "_", "_X1", "OPENAI_API_KEY", "MYPATH", "PATH_TO", "OLD_VALUE", "PROXY", "XLD_A"]
)
def test_ordinary_variable_is_allowed(variable: str) -> None:
    check_variable(variable)

    assert is_variable(variable)
    assert not is_forbidden(variable)


@pytest.mark.parametrize(
    "text", ["", "1A", "A-B", "A B", "A=B", "É", "A\n", "A\0", "BASH_FUNC_x%%", "a.b", "\uff21", "$A"]
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
    "variable", ["CREDVAULT_KEY", "CREDVAULT_TOKEN", "VAULT_TOKEN", "VAULT_SECRET_ID", "BAO_TOKEN"]
)
def test_variable_that_unlocks_a_vault_is_known(variable: str) -> None:
    assert unlocks_a_vault(variable)
    assert not unlocks_a_vault(variable + "_X") or variable.startswith("CREDVAULT_")


def test_other_variable_unlocks_nothing() -> None:
    assert not unlocks_a_vault("VAULT_ADDR")
    assert not unlocks_a_vault("MY_CREDVAULT_KEY")


def test_value_with_a_nul_byte_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidValue, match="NUL byte") as caught:
        check_variable_value("A", b"canary\0canary")

    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


def test_value_at_the_limit_of_the_system_passes_and_one_byte_more_does_not() -> None:
    """One string of the environment: name, '=', value, NUL (execve(2))."""
    longest = MAX_VARIABLE_BYTES - len("NAME") - 2

    check_variable_value("NAME", b"x" * longest)
    with pytest.raises(InvalidValue, match="a variable holds 131072"):
        check_variable_value("NAME", b"x" * (longest + 1))


@pytest.mark.parametrize("value", [b"", b"\xff\n\x1b", b"a b", "é".encode()])
def test_any_other_value_can_be_carried(value: bytes) -> None:
    check_variable_value("A", value)
