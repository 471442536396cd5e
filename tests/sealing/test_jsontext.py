"""Canonical JSON, and a reader that takes nothing twice and nothing odd."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.sealing.jsontext import BadJSON, canonical, parse_canonical, parse_strict

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20) + 1, 10**20 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_canonical_text_reads_back_and_is_the_only_one(value: Any) -> None:
    text = canonical(value)

    assert parse_canonical(text) == value
    assert text.isascii()
    assert text == json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_canonical_sorts_members_and_leaves_no_space() -> None:
    assert canonical({"b": [1, "é"], "a": {"d": None, "c": True}}) == b'{"a":{"c":true,"d":null},"b":[1,"\\u00e9"]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_canonical_refuses_numbers_that_json_has_not(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(number)


@pytest.mark.parametrize(
    "text", [b' {"a":1}', b'{"a": 1}', b'{"a":1}\n', b'{"b":1,"a":1}', b'"\\u0061"', b'"\\/"', b"-0", b'"\\u00E9"']
)
def test_another_spelling_is_not_canonical(text: bytes) -> None:
    parse_strict(text)

    with pytest.raises(BadJSON):
        parse_canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{,}",
        b"[1,]",
        b"'a'",
        b"1 1",
        b"\xef\xbb\xbf1",
        b'"\xc3\xa9"',
        b'"\n"',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":1}',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1.0",
        b"1e3",
        b"[0.5]",
        b"1" + b"0" * 20,
        b"-1" + b"0" * 20,
        b"1" * 5000,
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
    ids=range(25),
)
def test_odd_json_is_refused_without_quoting_it(text: bytes) -> None:
    with pytest.raises(BadJSON) as caught:
        parse_strict(text)

    assert caught.value.args == ()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("text", [b"[" * 32 + b"]" * 32, b"9" * 20, b"-" + b"9" * 20, b'""', b"null", b"0"])
def test_json_at_the_bounds_is_read(text: bytes) -> None:
    assert parse_strict(text) == json.loads(text)


@pytest.mark.parametrize("text", [b"0.25", b"1e3", b"-1.5e-3", b'{"a":[0.1]}'])
def test_fractions_are_read_where_they_may_be(text: bytes) -> None:
    assert parse_strict(text, floats=True) == json.loads(text)
    with pytest.raises(BadJSON):
        parse_strict(text)


@pytest.mark.parametrize("text", [b"1e999", b"-1e999", b"NaN", b"Infinity"])
def test_a_number_without_end_is_refused_even_where_fractions_may_be(text: bytes) -> None:
    """1e999 is JSON, and infinite to Python: it could be read and never be written again."""
    with pytest.raises(BadJSON):
        parse_strict(text, floats=True)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        value = parse_strict(text, floats=True)
    except BadJSON:
        return

    assert json.loads(text) == value


def is_read(text: bytes) -> bool:
    """Say whether a text is read as canonical."""
    try:
        parse_canonical(text)
    except BadJSON:
        return False
    return True


@given(st.text('{}[]",:01-.eabN \\u0', max_size=14).map(str.encode) | JSON.map(canonical))
def test_what_is_read_as_canonical_is_strict_and_written_the_same(text: bytes) -> None:
    """Reading it does without the hook that looks for members that are there twice."""
    try:
        expected = canonical(parse_strict(text)) == text
    except BadJSON:
        expected = False

    assert is_read(text) is expected


@pytest.mark.parametrize(
    "text",
    [b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'[{"a":{"b":1,"b":1}}]', b"0.5", b"NaN", b"1" * 21, b"[" * 33 + b"]" * 33],
)
def test_canonical_text_is_as_strict_as_any(text: bytes) -> None:
    assert not is_read(text)
