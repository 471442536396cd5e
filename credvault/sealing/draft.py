"""The next generation of a vault file in the making: changed buckets made anew, all others copied as bytes."""

from collections.abc import Iterable, Iterator
from typing import Any

from credvault.model.names import Name
from credvault.sealing.buckets import ENTRIES_PER_BUCKET, Bucket, bucket_number, render_bucket
from credvault.sealing.crypto import sha256
from credvault.sealing.entries import Entry, seal_entry, unseal_entry
from credvault.sealing.head import FORMAT, MAX_BUCKETS, VERSION, render_head, separator
from credvault.sealing.keys import DataKey
from credvault.sealing.opened import OpenVault
from credvault.sealing.output import Copied, Output
from credvault.sealing.slots import Slot


class Draft:
    """What a writer changes. Every bucket that it touches is checked first; the rest is copied with its hash.

    `is_changed` says whether there is anything to write, `removes` whether something must not linger in a backup.
    """

    def __init__(self, vault: OpenVault) -> None:
        self._vault = vault
        self._buckets: dict[int, tuple[dict[str, Any], dict[str, bytes]]] = {}
        self._dirty: set[str] = set()
        self._count = vault.bucket_count
        self._grew = False
        self.key = vault.key
        self.slots: list[Slot] = list(vault.head.slots)
        self.removes = False

    @property
    def is_changed(self) -> bool:
        """Whether the file would differ."""
        return bool(self._buckets or self.slots != list(self._vault.head.slots) or self.removes)

    @property
    def generation(self) -> int:
        """The generation this becomes."""
        return self._vault.head.generation + 1

    def find(self, name: Name) -> Entry | None:
        """Return the entry of a name as this draft has it, or None."""
        entry_id = self.key.entry_id(*name)
        number = bucket_number(entry_id, self._count)
        if number not in self._buckets:
            return self._vault.find(name)
        token = self._buckets[number][1].get(entry_id)
        return None if token is None else unseal_entry(token, entry_id, self.key)

    def entries(self) -> Iterator[Entry]:
        """Yield every entry of the generation this is made from; raises Damaged at the first that does not open."""
        for number in range(self._vault.bucket_count):
            yield from self._vault.check_bucket(number)

    def put(self, entry: Entry) -> None:
        """Add the entry, or put it in the place of the one of that name."""
        entry_id = self.key.entry_id(*entry.name)
        index, tokens = self._load(entry_id)
        self._grew = self._grew or entry_id not in tokens
        index[entry_id] = entry.index_row()
        tokens[entry_id] = seal_entry(entry, entry_id, self.key).encode("ascii")
        self._dirty.add(entry_id)

    def remove(self, name: Name) -> None:
        """Remove the entry of a name, all versions."""
        entry_id = self.key.entry_id(*name)
        index, tokens = self._load(entry_id)
        del index[entry_id], tokens[entry_id]
        self._dirty.discard(entry_id)
        self.removes = True

    def replace_all(self, entries: Iterable[Entry], key: DataKey, slots: list[Slot]) -> None:
        """Make the whole vault anew under another data key, in as few buckets as it needs."""
        self.key, self.slots, self.removes = key, slots, True
        self._buckets, self._dirty, self._count = {0: ({}, {})}, set(), 1
        for entry in entries:
            self.put(entry)

    def render(self) -> Output:
        """Return the bytes of the file; buckets that are not touched are read of the old one when they are written."""
        if self._grew:
            self._split()
        lines: list[bytes | Copied] = []
        rows: list[tuple[int, bytes]] = []
        for number in range(self._count):
            after = separator(is_last=number == self._count - 1)
            if number in self._buckets:
                data = render_bucket(Bucket(*self._buckets[number]), self.key)
                rows.append((len(data), sha256(data)))
                lines.append(data + after)
            else:
                row = self._vault.head.rows[number]
                rows.append((row.length, row.sha256))
                lines.append(Copied(self._vault, number, row.length + len(after)))
        header = {**self._vault.head.header, "gen": self.generation, "slots": self.slots}
        return Output([render_head(header, rows, self.key), *lines])

    def check(self, written: OpenVault) -> None:
        """Open in `written`, which is read from the rendered bytes, all that this draft made; raises Damaged."""
        for number, (index, tokens) in self._buckets.items():
            bucket = written.bucket(number)
            for entry_id in self._dirty & tokens.keys():
                entry = unseal_entry(bucket.tokens[entry_id], entry_id, written.key)
                if entry.index_row() != index[entry_id]:
                    raise AssertionError("the writer made an index that is not its entry's")

    def _load(self, entry_id: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        number = bucket_number(entry_id, self._count)
        if number not in self._buckets:
            bucket = self._vault.bucket(number)
            self._buckets[number] = (dict(bucket.rows), dict(bucket.tokens))
        return self._buckets[number]

    def _split(self) -> None:
        """Double the buckets until none need hold more than its share; tokens move as bytes."""
        total = sum(self._entry_count(number) for number in range(self._count))
        count = self._count
        while total > ENTRIES_PER_BUCKET * count and count < MAX_BUCKETS:
            count *= 2
        if count == self._count:
            return
        halves: dict[int, tuple[dict[str, Any], dict[str, bytes]]] = {number: ({}, {}) for number in range(count)}
        for number in range(self._count):
            index, tokens = self._buckets.get(number) or self._vault.bucket(number)
            for entry_id, token in tokens.items():
                half = halves[bucket_number(entry_id, count)]
                half[0][entry_id], half[1][entry_id] = index[entry_id], token
        self._buckets, self._count = halves, count

    def _entry_count(self, number: int) -> int:
        if number in self._buckets:
            return len(self._buckets[number][1])
        # A colon stands before the index, the entries and each token, and none is in a token or an id: counting
        # costs no parsing, and that of single bytes next to nothing.
        return self._vault.raw_bucket(number).count(b":") - 2


def first_generation(key: DataKey, slots: list[Slot]) -> Output:
    """Return the bytes of a new, empty vault file."""
    empty = render_bucket(Bucket({}, {}), key)
    header = {
        "format": FORMAT,
        "v": VERSION,
        "min_reader": 1,
        "vault_id": key.vault_id,
        "gen": 1,
        "slots": slots,
    }
    head = render_head(header, [(len(empty), sha256(empty))], key)
    return Output([head, empty + separator(is_last=True)])
