"""A generation of a vault file that is about to be written, of pieces in memory and pieces of the file before it."""

from collections.abc import Sequence
from itertools import accumulate

from credvault.model.tuples import NamedTuple
from credvault.sealing.opened import OpenVault

_BLOCK_BYTES = 1024 * 1024


class Copied(NamedTuple):
    """The line of a bucket that is copied as it is: from which vault, its number there, its length."""

    vault: OpenVault
    number: int
    length: int


class Output(Sequence[bytes]):
    """The bytes of a generation: an image for the loader, and blocks of about 1 MiB to write.

    What is copied is read when it is asked for, so the vault it is copied from must stay open: at 100,000 secrets a
    write takes 27 MB of memory, and would take 208 with the whole file in it.
    """

    def __init__(self, pieces: Sequence[bytes | Copied]) -> None:
        self._pieces = pieces
        lengths = [piece.length if isinstance(piece, Copied) else len(piece) for piece in pieces]
        self._ends = list(accumulate(lengths))
        self.size = self._ends[-1]
        self._blocks = _blocks(lengths)

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, number: int) -> bytes:  # type: ignore[override]  # blocks are not sliced
        return b"".join([self._bytes_of(piece) for piece in self._blocks[number]])

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; raises Damaged where what is copied is not there any more."""
        from bisect import bisect_right  # not for those who only read a vault

        number = bisect_right(self._ends, offset)
        parts: list[bytes] = []
        while length > 0 and number < len(self._pieces):
            start = offset - (self._ends[number - 1] if number else 0)
            part = self._bytes_of(number)[start : start + length]
            parts.append(part)
            offset, length, number = offset + len(part), length - len(part), number + 1
        return b"".join(parts)

    def close(self) -> None:
        """Do nothing: what it is copied from is closed by whoever opened it."""

    def _bytes_of(self, number: int) -> bytes:
        piece = self._pieces[number]
        return piece.vault.line(piece.number) if isinstance(piece, Copied) else piece


def _blocks(lengths: Sequence[int]) -> list[range]:
    """Return the pieces in order, in runs that are just long enough."""
    blocks: list[range] = []
    first = size = 0
    for number, length in enumerate(lengths):
        size += length
        if size >= _BLOCK_BYTES or number == len(lengths) - 1:
            blocks.append(range(first, number + 1))
            first, size = number + 1, 0
    return blocks
