"""What a copy makes of one secret, from how it is here and there. Pure; never shows a value.

The two histories are laid side by side. Where the other store has only the beginning of this one's, it is continued:
that is how an interrupted copy goes on, and nothing that is there is lost by it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from credvault.backends.base import ABSENT, ANY, Change
from credvault.history import Whole
from credvault.model.errors import CredvaultError, Unsupported
from credvault.model.names import Name
from credvault.model.record import MEMBERS, REQUIRED, Record
from credvault.model.value import SecretValue
from credvault.transfer.plan import ADD, CONTINUED, FAIL, INVALID, OVERWRITTEN, UNCHANGED, UNREADABLE, settle

# What a store may keep of its own, as it knows when it was written and by whom.
STAMPS = ("created_at", "updated_at", "value_changed_at", "updated_by")
# Why a secret is a conflict of which another one's current version is deleted.
DELETED_THERE = "it is there already, deleted"
_FACTS = tuple(member for member in MEMBERS if member not in STAMPS)


class Terms(NamedTuple):
    """On what terms secrets are copied: what a conflict is, and what is carried besides the current value.

    `check_fits` raises InvalidValue or Unsupported for a change that the other store cannot hold.
    """

    policy: str = FAIL
    versions: bool = True
    facts: bool = True
    check_fits: Callable[[Change], None] = lambda change: None


class CopyRow(NamedTuple):
    """One secret in the plan: what becomes of it, how many versions are written for that, and why."""

    name: Name
    action: str
    versions: int = 0
    reason: str = ""
    error: CredvaultError | None = None

    def members(self) -> dict[str, Any]:
        """Return the row as `--json` shows it."""
        members = {"name": str(self.name), "action": self.action, "versions": self.versions, "reason": self.reason}
        return {member: fact for member, fact in members.items() if fact not in (0, "")}


class Step(NamedTuple):
    """A row, what is to be written for it, and how the secret is to be afterwards."""

    row: CopyRow
    changes: Sequence[Change] = ()
    here: Whole | None = None


def plan_step(name: Name, here: Whole | None, there: Whole | None, terms: Terms) -> Step:
    """Return what becomes of a secret; `here` is None where none of its versions is current."""
    if here is None:
        reason = "it has no current version"
        hint = f"'credvault history {name}' shows its versions"
        return Step(CopyRow(name, UNREADABLE, 0, reason, Unsupported(f"{name} cannot be copied: {reason}", hint=hint)))
    row, start = _decide(name, here, there, terms)
    if row.action not in (ADD, CONTINUED, OVERWRITTEN):
        return Step(row, here=here)
    return _checked(row, _changes(name, here, there, start, terms), here, terms)


def plan_over_deleted(name: Name, here: Whole, terms: Terms) -> Step:
    """Return what overwrites a secret that is there and deleted: the current value becomes its next version."""
    changes = _changes(name, here, None, len(here.versions) - 1, terms)
    # What facts it had nobody can see, so all that these are not are unset.
    unset = dict.fromkeys(member for member in _FACTS if member not in REQUIRED) if terms.facts else {}
    over = [change._replace(facts={**unset, **change.facts}, expect=ANY) for change in changes]
    return _checked(CopyRow(name, OVERWRITTEN, 0, DELETED_THERE), over, here, terms)


def _checked(row: CopyRow, changes: Sequence[Change], here: Whole, terms: Terms) -> Step:
    """Return the step of changes that are to be made, if the other store can hold them."""
    try:
        for change in changes:
            terms.check_fits(change)
    except CredvaultError as exc:
        return Step(refused(row.name, exc))
    return Step(row._replace(versions=sum(change.value is not None for change in changes)), changes, here)


def refused(name: Name, why: CredvaultError) -> CopyRow:
    """Return the row of a secret that the other store cannot hold."""
    error = type(why)(f"{name} cannot be stored there: {why.message}", hint=why.hint)
    return CopyRow(name, INVALID, 0, why.message, error)


def find_place(
    here: Sequence[SecretValue], there: Sequence[SecretValue], version: int, *, versions: bool = True
) -> int | None:
    """Return how many of the values here, oldest first, are there already, or None where the two went different ways.

    There the newest has the number `version`. Older values may be missing on either side: stores keep so many. Without
    `versions` only the newest is to be there.
    """

    def agree_up_to(place: int) -> bool:
        return all(old == new for old, new in zip(reversed(there), reversed(here[: place + 1]), strict=False))

    last = len(here) - 1
    # As many as its number says: it was written from the first one on. Without that, a value that comes twice in a
    # history would make the first half of a copy look like all of it.
    if versions and version == len(there) and version - 1 < last and agree_up_to(version - 1):
        return version
    if there[-1] == here[last]:
        return len(here)
    return next((place + 1 for place in range(last - 1, -1, -1) if agree_up_to(place)), None)


def differing_facts(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Return the members of two records that differ, apart from the stamps of their stores."""
    return [member for member in _FACTS if here.get(member) != there.get(member)]


def _decide(name: Name, here: Whole, there: Whole | None, terms: Terms) -> tuple[CopyRow, int]:
    """Return the row of a secret that can be read, and which of the versions is the first to be written."""
    if there is None:
        return CopyRow(name, ADD), 0
    values = here.values
    place = find_place(values, there.values, there.record.version, versions=terms.versions)
    version = there.record.version
    if place is None:
        way_out = "makes the new one its next version"
        return _conflict(name, "another value", way_out, version, terms), len(values) - 1
    facts = differing_facts(here.record.facts(), there.record.facts()) if terms.facts else []
    if facts:  # of which a store keeps no older ones, so that whoever set them there would lose them
        what = f"other facts ({', '.join(facts)})"
        return _conflict(name, what, "makes these its facts", version, terms), place
    if place < len(values):
        return CopyRow(name, CONTINUED, 0, f"version {version} there is an older one of these"), place
    if terms.versions and _is_half_stamped(here.record, there.record):
        return CopyRow(name, CONTINUED, 0, f"version {version} there lacks its times or its writer"), place
    return CopyRow(name, UNCHANGED, 0, f"version {version} is the same"), place


def _is_half_stamped(here: Record, there: Record) -> bool:
    """Say whether a copy was interrupted after the last value, and before what says when it came and by whom.

    A store may write that later than the value. The stamps of somebody else, who put the same value there, stay.
    """
    if all(getattr(here, stamp) == getattr(there, stamp) for stamp in STAMPS):
        return False
    return (there.updated_by is None and here.updated_by is not None) or there.updated_at == here.updated_at


def _conflict(name: Name, what: str, way_out: str, version: int, terms: Terms) -> CopyRow:
    settled = settle(name, version, what, terms.policy, way_out)
    return CopyRow(name, settled.action, 0, settled.reason, settled.error)


def _changes(name: Name, here: Whole, there: Whole | None, start: int, terms: Terms) -> list[Change]:
    """Return the changes that write the versions from `start` on, oldest first, each with its own time and writer."""
    facts = here.record.facts()
    if not terms.facts:
        facts = {member: fact for member, fact in facts.items() if member in STAMPS and member != "created_at"}
    elif there is not None:
        others = [member for member in there.record.facts() if member not in STAMPS]
        facts = {**dict.fromkeys(others), **facts}  # what only the other one has is unset
    expect = ABSENT if there is None else there.record.version
    chosen = here.versions[start:] if terms.versions else here.versions[start:][-1:]
    changes = []
    for number, (version, value) in enumerate(chosen):
        # Of the current one the record knows the time, where a store keeps times of its own for versions.
        is_current = number == len(chosen) - 1
        at = here.record.value_changed_at if is_current else version.created_at
        stamps = {"value_changed_at": at, "updated_by": version.updated_by}
        changes.append(Change(name, value, {**facts, **(stamps if terms.versions else {})}, expect + number))
    after = expect + len(chosen)
    if not changes or (terms.facts and _differs_from_last(facts, changes[-1].facts)):
        changes.append(Change(name, None, facts, after))
    return changes


def _differs_from_last(facts: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Say whether the record was stamped otherwise than its last version, as by an edit of somebody else."""
    return any(facts.get(stamp) != last.get(stamp) for stamp in STAMPS)
