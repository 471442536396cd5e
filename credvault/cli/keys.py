"""New keys at the command line: what opens a slot that is about to be made."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from credvault import files
from credvault.cli.context import Run
from credvault.cli.output import write_bytes
from credvault.lifecycle import custody
from credvault.lifecycle.custody import NewSlot
from credvault.lifecycle.sharing import find_sharer
from credvault.model.errors import BackendUnavailable, CredvaultError, Invalid, Locked, NoVault
from credvault.model.text import printable
from credvault.model.value import SecretValue
from credvault.oskeyring import open_os_keyring
from credvault.sealing.head import Head
from credvault.sealing.keyringslot import discard_key, find_key, has_key, keep_key, new_key_material
from credvault.sealing.keys import new_key, print_key
from credvault.sealing.slots import KEYFILE, KEYRING, PASSPHRASE, RAW, KeyMaterial, Slot
from credvault.sealing.sources import explicit_key, passphrase_from_file, passphrase_material
from credvault.sealing.vaultfile import VaultFile

_HINT = "give --generate-key or a key file, or set CREDVAULT_PASSPHRASE_FILE"


def raw_slot(run: Run, label: str | None, **facts: str) -> NewSlot:
    """Return a slot for a new raw key, which is printed once: before anything is made, so that it is never lost.

    With --json it is a member of the one object that the command answers with; `facts` are the others.
    """
    key = new_key()
    printed = print_key(key)
    if run.out.json:
        run.out.fact({**facts, "key": printed})
    else:
        write_bytes(printed.encode("ascii") + b"\n")
    return NewSlot(RAW, KeyMaterial(RAW, SecretValue(key), "the new key"), label)


@contextmanager
def new_key_file(file: VaultFile, path: str, label: str | None) -> Iterator[NewSlot]:
    """Give a slot for a new key in a new file, mode 0600, which goes again where the block fails or is interrupted.

    Raises AlreadyExists, StorageError.
    """
    path = os.path.expanduser(path)
    key = new_key()
    slot = NewSlot(KEYFILE, KeyMaterial(RAW, SecretValue(key), f"the key file {printable(path)}"), label)
    files.create_file(path, [print_key(key).encode("ascii") + b"\n"])
    try:
        yield slot
    except BaseException:
        _discard_key_file(file, path, slot)
        raise


@contextmanager
def new_keyring_key(run: Run, file: VaultFile, label: str | None) -> Iterator[NewSlot]:
    """Give a slot for a new key in the OS keyring, from where it goes again where the block fails or is interrupted.

    Raises Locked, BackendUnavailable, ConfigError, StorageError.
    """
    keyring = open_os_keyring(run.settings.environ)
    material = new_key_material(keyring)
    kept: list[tuple[str, str]] = []

    def keep(vault_id: str, slot_id: str) -> None:
        kept.append((vault_id, slot_id))  # before it is tried: one that did not answer may have it all the same
        keep_key(keyring, material, vault_id, slot_id)

    try:
        yield NewSlot(KEYRING, material, label, keep=keep, is_taken=partial(has_key, keyring))
    except BaseException:
        if kept and not _may_be_in_use(file, material):
            with suppress(CredvaultError):
                discard_key(keyring, *kept[0], material)
        raise


def discard_keyring_keys(run: Run, path: str, vault_id: str, slots: Sequence[Slot]) -> None:
    """Remove the keys of keyring slots, removed from the file at `path`, from the OS keyring.

    One by which another vault file opens stays. Warns of each that is there still.
    """
    gone = [slot["id"] for slot in slots if slot["type"] == KEYRING]
    try:
        for slot_id in gone:
            sharer = find_sharer(run.settings, path, vault_id, slot_id)
            if sharer is None:
                discard_key(open_os_keyring(run.settings.environ), vault_id, slot_id)
            else:
                run.out.warn(f"the key of the removed slot stays in the OS keyring: {printable(sharer)} opens by it")
    except CredvaultError as exc:
        run.out.warn(f"the key of the removed slot is still in the OS keyring: {exc.message}")


def keyring_keys(run: Run, head: Head, without: str | None = None) -> list[KeyMaterial]:
    """Return the keys that the OS keyring has for keyring slots, but for the one `without`; warns of the others."""
    found = []
    for slot in head.slots:
        if slot["type"] == KEYRING and slot["id"] != without:
            try:
                found.append(find_key([slot], head.vault_id, run.settings.environ))
            except (Locked, BackendUnavailable) as exc:
                run.out.warn(exc.message)
                break  # so it is for every slot
            except CredvaultError as exc:
                run.out.warn(exc.message)
    return found


def _discard_key_file(file: VaultFile, path: str, slot: NewSlot) -> None:
    """Remove a key file made a moment ago, unless its slot is in place although writing the vault failed."""
    if not _may_be_in_use(file, slot.material):
        files.discard(path)


def _may_be_in_use(file: VaultFile, material: KeyMaterial) -> bool:
    try:
        return custody.opens(file, material)
    except NoVault:
        return False
    except CredvaultError:
        return True


def passphrase_slot(run: Run, label: str | None, iterations: int | None, path: str | None = None) -> NewSlot:
    """Return a slot for a new passphrase, from a file or typed twice; raises Invalid, Locked."""
    if path is not None:
        return NewSlot(PASSPHRASE, passphrase_from_file(path), label, iterations)
    typed = run.ask_hidden_twice("New passphrase", hint=_HINT)
    if not typed:
        raise Invalid("the passphrase is empty; nothing was made")
    return NewSlot(PASSPHRASE, passphrase_material(typed, "the prompt"), label, iterations)


def slot_from_environment(run: Run, label: str | None, iterations: int | None) -> NewSlot | None:
    """Return a slot for the key that the environment gives, or None where it gives none."""
    material = explicit_key(None, run.settings.environ)
    if material is None:
        return None
    return NewSlot(material.kind, material, label, iterations if material.kind == PASSPHRASE else None)
