"""What a change makes of a stored entry: the same rules for every store that keeps versions itself."""

from credvault.backends.base import ABSENT, ANY, Change
from credvault.model import record as model
from credvault.model.errors import AlreadyExists, Conflict, NotFound
from credvault.sealing.entries import Entry, HistoryLimits, StoredVersion, with_new_version


def next_entry(old: Entry | None, change: Change, limits: HistoryLimits) -> Entry:
    """Return the entry after a change; raises AlreadyExists, Conflict, NotFound, InvalidValue."""
    if old is None:
        return _first_entry(change)
    current = old.current.version
    if change.expect == ABSENT:
        hint = f"'credvault rotate {change.name}' puts a new value in; --force replaces it"
        raise AlreadyExists(f"{change.name} is there already (version {current})", hint=hint)
    if change.expect not in (ANY, current):
        hint = "somebody else changed it; look, and do it again"
        raise Conflict(f"{change.name} is at version {current}, not {change.expect}", hint=hint)
    facts = model.merge_facts(old.facts, change.facts)
    model.check_facts(facts)
    model.check_together(facts)
    entry = old._replace(facts=facts)
    if change.value is None:
        return entry
    stored = StoredVersion(
        old.versions[0].version + 1,
        model.ACTIVE,
        facts["value_changed_at"],
        facts.get("updated_by", "unknown"),
        change.value,
    )
    return with_new_version(entry, stored, limits)


def _first_entry(change: Change) -> Entry:
    if change.value is None or change.expect not in (ABSENT, ANY):
        raise NotFound(f"there is no secret {change.name}")
    facts = model.first_facts(change.name, change.facts)
    model.check_facts(facts)
    model.check_together(facts)
    by = facts.get("updated_by", "unknown")
    return Entry(change.name, facts, (StoredVersion(1, model.ACTIVE, facts["created_at"], by, change.value),))
