"""Slots: the ways to unlock a vault file. Each wraps the data key under a key of its own (format.md 1.1, 1.2)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from credvault.model import times
from credvault.model.errors import Damaged, WrongKey
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue
from credvault.sealing.crypto import KEY_BYTES, BadToken, hkdf, pbkdf2, random_bytes, seal, unseal
from credvault.sealing.jsontext import canonical
from credvault.sealing.keys import DataKey

PASSPHRASE, RAW, KEYRING, KEYFILE = "passphrase", "raw", "keyring", "keyfile"
KDF_NAME = "pbkdf2-hmac-sha256"
MAX_SLOTS = 16
SALT_BYTES = 32

_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class KdfLimits(NamedTuple):
    """Bounds of PBKDF2 iterations, checked before any derivation.

    At least `write_minimum` when a slot is made (OWASP 2023 for PBKDF2-HMAC-SHA256: 600,000); a file is read with
    `read_minimum` to `maximum` each and at most `total` over all slots.
    """

    write_minimum: int = 600_000
    read_minimum: int = 100_000
    maximum: int = 10_000_000
    total: int = 20_000_000


KDF_LIMITS = KdfLimits()


class KeyMaterial(NamedTuple):
    """What somebody offers to unlock a vault with, and where it came from.

    `kind` is `passphrase` (text as UTF-8), `raw` (32 bytes, tried on raw and keyfile slots) or `keyring`
    (32 bytes, tried on keyring slots).
    """

    kind: str
    secret: SecretValue
    source: str

    @property
    def slot_types(self) -> tuple[str, ...]:
        """The types of slot this may open."""
        return (RAW, KEYFILE) if self.kind == RAW else (self.kind,)


Slot = Mapping[str, Any]
"""One slot as JSON has it: `id`, `type`, `created_at`, `wrap`, maybe `label`, for a passphrase `kdf`."""


def make_slot(
    slot_id: str,
    slot_type: str,
    secret: bytes,
    data_key: DataKey,
    *,
    created_at: str,
    label: str | None = None,
    iterations: int = KDF_LIMITS.write_minimum,
) -> Slot:
    """Return a slot that opens `data_key` with `secret`: the UTF-8 of a passphrase, or 32 bytes."""
    slot: dict[str, Any] = {"id": slot_id, "type": slot_type, "created_at": created_at}
    if label is not None:
        slot["label"] = label
    if slot_type == PASSPHRASE:
        salt = base64.b64encode(random_bytes(SALT_BYTES)).decode("ascii")
        slot["kdf"] = {"name": KDF_NAME, "iterations": iterations, "salt": salt}
    slot["wrap"] = seal(_wrapping_key(slot, secret, data_key.vault_id), data_key.reveal())
    return slot


def unwrap(slots: Sequence[Slot], material: KeyMaterial, vault_id: str) -> DataKey:
    """Return the data key from the first slot that `material` opens; raises WrongKey where none does."""
    tried = [slot for slot in slots if slot["type"] in material.slot_types]
    if not tried:
        kinds = ", ".join(sorted({printable(slot["type"]) for slot in slots}))
        given = "a passphrase" if material.kind == PASSPHRASE else "a key"
        raise WrongKey(f"{material.source} gives {given}, but this vault opens by: {kinds}")
    for slot in tried:
        try:
            dek = unseal(_wrapping_key(slot, material.secret.reveal(), vault_id), slot["wrap"])
        except BadToken:
            continue
        if len(dek) == KEY_BYTES:
            return DataKey(dek, vault_id)
    raise WrongKey(
        f"the key from {material.source} does not open this vault", hint="look whether it is for another one"
    )


def passphrase_bytes(passphrase: str) -> bytes:
    """Return NFC(passphrase) as UTF-8, so that the same letters from another keyboard are the same key."""
    if not passphrase.isascii():
        from unicodedata import normalize

        passphrase = normalize("NFC", passphrase)
    return passphrase.encode("utf-8", "surrogateescape")


def check_slots(slots: object, limits: KdfLimits) -> None:
    """Raise Damaged unless `slots` are as format.md 1.2 says, derivation bounds included.

    A slot of an unknown type passes if it has an id: it is kept and skipped.
    """
    if not isinstance(slots, list) or not 1 <= len(slots) <= MAX_SLOTS:
        raise Damaged(f"the header must have 1 to {MAX_SLOTS} slots")
    total = 0
    for slot in slots:
        if not isinstance(slot, dict) or not _texts(slot, "id", "type"):
            raise Damaged("a slot has no id or type")
        if slot["type"] in (PASSPHRASE, RAW, KEYRING, KEYFILE):
            total += _check_known_slot(slot, limits)
    if total > limits.total:
        raise Damaged(f"the slots ask for {total} iterations, at most {limits.total} are allowed")
    if len({slot["id"] for slot in slots}) != len(slots):
        raise Damaged("two slots have the same id")


def _check_known_slot(slot: Slot, limits: KdfLimits) -> int:
    """Raise Damaged for a slot with other members than its type has; return its iterations."""
    required = {"id", "type", "created_at", "wrap"} | ({"kdf"} if slot["type"] == PASSPHRASE else set())
    if not required <= slot.keys() <= required | {"label"}:
        raise Damaged("a slot lacks a member, or has one that this version does not know")
    if not _texts(slot, "wrap") or not _is_token(slot["wrap"]):
        raise Damaged("a slot's wrap is not a token")
    if not times.is_time(slot["created_at"]) or not isinstance(slot.get("label", ""), str):
        raise Damaged("a slot has a member of the wrong kind")
    return _check_kdf(slot["kdf"], limits) if slot["type"] == PASSPHRASE else 0


def _check_kdf(kdf: object, limits: KdfLimits) -> int:
    if not isinstance(kdf, dict) or kdf.keys() != {"name", "iterations", "salt"} or kdf["name"] != KDF_NAME:
        raise Damaged("a passphrase slot derives its key in a way this version does not know")
    iterations = kdf["iterations"]
    # Exactly int: true is an int to isinstance, and 1.5 or "600000" must not get near a derivation.
    if type(iterations) is not int or not limits.read_minimum <= iterations <= limits.maximum:
        raise Damaged(f"a slot's iterations are not a number from {limits.read_minimum} to {limits.maximum}")
    try:
        salt = base64.b64decode(kdf["salt"], validate=True) if isinstance(kdf["salt"], str) else b""
    except (binascii.Error, ValueError):
        salt = b""
    if len(salt) != SALT_BYTES or base64.b64encode(salt).decode("ascii") != kdf["salt"]:
        raise Damaged(f"a slot's salt is not {SALT_BYTES} bytes in base64")
    return iterations


def _wrapping_key(slot: Slot, secret: bytes, vault_id: str) -> bytes:
    if slot["type"] == PASSPHRASE:
        kdf = slot["kdf"]
        secret = pbkdf2(secret, base64.b64decode(kdf["salt"]), kdf["iterations"])
    # Every member but the wrap is in the key: edited parameters cannot unwrap.
    facts = {member: value for member, value in slot.items() if member != "wrap"}
    return hkdf(secret, bytes.fromhex(vault_id), b"credvault/v1/slot\0" + canonical(facts))


def _is_token(text: str) -> bool:
    body = text.rstrip("=")
    return body != "" and body.strip(_BASE64URL) == "" and len(text) - len(body) <= 2


def _texts(slot: Slot, *members: str) -> bool:
    return all(isinstance(slot.get(member), str) and slot[member] for member in members)
