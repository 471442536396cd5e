"""The plain forms: what the lanes take, and what they leave to the command line."""

import pytest

from credvault.model.plain import plain_form

PLAIN = [
    (["get", "a/b"], ("get", None, ["a/b"])),
    (["get", "-n", "a", "b"], ("get", "a", ["b"])),
    (["get", ""], ("get", None, [""])),
    (["exec", "--", "env"], ("exec", None, ["env"])),
    (["exec", "-n", "a", "--", "env"], ("exec", "a", ["env"])),
    (["exec", "--", "sh", "-c", "x", "--", "-n"], ("exec", None, ["sh", "-c", "x", "--", "-n"])),
    (["exec", "--", ""], ("exec", None, [""])),
    (["exec", "--", "--help"], ("exec", None, ["--help"])),
]

LEFT = [
    [],
    ["get"],
    ["list"],
    ["--json", "get", "a/b"],
    ["get", "--json", "a/b"],
    ["get", "a/b", "--json"],
    ["get", "--", "a/b"],
    ["get", "-h"],
    ["get", "credvault://a/b"],
    ["get", "Credvault://a/b"],
    ["get", "-n", "a", "credvault://b#c"],
    ["get", "-"],
    ["get", "a/b", "c/d"],
    ["get", "-n", "b"],
    ["get", "-na", "b"],
    ["get", "-n", "", "b"],
    ["get", "-n", "-a", "b"],
    ["get", "-n", "a", "-b"],
    ["get", "a/b", "-n", "a"],
    ["get", "-n", "a", "-n", "b", "c"],
    ["get", "--namespace", "a", "b"],
    ["exec"],
    ["exec", "--"],
    ["exec", "env"],
    ["exec", "-n", "a", "env"],
    ["exec", "-e", "A=b", "--", "env"],
    ["exec", "-n", "a", "--"],
    ["exec", "-n", "--", "env"],
    ["exec", "-n", "a", "-n", "b", "--", "env"],
    ["exec", "--explain", "--", "env"],
]


@pytest.mark.parametrize(("argv", "expected"), PLAIN, ids=[" ".join(argv) for argv, _ in PLAIN])
def test_plain_form_is_taken(argv: list[str], expected: tuple[str, str | None, list[str]]) -> None:
    form = plain_form(argv)

    assert form is not None
    assert (form.command, form.namespace, form.words) == expected
    assert not form.is_uri


@pytest.mark.parametrize("text", ["openbao+kv2://secret/a#b", "://", "x://"])
def test_uri_is_taken_as_one(text: str) -> None:
    form = plain_form(["get", text])

    assert form is not None
    assert (form.is_uri, form.words) == (True, [text])


@pytest.mark.parametrize("argv", LEFT, ids=[" ".join(argv) for argv in LEFT])
def test_anything_else_is_left_to_the_command_line(argv: list[str]) -> None:
    assert plain_form(argv) is None
