"""Saving the offline copy of a profile, in one generation of its file, and forgetting it."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from credvault import files
from credvault.access.nearness import LIST_HINT
from credvault.backends.offline import LABEL_NAME, Label
from credvault.lifecycle.custody import NewSlot, create_vault
from credvault.model import record as model
from credvault.model import times
from credvault.model.errors import InvalidValue, NotFound, StorageError
from credvault.model.names import Name, unmatched
from credvault.model.record import Secret
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
    glob = unmatched(globs, [record.name for record in records], namespace=namespace)
    if glob is not None:
        raise NotFound(f"no secret matches {glob}", hint=LIST_HINT)
    chosen = [record.name for record in records if executor_only or record.delivery == model.RUNTIME_ENV]
    left_out = len(records) - len(chosen)
    if not chosen:
        hint = "--executor-only copies those too" if left_out else LIST_HINT
        raise NotFound(f"there is nothing to copy{': no secret is runtime_env' if left_out else ''}", hint=hint)
    found = vault.get_many(chosen, purpose=_PURPOSE)
    # By the names that were asked for, whatever the store calls what it gives: none takes the place of the label.
    newest = {name: found[name] for name in chosen if name in found}
    versions = _past_versions(vault, newest) if past else {}
    return Fetched([_entry(name, secret, versions.get(name, ())) for name, secret in newest.items()], left_out)


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


def _past_versions(vault: Vault, newest: Mapping[Name, Secret]) -> dict[Name, list[StoredVersion]]:
    """Return the versions before the newest of each secret that can be read, newest first."""
    earlier = {
        (name, version.version): version
        for name, versions in vault.histories(list(newest)).items()
        for version in versions
        if version.state == model.ACTIVE and version.version < newest[name].record.version
    }
    values = vault.release(earlier, purpose=_PURPOSE)
    found: dict[Name, list[StoredVersion]] = {}
    for (name, number), version in sorted(earlier.items(), key=lambda item: -item[0][1]):
        if (name, number) in values:
            found.setdefault(name, []).append(StoredVersion(*version, values[name, number].value))
    return found


def _entry(name: Name, secret: Secret, earlier: Sequence[StoredVersion]) -> Entry:
    record = secret.record
    facts = {"created_at": record.value_changed_at, **record.facts()}
    try:
        model.check_facts(facts)
    except InvalidValue as exc:
        exc.message = f"{name}: {exc.message}"
        raise
    by = record.updated_by or "unknown"
    newest = StoredVersion(record.version, model.ACTIVE, record.value_changed_at, by, secret.value)
    return Entry(name, facts, (newest, *earlier))


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
