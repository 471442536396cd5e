"""A bucket: one line of the vault file with the entries of a share of the ids, and a sealed index of them."""

import re
import sys
from collections.abc import Mapping
from typing import Any

from credvault.model.errors import Damaged, InvalidName, InvalidValue
from credvault.model.names import Name, parse_name
from credvault.model.record import Record, check_facts, record_from_facts
from credvault.model.tuples import NamedTuple
from credvault.sealing.crypto import BadToken, pad, seal, unpad, unseal
from credvault.sealing.entries import INDEX_OPTIONAL, INDEX_REQUIRED, parse_row_name
from credvault.sealing.head import RESCUE_HINT
from credvault.sealing.jsontext import BadJSON, canonical, parse_canonical
from credvault.sealing.keys import DataKey

# A writer doubles the number of buckets when there are more entries than this for each (format.md 1.2).
ENTRIES_PER_BUCKET = 256

# Texts, not patterns: `get` finds its token by a byte search, and need not pay for compiling these.
_BUCKET = rb'\{"index":"([A-Za-z0-9_-]+={0,2})","entries":\{(.*)\}\}'
_ENTRY = rb'"([0-9a-f]{32})":"([A-Za-z0-9_-]+={0,2})"'
_INDEX_MEMBERS = {"namespace", "key", "version", *INDEX_REQUIRED, *INDEX_OPTIONAL}


class Bucket(NamedTuple):
    """The rows of a bucket's index and the tokens of its entries, both by entry id."""

    rows: Mapping[str, dict[str, Any]]
    tokens: Mapping[str, bytes]


def bucket_number(entry_id: str, count: int) -> int:
    """Return which of `count` buckets an entry is in: the number that the first bits of its id make."""
    return int(entry_id[:4], 16) >> 16 - (count.bit_length() - 1)


def find_token(data: bytes, entry_id: str) -> bytes | None:
    """Return the token of one entry by a byte search, or None; `data` must have its hash checked."""
    start = data.find(b'"%s":"' % entry_id.encode("ascii"))
    if start < 0:
        return None
    start += len(entry_id) + 4
    # Where the closing quote is missing, nothing is left, and nothing is no token.
    return data[start : max(start, data.find(b'"', start))]


def parse_bucket(data: bytes, number: int, count: int, key: DataKey) -> Bucket:
    """Return a bucket, its index opened; raises Damaged unless it is exactly what a writer makes of it."""
    match = re.fullmatch(_BUCKET, data)
    if match is None:
        raise damaged_bucket(number)
    tokens = {entry[1].decode("ascii"): entry[2] for entry in re.finditer(_ENTRY, match[2])}
    ids = list(tokens)
    rows = open_index(match[1], number, key)
    if (
        ids != sorted(rows)
        or match[2] != _render_entries(tokens)
        or any(bucket_number(entry_id, count) != number for entry_id in ids)
    ):
        raise damaged_bucket(number)
    return Bucket(rows, tokens)


def read_index(data: bytes, number: int, key: DataKey) -> dict[str, dict[str, Any]]:
    """Return the rows of a bucket's index by entry id, opening no entry; raises Damaged."""
    return open_index(_index_token(data, number), number, key)


def read_names(data: bytes, number: int, key: DataKey) -> list[Name]:
    """Return the names in a bucket's index, for who needs nothing else of it; raises Damaged.

    The key of the vault sealed them, and each is a name; that its row is as it should be and belongs to its entry,
    `read_index` and `row_record` look at, in three times the time.
    """
    rows = open_index(_index_token(data, number), number, key, compare=False)
    try:
        names = [parse_name(f"{row['namespace']}/{row['key']}") for row in rows.values()]
        # One text for each namespace: names may be kept.
        return [Name(sys.intern(name.namespace), name.key) for name in names]
    except (InvalidName, KeyError, TypeError):
        raise damaged_bucket(number) from None


def _index_token(data: bytes, number: int) -> bytes:
    match = re.match(_BUCKET, data)
    if match is None:
        raise damaged_bucket(number)
    return match[1]


def open_index(token: bytes, number: int, key: DataKey, *, compare: bool = True) -> dict[str, dict[str, Any]]:
    """Return the rows of an index token by entry id; raises Damaged. `compare` is as in `parse_canonical`."""
    try:
        rows = parse_canonical(unpad(unseal(key.index_key, token)), compare=compare)
    except (BadToken, BadJSON):
        raise damaged_bucket(number) from None
    if not isinstance(rows, dict):
        raise damaged_bucket(number)
    return rows


def row_record(row: Any, entry_id: str, key: DataKey, number: int) -> Record:
    """Return the record in a row of an index, as far as an index holds it; raises Damaged."""
    try:
        name = parse_row_name(row, entry_id, key)
        if type(row["version"]) is not int or row["version"] < 1 or not row.keys() <= _INDEX_MEMBERS:
            raise TypeError
        facts = dict(row)
        del facts["namespace"], facts["key"], facts["version"]
        check_facts(facts, INDEX_REQUIRED)
    except (InvalidName, InvalidValue, KeyError, TypeError):
        raise damaged_bucket(number) from None
    return record_from_facts(name, row["version"], facts)


def render_bucket(bucket: Bucket, key: DataKey) -> bytes:
    """Return the bytes of a bucket, entries in ascending order of id."""
    index = seal(key.index_key, pad(canonical(bucket.rows))).encode("ascii")
    return b'{"index":"%s","entries":{%s}}' % (index, _render_entries(dict(sorted(bucket.tokens.items()))))


def damaged_bucket(number: int) -> Damaged:
    """Return the error for a bucket that is not what its writer wrote."""
    return Damaged(f"bucket {number} of the vault file is damaged", hint=RESCUE_HINT)


def _render_entries(tokens: Mapping[str, bytes]) -> bytes:
    return b",".join(b'"%s":"%s"' % (entry_id.encode("ascii"), token) for entry_id, token in tokens.items())
