"""A vault file that is open and unlocked, for reading: head, buckets, indexes and entries of one generation."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol, Self

from credvault.model.errors import StorageError
from credvault.model.names import Name
from credvault.model.record import Record
from credvault.sealing import buckets
from credvault.sealing.buckets import Bucket, bucket_number, damaged_bucket
from credvault.sealing.crypto import sha256
from credvault.sealing.entries import Entry, unseal_entry
from credvault.sealing.head import Head, Image, separator
from credvault.sealing.jsontext import canonical
from credvault.sealing.keys import DataKey


def _seek_and_read(fd: int, length: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, length)


# At a place where the system can: of two threads that share an open vault, neither moves the other's. Windows cannot.
_read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


class OpenImage(Image, Protocol):
    """An image that is closed after use."""

    def close(self) -> None:
        """Let go of it."""


class FileImage:
    """The bytes of an open file. The writer renames, so the file behind a descriptor never changes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        facts = os.fstat(fd)
        self.size = facts.st_size
        self.stamp = stamp_of(facts)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        try:
            return _read_at(self._fd, length, offset)
        except OSError as exc:
            raise StorageError(f"cannot read the vault file: {(exc.strerror or 'input/output error').lower()}") from exc

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def stamp_of(facts: os.stat_result) -> tuple[int, ...]:
    """Return what tells a file that was changed or replaced from one that was not."""
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mode, facts.st_mtime_ns, facts.st_ctime_ns


class BytesImage:
    """The bytes of a file in the making."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self._data[offset : offset + length]

    def close(self) -> None:
        """Do nothing."""


class OpenVault:
    """One generation of a vault, unlocked; whatever it returns has passed every check up to there.

    Every method that reads raises Damaged. Close it after use.
    """

    def __init__(self, image: OpenImage, head: Head, key: DataKey) -> None:
        self._image = image
        self._close = image.close
        self.head = head
        self.key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    def close(self) -> None:
        """Close the file."""
        self._close()

    @property
    def bucket_count(self) -> int:
        """How many buckets there are, a power of two."""
        return len(self.head.rows)

    def find(self, name: Name) -> Entry | None:
        """Return the entry of a name, or None; reads one bucket and opens one token."""
        entry_id = self.key.entry_id(*name)
        return self._entry_in(self.bucket_bytes(bucket_number(entry_id, self.bucket_count)), entry_id)

    def find_many(self, names: Collection[Name]) -> dict[Name, Entry]:
        """Return the entries of those names that are there; reads each bucket once."""
        by_bucket: dict[int, list[tuple[Name, str]]] = {}
        for name in names:
            entry_id = self.key.entry_id(*name)
            by_bucket.setdefault(bucket_number(entry_id, self.bucket_count), []).append((name, entry_id))
        found = {}
        for number, wanted in by_bucket.items():
            data = self.bucket_bytes(number)
            for name, entry_id in wanted:
                if (entry := self._entry_in(data, entry_id)) is not None:
                    found[name] = entry
        return found

    def records(self) -> Iterator[Record]:
        """Yield the record of each secret as far as the indexes hold it; opens no entry."""
        for number in range(self.bucket_count):
            rows = buckets.read_index(self.bucket_bytes(number), number, self.key)
            for entry_id, row in rows.items():
                yield buckets.row_record(row, entry_id, self.key, number)

    def names(self) -> Sequence[Name]:
        """Return the names in the indexes, sorted; those that were read with the key before are not read again."""
        if self.key.names is None:
            from credvault.sealing.nameindex import NameIndex  # `get` needs none of it

            self.key.names = NameIndex()
        hashes = [row.sha256 for row in self.head.rows]
        return self.key.names.names(hashes, lambda n: buckets.read_names(self.bucket_bytes(n), n, self.key))

    def bucket(self, number: int) -> Bucket:
        """Return a whole bucket, checked as a writer must before it signs it anew."""
        return buckets.parse_bucket(self.bucket_bytes(number), number, self.bucket_count, self.key)

    def bucket_bytes(self, number: int) -> bytes:
        """Return the bytes of a bucket, checked against the table."""
        data = self.raw_bucket(number)
        if sha256(data) != self.head.rows[number].sha256:
            raise damaged_bucket(number)
        return data

    def raw_bucket(self, number: int) -> bytes:
        """Return the bytes of a bucket as they are, unchecked."""
        return self.line(number)[: self.head.rows[number].length]

    def line(self, number: int) -> bytes:
        """Return the bytes of a bucket as they are and what stands after it, to be copied with their row."""
        row = self.head.rows[number]
        after = separator(is_last=number == self.bucket_count - 1)
        data = self._image.read(row.offset, row.length + len(after))
        if len(data) != row.length + len(after) or not data.endswith(after):
            raise damaged_bucket(number)
        return data

    def check_bucket(self, number: int) -> Iterator[Entry]:
        """Yield every entry of a bucket, after checking it against its index; raises Damaged at the first fault."""
        bucket = self.bucket(number)
        for entry_id, token in bucket.tokens.items():
            entry = unseal_entry(token, entry_id, self.key)
            # As bytes: to Python, true is 1.
            if canonical(entry.index_row()) != canonical(bucket.rows[entry_id]):
                raise damaged_bucket(number)
            yield entry

    def _entry_in(self, data: bytes, entry_id: str) -> Entry | None:
        token = buckets.find_token(data, entry_id)
        return None if token is None else unseal_entry(token, entry_id, self.key)
