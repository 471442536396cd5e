"""The head of a vault file: header, its hash, the table of buckets, the MAC (format.md 1.2, lines 1 to 5)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from credvault.model.errors import Damaged
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
_HEAD = re.compile(
    rb'\{"header":(?P<header>\{.*\}),\n"header_sha256":"(?P<hash>[0-9a-f]{64})",\n"table":(?P<table>\[.*\]),\n'
    rb'"mac":"(?P<mac>[0-9a-f]{64})",\n"buckets":\[\n'
)
_ROW = re.compile(rb'\[([1-9][0-9]{0,9}),"([0-9a-f]{64})"\]')
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


class Head(NamedTuple):
    """A head that is well formed; nothing in it is to be believed before `is_signed_by`."""

    header: Mapping[str, Any]
    rows: Sequence[Row]
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
    match = _HEAD.fullmatch(head)
    if match is None:
        raise _damaged(path, "its head is not as written")
    rows = _parse_table(match["table"], match.end(), path)
    if image.size != rows[-1].offset + rows[-1].length + 1 + len(TAIL):
        raise _damaged(path, f"it has {image.size} bytes, which is not what its table says")
    if sha256(match["header"]).hex().encode("ascii") != match["hash"]:
        raise _damaged(path, "its header does not match its hash")
    try:
        check_slots(header["slots"], limits)
    except Damaged as exc:
        raise _damaged(path, exc.message) from None
    return Head(header, rows, match["mac"].decode("ascii"), head[: match.start("mac") - len(b'"mac":"')])


def render_head(header: Mapping[str, Any], buckets: Sequence[tuple[int, bytes]], key: DataKey) -> bytes:
    """Return lines 1 to 5 for `buckets` of (length, SHA-256), signed with `key`."""
    text = canonical(header)
    table = b",".join(b'[%d,"%s"]' % (length, digest.hex().encode("ascii")) for length, digest in buckets)
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
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{32}", text) is not None


def _parse_table(text: bytes, offset: int, path: str) -> list[Row]:
    rows: list[Row] = []
    position = 1
    while match := _ROW.match(text, position):
        rows.append(Row(offset, int(match[1]), bytes.fromhex(match[2].decode("ascii"))))
        offset += int(match[1]) + len(separator(is_last=False))
        position = match.end() + 1
        if text[match.end() : position] != b",":
            break
    count = len(rows)
    # The last row ends one byte before the closing bracket; a comma there would leave a row unread.
    if position != len(text) or not 1 <= count <= MAX_BUCKETS or count & (count - 1):
        raise _damaged(path, "its table of buckets is not as written")
    return rows


def _damaged(path: str, what: str) -> Damaged:
    return Damaged(f"the vault file {path} is damaged: {what}", hint=RESCUE_HINT)
