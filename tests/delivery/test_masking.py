"""The spellings that are hidden, beside what real programs make of a value."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credvault.delivery.masking import MARK, MAX_FORM_BYTES, MAX_QUOTED_BYTES, MIN_BYTES, hidden_forms, is_maskable
from credvault.delivery.matching import Masker, Patterns
from credvault.model.value import SecretValue
from tests.canary import forms as canary_forms
from tests.patience import SECONDS

VALUES = [
    "plain-word-1",
    'it\'s "q" $HOME `x` \\n /a?b=c&d',
    "#hash and a!b{c,d}e",
    "a<b>&c'd\"e;%25 +~*()[]^|",
    "Käse «gelb» 😀 x",
    "  two  blanks ",
    "tab\there\nline two\nthird 'x' line",
    "-----BEGIN K-----\nabc/+=\n-----END K-----",
]
PROGRAMS = {
    "bash printf %q": ["bash", "-c", 'printf %q "$V"'],
    "bash set -x": ["bash", "-c", 'set -x; : "$V"'],
    "bash declare -p": ["bash", "-c", "declare -p V"],
    "bash @Q": ["bash", "-c", 'echo "${V@Q}"'],
    "dash set -x": ["dash", "-xc", ': "$V"'],
    "zsh (q)": ["zsh", "-fc", "print -r -- ${(q)V}"],
    "zsh (qq)": ["zsh", "-fc", "print -r -- ${(qq)V}"],
    "zsh (qqq)": ["zsh", "-fc", "print -r -- ${(qqq)V}"],
    "fish": ["fish", "--no-config", "-c", "string escape -- $V"],
    "fish url": ["fish", "--no-config", "-c", "string escape --style=url -- $V"],
    "node JSON": ["node", "-e", "console.log(JSON.stringify(process.env.V))"],
    "node component": ["node", "-e", "console.log(encodeURIComponent(process.env.V))"],
    "node URI": ["node", "-e", "console.log(encodeURI(process.env.V))"],
    "node form": ["node", "-e", "console.log(new URLSearchParams({V: process.env.V}).toString())"],
    "node inspect": ["node", "-e", "console.log([process.env.V])"],
    "python": [
        sys.executable,
        "-c",
        "import os, json, html, shlex, urllib.parse as u\nv = os.environ['V']\n"
        "print(json.dumps(v), json.dumps(v, ensure_ascii=False), html.escape(v), html.escape(v, False), shlex.quote(v),"
        " repr(v), os.environb[b'V'], u.quote(v), u.quote(v, safe=''), u.quote_plus(v), v.encode().hex(), sep='\\n')",
    ],
}
# What may be left around a value: the quotes of every program above, its own words, and ends of lines.
AROUND = [
    b"declare -x V=",
    b"V=",
    b"+ : ",
    b"[ ",
    b" ]",
    b"b'",
    b'b"',
    b"%0A",
    b"\\n",
    b"'",
    b'"',
    b"$",
    b"`",
    b"\\",
    b" ",
]

values = st.binary(min_size=1, max_size=80)


def masked(value: bytes, text: bytes, *, onlcr: bool = False) -> bytes:
    """Return a text without a value, as a terminal shows it with `onlcr`."""
    masker = Masker(Patterns([SecretValue(value)]))
    return masker.feed(text.replace(b"\n", b"\r\n") if onlcr else text) + masker.finish()


@pytest.mark.parametrize("onlcr", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("program", list(PROGRAMS))
def test_what_programs_print_of_a_value_is_hidden(program: str, value: str, onlcr: bool) -> None:
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/", "V": value}
    ran = subprocess.run(PROGRAMS[program], env=environment, capture_output=True, timeout=SECONDS, check=True)

    out = masked(value.encode(), ran.stdout + ran.stderr, onlcr=onlcr)

    assert out.count(MARK) >= 1
    for around in (MARK, *AROUND):
        out = out.replace(around, b"")
    assert out.strip() == b""


@pytest.mark.parametrize("columns", [64, 76])
@pytest.mark.parametrize("before", [b"", b"x", b"xy"])
def test_base64_is_hidden_at_each_offset_and_in_lines(before: bytes, columns: int) -> None:
    value = b"canary-with-some-length-4711/+?&=-and-more-than-one-line-of-base64" * 2
    encoded = base64.b64encode(before + value + b"after")
    lines = b"\n".join(encoded[start : start + columns] for start in range(0, len(encoded), columns))

    out = masked(value, encoded)
    in_lines = masked(value, lines)

    # What is left holds two bits, four, or none of the value at either end.
    assert len(out) <= len(base64.b64encode(before)) + len(MARK) + len(b"=after") * 8 // 6 + 2
    if not before:
        assert in_lines.startswith(MARK)
        assert len(in_lines) <= len(MARK) + len(b"=after") * 8 // 6 + 2


@settings(deadline=None)
@given(value=values, around=st.tuples(st.binary(max_size=9), st.binary(max_size=9)))
def test_no_form_that_a_canary_is_looked_for_in_comes_out(value: bytes, around: tuple[bytes, bytes]) -> None:
    """The forms of tests/canary.py are written down apart from ours."""
    if not is_maskable(SecretValue(value)) or value.endswith((b"\r", b"\n")):
        return

    for form in canary_forms(value):
        assert form not in masked(value, b"<" + around[0] + b">" + form + b"<" + around[1] + b">")


@settings(deadline=None)
@given(value=st.binary(min_size=1, max_size=2_000))
def test_forms_keep_their_bounds(value: bytes) -> None:
    forms = hidden_forms(SecretValue(value))

    assert all(MIN_BYTES <= len(form) <= MAX_FORM_BYTES for form in forms)
    assert bool(forms) == is_maskable(SecretValue(value))


def test_value_of_five_bytes_is_too_short_and_of_six_is_not() -> None:
    short, enough = SecretValue(b"12345\n"), SecretValue(b"123456")

    assert (is_maskable(short), hidden_forms(short)) == (False, set())
    assert is_maskable(enough)
    assert b"123456" in hidden_forms(enough)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_each_line_is_hidden_and_short_ones_within_the_whole(end: bytes) -> None:
    value = end.join([b"first line", b"2nd", b"third line"]) + end

    whole = masked(value, b"<" + value + b">")
    alone = masked(value, b"<first line><2nd><third line>")

    assert whole == b"<" + MARK + end + b">"
    assert alone == b"<" + MARK + b"><2nd><" + MARK + b">"


def test_lines_of_a_text_in_another_encoding_are_hidden() -> None:
    assert masked(b"caf\xe9 one\ncaf\xe9 two", b"<caf\xe9 two>") == b"<" + MARK + b">"


@pytest.mark.parametrize(
    "url",
    [
        b"postgresql://user:p%40ss%2Fword@db.example.org:5432/shop",
        b"redis://:p%40ss%2Fword@db.example.org",
        b"amqp+ssl://user:p%40ss%2Fword@[::1]/?x=y@z",
    ],
)
def test_password_in_a_url_is_hidden_by_itself_as_it_is_and_quoted(url: bytes) -> None:
    out = masked(url, b"<p@ss/word> <p%40ss%2Fword> <user> <db.example.org> <" + url + b">")

    assert out == b"<[REDACTED]> <[REDACTED]> <user> <db.example.org> <[REDACTED]>"


@pytest.mark.parametrize(
    "url", [b"https://example.org/a:b@c", b"postgres://user:short@h", b"user:password@example.org"]
)
def test_url_without_a_password_of_six_bytes_is_hidden_as_a_whole(url: bytes) -> None:
    assert masked(url, b"short b@c password <" + url + b">") == b"short b@c password <[REDACTED]>"


def test_long_value_is_hidden_piece_by_piece() -> None:
    value = os.urandom(1 << 20)

    whole = masked(value, b"<" + value + b">")
    half = masked(value, b"<" + value[: 1 << 19] + b">")

    assert whole == b"<" + MARK + b">"
    assert half == b"<" + MARK + b">"


def test_long_text_has_no_quoted_forms_but_lines_and_encodings() -> None:
    text = b"\n".join(b"line %06d of 'x'" % number for number in range(MAX_QUOTED_BYTES // 16))

    forms = hidden_forms(SecretValue(text))

    assert b"line 000001 of 'x'" in forms
    assert not any(b"\\'" in form for form in forms)
    assert masked(text, text.hex().encode()) == MARK
    assert masked(text, base64.b64encode(text)).startswith(MARK)


def test_no_part_of_a_value_is_in_what_shows_a_form() -> None:
    """A failure of a test, or a traceback, must not name patterns either."""
    patterns = Patterns([SecretValue(b"canary-value")])

    assert "canary" not in repr(patterns) + str(vars(Masker(patterns)).keys())


def test_programs_that_quote_are_there() -> None:
    """Else the first test of this file would be about nothing."""
    folders = os.environ["PATH"].split(os.pathsep)
    there = {words[0]: any((Path(folder) / words[0]).exists() for folder in folders) for words in PROGRAMS.values()}

    assert all(there.values()), there
