"""What a change makes of a stored entry: the same rules for every store that keeps versions itself."""

from credvault.backends.base import Change, check_expected
from credvault.model import record as model
from credvault.sealing.entries import Entry, HistoryLimits, StoredVersion, with_new_version


def next_entry(old: Entry | None, change: Change, limits: HistoryLimits) -> Entry:
    """Return the entry after a change; raises AlreadyExists, Conflict, NotFound, InvalidValue."""
    check_expected(change, None if old is None else old.current.version)
    facts = model.next_facts(change.name, None if old is None else old.facts, change.facts)
    by = facts.get("updated_by", "unknown")
    if old is None:
        return Entry(change.name, facts, (StoredVersion(1, model.ACTIVE, facts["value_changed_at"], by, change.value),))
    entry = old._replace(facts=facts)
    if change.value is None:
        return entry
    number = old.versions[0].version + 1
    stored = StoredVersion(number, model.ACTIVE, facts["value_changed_at"], by, change.value)
    return with_new_version(entry, stored, limits)
