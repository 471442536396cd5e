"""Hides secrets in streams of bytes: patterns are compiled once, and each stream has a masker of its own.

No byte of a form comes out, whatever the chunks, and whatever overlaps; all else passes exactly as it is.
"""

import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from credvault.delivery.masking import MARK, hidden_forms
from credvault.model.value import SecretValue

# What may be the beginning of a form is held back until more comes. After a moment of quiet at most so many bytes of
# it are let go, and after a longer one at most half of the form: a prompt must not wait for ever because it looks like
# a secret. More than that is let go only by what follows, or by the end. Seconds.
QUICK_SECONDS, QUICK_BYTES = 0.02, 3
SLOW_SECONDS = 1.0

_WORD_BYTES = 4
_HEAD_BYTES = 4

Span = tuple[int, int]


class Patterns:
    """What is looked for: every form of some values. May be shared by any number of maskers."""

    def __init__(self, values: Iterable[SecretValue]) -> None:
        self._compile({form for value in values for form in hidden_forms(value)})

    @classmethod
    def of_forms(cls, forms: Iterable[bytes]) -> "Patterns":
        """Return patterns that are these bytes and no others, each of 6 bytes or more."""
        patterns = cls([])
        patterns._compile(set(forms))
        return patterns

    def _compile(self, forms: set[bytes]) -> None:
        self.forms: Sequence[bytes] = sorted(forms)
        self._longest = max(map(len, forms), default=0)
        self._heads = {int.from_bytes(form[:_HEAD_BYTES], sys.byteorder) for form in forms}
        self._short_heads = {form[:length] for form in forms for length in range(1, _HEAD_BYTES)}
        self._words: list[dict[int, list[tuple[int, bytes]]]] = [{}, {}]
        for form in self.forms:
            self._add_words(form)

    def _add_words(self, form: bytes) -> None:
        # Wherever it stands, a form of 7 bytes holds a whole word at a multiple of 4; one of 6 does so at one of 2.
        table, step = (self._words[0], 4) if len(form) >= 7 else (self._words[1], 2)
        for shift in range(step):
            offsets = range(shift, len(form) - _WORD_BYTES + 1, step)
            words = [int.from_bytes(form[offset : offset + _WORD_BYTES], sys.byteorder) for offset in offsets]
            best = min(range(len(words)), key=lambda number: len(table.get(words[number], ())))
            table.setdefault(words[best], []).append((offsets[best], form))

    def find(self, text: bytes) -> Iterator[Span]:
        """Yield start and end of every occurrence of every form."""
        everywhere, at_even = self._words
        passes = [(0, everywhere)] if everywhere else []
        if at_even:
            passes += [(0, at_even), (2, at_even)]
        for phase, table in passes:
            words = memoryview(text)[phase : phase + (len(text) - phase) // _WORD_BYTES * _WORD_BYTES].cast("I")
            for number in compress(range(len(words)), map(table.__contains__, words)):
                for offset, form in table[words[number]]:
                    start = phase + number * _WORD_BYTES - offset
                    if start >= 0 and text.startswith(form, start):
                        yield start, start + len(form)

    def beginnings(self, text: bytes) -> Iterator[int]:
        """Yield where a form may begin that `text` does not hold the end of, from the first on."""
        first = max(0, len(text) - self._longest + 1)
        last = max(first, len(text) - _HEAD_BYTES + 1)
        starts: list[int] = []
        for phase in range(first, min(first + _HEAD_BYTES, last)):
            words = memoryview(text)[phase : phase + (len(text) - phase) // _HEAD_BYTES * _HEAD_BYTES].cast("I")
            places = range(phase, phase + len(words) * _HEAD_BYTES, _HEAD_BYTES)
            starts += compress(places, map(self._heads.__contains__, words))
        starts.sort()
        starts += (start for start in range(last, len(text)) if text[start:] in self._short_heads)
        for start in starts:
            rest = text[start:]
            next_form = bisect_right(self.forms, rest)
            if next_form < len(self.forms) and self.forms[next_form].startswith(rest):
                yield start

    def shortest(self, beginning: bytes) -> int:
        """Return the length of the shortest form that is longer than `beginning` and begins so."""
        lengths = []
        for number in range(bisect_right(self.forms, beginning), len(self.forms)):
            if not self.forms[number].startswith(beginning):
                break
            lengths.append(len(self.forms[number]))
        return min(lengths)


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
            length = len(self._tail) - start
            if length > QUICK_BYTES and 2 * length > self._patterns.shortest(self._tail[start:]):
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
