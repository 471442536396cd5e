"""Headers to refuse. Each is signed, and a good slot stands beside a bad one: only the fault itself refuses them."""

import base64
from collections.abc import Iterator
from typing import Any

from credvault.sealing.crypto import hkdf, seal
from credvault.sealing.jsontext import canonical
from tests.vectors.parts import (
    ITERATIONS,
    PASSPHRASE,
    RAW,
    VAULT_ID,
    Json,
    assemble,
    bucket,
    header,
    passphrase_slot,
    raw_slot,
)

Signed = Iterator[tuple[str, str, str, bytes]]


def file(text: bytes | Json) -> bytes:
    """Return a signed file without secrets under this header."""
    return assemble(text if isinstance(text, bytes) else canonical(text), [bucket({}, [])])


def headers() -> Signed:
    """Yield headers that are not as format.md 1.2 says."""
    good = canonical(header())
    raw = {
        "header with a space": (b" " + good, "no spaces anywhere"),
        "header unsorted": (good.replace(b'"gen":1,', b"").replace(b'"v":1', b'"v":1,"gen":1'), "members are sorted"),
        "header with a member twice": (good.replace(b'"gen":1', b'"gen":1,"gen":1'), "members are there once"),
        "header with a float": (good.replace(b'"gen":1', b'"gen":1.0'), "no floats"),
        "header with an exponent": (good.replace(b'"gen":1', b'"gen":1e0'), "no floats"),
        "header with NaN": (good.replace(b'"gen":1', b'"gen":NaN'), "no NaN"),
        "header with 21 digits": (good.replace(b'"gen":1', b'"gen":1' + b"0" * 20), "at most 20 digits"),
        "header not ASCII": (good.replace(b'"raw"', b'"raw","label":"\xc3\xa9"'), "the file is ASCII"),
        "header escaped needlessly": (good.replace(b'"raw"', b'"\\u0072aw"'), "one way to write it"),
        "header too deep": (canonical(header([raw_slot(), later(deep=nested(30))])), "at most 32 levels"),
        "header far too deep": (good.replace(b'"gen":1', b'"gen":' + b"[" * 5000), "at most 32 levels"),
        "header that is no JSON": (good[:-1] + b",}", "it is JSON"),
        "header that is another object": (b'{"a":1}', "its format is credvault-vault"),
    }
    for name, (text, reason) in raw.items():
        yield name, reason, "damaged", file(text)
    changed: dict[str, tuple[Json, str]] = {
        "header of another format": ({"format": "other-vault"}, "its format is credvault-vault"),
        "header without format": ({"format": None}, "its format is credvault-vault"),
        "header of a newer version": ({"v": 2}, "a newer program wrote it"),
        "header for a newer reader": ({"min_reader": 2}, "a newer program wrote it"),
        "header for a newer reader with more": ({"min_reader": 2, "new": {}}, "newer first, then its members"),
        "header with version true": ({"v": True}, "true is no integer"),
        "header with version 0": ({"v": 0}, "versions count from 1"),
        "header with version as text": ({"v": "1"}, "it is an integer"),
        "header without min_reader": ({"min_reader": None}, "a member is missing"),
        "header of generation 0": ({"gen": 0}, "generations count from 1"),
        "header of generation true": ({"gen": True}, "true is no integer"),
        "header without generation": ({"gen": None}, "a member is missing"),
        "header without vault_id": ({"vault_id": None}, "a member is missing"),
        "header with a short vault_id": ({"vault_id": VAULT_ID[2:]}, "32 hex digits"),
        "header with an upper-case vault_id": ({"vault_id": VAULT_ID.upper()}, "lower-case hex"),
        "header with a vault_id that is no text": ({"vault_id": 1}, "32 hex digits"),
        "header with a member more": ({"comment": "x"}, "unknown members are refused"),
    }
    for name, (changes, reason) in changed.items():
        yield name, reason, "damaged", file(header(**changes))


def slots() -> Signed:
    """Yield slots that are not as format.md 1.2 says, and some that do not open."""
    yield "slots not a list", "slots is an array", "damaged", file(header(slots={}))  # type: ignore[arg-type]
    yield "slots none", "1 to 16", "damaged", file(header([]))
    yield "slots 17", "1 to 16", "damaged", file(header([raw_slot(), *(later(str(n)) for n in range(2, 18))]))
    yield "slots of one id", "an id is there once", "damaged", file(header([raw_slot(), later("1")]))
    beside: dict[str, tuple[Any, str]] = {
        "slot that is text": ("raw", "a slot is an object"),
        "slot without id": ({"type": "later"}, "a slot has an id"),
        "slot with a number as id": ({"id": 2, "type": "later"}, "an id is text"),
        "slot without type": ({"id": "2"}, "a slot has a type"),
        "slot with a list as type": ({"id": "2", "type": ["raw"]}, "a type is text"),
        "slot without wrap": (without(raw_slot("2"), "wrap"), "a member is missing"),
        "slot without created_at": (without(raw_slot("2"), "created_at"), "a member is missing"),
        "slot with a member more": ({**raw_slot("2"), "x": 1}, "unknown members are refused"),
        "slot with a kdf that needs none": ({**raw_slot("2"), "kdf": {}}, "unknown members are refused"),
        "slot with an empty wrap": ({**raw_slot("2"), "wrap": ""}, "a wrap is a token"),
        "slot with a wrap not ASCII": ({**raw_slot("2"), "wrap": "é"}, "a wrap is a token"),
        "slot with a wrap that is no text": ({**raw_slot("2"), "wrap": 1}, "a wrap is a token"),
        "slot with a label that is no text": ({**raw_slot("2"), "label": 1}, "a label is text"),
        "slot with a label of null": ({**raw_slot("2"), "label": None}, "unset is absent"),
        "slot with a date only": ({**raw_slot("2"), "created_at": "2026-11-22"}, "a time"),
        "slot with a day that is none": ({**raw_slot("2"), "created_at": "2026-02-30T00:00:00Z"}, "a time"),
        "slot with digits not ASCII": ({**raw_slot("2"), "created_at": "2026-11-22T01:02:03.\u0663Z"}, "a time"),
        "slot with a time not in UTC": ({**raw_slot("2"), "created_at": "2026-11-22T01:02:03+01:00"}, "ends in Z"),
        "slot without kdf": (without(passphrase_slot("2"), "kdf"), "a passphrase slot has a kdf"),
    }
    for name, (slot, reason) in beside.items():
        yield name, reason, "damaged", file(header([raw_slot(), slot]))
    yield from derivations()
    # Not wrong in form, only no way in.
    moved = [{**raw_slot(), "label": "edited"}]
    yield "slot edited after its wrap", "every member is in the KEK", "wrong_key", file(header(moved))
    short = without(raw_slot(), "wrap")
    kek = hkdf(RAW, bytes.fromhex(VAULT_ID), b"credvault/v1/slot\0" + canonical(short))
    yield (
        "slot around a short data key",
        "a data key has 32 bytes",
        "wrong_key",
        file(header([{**short, "wrap": seal(kek, bytes(16))}])),
    )


def derivations() -> Signed:
    """Yield passphrase slots that ask for another derivation than one of format.md 1.2."""
    salt = base64.b64encode(bytes(31)).decode()
    changes: dict[str, tuple[Json, str]] = {
        "kdf of another name": ({"name": "scrypt"}, "one derivation is known"),
        "kdf with a member more": ({"x": 1}, "unknown members are refused"),
        "kdf with a salt of 31 bytes": ({"salt": salt}, "a salt has 32 bytes"),
        "kdf with a salt not base64": ({"salt": "*" * 44}, "a salt is base64"),
        "kdf with a salt not ASCII": ({"salt": "é" * 44}, "a salt is base64"),
        "kdf with a salt in another spelling": ({"salt": "A" * 42 + "B="}, "unused bits are 0"),
        "kdf with a salt that is no text": ({"salt": 1}, "a salt is base64"),
    }
    counts: list[Any] = [-1, 0, 1, ITERATIONS - 1, True, None, "600000", 10**7 + 1, 10**12, [600_000]]
    changes |= {f"kdf with iterations {spoken(n)}": ({"iterations": n}, "100,000 to 10,000,000") for n in counts}
    slot = passphrase_slot("2", PASSPHRASE)
    for name, (change, reason) in changes.items():
        yield name, reason, "damaged", file(header([raw_slot(), {**slot, "kdf": {**slot["kdf"], **change}}]))
    yield "kdf that is a list", "a kdf is an object", "damaged", file(header([raw_slot(), {**slot, "kdf": []}]))
    yield (
        "kdf without salt",
        "a member is missing",
        "damaged",
        file(header([raw_slot(), {**slot, "kdf": without(slot["kdf"], "salt")}])),
    )
    fraction = canonical(header([raw_slot(), slot])).replace(b'"iterations":100000', b'"iterations":1.5')
    yield "kdf with iterations 1.5", "no floats", "damaged", file(fraction)
    slow = [{**slot, "id": str(n), "kdf": {**slot["kdf"], "iterations": 10**7}} for n in range(2, 5)]
    yield (
        "kdf with 30 million iterations in all",
        "20,000,000 over all slots",
        "damaged",
        file(header([raw_slot(), *slow])),
    )


def spoken(value: object) -> str:
    """Return a value as a part of a name of a case and a file."""
    return {"600000": "as text", "[600000]": "as list", "None": "null", "-1": "minus 1"}.get(
        str(value), str(value).lower()
    )


def later(slot_id: str = "2", **members: Any) -> Json:
    """Return a slot of a type that this version does not know."""
    return {"id": slot_id, "type": "later", **members}


def nested(depth: int) -> object:
    """Return lists within lists, `depth` of them."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def without(members: Json, member: str) -> Json:
    """Return the members but one."""
    return {name: value for name, value in members.items() if name != member}
