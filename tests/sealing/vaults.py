"""Vault files for the tests of sealing: opened from disk with real pins, verified as `doctor --verify` does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from credvault.model.names import Name, parse_name
from credvault.model.value import SecretValue
from credvault.sealing.draft import Draft
from credvault.sealing.entries import Entry, StoredVersion
from credvault.sealing.keys import DataKey, parse_key
from credvault.sealing.opened import OpenVault
from credvault.sealing.slots import KeyMaterial, Slot, make_slot, passphrase_bytes
from credvault.sealing.vaultfile import Limits, VaultFile
from credvault.state import PinStore
from credvault.testing import CHEAP_KDF

VECTORS = Path(__file__).parent.parent / "vectors" / "v1"
TIME = "2026-11-22T01:02:03Z"
RAW = bytes(range(32))
KEY = DataKey(bytes(range(32, 64)), "0123456789abcdef" * 2)
CHEAP = Limits(kdf=CHEAP_KDF)


def raw_material(secret: bytes = RAW, kind: str = "raw") -> KeyMaterial:
    """Return a key of 32 bytes as somebody offers it."""
    return KeyMaterial(kind, SecretValue(secret), "the test")


def passphrase_material(passphrase: str) -> KeyMaterial:
    """Return a passphrase as somebody offers it."""
    return KeyMaterial("passphrase", SecretValue(passphrase_bytes(passphrase)), "the test")


def material_of(key: dict[str, str]) -> KeyMaterial:
    """Return the key of a case; raises WrongKey where it is mistyped."""
    if key["kind"] == "passphrase":
        return passphrase_material(key["secret"])
    return raw_material(parse_key(key["secret"], "the case"), key["kind"])


def raw_slot(slot_id: str = "1", secret: bytes = RAW, key: DataKey = KEY) -> Slot:
    """Return a slot that opens by a raw key."""
    return make_slot(slot_id, "raw", secret, key, created_at=TIME)


def file_at(path: Path, *, key: KeyMaterial | None = None, limits: Limits = CHEAP, **options: Any) -> VaultFile:
    """Return a vault file, its pins in the folder `state` beside it."""
    material = key or raw_material()
    pins = PinStore(str(path.parent / "state"))
    return VaultFile(str(path), lambda slots: material, pins=pins, limits=limits, **options)


def new_file(path: Path, *, slots: Sequence[Slot] | None = None, limits: Limits = CHEAP) -> VaultFile:
    """Return a vault file that was just made, without secrets."""
    file = file_at(path, limits=limits)
    file.create(KEY, [raw_slot()] if slots is None else list(slots))
    return file


def entry(name: str, value: bytes = b"value") -> Entry:
    """Return an entry of one version."""
    facts = {"type": "secret", "delivery": "executor_only", "created_at": TIME, "updated_at": TIME}
    stored = StoredVersion(1, "active", TIME, "tester", SecretValue(value))
    return Entry(parse_name(name), {**facts, "value_changed_at": TIME}, (stored,))


def put(file: VaultFile, *entries: Entry) -> None:
    """Store entries in one generation."""

    def change(draft: Draft) -> None:
        for item in entries:
            draft.put(item)

    file.update(change)


def value_of(vault: OpenVault, name: str) -> bytes | None:
    """Return the current value of a name, or None where there is no such secret."""
    found = vault.find(parse_name(name))
    return None if found is None else found.secret().value.reveal()


def verify(vault: OpenVault) -> dict[Name, Entry]:
    """Return every entry, after opening every token and checking every index."""
    return {item.name: item for number in range(vault.bucket_count) for item in vault.check_bucket(number)}
