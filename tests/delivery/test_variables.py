"""The one closed table of variables that no secret may become, and what the system can carry."""

import pytest

from credvault.model.environment import (
    MAX_VARIABLE_BYTES,
    check_variable,
    check_variable_value,
    is_forbidden,
    is_variable,
    unlocks_a_vault,
)
from credvault.model.errors import InvalidValue

# Each name of spec.md 7, and one example of each pattern.
FORBIDDEN = """
LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_ DYLD_INSERT_LIBRARIES PATH IFS ENV BASH_ENV BASH_FUNC_x
PYTHONPATH PYTHONSTARTUP PYTHON PERL5LIB PERL5OPT RUBYOPT NODE_OPTIONS JAVA_TOOL_OPTIONS GIT_SSH_COMMAND GIT_DIR
HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR HOME EDITOR PAGER
CREDVAULT_KEY CREDVAULT_ANYTHING
""".split()
FREE = """
TOKEN DATABASE_URL VAULT_TOKEN BAO_TOKEN OPENAI_API_KEY AWS_SECRET_ACCESS_KEY _ _X x1 LDAP_PASSWORD LD PATHS MYPATH
GITHUB_TOKEN GIT PROXY PROXY_URL SSL_KEY EDITORS HOMEPAGE CREDVAULT ENVIRONMENT BASH_FUNCTION
""".split()


@pytest.mark.parametrize("variable", FORBIDDEN)
def test_variable_that_steers_programs_is_refused_in_every_spelling(variable: str) -> None:
    for spelling in (variable, variable.lower(), variable.title()):
        assert is_forbidden(spelling)
        with pytest.raises(InvalidValue, match=f"{spelling} steers") as caught:
            check_variable(spelling, allowed=[variable + "X"])
        assert f"--allow-env {spelling}" in str(caught.value.hint)
        check_variable(spelling, allowed=[spelling])


@pytest.mark.parametrize("variable", FREE)
def test_other_variables_are_free(variable: str) -> None:
    check_variable(variable)

    assert not is_forbidden(variable)


@pytest.mark.parametrize(
    "text", ["", "1A", "A-B", "A B", "A=B", "A\n", "\nA", "É", "A\0", "A.B", "A%%", "ﬀ", "A１", "\udcff"]
)
def test_what_is_no_variable_is_refused_even_if_allowed(text: str) -> None:
    assert not is_variable(text)
    with pytest.raises(InvalidValue, match="is not a variable name"):
        check_variable(text, allowed=[text])


@pytest.mark.parametrize("name_bytes", [1, 10, 1000])
def test_limit_counts_name_equals_sign_value_and_nul(name_bytes: int) -> None:
    variable = "V" * name_bytes
    most = MAX_VARIABLE_BYTES - name_bytes - 2

    check_variable_value(variable, b"x" * most)
    with pytest.raises(InvalidValue, match=f"has {most + 1} bytes"):
        check_variable_value(variable, b"x" * (most + 1))


@pytest.mark.parametrize("value", [b"\0", b"canary\0", b"\0canary", b"canary\0canary"])
def test_nul_byte_is_refused_and_the_value_not_shown(value: bytes) -> None:
    with pytest.raises(InvalidValue, match="the value for V holds a NUL byte") as caught:
        check_variable_value("V", value)

    assert "canary" not in caught.value.message


def test_what_unlocks_a_vault_is_known_by_name() -> None:
    unlocking = [
        "CREDVAULT_KEY",
        "CREDVAULT_",
        "CREDVAULT_PASSPHRASE_COMMAND",
        "VAULT_TOKEN",
        "VAULT_SECRET_ID",
        "BAO_TOKEN",
    ]
    others = ["VAULT_ADDR", "VAULT_TOKENS", "XVAULT_TOKEN", "credvault_key", "CREDVAULT", "TOKEN", ""]

    assert all(unlocks_a_vault(variable) for variable in unlocking)
    assert not any(unlocks_a_vault(variable) for variable in others)
