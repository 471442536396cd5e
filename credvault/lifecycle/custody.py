"""The keeping of a vault file: making one, its slots, a new data key. Never a secret's value in sight."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

from credvault.model import times
from credvault.model.errors import Conflict, Invalid, NotFound, WrongKey
from credvault.sealing.crypto import random_bytes
from credvault.sealing.draft import Draft
from credvault.sealing.entries import Entry
from credvault.sealing.keys import DataKey, new_key
from credvault.sealing.slots import MAX_SLOTS, PASSPHRASE, KdfLimits, KeyMaterial, Slot, make_slot, unwrap
from credvault.sealing.vaultfile import VaultFile

MAX_LABEL = 100


class NewSlot(NamedTuple):
    """A slot that is to be made: its type, what will open it, and for a passphrase the iterations.

    `keep` is called with the id of the vault and of the slot before the slot is in the file, under its lock;
    `is_taken` with the same, of an id that the file does not have: whether it is another one's all the same.
    """

    type: str
    material: KeyMaterial
    label: str | None = None
    iterations: int | None = None
    keep: Callable[[str, str], None] | None = None
    is_taken: Callable[[str, str], bool] | None = None


def create_vault(file: VaultFile, slot: NewSlot, now: float, entries: Sequence[Entry] = ()) -> None:
    """Make a vault file with one slot, empty or with `entries`; raises AlreadyExists, Invalid, StorageError."""

    def fill(draft: Draft) -> None:
        for entry in entries:
            draft.put(entry)

    key = DataKey(new_key(), random_bytes(16).hex())
    file.create(key, [_made(slot, "1", key, file.limits.kdf, now)], fill if entries else None)


def check_addable(file: VaultFile, slots: Sequence[Slot], label: str | None) -> str:
    """Return the id that the next slot gets; raises Invalid over 16 slots or for its label, StorageError.

    To be asked before a key is made and shown, which nobody should keep when it opens nothing.
    """
    check_label(label)
    file.check_writable()
    return _free_id(slots)


def add_slot(file: VaultFile, slot: NewSlot, now: float, announced: str | None = None) -> str:
    """Add a way to unlock and return its id; no secret is encrypted anew. Raises Invalid over 16 slots.

    `announced` is the id that somebody was told already; Conflict where it was taken meanwhile.
    """

    def change(draft: Draft) -> str:
        slot_id = _free_id(draft.slots, slot.is_taken and partial(slot.is_taken, draft.key.vault_id))
        if announced not in (None, slot_id):
            raise Conflict(f"slot {announced} appeared meanwhile", hint="run it again")
        draft.slots.append(_made(slot, slot_id, draft.key, file.limits.kdf, now))
        return slot_id

    return file.update(change)


def change_slot(file: VaultFile, slot_id: str, new: NewSlot, now: float) -> None:
    """Give a slot another passphrase or other iterations, under the same id; raises NotFound, Invalid."""

    def change(draft: Draft) -> None:
        position = _position(draft.slots, slot_id)
        label = new.label if new.label is not None else draft.slots[position].get("label")
        made = _made(new._replace(label=label), slot_id, draft.key, file.limits.kdf, now)
        draft.slots[position] = made
        draft.removes = True

    file.update(change)


def remove_slot(file: VaultFile, slot_id: str) -> None:
    """Remove a way to unlock; raises NotFound, and Invalid for the last one.

    Who held it may know the data key, and old copies of the file still open by it: only `rekey` ends that.
    """

    def change(draft: Draft) -> None:
        check_removable(draft.slots, slot_id)
        del draft.slots[_position(draft.slots, slot_id)]
        draft.removes = True

    file.update(change)


def opens(file: VaultFile, material: KeyMaterial) -> bool:
    """Say whether a slot of the file opens by `material`; raises NoVault, Damaged, StorageError."""
    head = file.read_head()
    return any(_opener(slot, [material], head.vault_id) is not None for slot in head.slots)


def check_removable(slots: Sequence[Slot], slot_id: str) -> None:
    """Raise NotFound where there is no such slot, Invalid where it is the only one."""
    _position(slots, slot_id)
    if len(slots) == 1:
        raise Invalid("this is the only slot; without it nobody could open the vault", hint="add another one first")


def check_passphrase_slot(slots: Sequence[Slot], slot_id: str) -> None:
    """Raise NotFound where there is no such slot, Invalid where it has no passphrase."""
    slot = slots[_position(slots, slot_id)]
    if slot["type"] != PASSPHRASE:
        hint = "add a new slot and remove this one"
        raise Invalid(f"slot {slot_id} is of type {slot['type']} and has no passphrase", hint=hint)


def dropped_by_rekey(file: VaultFile, materials: Sequence[KeyMaterial], without: str | None = None) -> list[Slot]:
    """Return the slots that `rekey` does not keep: those that no material opens, and the one `without`."""
    head = file.read_head()
    return [s for s in head.slots if s["id"] == without or _opener(s, materials, head.vault_id) is None]


def rekey(file: VaultFile, materials: Sequence[KeyMaterial], dropped: Sequence[str]) -> int:
    """Encrypt everything under a new data key, keeping the slots that `materials` open; return how many secrets.

    `dropped` are the ids of the slots that go. Raises Invalid where another one would, WrongKey where none would
    be left, Damaged where an entry does not open.
    """

    def change(draft: Draft) -> int:
        key = DataKey(new_key(), draft.key.vault_id)
        kept: list[Slot] = []
        for slot in draft.slots:
            if slot["id"] in dropped:
                continue
            material = _opener(slot, materials, key.vault_id)
            if material is None:
                raise Invalid(f"slot {slot['id']} appeared meanwhile", hint="run it again")
            kept.append(_rewrapped(slot, material, key))
        if not kept:
            raise WrongKey("no slot would be left to open the vault")
        entries = list(draft.entries())
        draft.replace_all(entries, key, kept)
        return len(entries)

    return file.update(change)


def check_label(label: str | None) -> None:
    """Raise Invalid for a label that is empty, too long or not printable."""
    if label is not None and not (0 < len(label) <= MAX_LABEL and label.isprintable()):
        raise Invalid(f"a label has 1 to {MAX_LABEL} printable characters")


def check_iterations(iterations: int | None, limits: KdfLimits) -> int:
    """Return the iterations for a new passphrase slot; raises Invalid out of bounds."""
    chosen = limits.write_minimum if iterations is None else iterations
    if not limits.write_minimum <= chosen <= limits.maximum:
        raise Invalid(f"iterations are from {limits.write_minimum:,} to {limits.maximum:,} (OWASP 2023)")
    return chosen


def _made(slot: NewSlot, slot_id: str, key: DataKey, limits: KdfLimits, now: float) -> Slot:
    check_label(slot.label)
    if slot.keep is not None:
        slot.keep(key.vault_id, slot_id)
    return make_slot(
        slot_id,
        slot.type,
        slot.material.secret.reveal(),
        key,
        created_at=times.time_text(now),
        label=slot.label,
        iterations=check_iterations(slot.iterations, limits),
    )


def _rewrapped(slot: Slot, material: KeyMaterial, key: DataKey) -> Slot:
    return make_slot(
        slot["id"],
        slot["type"],
        material.secret.reveal(),
        key,
        created_at=slot["created_at"],
        label=slot.get("label"),
        iterations=slot["kdf"]["iterations"] if slot["type"] == PASSPHRASE else 0,
    )


def _opener(slot: Slot, materials: Sequence[KeyMaterial], vault_id: str) -> KeyMaterial | None:
    for material in materials:
        if slot["type"] in material.slot_types:
            try:
                unwrap([slot], material, vault_id)
            except WrongKey:
                continue
            return material
    return None


def _free_id(slots: Sequence[Slot], is_taken: Callable[[str], bool] | None = None) -> str:
    if len(slots) >= MAX_SLOTS:
        raise Invalid(f"a vault has at most {MAX_SLOTS} slots", hint="remove one first: credvault slot remove ID")
    here = {slot["id"] for slot in slots}
    free = (str(number) for number in count(1) if str(number) not in here)
    return next(slot_id for slot_id in free if is_taken is None or not is_taken(slot_id))


def _position(slots: Sequence[Slot], slot_id: str) -> int:
    for position, slot in enumerate(slots):
        if slot["id"] == slot_id:
            return position
    there = ", ".join(slot["id"] for slot in slots)
    raise NotFound(f"there is no slot {slot_id}", hint=f"slots are {there}")
