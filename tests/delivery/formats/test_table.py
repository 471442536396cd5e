"""The table of formats: what all have in common, and what docs/delivery.md says of each."""

import re

import pytest

from credvault.delivery.formats import FORMATS, render
from credvault.model.errors import InvalidValue
from credvault.model.names import parse_name
from credvault.model.record import Record
from tests.delivery.formats.proof import injection, is_carried
from tests.pages import section

# What the page says that a format refuses besides newlines and bytes: values, or variables.
REFUSED = {
    "shell": (["RANDOM", "PROMPT", "path"], []),
    "fish": (["PWD", "status"], []),
    "powershell": ([], [b""]),
    "dotenv": ([], [b"${A}", b'it\'s "#1"', b'it\'s\n"b"', b"'\\\\\" #"]),
    "docker": ([], [b"a\r", b"x" * 65_536]),
    "json": ([], []),
    "yaml": ([], []),
    "systemd": ([], ["\ufffe".encode(), "\ufdd0".encode(), "\U0001ffff".encode()]),
    "github-actions": (["GITHUB_SHA", "RUNNER_OS", "NODE_OPTIONS"], [b"a\r"]),
    "gitlab": ([], [b"a$b", b" a", b"a ", b"x" * 5_120]),
}


def rows() -> dict[str, list[str]]:
    """Return the cells of the page's table by format."""
    table = section("Into other formats: export").partition("| `--format` |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")[2:]]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_page_has_every_format() -> None:
    assert list(rows()) == list(FORMATS) == list(REFUSED)


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_page_says_is_carried_is_carried(name: str) -> None:
    _, newlines, not_text, _ = rows()[name]

    assert newlines == ("yes" if is_carried(name, b"a\nb\n") else "no")
    assert not_text == ("yes" if is_carried(name, b"\xff\xfe") else "no")


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_page_says_is_refused_is_refused(name: str) -> None:
    besides = rows()[name][3]
    variables, values = REFUSED[name]

    assert (besides == "–") == (not variables and not values)
    assert not [value for value in values if is_carried(name, value)]
    for variable in variables:
        assert re.search(rf"`{variable}`|`{variable.partition('_')[0]}_\*`", besides), variable
        with pytest.raises(InvalidValue):
            render(name, [injection(b"a", variable)])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("variable", ["", "1A", "A B", "A=B", "A;touch marker", "É", "A\n", "a.b", "$(id)"])
def test_what_is_no_variable_is_refused(name: str, variable: str) -> None:
    with pytest.raises(InvalidValue, match="a variable is letters, digits and _"):
        render(name, [injection(b"a", variable)])


@pytest.mark.parametrize("name", FORMATS)
def test_nul_byte_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="the value holds a NUL byte") as refused:
        render(name, [injection(b"a\0b")])

    assert "formats that carry it" not in str(refused.value.hint)


@pytest.mark.parametrize("name", FORMATS)
def test_plain_value_is_carried(name: str) -> None:
    assert b"abc-123" in render(name, [injection(b"abc-123")])


def test_refusal_names_variable_secret_and_what_carries_the_value() -> None:
    record = Record(*parse_name("tls/key"), 1, "secret", "runtime_env", "", "")
    variable = injection(b"canary\n2", "TLS_KEY")._replace(record=record)

    with pytest.raises(InvalidValue) as refused:
        render("docker", [injection(b"fine"), variable])

    assert refused.value.message.startswith("TLS_KEY (tls/key) cannot be exported as docker: ")
    assert refused.value.hint == (
        "formats that carry it: shell, fish, powershell, dotenv, json, yaml, systemd, github-actions;"
        " 'credvault exec' gives it to a program as it is, with --file TLS_KEY=tls/key in a file"
    )
