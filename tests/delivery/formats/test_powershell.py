"""`powershell`, as its documentation says that PowerShell reads it. There is no PowerShell here: what reads is a reader
of the few words that are written, by about_Quoting_Rules, about_Join and about_Environment_Variables.
"""

import re
from pathlib import Path

import pytest

from credvault.delivery.formats import render
from credvault.model.errors import InvalidValue
from tests.delivery.formats.proof import injection, is_text, refused_after_proof

# What PowerShell takes for a single quote: the typographic ones count as such.
QUOTES = "'\u2018\u2019\u201a\u201b"
STATEMENT = re.compile(r"\$env:(\w+) = ", re.ASCII)
CHARACTER = re.compile(r"\[char\]0x([0-9a-f]{4})")


def read_script(script: bytes) -> dict[str, bytes]:
    """Return the variables that a script sets; as it comes through a pipe, in lines."""
    read = {}
    for line in script.decode("ascii").splitlines():  # in whatever code page, it is the same
        match = STATEMENT.match(line)
        assert match, line
        units, end = read_expression(line, match.end())
        assert end == len(line), line
        read[match[1]] = b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be").encode()
    return read


def read_expression(line: str, at: int) -> tuple[list[int], int]:
    """Return the UTF-16 units of an expression, and where it ends."""
    if not line.startswith("-join(", at):
        return read_quoted(line, at)
    units: list[int] = []
    at += len("-join")
    while line[at] in "(,":
        character = CHARACTER.match(line, at + 1)
        part, at = ([int(character[1], 16)], character.end()) if character else read_quoted(line, at + 1)
        units += part
    assert line[at] == ")"
    return units, at + 1


def read_quoted(line: str, at: int) -> tuple[list[int], int]:
    """Return the units of a text in single quotes, and where it ends: any two quotes in a row are the second one."""
    assert line[at] in QUOTES, line
    text = ""
    at += 1
    while True:
        if line[at] in QUOTES:
            if at + 1 == len(line) or line[at + 1] not in QUOTES:
                return [ord(character) for character in text], at + 1
            at += 1
        text += line[at]
        at += 1


def test_every_text_is_read_by_the_rules_of_powershell(tmp_path: Path) -> None:
    refused = refused_after_proof("powershell", read_script, tmp_path, count=20_000)

    assert refused
    assert not any(is_text(value) for value in refused)


WRITTEN = {
    "plain": (b"abc", b"'abc'"),
    "nothing is special": (b'$env:X `n $(id) "a" # !', b"'$env:X `n $(id) \"a\" # !'"),
    "a quote": (b"it's", b"'it''s'"),
    "a typographic quote": ("it’s".encode(), b"-join('it',[char]0x2019,'s')"),
    "lines": (b"a\r\nb", b"-join('a',[char]0x000d,[char]0x000a,'b')"),
    "a newline alone": (b"\n", b"-join([char]0x000a)"),
    "an emoji": ("😀".encode(), b"-join([char]0xd83d,[char]0xde00)"),
}


@pytest.mark.parametrize(("value", "written"), WRITTEN.values(), ids=WRITTEN.keys())
def test_line_is_ascii_and_says_the_rest_by_number(value: bytes, written: bytes) -> None:
    text = render("powershell", [injection(value)])

    assert text == b"$env:A = " + written + b"\n"
    assert read_script(text) == {"A": value}


@pytest.mark.parametrize(("value", "reason"), [(b"\xff", "not UTF-8"), (b"", "the value is empty")])
def test_what_powershell_cannot_hold_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(InvalidValue, match=f"A .the test. cannot be exported as powershell: .*{reason}"):
        render("powershell", [injection(value)])
