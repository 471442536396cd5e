"""Saving the offline copy of a profile, in one generation of its file, and forgetting it."""

import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from credvault import files
from credvault.access.nearness import LIST_HINT, check_matched
from credvault.backends.base import Capability
from credvault.backends.offline import LABEL_NAME, Label
from credvault.history import Whole, fetch_whole
from credvault.lifecycle.custody import NewSlot, create_vault
from credvault.model import record as model
from credvault.model import times
from credvault.model.errors import InvalidValue, NotFound, StorageError
from credvault.model.names import Name
from credvault.model.text import printable
from credvault.sealing.draft import Draft
from credvault.sealing.entries import Entry, StoredVersion
from credvault.sealing.vaultfile import VaultFile
from credvault.vault import Vault

# What a release for a copy is for, in the trail.
_PURPOSE = "offline"


class Fetched(NamedTuple):
    """What goes into a copy, and how many secrets were left out because they are executor_only."""

    entries: Sequence[Entry]
    left_out: int


def fetch(
    vault: Vault, globs: Sequence[str], *, namespace: str, executor_only: bool = False, past: bool = False
) -> Fetched:
    """Return what a copy of the secrets that match any of `globs` (all, if there are none) holds.

    `executor_only` has secrets of that delivery in it, `past` every version that can be read. Raises NotFound for a
    glob that matches nothing and where nothing is left to copy, and what fetching raises: it is all of it, or nothing.
    """
    records = [r for r in vault.list(globs, readable=True) if r.delivery in model.DELIVERIES and r.name != LABEL_NAME]
    why_absent = partial(vault.why_absent, purpose=_PURPOSE)
    check_matched(globs, [record.name for record in records], namespace=namespace, why_absent=why_absent)
    chosen = [record.name for record in records if executor_only or record.delivery == model.RUNTIME_ENV]
    left_out = len(records) - len(chosen)
    if not chosen:
        hint = "--executor-only copies those too" if left_out else LIST_HINT
        raise NotFound(f"there is nothing to copy{': no secret is runtime_env' if left_out else ''}", hint=hint)
    if past:
        vault.backend.require(Capability.VERSIONS)
    whole = fetch_whole(vault, chosen, purpose=_PURPOSE, past=past)
    return Fetched([_entry(name, each) for name, each in whole.items()], left_out)


def save(file: VaultFile, slot: NewSlot | None, label: Label, entries: Sequence[Entry]) -> None:
    """Put a label and entries in the place of all that a copy holds, or make it with `slot` where there is none.

    The key and the ways to unlock stay. Raises AlreadyExists, StorageError, and what opening the file raises.
    """
    everything = [_label_entry(label), *entries]

    def change(draft: Draft) -> None:
        draft.replace_all(everything, draft.key, draft.slots)

    if slot is None:
        file.update(change)
        return
    # Of a copy that somebody removed by hand.
    files.discard(file.backup_path)
    create_vault(file, slot, times.parse_time(label.saved_at), everything)


def forget(path: str) -> None:
    """Remove the copy at a path, with its backup and what killed writers left; raises NotFound, StorageError."""
    backup = path + ".bak"
    if not os.path.lexists(path) and not os.path.lexists(backup):
        raise NotFound("there is no offline copy to forget")
    with files.lock(path + ".lock"):
        files.remove_stale(path)
        # The copy last: where removing fails half-way, what is left is a whole one.
        for each in (backup, path):
            files.discard(each)
            if os.path.lexists(each):
                raise StorageError(f"cannot remove {printable(each)}", hint="look at the owner and mode of its folder")


def _entry(name: Name, whole: Whole) -> Entry:
    record = whole.record
    facts = {"created_at": record.value_changed_at, **record.facts()}
    try:
        model.check_facts(facts)
    except InvalidValue as exc:
        exc.message = f"{name}: {exc.message}"
        raise
    return Entry(name, facts, tuple(StoredVersion(*version, value) for version, value in reversed(whole.versions)))


def _label_entry(label: Label) -> Entry:
    facts = {
        "type": "secret",
        "delivery": model.EXECUTOR_ONLY,
        "created_at": label.saved_at,
        "updated_at": label.saved_at,
        "value_changed_at": label.saved_at,
        "note": "what this offline copy is of; it is no secret",
    }
    version = StoredVersion(1, model.ACTIVE, label.saved_at, "credvault", label.to_value())
    return Entry(LABEL_NAME, facts, (version,))
