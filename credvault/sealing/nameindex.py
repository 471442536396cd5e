"""Names that were read with a data key: what an agent keeps, so that TAB does not wait for a large vault.

A bucket that is as it was is known by its hash, so a change costs the reading of one. 150 bytes a name.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from credvault.model.names import Name


class NameIndex:
    """The names in buckets by the hash of each, and those of one generation together. For several threads."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, list[Name]] = {}
        self._last: tuple[Sequence[bytes], Sequence[Name]] = ((), ())

    def names(self, hashes: Sequence[bytes], read: Callable[[int], list[Name]]) -> Sequence[Name]:
        """Return the names of the generation whose buckets have these hashes, sorted; `read` is given a number."""
        last, names = self._last
        if last == hashes:
            return names
        for number, digest in enumerate(hashes):
            if digest not in self._buckets:
                self._buckets[digest] = sorted(read(number))
        names = sorted(chain.from_iterable(self._buckets[digest] for digest in hashes))
        self._last = hashes, names
        self._buckets = {digest: self._buckets[digest] for digest in hashes}
        return names

    def clear(self) -> None:
        """Forget them."""
        self._buckets, self._last = {}, ((), ())
