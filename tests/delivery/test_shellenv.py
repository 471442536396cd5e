"""The code that a hook evaluates. Real shells evaluate it in tests/cli/test_shellenv.py."""

import pytest

from credvault.delivery.selection import Injection
from credvault.delivery.shellenv import LOADED, LOCKED, SHELLS, code, hook
from credvault.model.errors import InvalidValue
from credvault.model.value import SecretValue


def variable(name: str, value: bytes) -> Injection:
    return Injection(name, SecretValue(value), None, "/p/.credvault.toml")


def test_each_variable_is_saved_before_it_is_set_and_the_state_comes_last() -> None:
    variables = [variable("A", b"it's"), variable("B", b"\\")]

    lines = {shell: code(shell, LOADED, variables).splitlines() for shell in SHELLS}

    assert lines["bash"] == lines["zsh"]
    assert lines["bash"] == [
        rb"__credvault_save A && export A='it'\''s'",
        rb"__credvault_save B && export B='\'",
        b"__credvault_state=loaded",
    ]
    assert lines["fish"] == [
        rb"__credvault_save A && set -gx A 'it\'s'",
        rb"__credvault_save B && set -gx B '\\'",
        b"set -g __credvault_state loaded",
    ]


def test_state_alone_sets_no_variable() -> None:
    assert code("zsh", LOCKED) == b"__credvault_state=locked\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", ["__credvault_folder", "__CREDVAULT_LOADED", "SHLVL"])
def test_variable_of_the_shell_or_of_the_hook_is_refused_and_no_other_is_set(shell: str, name: str) -> None:
    with pytest.raises(InvalidValue, match=rf"^/p/\.credvault\.toml: {name} is not loaded") as raised:
        code(shell, LOADED, [variable("A", b"canary"), variable(name, b"canary")])

    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("shell", SHELLS)
def test_path_of_the_signal_is_quoted(shell: str) -> None:
    text = hook(shell, "/a'; touch marker; '")

    assert b"@SIGNAL@" not in text
    assert SHELLS[shell].quote(b"/a'; touch marker; '") in text
