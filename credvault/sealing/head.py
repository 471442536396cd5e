"""The head of a vault file: header, its hash, the table of buckets, the MAC (format.md 1.2, lines 1 to 5)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Protocol

from credvault.model.errors import Damaged
from credvault.model.tuples import NamedTuple
from credvault.sealing.crypto import hmac_sha256, is_hmac_sha256, sha256
from credvault.sealing.jsontext import BadJSON, canonical, parse_canonical
from credvault.sealing.keys import DataKey
from credvault.sealing.slots import KdfLimits, Slot, check_slots

FORMAT, VERSION = "credvault-vault", 1
MAX_BUCKETS = 65_536
TAIL = b"]}\n"

# A table of 65,536 rows takes 5 MB, 16 slots a few KB.
_MAX_HEAD_BYTES = 8 * 1024 * 1024
_FIRST_READ_BYTES = 64 * 1024
_OPENING = b'{"header":'
_END = b'\n"buckets":[\n'
# What stands before and after what the first four lines hold; taken apart by hand, for compiling the pattern took
# 0.12 ms of each start.
_LINES = ((_OPENING, b","), (b'"header_sha256":"', b'",'), (b'"table":[', b"],"), (b'"mac":"', b'",'))
_DIGEST_BYTES = 32
_MAX_LENGTH = 10**10
RESCUE_HINT = (
    "restore a backup (the last one ends in .bak) and give --accept-rollback once, or run 'credvault salvage -o NEW'"
)
FOREIGN_HINT = "look whether it is the right file; if it was a vault, restore a backup (the last one ends in .bak)"
_HEADER_MEMBERS = {"format", "v", "min_reader", "vault_id", "gen", "slots"}


class Image(Protocol):
    """The bytes of a vault file: a file that is open, or one in the making."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""


class Row(NamedTuple):
    """Where a bucket stands in the file, and the SHA-256 (32 bytes) of its bytes."""

    offset: int
    length: int
    sha256: bytes


class Table:
    """Where each bucket stands. A row is made when it is asked for: `get` at 100,000 secrets uses one of 512."""

    def __init__(self, start: int, lengths: Sequence[int], digests: bytes) -> None:
        self._lengths = lengths
        self._digests = digests
        between = len(separator(is_last=False))
        self._offsets = list(accumulate(lengths, lambda offset, length: offset + length + between, initial=start))

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, number: int) -> Row:
        digest = self._digests[_DIGEST_BYTES * number : _DIGEST_BYTES * (number + 1)]
        return Row(self._offsets[number], self._lengths[number], digest)

    def __iter__(self) -> Iterator[Row]:
        return map(self.__getitem__, range(len(self)))

    @property
    def end(self) -> int:
        """Where the last bucket ends."""
        return self._offsets[-2] + self._lengths[-1]


class Head(NamedTuple):
    """A head that is well formed; nothing in it is to be believed before `is_signed_by`."""

    header: Mapping[str, Any]
    rows: Table
    mac: str
    signed: bytes

    @property
    def vault_id(self) -> str:
        """32 hex digits, for ever the same for one vault."""
        return str(self.header["vault_id"])

    @property
    def generation(self) -> int:
        """How many times the file was written, from 1."""
        return int(self.header["gen"])

    @property
    def slots(self) -> Sequence[Slot]:
        """The ways to unlock."""
        slots: Sequence[Slot] = self.header["slots"]
        return slots

    def is_signed_by(self, key: DataKey) -> bool:
        """Say whether the MAC is that of `key` over every byte before the line of the MAC."""
        return is_hmac_sha256(key.mac_key, self.signed, bytes.fromhex(self.mac))


def read_head(image: Image, limits: KdfLimits, path: str) -> Head:
    """Return the head of a vault file, checked as far as it can be without a key.

    Raises Damaged, with the hint to upgrade where the file asks for a newer reader.
    """
    if image.size == 0:
        raise Damaged(f"the vault file {path} is empty", hint=FOREIGN_HINT)
    data = image.read(0, _FIRST_READ_BYTES)
    if not data.startswith(_OPENING):
        raise Damaged(f"{path} is not a credvault vault file", hint=FOREIGN_HINT)
    # The header first: a file of a newer format may differ in all that follows.
    header = _parse_header(data[len(_OPENING) :].partition(b",\n")[0], path)
    while _END not in data:
        more = image.read(len(data), len(data)) if len(data) < _MAX_HEAD_BYTES else b""
        if not more:
            raise _damaged(path, "its head is cut off")
        data += more
    head = data[: data.index(_END) + len(_END)]
    text, digest, table, mac = _split_head(head, path)
    rows = _parse_table(table, len(head), path)
    if image.size != rows.end + len(separator(is_last=True)):
        raise _damaged(path, f"it has {image.size} bytes, which is not what its table says")
    if sha256(text).hex().encode("ascii") != digest:
        raise _damaged(path, "its header does not match its hash")
    try:
        check_slots(header["slots"], limits)
    except Damaged as exc:
        raise _damaged(path, exc.message) from None
    return Head(header, rows, mac.decode("ascii"), head[: head.rindex(_LINES[3][0])])


def render_head(header: Mapping[str, Any], buckets: Sequence[tuple[int, bytes]], key: DataKey) -> bytes:
    """Return lines 1 to 5 for `buckets` of (length, SHA-256), signed with `key`."""
    text = canonical(header)
    table = _render_table([length for length, _ in buckets], b"".join([digest for _, digest in buckets]))
    signed = b'{"header":%s,\n"header_sha256":"%s",\n"table":[%s],\n' % (
        text,
        sha256(text).hex().encode(),
        table,
    )
    return signed + b'"mac":"%s",\n"buckets":[\n' % hmac_sha256(key.mac_key, signed).hex().encode("ascii")


def separator(is_last: bool) -> bytes:
    """Return what stands after a bucket: a comma after each but the last, a line end, and after the last the tail."""
    return b"\n" + TAIL if is_last else b",\n"


def _parse_header(text: bytes, path: str) -> dict[str, Any]:
    try:
        header = parse_canonical(text)
    except BadJSON:
        raise _damaged(path, "its header is not as written") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise Damaged(f"{path} is not a credvault vault file", hint=RESCUE_HINT)
    for member in ("v", "min_reader", "gen"):
        if type(header.get(member)) is not int or header[member] < 1:
            raise _damaged(path, f"its header has no proper {member}")
    if header["min_reader"] > VERSION or header["v"] > VERSION:
        raise Damaged(f"{path} was written by a newer credvault", hint="upgrade credvault to read it")
    if header.keys() != _HEADER_MEMBERS or not _is_vault_id(header["vault_id"]):
        raise _damaged(path, "its header lacks a member, or has one that this version does not know")
    return header


def _is_vault_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == 32 and not text.strip("0123456789abcdef")


def _split_head(head: bytes, path: str) -> list[bytes]:
    """Return header, hash, rows of the table and MAC of a head; raises Damaged where it is not written as it must."""
    lines = head.removesuffix(_END).split(b"\n")
    if len(lines) != len(_LINES) or not all(
        line.startswith(before) and line.endswith(after) and len(line) >= len(before) + len(after)
        for line, (before, after) in zip(lines, _LINES, strict=True)
    ):
        raise _damaged(path, "its head is not as written")
    parts = [line[len(before) : -len(after)] for line, (before, after) in zip(lines, _LINES, strict=True)]
    if not (_is_digest(parts[1]) and _is_digest(parts[3])):
        raise _damaged(path, "its head is not as written")
    return parts


def _is_digest(text: bytes) -> bool:
    return len(text) == 2 * _DIGEST_BYTES and not text.strip(b"0123456789abcdef")


def _parse_table(text: bytes, start: int, path: str) -> Table:
    """Return the table of which `text` are the rows, `[L,"S"]` and commas; `start` is where the first bucket is."""
    # Read leniently, and strictly compared with what a writer makes of it. A pattern tried row by row took 0.9 ms
    # for the 512 rows of 100,000 secrets, this takes 0.25.
    fields = text.translate(None, b'[]"').split(b",")
    try:
        lengths = [int(length) for length in fields[0::2]]
        digests = bytes.fromhex(b"".join(fields[1::2]).decode("ascii"))
    except ValueError:
        lengths, digests = [], b""
    count = len(lengths)
    if (
        not 1 <= count <= MAX_BUCKETS
        or count & (count - 1)
        or min(lengths) < 1
        or max(lengths) >= _MAX_LENGTH
        or len(digests) != _DIGEST_BYTES * count
        or text != _render_table(lengths, digests)
    ):
        raise _damaged(path, "its table of buckets is not as written")
    return Table(start, lengths, digests)


def _render_table(lengths: Sequence[int], digests: bytes) -> bytes:
    text = digests.hex()
    size = 2 * _DIGEST_BYTES
    return ",".join(
        [f'[{length},"{text[size * place : size * (place + 1)]}"]' for place, length in enumerate(lengths)]
    ).encode("ascii")


def _damaged(path: str, what: str) -> Damaged:
    return Damaged(f"the vault file {path} is damaged: {what}", hint=RESCUE_HINT)
