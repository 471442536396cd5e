"""What an import would do, secret by secret, before anything is done; and the words of any plan. Pure.

Never shows a value.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from credvault.model import record as model
from credvault.model.environment import is_forbidden
from credvault.model.errors import AlreadyExists, CredvaultError, Invalid, InvalidName, InvalidValue
from credvault.model.names import Name
from credvault.model.record import Secret
from credvault.model.text import listed
from credvault.model.value import MAX_VALUE_BYTES, SecretValue
from credvault.transfer.importers.base import Item, Skipped
from credvault.transfer.naming import Naming, label_of, mapping_of, name_for

FAIL, SKIP, OVERWRITE = POLICIES = ("fail", "skip", "overwrite")

# What becomes of a secret of the source.
ADD = "add"
CONTINUED = "continue"
OVERWRITTEN = "overwrite"
UNCHANGED = "unchanged"
SKIPPED = "skip"
CONFLICT = "conflict"
UNNAMED = "no name"
COLLISION = "collision"
INVALID = "invalid"
UNREADABLE = "unreadable"
WRITTEN = (ADD, CONTINUED, OVERWRITTEN)
# What nothing but another source would mend, and an encrypted one cannot be edited.
_SKIPPABLE = (INVALID, UNREADABLE)

# What an overwrite may add to a record; who may have it, and how, is never changed by one.
FILLABLE = ("service", "note", "tags", "expires_at", "rotate_every", "metadata", "fields")

# Why a secret of which the source names no variable gets one (spec.md 3).
BY_ITS_NAME = "exec gives it to programs, for its name is written like a variable"

# So many are named in an error; the plan shows them all.
_NAMED = 5
# Facts of any form: only whether the record can be one is asked.
_TIMES = {"updated_at": "2027-01-01T00:00:00Z", "value_changed_at": "2027-01-01T00:00:00Z"}


class Planned(Protocol):
    """A row of a plan, of an import or a copy."""

    @property
    def action(self) -> str:
        """What becomes of a secret."""

    @property
    def error(self) -> CredvaultError | None:
        """Why the plan cannot be carried out as it is, if so."""


class Row(NamedTuple):
    """One secret of the source in the plan: what it is called there and here, what becomes of it, and why.

    `facts` are those that will be set, `type` and `env_name` those that it will have. `before` is the version that
    is there.
    """

    source: str
    action: str
    reason: str = ""
    error: CredvaultError | None = None
    name: Name | None = None
    value: SecretValue | None = None
    facts: Mapping[str, Any] = {}
    type: str | None = None
    env_name: str | None = None
    before: int | None = None

    def members(self) -> dict[str, Any]:
        """Return the row as `--json` shows it."""
        members = {
            "source": self.source,
            "name": None if self.name is None else str(self.name),
            "action": self.action,
            "type": self.type,
            "env_name": self.env_name,
            "reason": self.reason,
        }
        return {member: fact for member, fact in members.items() if fact not in (None, "")}


class Choices(NamedTuple):
    """What a person chose: names, whether each gets a variable or none does, and which may steer programs."""

    naming: Naming = Naming()
    runtime_env: bool = False
    executor_only: bool = False
    allow_env: Collection[str] = ()


def plan_rows(found: Iterable[Item | Skipped], choices: Choices) -> list[Row]:
    """Return a row for each part of a source, before the vault is looked at.

    Raises Invalid for a mapping of what is not in the source.
    """
    labels: Counter[str] = Counter()
    seen: set[tuple[str, int, Sequence[str]]] = set()
    known: set[str] = set()
    rows = []
    for part in found:
        entry = label_of(part.path)
        below = part.below if isinstance(part, Item) else ()
        if isinstance(part, Item):
            # An entry starts with its own value, or without one with the first of its parts, or one that comes again.
            labels[entry] += not below or not labels[entry] or (entry, labels[entry], below) in seen
            seen.add((entry, labels[entry], below))
        # Entries of one name, which some programs allow, can be told apart by their numbers.
        entry += f" [{labels[entry]}]" if labels[entry] > 1 and isinstance(part, Item) else ""
        row = _row(part, entry, below, choices)
        known |= {row.source, entry}
        rows.append(row)
    # A line of a mapping file that starts with '#' may be a comment.
    stray = [old for old in choices.naming.mapped if old not in known and not old.startswith("#")]
    if stray:
        hint = "--dry-run shows what the source calls them"
        raise Invalid(f"a mapping names {_some(stray)}, which the source does not have", hint=hint)
    return _without_collisions(rows)


def _row(part: Item | Skipped, entry: str, below: Sequence[str], choices: Choices) -> Row:
    label = "/".join([entry, label_of(below)]) if below else entry
    if isinstance(part, Skipped):
        return Row(label, UNREADABLE if part.error else SKIPPED, part.reason, part.error)
    if not len(part.value):
        return Row(label, SKIPPED, "its value is empty")
    if len(part.value) > MAX_VALUE_BYTES:
        reason = f"its value has {len(part.value)} bytes; a secret has at most {MAX_VALUE_BYTES}"
        return Row(label, SKIPPED, reason)
    try:
        # A name of its own wins over that of its entry.
        if label in choices.naming.mapped:
            name = choices.naming.mapped[label]
        else:
            name = name_for(entry, part.path, choices.naming, below)
    except InvalidName as exc:
        return Row(label, UNNAMED, exc.message, exc)
    try:
        facts, remark = _facts(name, part.facts, choices)
    except InvalidValue as exc:
        error = InvalidValue(f"'{label}' cannot be a record: {exc.message}", hint=exc.hint)
        return Row(label, INVALID, exc.message, error, name)
    reason = "; ".join(filter(None, [part.remark, remark]))
    return Row(
        label,
        ADD,
        reason,
        name=name,
        value=part.value,
        facts=facts,
        type=facts["type"],
        env_name=facts.get("env_name"),
    )


def _facts(name: Name, given: Mapping[str, Any], choices: Choices) -> tuple[dict[str, Any], str]:
    """Return the facts of a new record, variable and delivery included, and what is to be said of them.

    Raises InvalidValue for what no record may hold.
    """
    facts = {member: fact for member, fact in given.items() if fact not in (None, "", (), [], {})}
    if choices.runtime_env and "env_name" not in facts:
        facts |= {"env_name": model.derived_env_name(name), "delivery": model.RUNTIME_ENV}
    if choices.executor_only:
        facts |= {"env_name": None, "delivery": model.EXECUTOR_ONLY}
    whole = model.first_facts(name, {**_TIMES, **facts})
    remark = ""
    variable = whole.get("env_name")
    if isinstance(variable, str) and is_forbidden(variable) and variable not in choices.allow_env:
        # One such record would spoil every `exec`.
        facts = {**facts, "env_name": None, "delivery": model.EXECUTOR_ONLY}
        remark = f"without a variable: {variable} steers programs; --allow-env {variable} lifts that"
    elif variable is not None and "env_name" not in facts:
        remark = BY_ITS_NAME
    whole = model.first_facts(name, {**_TIMES, **facts})
    model.check_facts(whole)
    model.check_choices(whole, allow_env=choices.allow_env)
    model.check_together(whole)
    chosen = ("type", "delivery", "env_name")
    return {**{k: v for k, v in facts.items() if v}, **{k: whole[k] for k in chosen if k in whole}}, remark


def _without_collisions(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with those that come to one name marked, each naming the first other."""
    by_name: dict[Name, list[Row]] = {}
    for row in rows:
        if row.action == ADD and row.name is not None:
            by_name.setdefault(row.name, []).append(row)
    return [_collision(row, by_name[row.name]) if row.action == ADD and row.name else row for row in rows]


def _collision(row: Row, same: Sequence[Row]) -> Row:
    other = next((each for each in same if each is not row), None)
    if other is None:
        return row
    error = Invalid(
        f"'{same[0].source}' and '{same[1].source}' would both be {row.name}",
        hint=f"give one another name: {mapping_of(same[1].source)}",
    )
    return row._replace(action=COLLISION, reason=f"the same name as '{other.source}'", error=error)


def compare_rows(rows: Sequence[Row], there: Mapping[Name, Secret], policy: str) -> list[Row]:
    """Return the rows as the vault decides them; `there` are those of its secrets that the plan names."""
    return [
        _compared(row, there[row.name], policy) if row.name is not None and row.name in there else row for row in rows
    ]


class Settled(NamedTuple):
    """What becomes of a secret that is there already with something else, why, and the error where that is one."""

    action: str
    reason: str
    error: CredvaultError | None = None


def settle(name: Name, version: int, what: str, policy: str, way_out: str) -> Settled:
    """Return what becomes of a secret of which that version is there already with `what`, such as another value.

    `way_out` is what overwriting does.
    """
    if policy == OVERWRITE:
        return Settled(OVERWRITTEN, f"version {version} is there with {what}")
    reason = f"it is there already with {what}"
    if policy == SKIP:
        return Settled(SKIPPED, reason)
    hint = f"--on-conflict skip keeps it, --on-conflict overwrite {way_out}"
    return Settled(CONFLICT, reason, AlreadyExists(f"{name} is there already with {what}", hint=hint))


def _compared(row: Row, old: Secret, policy: str) -> Row:
    if row.action != ADD:
        return row
    if row.value == old.value:  # in constant time
        return row._replace(action=UNCHANGED, reason=f"version {old.record.version} has the same value")
    version, way_out = old.record.version, "makes the new one its next version"
    settled = settle(old.record.name, version, "another value", policy, way_out)
    if settled.action != OVERWRITTEN:
        return row._replace(**settled._asdict())
    # As with `rotate`, what a person set of it stays; only what is not set yet is filled in.
    return row._replace(
        action=OVERWRITTEN,
        reason="; ".join(filter(None, [settled.reason, row.reason])),
        facts={member: row.facts[member] for member in missing_facts(old, row.facts)},
        type=old.record.type,
        env_name=old.record.env_name,
        before=version,
    )


def note_variables(rows: Sequence[Row], taken: Mapping[str, Name]) -> list[Row]:
    """Return the rows with a remark where the variable of one is another's too, of the plan or of the vault.

    `taken` are the secrets there by their variables. It is no error: `exec` can be told which of them to take.
    """
    by_variable = dict(taken)
    noted = []
    for row in rows:
        if row.action == ADD and row.name is not None and row.facts.get("delivery") == model.RUNTIME_ENV:
            other = by_variable.setdefault(str(row.env_name), row.name)
            if other != row.name:
                remark = f"{row.env_name} is the variable of {other}, too: exec needs -n or -e to choose"
                row = row._replace(reason="; ".join(filter(None, [row.reason, remark])))
        noted.append(row)
    return noted


def missing_facts(old: Secret, new: Mapping[str, Any]) -> list[str]:
    """Return the members of `new` that the record of a secret does not have, and that do not contradict it."""
    mine = old.record.facts()
    return [
        member
        for member in FILLABLE
        if member in new and member not in mine and (member != "fields" or new.get("type", "secret") == old.record.type)
    ]


def find_problem(
    rows: Iterable[Planned], *, skip_unreadable: bool = False, verb: str = "imports", done: str = "imported"
) -> CredvaultError | None:
    """Return the error of a plan that cannot be carried out, which names the first secret that stops it."""
    wrong = [row for row in rows if row.error is not None and not (skip_unreadable and row.action in _SKIPPABLE)]
    if not wrong or wrong[0].error is None:
        return None
    first = wrong[0].error
    # By what they say: two that come to one name say the same.
    said = {row.error.message for row in wrong if row.action == wrong[0].action and row.error is not None}
    also = f" (and {len(said) - 1} more like it)" if len(said) > 1 else ""
    way_on = f"--skip-unreadable {verb} the rest" if wrong[0].action in _SKIPPABLE else None
    hint = "; ".join(filter(None, [first.hint, way_on])) or None
    return type(first)(f"{first.message}{also}; nothing was {done}", hint=hint)


def counts(rows: Iterable[Planned]) -> dict[str, int]:
    """Return how many rows there are of each action."""
    return dict(Counter(row.action for row in rows))


def _some(labels: Sequence[str]) -> str:
    return listed([f"'{label}'" for label in labels], _NAMED)
