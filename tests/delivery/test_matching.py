"""What a masker lets out and when, beside a plain look at the whole stream: with the library and without it."""

import base64
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credvault.delivery.masking import MARK, hidden_forms
from credvault.delivery.matching import LIBRARY, PLAIN, QUICK_SECONDS, SLOW_SECONDS, Masker, Patterns
from credvault.model.value import SecretValue
from tests.patience import SECONDS

CANARY = b"canary-4711/+?&= 'gelb' \"rot\" $x"
ENGINES = {LIBRARY: True, PLAIN: False}


@pytest.fixture(params=ENGINES)
def with_library(request: pytest.FixtureRequest) -> bool:
    """With the library and without it."""
    return ENGINES[request.param]


@pytest.fixture
def canary(with_library: bool) -> Masker:
    """A stream from which the canary is hidden."""
    return Masker(Patterns([SecretValue(CANARY)], with_library=with_library))


def masked(patterns: Patterns, chunks: Iterable[bytes]) -> bytes:
    """Return what comes out of a stream in chunks."""
    masker = Masker(patterns)
    return b"".join([*(masker.feed(chunk) for chunk in chunks), masker.finish()])


def occurrences(forms: Iterable[bytes], text: bytes) -> list[tuple[int, int]]:
    """Return start and end of every form in a text, by looking at every place for every form."""
    return [(start, start + len(form)) for form in forms for start in range(len(text)) if text.startswith(form, start)]


def hidden_places(forms: Iterable[bytes], text: bytes) -> set[int]:
    """Return the places of a text that must not come out."""
    return {place for start, end in occurrences(forms, text) for place in range(start, end)}


def without(text: bytes, hidden: Collection[int]) -> bytes:
    """Return a text with a mark for each run of hidden places."""
    out = b""
    for place in range(len(text)):
        if place not in hidden:
            out += text[place : place + 1]
        elif place - 1 not in hidden:
            out += MARK
    return out


def plainly_masked(forms: Iterable[bytes], text: bytes) -> bytes:
    """Return what is to come out of a stream."""
    return without(text, hidden_places(forms, text))


def unsure(forms: Iterable[bytes], text: bytes) -> int:
    """Return how long the longest end of a text is that a form begins with."""
    return max((n for form in forms for n in range(1, len(form)) if text.endswith(form[:n])), default=0)


def cut(text: bytes, places: Sequence[int]) -> list[bytes]:
    """Return a text in pieces, cut at these places."""
    cuts = [0, *sorted(place for place in places if place < len(text)), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[set[bytes], list[bytes]]:
    """Draw forms of few letters, of which some begin, end or hold others, and a text with many of them in chunks."""
    letters = draw(st.sampled_from(["a", "ab", "abc"]))
    forms = draw(st.sets(st.text(letters, min_size=6, max_size=24).map(str.encode), min_size=1, max_size=6))
    for form in list(forms):
        start, end = draw(st.integers(0, 6)), draw(st.integers(0, 6))
        forms |= {part for part in (form[start:], form[: len(form) - end], form[start:] + form) if len(part) >= 6}
    parts = draw(st.lists(st.sampled_from(sorted(forms)) | st.text("abcd", max_size=12).map(str.encode), max_size=12))
    text = b"".join(parts)
    return forms, cut(text, draw(st.lists(st.integers(0, 250), max_size=12)))


@settings(deadline=None)
@given(streams())
def test_what_comes_out_is_what_a_plain_look_says_whatever_the_chunks(stream: tuple[set[bytes], list[bytes]]) -> None:
    forms, chunks = stream

    outs = [masked(Patterns.of_forms(forms, with_library=each), chunks) for each in (True, False)]

    assert outs == [plainly_masked(forms, b"".join(chunks))] * 2


@settings(deadline=None)
@given(streams())
def test_nothing_is_held_back_but_what_may_be_the_beginning_of_a_form(stream: tuple[set[bytes], list[bytes]]) -> None:
    forms, chunks = stream
    maskers = [Masker(Patterns.of_forms(forms, with_library=each)) for each in (True, False)]
    text = b""

    for chunk in chunks:
        text += chunk
        outs = [masker.feed(chunk) for masker in maskers]
        assert outs[0] == outs[1]
        assert [masker.pending for masker in maskers] == [maskers[0].pending] * 2
        assert maskers[0].pending <= unsure(forms, text)
        if not any(form in text[-50:] for form in forms):
            assert maskers[0].pending == unsure(forms, text)


@settings(deadline=None)
@given(streams(), st.data())
def test_quiet_lets_go_no_more_than_half_of_any_form(
    stream: tuple[set[bytes], list[bytes]], data: st.DataObject
) -> None:
    forms, chunks = stream
    masker = Masker(Patterns.of_forms(forms, with_library=data.draw(st.booleans())))
    out, text = b"", b""
    let_go: set[int] = set()

    for chunk in chunks:
        text += chunk
        out += masker.feed(chunk)
        for quiet in data.draw(st.lists(st.sampled_from([QUICK_SECONDS, SLOW_SECONDS]), max_size=2)):
            held = range(len(text) - masker.pending, len(text))
            out += masker.release(quiet)
            if not masker.pending:
                let_go.update(set(held) - hidden_places(forms, text))
    out += masker.finish()

    hidden = hidden_places(forms, text)
    assert out == without(text, hidden - let_go)
    for start, end in occurrences(forms, text):
        assert len(let_go.intersection(range(start, end))) <= max(3, (end - start) // 2)


def test_engines_are_what_they_are_called() -> None:
    assert {Patterns([], with_library=each).engine for each in (True, False)} == {LIBRARY, PLAIN}


def test_without_the_library_python_does_it() -> None:
    code = (
        "import sys\nsys.modules['ahocorasick_rs'] = None\n"
        "from credvault.delivery.matching import Masker, Patterns\n"
        "from credvault.model.value import SecretValue\n"
        "patterns = Patterns([SecretValue(b'canary-value')])\n"
        "masker = Masker(patterns)\n"
        "print(patterns.engine, masker.feed(b'<canary-value>') + masker.finish())"
    )

    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=SECONDS, check=True
    )

    assert ran.stdout == "plain Python b'<[REDACTED]>'\n"


@pytest.mark.parametrize("at", range(len(CANARY) + 1))
def test_canary_in_two_chunks_never_comes_out(canary: Masker, at: int) -> None:
    out = canary.feed(b"before " + CANARY[:at]) + canary.feed(CANARY[at:] + b" after") + canary.finish()

    assert out == b"before [REDACTED] after"


@pytest.mark.parametrize("form", sorted(hidden_forms(SecretValue(CANARY))))
def test_every_form_byte_by_byte_with_short_pauses_shows_three_bytes(canary: Masker, form: bytes) -> None:
    out = b""

    for byte in form:
        out += canary.feed(bytes([byte])) + canary.release(0.9)
    out += canary.feed(b"!") + canary.finish()

    assert out == form[:3] + MARK + b"!"


@pytest.mark.parametrize("form", sorted(hidden_forms(SecretValue(CANARY))))
def test_every_form_byte_by_byte_with_long_pauses_shows_half_at_most(canary: Masker, form: bytes) -> None:
    out = b""

    for byte in form:
        out += canary.feed(bytes([byte])) + canary.release(3_600)
    out += canary.feed(b"!") + canary.finish()

    shown, _, rest = out.partition(MARK)
    assert form.startswith(shown)
    assert len(shown) <= len(form) // 2
    assert rest == b"!"


@pytest.mark.parametrize("offset", range(3))
def test_base64_byte_by_byte_never_comes_out(canary: Masker, offset: int) -> None:
    encoded = base64.b64encode(b"xyz"[:offset] + CANARY + b"tail")

    out = b"".join([*(canary.feed(bytes([byte])) for byte in encoded), canary.finish()])

    assert MARK in out
    assert len(out) < len(MARK) + 13


def test_quiet_of_20_ms_lets_go_three_bytes_and_of_a_second_more(canary: Masker) -> None:
    assert canary.feed(b"> can") == b"> "
    assert (canary.pending, canary.patience, canary.release(0.019)) == (3, QUICK_SECONDS, b"")
    assert canary.release(QUICK_SECONDS) == b"can"
    assert (canary.pending, canary.patience) == (0, None)
    assert canary.feed(b"ary") == b""
    assert (canary.pending, canary.patience, canary.release(0.9)) == (3, SLOW_SECONDS, b"")
    assert canary.release(SLOW_SECONDS) == b"ary"
    assert canary.feed(CANARY[6:20]) == b""
    assert (canary.pending, canary.patience, canary.release(3_600)) == (14, None, b"")
    assert canary.feed(CANARY[20:] + b".") == MARK + b"."


def test_beginning_that_ends_otherwise_comes_out_as_it_was(canary: Masker) -> None:
    held = [canary.feed(CANARY[:-1]), canary.feed(b"")]

    assert held == [b"", b""]
    assert canary.feed(b"?") == CANARY[:-1] + b"?"
    assert canary.feed(CANARY[:-1]) + canary.finish() == CANARY[:-1]
    assert canary.pending == 0


def test_longest_of_several_wins_and_what_overlaps_is_one(with_library: bool) -> None:
    values = [b"secret", b"secret-of-gold", b"gold-and-silver", b"cret-of"]
    patterns = Patterns([SecretValue(value) for value in values], with_library=with_library)

    assert masked(patterns, [b"<secret> <secret-of-gold> <secret-of-gold-and-silver> <secre>"]) == (
        b"<[REDACTED]> <[REDACTED]> <[REDACTED]> <secre>"
    )
    assert masked(patterns, [b"<secret-of-gold-and-sil>"]) == b"<[REDACTED]-and-sil>"


def test_mark_comes_as_soon_as_it_is_sure(with_library: bool) -> None:
    masker = Masker(Patterns.of_forms([b"secret", b"secret\nand more"], with_library=with_library))

    assert masker.feed(b"<secret") == b"<" + MARK
    assert masker.feed(b"\nand") == b""
    assert masker.feed(b" more>") == b">"
    assert masker.feed(b"secret\nand less.") == MARK + b"\nand less."


def test_one_set_of_patterns_serves_two_streams(with_library: bool) -> None:
    patterns = Patterns([SecretValue(CANARY)], with_library=with_library)
    stdout, stderr = Masker(patterns), Masker(patterns)

    assert stdout.feed(CANARY[:20]) == b""
    assert stderr.feed(CANARY[20:]) == CANARY[20:]
    assert stdout.feed(CANARY[20:]) == MARK


@pytest.mark.parametrize("values", [[], [b"12345"]], ids=["none", "too short"])
def test_with_nothing_to_hide_all_passes_at_once(with_library: bool, values: list[bytes]) -> None:
    masker = Masker(Patterns([SecretValue(value) for value in values], with_library=with_library))

    assert masker.feed(b"12345 all\x00\xff") == b"12345 all\x00\xff"
    assert (masker.pending, masker.patience, masker.finish()) == (0, None, b"")


@pytest.mark.parametrize(
    "flood",
    [b" " * 4_000, CANARY * 200, CANARY[:-1] * 200, b"a" * 4_000, b"can" * 2_000],
    ids=["blanks", "canaries", "beginnings", "one letter", "heads"],
)
def test_floods_are_masked_as_a_plain_look_says(with_library: bool, flood: bytes) -> None:
    forms = {CANARY, b" " * 6, b"a" * 7, b"a" * 30, b"b" + b"a" * 11}

    out = masked(Patterns.of_forms(forms, with_library=with_library), [flood[:1_001], flood[1_001:]])

    assert out == plainly_masked(forms, flood)


def test_many_forms_that_look_alike_are_told_apart(with_library: bool) -> None:
    values = [b"user-password-%05d" % number for number in range(0, 10_000, 2)]
    patterns = Patterns([SecretValue(value) for value in values], with_library=with_library)

    assert masked(patterns, [b"user-password-00002 user-password-00003"]) == b"[REDACTED] user-password-00003"
