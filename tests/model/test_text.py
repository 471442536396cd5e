"""The one sanitiser, over all of Unicode."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.text import counted, is_terminal_safe, listed, printable

# Control, format (bidirectional, zero width), surrogate, private use, unassigned, line and paragraph separators.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_no_unseen_character_of_unicode_passes() -> None:
    passed = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in UNSEEN and printable(chr(code)) == chr(code)
    ]

    assert passed == []


def test_every_escape_is_plain_ascii_that_names_the_character() -> None:
    odd = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if (shown := printable(chr(code))) != chr(code)
        and not (shown.isascii() and shown.isprintable() and shown.startswith("\\") and len(shown) > 1)
    ]

    assert odd == []


def test_every_letter_digit_and_mark_of_punctuation_of_ascii_is_itself() -> None:
    text = "".join(map(chr, range(0x20, 0x7F)))

    assert printable(text) == text


@pytest.mark.parametrize(
    "text", ["Grüße", "秘密", "пароль", "סוד", "سر", "गुप्त", "한국어", "\U0001f511", "e\u0301", "’“…–×"]
)
def test_words_of_people_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("a\tb\r", r"a\tb\r"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("\x07\x08\x7f\0", r"\x07\x08\x7f\x00"),
        ("\x1b]8;;http://x\x07", r"\x1b]8;;http://x\x07"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066a\u2069", r"\u2066a\u2069"),
        ("a\u200bb\u200d\ufeff", r"a\u200bb\u200d\ufeff"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\u00a0\u2003\u3000", r"\xa0\u2003\u3000"),
        ("\u115f\u3164\uffa0\u2800", r"\u115f\u3164\uffa0\u2800"),
        ("a\ufe0f\U000e0100", r"a\ufe0f\U000e0100"),
        ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("", ""),
    ],
)
def test_character_that_could_deceive_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(), max_size=50))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    shown = printable(text)

    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert "\ud800" not in shown
    assert printable(shown) == shown


@pytest.mark.parametrize("value", [b"", b"text", b"two\nlines\n", b"a\tb", "é\U0001f511".encode()])
def test_ordinary_text_is_safe_for_a_terminal(value: bytes) -> None:
    assert is_terminal_safe(value)


@pytest.mark.parametrize(
    "value",
    [b"\xff", b"\0", b"a\rb", b"\x1b[2J", "\x9b".encode(), "\u202e".encode(), b"\x7f", b"\xed\xa0\x80", b"\x08"],
)
def test_bytes_that_steer_a_terminal_are_not_safe(value: bytes) -> None:
    assert not is_terminal_safe(value)


@given(st.binary(max_size=40))
def test_what_is_safe_holds_no_control_but_line_ends_and_tabs(value: bytes) -> None:
    if is_terminal_safe(value):
        assert not any((byte < 0x20 and byte not in b"\n\t") or byte == 0x7F for byte in value)
        assert printable(value.decode().translate({9: None, 10: None})).isprintable()


@pytest.mark.parametrize(("words", "text"), [("", ""), ("a", "a"), ("ab", "a, b"), ("abcd", "a, b and 2 more")])
def test_long_list_ends_with_how_many_more_there_are(words: str, text: str) -> None:
    assert listed(list(words), 2) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 bytes"), (1, "1 byte"), (2, "2 bytes")])
def test_count_agrees_with_its_noun(count: int, text: str) -> None:
    assert counted(count, "byte") == text
