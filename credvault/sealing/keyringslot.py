"""The key of a keyring slot, in the OS keyring: service `credvault`, user `<vault_id>:<slot id>` (format.md 1.1).

Loaded by whoever has such a slot and no other key: the library for the keyring takes several starts of the interpreter.
"""

from collections.abc import Mapping, Sequence

from credvault.model.errors import BackendUnavailable, CredvaultError, Locked, NotFound, Unsupported
from credvault.model.text import printable
from credvault.model.value import SecretValue
from credvault.oskeyring import OSKeyring, open_os_keyring
from credvault.sealing.keys import new_key, parse_key, print_key
from credvault.sealing.slots import KEYRING, KeyMaterial, Slot, unwrap

SERVICE = "credvault"


def find_key(slots: Sequence[Slot], vault_id: str, environ: Mapping[str, str]) -> KeyMaterial:
    """Return the key of the first keyring slot that opens by what the OS keyring has.

    Raises NotFound where it has none, WrongKey where it has another, Locked, BackendUnavailable, ConfigError.
    """
    keyring = open_os_keyring(environ)
    first: CredvaultError | None = None
    for slot in slots:
        if slot["type"] == KEYRING:
            try:
                return _read_key(keyring, slot, vault_id)
            except (Locked, BackendUnavailable):
                raise  # so it is for every slot: a person is asked once, and waited for once
            except CredvaultError as exc:
                first = first or exc
    raise first or NotFound("the vault has no keyring slot")


def new_key_material(keyring: OSKeyring) -> KeyMaterial:
    """Return a new key for a slot; `keep_key` puts it into the keyring."""
    return KeyMaterial(KEYRING, SecretValue(new_key()), f"the OS keyring ({keyring.title})")


def has_key(keyring: OSKeyring, vault_id: str, slot_id: str) -> bool:
    """Say whether the keyring has something for a slot; raises Locked, BackendUnavailable.

    Also where the vault has no such slot: a copy of its file has the same id, and may open by it.
    """
    try:
        return keyring.get(SERVICE, _user(vault_id, slot_id)) is not None
    except Unsupported:  # no text, and so no key of ours
        return True


def keep_key(keyring: OSKeyring, material: KeyMaterial, vault_id: str, slot_id: str) -> None:
    """Put the key of a slot into the keyring; raises Locked, BackendUnavailable, StorageError."""
    keyring.set(SERVICE, _user(vault_id, slot_id), _printed(material))


def discard_key(keyring: OSKeyring, vault_id: str, slot_id: str, material: KeyMaterial | None = None) -> None:
    """Remove the key of a slot from the keyring, or with `material` that one alone; raises as `keep_key`."""
    user = _user(vault_id, slot_id)
    if material is None or keyring.get(SERVICE, user) == _printed(material):
        keyring.delete(SERVICE, user)


def _read_key(keyring: OSKeyring, slot: Slot, vault_id: str) -> KeyMaterial:
    text = keyring.get(SERVICE, _user(vault_id, slot["id"]))
    source = f"the OS keyring ({keyring.title}, slot {printable(slot['id'])})"
    if text is None:
        raise NotFound(f"{keyring.title} has no key for slot {printable(slot['id'])}")
    key = parse_key(text.reveal().decode("utf-8", "replace"), source)
    material = KeyMaterial(KEYRING, SecretValue(key), source)
    unwrap([slot], material, vault_id)  # a key of another vault is no key
    return material


def _user(vault_id: str, slot_id: str) -> str:
    return f"{vault_id}:{slot_id}"


def _printed(material: KeyMaterial) -> SecretValue:
    return SecretValue(print_key(material.secret.reveal()).encode("ascii"))
