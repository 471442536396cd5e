"""A vault file that stays open between reads, for a process that answers many."""

import os
from collections.abc import Iterator, Sequence

from credvault.model.record import Record
from credvault.sealing.head import Head
from credvault.sealing.keys import DataKey
from credvault.sealing.opened import FileImage, OpenVault, stamp_of

# How many buckets are kept after their hash was checked: of 10,000 secrets all, at a few hundred KB each at most.
KEPT_BUCKETS = 16
# The records of a larger vault are not kept: 1.5 KB each.
KEPT_RECORDS = 2_500


class KeptVault(OpenVault):
    """One generation that stays open: closing does nothing until it is let go.

    A file that was changed in place has another stamp, and one that was replaced another number, which the system
    gives to no other file while this one is open. Not for several threads.
    """

    def __init__(self, image: FileImage, head: Head, key: DataKey) -> None:
        super().__init__(image, head, key)
        self.parts = image, head, key
        self._buckets: dict[int, bytes] = {}
        self._records: Sequence[Record] | None = None

    def __exit__(self, *exc: object) -> None:
        """Do nothing: the file stays open."""

    def close(self) -> None:
        """Do nothing: the file stays open."""

    def is_of(self, path: str) -> bool:
        """Say whether this is still what a path leads to."""
        try:
            return stamp_of(os.lstat(path)) == self.parts[0].stamp
        except OSError:
            return False

    def let_go(self) -> None:
        """Close the file."""
        self.parts[0].close()

    def records(self) -> Iterator[Record]:
        """Return the record of each secret, from the indexes or as they were read before."""
        if self._records is None:
            records = list(super().records())
            if len(records) > KEPT_RECORDS:
                return iter(records)
            self._records = records
        return iter(self._records)

    def bucket_bytes(self, number: int) -> bytes:
        """Return the bytes of a bucket, checked against the table once."""
        data = self._buckets.pop(number, None)
        if data is None:
            data = super().bucket_bytes(number)
            if len(self._buckets) >= KEPT_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
        self._buckets[number] = data  # the last one used is the last one dropped
        return data
