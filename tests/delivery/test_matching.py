"""What a masker lets out, beside what may come out by a plain look at the whole stream."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.delivery.masking import MARK, hidden_forms
from credvault.delivery.matching import Masker, Patterns
from credvault.model.value import SecretValue

CANARY = b"canary-4711/+?&= 'gelb' \"rot\" $x"


def masked(patterns: Patterns, chunks: Iterable[bytes]) -> bytes:
    """Return what comes out of a stream in chunks."""
    masker = Masker(patterns)
    return b"".join([*(masker.feed(chunk) for chunk in chunks), masker.finish()])


def plainly_masked(forms: Iterable[bytes], text: bytes) -> bytes:
    """Return the same by looking at every place for every form."""
    hidden: set[int] = set()
    for form in forms:
        for start in range(len(text)):
            if text.startswith(form, start):
                hidden.update(range(start, start + len(form)))
    out = b""
    for place in range(len(text)):
        if place not in hidden:
            out += text[place : place + 1]
        elif place - 1 not in hidden:
            out += MARK
    return out


def cut(text: bytes, places: Sequence[int]) -> list[bytes]:
    """Return a text in pieces, cut at these places."""
    cuts = [0, *sorted(place for place in places if place < len(text)), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


small_forms = st.sets(st.text("ab", min_size=6, max_size=20).map(str.encode), min_size=1, max_size=8)
places = st.lists(st.integers(0, 200), max_size=12)


@given(forms=small_forms, text=st.text("abc", max_size=200).map(str.encode), places=places, data=st.data())
def test_what_comes_out_is_what_a_plain_look_says_whatever_the_chunks(
    forms: set[bytes], text: bytes, places: list[int], data: st.DataObject
) -> None:
    for form in data.draw(st.lists(st.sampled_from(sorted(forms)), max_size=4)):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + form + text[at:]

    out = masked(Patterns.of_forms(forms), cut(text, places))

    assert out == plainly_masked(forms, text)


@pytest.mark.parametrize("at", range(len(CANARY) + 1))
def test_canary_in_two_chunks_never_comes_out(at: int) -> None:
    patterns = Patterns([SecretValue(CANARY)])

    out = masked(patterns, [b"before " + CANARY[:at], CANARY[at:] + b" after"])

    assert out == b"before [REDACTED] after"


@pytest.mark.parametrize("form", sorted(hidden_forms(SecretValue(CANARY))))
def test_every_form_byte_by_byte_with_pauses_shows_at_most_three_bytes(form: bytes) -> None:
    masker = Masker(Patterns([SecretValue(CANARY)]))
    out = b""

    for byte in form:
        out += masker.feed(bytes([byte])) + masker.release(0.9)
    out += masker.feed(b"!") + masker.finish()

    assert out == form[:3] + MARK + b"!"
