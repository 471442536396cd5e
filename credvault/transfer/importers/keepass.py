"""A KeePass database (.kdbx, versions 3 and 4). The only importer of pykeepass, the extra `credvault[keepass]`.

pykeepass opens the file; the XML in it is read here, element by element: its own look-ups put labels into XPath as
they are, and a label may hold a quote.
"""

import base64
import binascii
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from credvault.infile import read_file
from credvault.model.errors import Damaged, InvalidValue, MissingExtra, WrongKey
from credvault.sealing.crypto import aes_rounds, sha256
from credvault.transfer.importers.base import MAX_SOURCE_BYTES, Item, Skipped, Source, moment_of
from credvault.transfer.importers.cards import Card, host_of, items_of

try:
    from pykeepass import PyKeePass  # type: ignore[import-untyped]
    from pykeepass.exceptions import (  # type: ignore[import-untyped]
        CredentialsError,
        HeaderChecksumError,
        PayloadChecksumError,
    )
    from pykeepass.kdbx_parsing.common import compute_key_composite  # type: ignore[import-untyped]
except ImportError:
    PyKeePass = None

# What a derivation may cost: 1 GiB, 64 GiB written in all, 100 million rounds of AES. KeePassXC's defaults take a
# hundredth of it; a file that asks for more asks for the machine.
_MAX_MEMORY = 1 << 30
_MAX_WRITTEN = 64 << 30
_MAX_LANES = 64
_MAX_ROUNDS = 100_000_000
# What reading may take besides, so that a file of a few kilobytes cannot unpack to all there is.
_MAX_UNPACKED = 2 << 30
_MAX_KEY_FILE_BYTES = 1024 * 1024

# Seconds from 0001-01-01, from which KDBX 4 counts, to 1970-01-01.
_EPOCH = 62_135_596_800
_STANDARD = ("Title", "UserName", "Password", "URL", "Notes")
_SEEDS = ("otp",)


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the secrets of a database; raises MissingExtra, Locked, WrongKey, Damaged, InvalidValue, NotFound."""
    if PyKeePass is None:
        raise MissingExtra(
            "pykeepass is not installed, which reads KeePass files", hint="pip install 'credvault[keepass]'"
        )
    data = source.read_bytes()
    costs = _read_costs(data, source.shown)
    key_file = read_file(source.key_file, _MAX_KEY_FILE_BYTES) if source.key_file is not None else None
    password: str | None = None
    if key_file is None or source.password_file is not None or source.ask is not None:
        # Beside a key file nothing typed means that there is no password.
        password = source.password() or (None if key_file is not None else "")
    database = _open(data, costs, password, key_file, source.shown)
    root = database.tree.find("Root/Group")
    if root is None:
        raise Damaged(f"{source.shown} holds no group")
    bin_id = database.tree.findtext("Meta/RecycleBinUUID")
    binaries = _read_binaries(database, source.shown)
    groups: list[tuple[Any, tuple[str, ...]]] = [(root, ())]
    while groups:
        group, path = groups.pop(0)
        is_bin = bool(bin_id) and group is not root and group.findtext("UUID") == bin_id
        for entry in group.iter("Entry") if is_bin else group.findall("Entry"):
            if not is_bin:
                yield from _items(entry, path, binaries)
            elif entry.getparent().tag != "History":
                yield Skipped((*path, _title(entry)), "it is in the recycle bin")
        if not is_bin:
            groups += [(each, (*path, each.findtext("Name") or "")) for each in group.findall("Group")]


class _Costs(NamedTuple):
    """What the head of a file asks a derivation to cost: bytes of memory, or with a `seed` rounds of AES."""

    memory: int
    rounds: int
    seed: bytes


def _read_costs(data: bytes, shown: str) -> _Costs:
    """Return what opening costs; raises InvalidValue for what is no database, or asks for what no honest one needs."""
    try:
        # With a key at hand nothing is derived: only the head is read.
        head = PyKeePass(io.BytesIO(data), transformed_key=bytes(32), decrypt=False).kdbx.header.value.dynamic_header
        if "kdf_parameters" in head:
            cost = {name: item.value for name, item in head.kdf_parameters.data.dict.items()}
        else:
            cost = {"R": head.transform_rounds.data, "S": head.transform_seed.data}
        memory, times, lanes = int(cost.get("M", 0)), int(cost.get("I", 1)), int(cost.get("P", 1))
        rounds = int(cost.get("R", 0))
    except Exception:  # noqa: BLE001 - whatever its parser stumbles over
        raise InvalidValue(f"{shown} is not a KeePass database, or its head is damaged") from None
    if memory > _MAX_MEMORY or memory * times > _MAX_WRITTEN or lanes > _MAX_LANES or rounds > _MAX_ROUNDS:
        hint = "if it is yours, lower its encryption settings in KeePass first"
        raise InvalidValue(f"{shown} asks for a key derivation that costs too much", hint=hint)
    return _Costs(memory, rounds, bytes(cost["S"]) if rounds else b"")


def _open(data: bytes, costs: _Costs, password: str | None, key_file: bytes | None, shown: str) -> Any:
    try:
        stream = io.BytesIO(key_file) if key_file is not None else None
        key = None
        if costs.rounds:
            # One by one, as pykeepass does them, the 18 million rounds of KeePassXC's default take half a minute.
            whole = compute_key_composite(password, stream)
            halves = (aes_rounds(costs.seed, half, costs.rounds) for half in (whole[:16], whole[16:]))
            key = sha256(b"".join(halves))
        with _memory_limited(costs.memory + _MAX_UNPACKED):
            return PyKeePass(io.BytesIO(data), password=password, keyfile=stream, transformed_key=key)
    except CredentialsError:
        which = "password and the key file do" if key_file is not None and password else "password does"
        which = "key file does" if key_file is not None and not password else which
        raise WrongKey(f"the {which} not open {shown}") from None
    except (HeaderChecksumError, PayloadChecksumError):
        raise Damaged(f"{shown} is damaged: its checksums do not fit") from None
    except MemoryError:
        raise Damaged(f"{shown} unpacks to more than a database of secrets may have") from None
    except Exception as exc:  # noqa: BLE001 - a parser's; its text may quote what it read
        raise Damaged(f"{shown} opens, but cannot be read ({type(exc).__name__})") from None


@contextmanager
def _memory_limited(extra: int) -> Iterator[None]:
    """Let the block take so many bytes more, where the system tells how many it has (Linux); else any."""
    try:
        import resource

        with open("/proc/self/statm", "rb") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, OSError):
        yield
        return
    limit = used + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit if soft == resource.RLIM_INFINITY else min(limit, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _read_binaries(database: Any, shown: str) -> dict[str, bytes]:
    """Return the contents of attachments by what entries call them; raises Damaged."""
    if database.version >= (4, 0):
        # Each starts with a byte of flags.
        return {str(number): each.data[1:] for number, each in enumerate(database.payload.inner_header.binary)}
    # pykeepass takes the places of these for their numbers, and unpacks them to whatever size.
    contents: dict[str, bytes] = {}
    left = MAX_SOURCE_BYTES
    for binary in database.tree.findall("Meta/Binaries/Binary"):
        try:
            content = base64.b64decode("".join((binary.text or "").split()), validate=True)
            if content and binary.get("Compressed") == "True":
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
                content = unpacker.decompress(content, left + 1)
                if len(content) <= left and not unpacker.eof:
                    raise ValueError
        except (ValueError, zlib.error):
            raise Damaged(f"{shown} is damaged: an attachment cannot be unpacked") from None
        left -= len(content)
        if left < 0:
            raise Damaged(f"{shown} unpacks to more than a database of secrets may have")
        contents.setdefault(binary.get("ID", ""), content)
    return contents


def _title(entry: Any) -> str:
    return next((text for label, text, _ in _strings(entry) if label == "Title"), "") or "untitled"


def _items(entry: Any, path: tuple[str, ...], binaries: Mapping[str, bytes]) -> Iterator[Item | Skipped]:
    files = []
    for binary in entry.findall("Binary"):
        name, value = binary.findtext("Key") or "file", binary.find("Value")
        reference = value.get("Ref", "") if value is not None else ""
        if reference in binaries:
            files.append((name, binaries[reference]))
        else:
            yield Skipped((*path, _title(entry), "attachment", name), "the database does not hold it")
    yield from items_of(_card(entry, path, files))


def _card(entry: Any, path: tuple[str, ...], files: list[tuple[str, bytes]]) -> Card:
    strings = _strings(entry)
    standard = {label: text for label, text, _ in strings if label in _STANDARD}
    others = [(label, text, hidden) for label, text, hidden in strings if label not in (*_STANDARD, *_SEEDS)]
    url, password = standard.get("URL", ""), standard.get("Password", "")
    earlier = len(entry.findall("History/Entry"))
    remarks = [
        "its password refers to another entry" if password.startswith("{REF:") else "",
        f"without its history of {earlier}" if earlier else "",
    ]
    return Card(
        (*path, standard.get("Title", "") or "untitled"),
        password,
        standard.get("Notes", ""),
        [
            ("username", standard.get("UserName", "")),
            ("url", url),
            *((label, text) for label, text, hidden in others if not hidden),
        ],
        [(label, text) for label, text, hidden in others if hidden],
        [text for label, text, _ in strings if label in _SEEDS],
        files,
        {
            "service": host_of(url) if url else None,
            "tags": [tag.strip() for tag in (entry.findtext("Tags") or "").replace(",", ";").split(";") if tag.strip()],
            "created_at": _time(entry.findtext("Times/CreationTime")),
            "expires_at": _time(entry.findtext("Times/ExpiryTime"))
            if entry.findtext("Times/Expires") == "True"
            else None,
            "metadata": {
                name: time
                for name, time in {"source_updated_at": _time(entry.findtext("Times/LastModificationTime"))}.items()
                if time
            },
        },
        remark="; ".join(filter(None, remarks)),
    )


def _strings(entry: Any) -> list[tuple[str, str, bool]]:
    """Return label, text and whether it is a protected one of each string of an entry, in its order."""
    found = []
    for string in entry.findall("String"):
        value = string.find("Value")
        if value is not None:
            found.append((string.findtext("Key") or "", value.text or "", value.get("Protected") == "True"))
    return found


def _time(text: str | None) -> str | None:
    """Return a time of KDBX 3, which is ISO 8601, or of KDBX 4, seconds since the year 1 in base64."""
    if not text:
        return None
    try:
        return moment_of(struct.unpack("<q", base64.b64decode(text, validate=True))[0] - _EPOCH)
    except (binascii.Error, struct.error, ValueError):
        return moment_of(text)
