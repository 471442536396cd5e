"""Hides secrets in streams of bytes: patterns are compiled once, and each stream has a masker of its own.

No byte of a form comes out, whatever the chunks, and whatever overlaps; all else passes exactly as it is. The library
ahocorasick_rs makes it faster where it is there, and changes nothing else.
"""

import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any

from credvault.delivery.masking import MARK, hidden_forms
from credvault.model.value import SecretValue

# What may be the beginning of a form is held back until more comes. After a moment of quiet at most so many bytes of
# it are let go, and after a longer one at most half of the form: a prompt must not wait for ever because it looks like
# a secret. More than that is let go only by what follows, or by the end. Seconds.
QUICK_SECONDS, QUICK_BYTES = 0.02, 3
SLOW_SECONDS = 1.0

LIBRARY, PLAIN = "ahocorasick_rs", "plain Python"

# The library looks for one word of each form, Python for one at each place relative to a multiple of 4.
_LONG_WORD, _WORD = 8, 4
# Of the words that a form offers, so many are compared; more made no figure better.
_CHOICES = 8
# Up to so many bytes of words the library makes a DFA, which took 0.1 to 0.5 KB for each; beyond, half as fast, an NFA.
_MAX_DFA_BYTES = 65_536
# How much a word that other forms have counts, beside how common its bytes are: as 16 blanks.
_SHARED = 128
# Python asks of so many words at once whether any is of a form: a set's isdisjoint took 6 ns for each, looking
# closer 13 ns. With 1,024 log text took a quarter longer.
_BLOCK_WORDS = 128

Span = tuple[int, int]
# Where forms have a word: by offset of the word and length of the form, so that as many forms as look alike are told
# by one look.
Places = dict[tuple[int, int], set[bytes]]


class Patterns:
    """What is looked for: every form of some values. May be shared by any number of maskers.

    `with_library` set to False leaves the library alone where it is there.
    """

    def __init__(self, values: Iterable[SecretValue], *, with_library: bool = True) -> None:
        self._compile({form for value in values for form in hidden_forms(value)}, with_library)

    @classmethod
    def of_forms(cls, forms: Iterable[bytes], *, with_library: bool = True) -> "Patterns":
        """Return patterns that are these bytes and no others, each of `MIN_BYTES` or more."""
        patterns = cls.__new__(cls)
        patterns._compile(set(forms), with_library)
        return patterns

    def _compile(self, forms: set[bytes], with_library: bool) -> None:
        self._forms: Sequence[bytes] = sorted(forms)
        self._longest = max(map(len, forms), default=0)
        self._short_heads = {form[:length] for form in forms for length in range(1, _WORD)}
        self._words: _LibraryWords | _PlainWords
        try:
            if not with_library:
                raise ImportError
            self._words = _LibraryWords(self._forms)
        except ImportError:
            self._words = _PlainWords(self._forms)

    @property
    def count(self) -> int:
        """How many forms there are."""
        return len(self._forms)

    @property
    def engine(self) -> str:
        """What does the looking: `LIBRARY` or `PLAIN`."""
        return LIBRARY if isinstance(self._words, _LibraryWords) else PLAIN

    def find(self, text: bytes) -> Iterator[Span]:
        """Yield start and end of every occurrence of every form, in no order, some of them twice."""
        for at, places in self._words.find(text):
            for (offset, length), forms in places.items():
                start = at - offset
                if start >= 0 and text[start : start + length] in forms:
                    yield start, start + length

    def beginnings(self, text: bytes) -> Iterator[int]:
        """Yield where a form may begin that `text` does not hold the end of, from the first on."""
        first = max(0, len(text) - self._longest + 1)
        for start in self._words.find_heads(text, first):
            rest = text[start:]
            number = bisect_right(self._forms, rest)
            if number < len(self._forms) and self._forms[number].startswith(rest):
                yield start
        for start in range(max(first, len(text) - _WORD + 1), len(text)):
            if text[start:] in self._short_heads:
                yield start

    def is_much(self, beginning: bytes) -> bool:
        """Say whether this is more than half of a form that begins so."""
        for number in range(bisect_right(self._forms, beginning), len(self._forms)):
            if not self._forms[number].startswith(beginning):
                return False
            if 2 * len(beginning) > len(self._forms[number]):
                return True
        return False


class _LibraryWords:
    """One word of each form in an automaton; raises ImportError where there is no library."""

    def __init__(self, forms: Sequence[bytes]) -> None:
        from ahocorasick_rs import BytesAhoCorasick, Implementation

        def automaton(words: Iterable[bytes]) -> Any:
            listed = list(words)
            is_small = sum(map(len, listed)) <= _MAX_DFA_BYTES
            return BytesAhoCorasick(
                listed, implementation=Implementation.DFA if is_small else Implementation.ContiguousNFA
            )

        places: dict[bytes, Places] = {}
        for form in forms:
            length = min(_LONG_WORD, len(form))
            _place(form, range(len(form) - length + 1), length, places)
        self._places = list(places.values())
        self._automaton = automaton(places)
        self._heads = automaton({form[:_WORD] for form in forms})

    def find(self, text: bytes) -> Iterator[tuple[int, Places]]:
        """Yield where a word of forms is, and its places in them."""
        for number, start, _ in self._automaton.find_matches_as_indexes(text, overlapping=True):
            yield start, self._places[number]

    def find_heads(self, text: bytes, first: int) -> Iterator[int]:
        """Yield where the first word of a form is, from `first` on."""
        for _, start, _ in self._heads.find_matches_as_indexes(text[first:], overlapping=True):
            yield first + start


class _PlainWords:
    """Words of each form as numbers in a set, so that a loop of the interpreter's own compares.

    90 MB/s of log text with the 940 forms of 50 secrets. Others tried on it: one regular expression of all forms
    0.4 MB/s; bytes.find of each form 11 MB/s; words of 8 bytes 200 MB/s, but many forms are too short for them.
    """

    def __init__(self, forms: Sequence[bytes]) -> None:
        everywhere: dict[bytes, Places] = {}
        at_even: dict[bytes, Places] = {}
        for form in forms:
            # Wherever it stands, a form of 7 bytes holds a whole word at a multiple of 4, and one of 6 at one of 2.
            places, step = (everywhere, _WORD) if len(form) >= 2 * _WORD - 1 else (at_even, _WORD // 2)
            for shift in range(step):
                _place(form, range(shift, len(form) - _WORD + 1, step), _WORD, places)
        passes = [(0, everywhere), *((phase, at_even) for phase in range(0, _WORD, _WORD // 2))]
        self._passes = [(phase, _numbered(places), frozenset(_numbered(places))) for phase, places in passes if places]
        self._heads = {_number(form) for form in forms}

    def find(self, text: bytes) -> Iterator[tuple[int, Places]]:
        """Yield where a word of forms is, and its places in them."""
        for phase, places, known in self._passes:
            words = _words(text, phase)
            for first in range(0, len(words), _BLOCK_WORDS):
                block = words[first : first + _BLOCK_WORDS]
                if known.isdisjoint(block):
                    continue
                for number in compress(range(len(block)), map(places.__contains__, block)):
                    yield phase + (first + number) * _WORD, places[block[number]]

    def find_heads(self, text: bytes, first: int) -> Iterator[int]:
        """Yield where the first word of a form is, from `first` on."""
        starts: list[int] = []
        for phase in range(first, first + _WORD):
            words = _words(text, phase)
            starts += compress(range(phase, len(text), _WORD), map(self._heads.__contains__, words))
        return iter(sorted(starts))


def _place(form: bytes, offsets: Sequence[int], length: int, places: dict[bytes, Places]) -> None:
    """Enter a form under one of its words: one that no other form has, and that looks as if it were seldom seen."""
    weights = form.translate(_COMMON)
    best, least = 0, sys.maxsize
    for offset in offsets[:: -(-len(offsets) // _CHOICES)]:
        shared = places.get(form[offset : offset + length])
        weight = sum(weights[offset : offset + length]) + (_SHARED * len(shared) if shared else 0)
        if weight < least:
            best, least = offset, weight
            if weight <= length:
                break
    places.setdefault(form[best : best + length], {}).setdefault((best, len(form)), set()).add(form)


def _words(text: bytes, phase: int) -> memoryview:
    """Return a text from a place on as numbers, without a rest that is no whole word."""
    return memoryview(text)[phase : phase + max(0, len(text) - phase) // _WORD * _WORD].cast("I")


def _number(form: bytes) -> int:
    return int.from_bytes(form[:_WORD], sys.byteorder)


def _numbered(places: dict[bytes, Places]) -> dict[int, Places]:
    return {_number(word): there for word, there in places.items()}


def _commonness() -> bytes:
    """Return how common each byte is in text and in what is padded: 0 to 8."""
    common = bytearray(256)
    for weight, characters in ((1, b"0123456789_-./:="), (2, b"abcdefghijklmnopqrstuvwxyz"), (4, b"etaoinsr")):
        for byte in characters:
            common[byte] = weight
    common[0] = common[32] = 8
    return bytes(common)


_COMMON = _commonness()


class Masker:
    """One stream, on its way out."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        # The end of what came that may be the beginning of a form, and how much of that is out already.
        self._tail = b""
        self._shown = 0
        self._is_in_mark = False  # the last byte that is out was a hidden one

    @property
    def pending(self) -> int:
        """How many bytes are held back."""
        return len(self._tail) - self._shown

    @property
    def patience(self) -> float | None:
        """How many seconds of quiet let go what is held back; None if nothing is, or no quiet will do."""
        if not self.pending:
            return None
        if len(self._tail) <= QUICK_BYTES:
            return QUICK_SECONDS
        for start in self._patterns.beginnings(self._tail):
            beginning = self._tail[start:]
            if len(beginning) > QUICK_BYTES and self._patterns.is_much(beginning):
                return None
        return SLOW_SECONDS

    def feed(self, data: bytes) -> bytes:
        """Take what comes next, and return what may go out now."""
        text = self._tail + data if self._tail else data
        start = next(self._patterns.beginnings(text), len(text))
        out, shown = self._masked(text, start)
        self._tail, self._shown = text[start:], shown - start
        return out

    def release(self, quiet: float) -> bytes:
        """Return what may go out after `quiet` seconds in which nothing came; `patience` says when that is anything.

        It is remembered: when the rest of a form comes, that is hidden.
        """
        patience = self.patience
        if patience is None or quiet < patience:
            return b""
        out, self._shown = self._masked(self._tail, len(self._tail))
        return out

    def finish(self) -> bytes:
        """Return what is held back, for nothing comes any more."""
        out, _ = self._masked(self._tail, len(self._tail))
        self._tail, self._shown, self._is_in_mark = b"", 0, False
        return out

    def _masked(self, text: bytes, end: int) -> tuple[bytes, int]:
        """Return what is not out yet of `text` up to `end`, or further where that is hidden anyway; and how far."""
        out: list[bytes] = []
        at = self._shown
        for start, stop in _merged(self._patterns.find(text)):
            if start > end:
                break
            if stop <= at:
                continue
            if start > at:
                out.append(text[at:start])
                self._is_in_mark = False
            if not self._is_in_mark:
                out.append(MARK)
                self._is_in_mark = True
            at = stop
        if at < end:
            out.append(text[at:end])
            self._is_in_mark = False
            at = end
        return b"".join(out), at


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield what the spans cover, from the left on; those that touch are one."""
    start = end = -1
    for first, last in sorted(spans):
        if first > end:
            if end >= 0:
                yield start, end
            start, end = first, last
        elif last > end:
            end = last
    if end >= 0:
        yield start, end
