"""Heads of messages and quoted texts: strict in what is read, and any bytes come through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model import wire
from credvault.model.wire import BadMessage


@given(st.binary(max_size=200))
def test_any_bytes_come_through_quoting_as_plain_ascii(data: bytes) -> None:
    quoted = wire.quote(data)

    assert wire.unquote(quoted) == data
    assert quoted.isascii()
    assert not set(quoted) & set(' ;=?"\r\n\0')


@given(st.text(st.characters(exclude_characters="\0"), max_size=100))
def test_any_text_that_a_path_can_be_comes_through(text: str) -> None:
    path = text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")

    assert wire.unquote_text(wire.quote_text(path)) == path


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@given(st.dictionaries(st.sampled_from(wire.SETTINGS), TEXTS))
def test_any_table_comes_through(table: dict[str, str]) -> None:
    assert wire.unquote_table(wire.quote_table(table), wire.SETTINGS) == table


@pytest.mark.parametrize("text", ["%", "%4", "%zz", "%4 1", "% 41", "%+4", "%-1", "é", "%٣٣", "a%"])
def test_bad_quoting_is_no_message(text: str) -> None:
    with pytest.raises(BadMessage):
        wire.unquote(text)


@pytest.mark.parametrize("text", ["HOME", "HOME=a;HOME=b", "SHELL=x", "=x", ";", "HOME=a;", "HOME=%zz"])
def test_bad_table_is_no_message(text: str) -> None:
    with pytest.raises(BadMessage):
        wire.unquote_table(text, wire.SETTINGS)


def test_table_without_anything_is_empty() -> None:
    assert wire.unquote_table("", wire.SETTINGS) == {}


def test_rendered_request_is_read_again() -> None:
    request = wire.render_request("PUT", "/v1/x?y=1", [("A", "b c"), ("d", "")], b"body")

    head, _, body = request.partition(wire.END_OF_HEAD)
    message = wire.parse_head(head)

    assert message.first == ("PUT", "/v1/x?y=1", "HTTP/1.1")
    assert message.headers == {
        "host": "credvault",
        wire.WIRE: wire.VERSION,
        "a": "b c",
        "d": "",
        "content-length": "4",
    }
    assert (message.length, body) == (4, b"body")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_no_message(head: bytes) -> None:
    try:
        message = wire.parse_head(head)
    except BadMessage:
        return

    assert len(message.first) == 3
    assert all(name == name.lower() for name in message.headers)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET / HTTP/1.1\r\nno colon",
        b"GET / HTTP/1.1\r\n: no name",
        b"GET / HTTP/1.1\r\nname : space",
        b"GET / HTTP/1.1\r\n folded: x",
        b"GET / HTTP/1.1\r\na: 1\r\nA: 2",
        b"GET / HTTP/1.1\r\na: \x00",
        b"GET / HTTP/1.1\r\na: \x7f",
        b"GET / HTTP/1.1\r\na: \xe9",
        b"GET / HTTP/1.1\na: 1",
        b"GET / HTTP/1.1\r\na: 1\nb: 2",
    ],
)
def test_head_that_could_be_read_in_two_ways_is_no_message(head: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.parse_head(head)


@pytest.mark.parametrize("length", ["", "-1", "+1", "1.0", "0x1", "1 1", "1_0", "٣", "9" * 16])
def test_length_is_written_in_digits(length: str) -> None:
    message = wire.Message(("GET", "/", "HTTP/1.1"), {"content-length": length})

    with pytest.raises(BadMessage):
        _ = message.length


def test_head_without_a_length_has_no_body_and_chunks_are_refused() -> None:
    assert wire.Message(("GET", "/", "HTTP/1.1"), {}).length == 0
    with pytest.raises(BadMessage):
        _ = wire.Message(("GET", "/", "HTTP/1.1"), {"transfer-encoding": "chunked"}).length


def test_settings_that_travel_are_not_secret() -> None:
    assert not [name for name in wire.SETTINGS if "KEY" in name or "PASS" in name or "TOKEN" in name]
