"""New keys at the command line: what opens a slot that is about to be made."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from credvault import files
from credvault.cli.context import Run
from credvault.cli.output import write_bytes
from credvault.lifecycle import custody
from credvault.lifecycle.custody import NewSlot
from credvault.model.errors import CredvaultError, Invalid, NoVault
from credvault.model.text import printable
from credvault.model.value import SecretValue
from credvault.sealing.keys import new_key, print_key
from credvault.sealing.slots import KEYFILE, PASSPHRASE, RAW, KeyMaterial
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


def _discard_key_file(file: VaultFile, path: str, slot: NewSlot) -> None:
    """Remove a key file made a moment ago, unless its slot is in place although writing the vault failed."""
    try:
        is_in_use = custody.opens(file, slot.material)
    except NoVault:
        is_in_use = False
    except CredvaultError:
        return
    if not is_in_use:
        files.discard(path)


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
