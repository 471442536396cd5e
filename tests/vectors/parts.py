"""The parts of a vault file, put together by hand, so that any one of them can be wrong in a file that is signed.

Every key here is a test key that is known to everybody.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from credvault.sealing.buckets import bucket_number
from credvault.sealing.crypto import hmac_sha256, pad, seal
from credvault.sealing.entries import INDEX_OPTIONAL, INDEX_REQUIRED
from credvault.sealing.jsontext import canonical
from credvault.sealing.keys import DataKey, print_key
from credvault.sealing.slots import Slot, make_slot, passphrase_bytes

TIME = "2026-11-22T01:02:03Z"
VAULT_ID = "00112233445566778899aabbccddeeff"
PASSPHRASE = "correct horse battery staple"
# The fewest iterations that a reader takes (format.md 1.2): a golden file is opened in every test run.
ITERATIONS = 100_000

Json = dict[str, Any]


def test_key(purpose: str) -> bytes:
    """Return 32 bytes that are no secret: the hash of what they are for."""
    return hashlib.sha256(b"credvault test key: " + purpose.encode("ascii")).digest()


# pytest takes functions by their name.
test_key.__test__ = False  # type: ignore[attr-defined]

KEY = DataKey(test_key("data"), VAULT_ID)
RAW, KEYFILE, KEYRING, OTHER = (test_key(purpose) for purpose in ("raw", "keyfile", "keyring", "other"))

RAW_OPENS: Json = {"kind": "raw", "secret": print_key(RAW)}
KEYFILE_OPENS: Json = {"kind": "raw", "secret": print_key(KEYFILE)}
KEYRING_OPENS: Json = {"kind": "keyring", "secret": print_key(KEYRING)}
PASSPHRASE_OPENS: Json = {"kind": "passphrase", "secret": PASSPHRASE}


def raw_slot(slot_id: str = "1", secret: bytes = RAW, *, slot_type: str = "raw", label: str | None = None) -> Json:
    """Return a slot that opens without a slow derivation."""
    return dict(make_slot(slot_id, slot_type, secret, KEY, created_at=TIME, label=label))


def passphrase_slot(slot_id: str, passphrase: str = PASSPHRASE, iterations: int = ITERATIONS) -> Json:
    """Return a slot that opens by a passphrase."""
    secret = passphrase_bytes(passphrase)
    return dict(make_slot(slot_id, "passphrase", secret, KEY, created_at=TIME, iterations=iterations))


def header(slots: Sequence[Slot] | None = None, **changes: Any) -> Json:
    """Return a header; a change to None leaves the member out."""
    members = {
        "format": "credvault-vault",
        "v": 1,
        "min_reader": 1,
        "vault_id": VAULT_ID,
        "gen": 1,
        "slots": [raw_slot()] if slots is None else slots,
    }
    return {member: value for member, value in {**members, **changes}.items() if value is not None}


def assemble(header_text: bytes, buckets: Sequence[bytes], *, table: bytes | None = None, key: DataKey = KEY) -> bytes:
    """Return a whole file, its hashes and its MAC right whatever it says."""
    if table is None:
        table = b",".join(b'[%d,"%s"]' % (len(data), hashlib.sha256(data).hexdigest().encode()) for data in buckets)
    digest = hashlib.sha256(header_text).hexdigest().encode()
    signed = b'{"header":%s,\n"header_sha256":"%s",\n"table":[%s],\n' % (header_text, digest, table)
    mac = hmac_sha256(key.mac_key, signed).hex().encode()
    return signed + b'"mac":"%s",\n"buckets":[\n' % mac + b",\n".join(buckets) + b"\n]}\n"


def version(number: int = 1, state: str = "active", value: str | bytes | None = "value", **changes: Any) -> Json:
    """Return a version as an entry has it; bytes are written in base64."""
    members: Json = {"version": number, "state": state, "created_at": TIME, "updated_by": "tester"}
    if isinstance(value, str):
        members["value"] = value
    elif value is not None:
        members["value_base64"] = base64.b64encode(value).decode()
    return {member: item for member, item in {**members, **changes}.items() if item is not None}


def record(**changes: Any) -> Json:
    """Return a record with the members it must have; a change to None leaves one out."""
    members = {
        "type": "secret",
        "delivery": "executor_only",
        "created_at": TIME,
        "updated_at": TIME,
        "value_changed_at": TIME,
    }
    return {member: value for member, value in {**members, **changes}.items() if value is not None}


def entry(name: str, versions: Sequence[Any] | None = None, **facts: Any) -> Json:
    """Return an entry; `name` is namespace/key."""
    namespace, _, key = name.partition("/")
    shown = [version()] if versions is None else list(versions)
    return {"namespace": namespace, "key": key, "record": record(**facts), "versions": shown}


def entry_id(entry: Mapping[str, Any], key: DataKey = KEY) -> str:
    """Return the id of an entry."""
    return key.entry_id(entry["namespace"], entry["key"])


def entry_token(members: object, entry_id: str, key: DataKey = KEY) -> bytes:
    """Return the token of an entry; bytes are sealed as they are, so that the text or its padding can be wrong."""
    padded = members if isinstance(members, bytes) else pad(canonical(members))
    return seal(key.entry_key(entry_id), padded).encode()


def index_row(entry: Mapping[str, Any]) -> Json:
    """Return what the index holds of an entry."""
    facts, versions = entry["record"], entry["versions"]
    current = next((item for item in versions if item["state"] == "active"), versions[0])
    row = {member: facts[member] for member in (*INDEX_REQUIRED, *INDEX_OPTIONAL) if member in facts}
    return {"namespace": entry["namespace"], "key": entry["key"], "version": current["version"], **row}


def bucket(rows: object, tokens: Sequence[tuple[str, bytes]], key: DataKey = KEY) -> bytes:
    """Return the bytes of a bucket with these rows in its index (bytes: sealed as they are) and these tokens."""
    padded = rows if isinstance(rows, bytes) else pad(canonical(rows))
    index = seal(key.index_key, padded).encode()
    entries = b",".join(b'"%s":"%s"' % (entry_id.encode(), token) for entry_id, token in tokens)
    return b'{"index":"%s","entries":{%s}}' % (index, entries)


def vault(head: Json, entries: Sequence[Json], count: int = 1, key: DataKey = KEY) -> bytes:
    """Return a file of `count` buckets with nothing wrong in it."""
    lines = []
    for number in range(count):
        here = {entry_id(item, key): item for item in entries if bucket_number(entry_id(item, key), count) == number}
        tokens = [(eid, entry_token(here[eid], eid, key)) for eid in sorted(here)]
        lines.append(bucket({eid: index_row(item) for eid, item in here.items()}, tokens, key))
    return assemble(canonical(head), lines, key=key)
