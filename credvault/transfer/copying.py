"""Copying secrets from one store to another, in batches: read here, written there, read back and compared.

Values pass from store to store in this process and go nowhere else. At most one batch is in memory, on either side
once more for what is read back. What was interrupted is done again: what is there and the same is passed over.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from credvault.access.nearness import check_matched
from credvault.backends.base import Capability, Change
from credvault.backends.offline import LABEL_NAME
from credvault.history import Whole, fetch_readable
from credvault.model.errors import (
    AlreadyExists,
    Conflict,
    CredvaultError,
    Damaged,
    NotFound,
    Unsupported,
)
from credvault.model.names import Name, is_pattern, parse_name
from credvault.model.record import Secret
from credvault.model.value import SecretValue
from credvault.transfer.copyplan import (
    DELETED_THERE,
    STAMPS,
    CopyRow,
    Step,
    Terms,
    differing_facts,
    plan_over_deleted,
    plan_step,
    refused,
)
from credvault.transfer.plan import ADD, CONFLICT, INVALID, OVERWRITE, SKIP, SKIPPED, UNREADABLE, WRITTEN
from credvault.vault import Vault

# What a release to be copied is for, in the trail.
_PURPOSE = "copy"
# How many secrets are in the first batch and in any, and how many bytes of values make the next one smaller: each
# batch is one generation of a vault file, and is in memory.
_FIRST, _MOST = 32, 500
_BATCH_BYTES = 16 * 1024 * 1024

Advance = Callable[[object], None]


class Outcome(NamedTuple):
    """What a copy has done so far: secrets, and their versions, written and read back.

    `shortened` counts those of which the other store kept fewer versions than it was given, `restamped` those whose
    times or writers it keeps by itself.
    """

    secrets: int = 0
    versions: int = 0
    shortened: int = 0
    restamped: int = 0


class _Found(NamedTuple):
    """What a store has of some names: secrets, errors of those that are there and cannot be read, those deleted."""

    whole: Mapping[Name, Whole]
    odd: Mapping[Name, CredvaultError] = {}
    deleted: Collection[Name] = ()


class Copy:
    """Secrets of `source` on their way to `target`, on the terms that both can keep.

    With `versions` every active version is carried where both stores keep versions, else the current one. Raises
    Unsupported where the target cannot be written.
    """

    def __init__(self, source: Vault, target: Vault, *, policy: str, versions: bool = True) -> None:
        here, there = source.backend, target.backend
        if Capability.WRITE not in there.capabilities:
            raise Unsupported(f"the backend '{there.name}' cannot be written", hint="copy to another one")
        self.keeps_versions = Capability.VERSIONS in there.capabilities
        self.keeps_facts = Capability.METADATA in there.capabilities
        keeps = Capability.VERSIONS in here.capabilities and self.keeps_versions
        self._terms = Terms(policy, versions and keeps, self.keeps_facts, there.check_fits)
        self._source = source
        self._target = target
        self.outcome = Outcome()

    def names(self, globs: Sequence[str], default: str, namespace: str | None = None) -> list[Name]:
        """Return the names that the patterns mean in the source, all of them without any; sorted.

        A bare key is in `namespace`, else in `default`. Raises NotFound for a name that is not there and for a pattern
        that matches none, InvalidName, and Unsupported for a pattern where the source cannot list.
        """
        plain = [parse_name(glob, namespace=namespace, default=default) for glob in globs if not is_pattern(glob)]
        found = set(self._source.has_many(plain)) if plain else set()
        found.discard(LABEL_NAME)  # what an offline copy has of itself: its file may be named as a vault
        missing = [name for name in plain if name not in found]
        if missing:
            raise self._why_missing(missing[0])
        patterns = list(filter(is_pattern, globs))
        if patterns or not globs:
            listed = [record.name for record in self._source.list(patterns) if record.name != LABEL_NAME]
            check_matched(patterns, listed, namespace=default)
            found.update(listed)
        return sorted(found)

    def _why_missing(self, name: Name) -> NotFound:
        """Return what the source says of a secret that is not there, or not any more."""
        try:
            self._source.get(name, purpose=_PURPOSE)
            error = NotFound(f"there is no secret {name}")
        except NotFound as exc:
            error = exc
        error.message += "; nothing was copied"
        return error

    def plan(self, names: Sequence[Name], advance: Advance) -> list[CopyRow]:
        """Return what becomes of each secret; `advance` is called for each. Changes nothing."""
        rows, facts = [], []
        for step in (step for steps in self._batches(names, advance) for step in steps):
            rows.append(step.row)
            if step.changes:  # without the values, of which there may be more than memory holds
                facts.append(Change(step.row.name, None, step.changes[-1].facts))
        crowded = self._target.backend.find_crowded(facts)
        return [refused(row.name, crowded[row.name]) if row.name in crowded else row for row in rows]

    def carry_out(self, rows: Sequence[CopyRow], advance: Advance) -> Outcome:
        """Write what is planned, batch by batch, and read each one back; return what was done.

        `outcome` says how far it came whatever is raised: AlreadyExists and Conflict where somebody else was faster,
        Damaged where what is read back is not what was written, and the errors of both stores.
        """
        planned = {row.name: row.action for row in rows if row.action in WRITTEN}
        # What is to be added need not be looked for: it is written only where nothing is.
        new = {name for name, action in planned.items() if action == ADD}
        for steps in self._batches(list(planned), lambda step: None, new):
            problem = next((step.row.error for step in steps if step.row.error is not None), None)
            if problem is not None:
                raise problem
            for portion in _portions([step for step in steps if step.changes]):
                self._write(portion)
            for step in steps:
                advance(step)
        return self.outcome

    def _batches(
        self, names: Sequence[Name], advance: Advance, new: Collection[Name] = frozenset()
    ) -> Iterator[list[Step]]:
        """Yield the steps of some secrets at a time, fewer where they are large; `new` ones are not looked for."""
        at, count = 0, _FIRST
        while at < len(names):
            batch = names[at : at + count]
            here = self._fetch_here(batch)
            there = self._fetch_there([name for name in batch if name not in new])
            steps = [self._step(name, here, there) for name in batch]
            for step in steps:
                advance(step)
            yield steps
            at += len(batch)
            size = sum(whole.size for whole in (*here.whole.values(), *there.whole.values()))
            count = max(1, count // 2) if size > _BATCH_BYTES else min(_MOST, count * 2)

    def _fetch_here(self, names: Sequence[Name]) -> "_Found":
        whole, odd = fetch_readable(self._source, names, purpose=_PURPOSE)
        current = _fetch_current(self._source, odd)
        if self._terms.versions:
            return _Found(whole, {**odd, **{name: _of_an_older_one(odd[name]) for name in current}})
        return _Found({**whole, **current}, {name: error for name, error in odd.items() if name not in current})

    def _fetch_there(self, names: Sequence[Name]) -> "_Found":
        if not self.keeps_versions:
            return _Found(*fetch_readable(self._target, names, purpose=_PURPOSE))
        # First, as most are not there: that is one question for each and not two.
        histories = self._target.histories(names) if names else {}
        there, odd = fetch_readable(self._target, list(histories), purpose=_PURPOSE, histories=histories)
        # What cannot be read of the past there is not in the way: it stays.
        there |= _fetch_current(self._target, odd)
        odd = {name: error for name, error in odd.items() if name not in there}
        return _Found(there, odd, histories.keys() - there.keys() - odd.keys())

    def _step(self, name: Name, here: "_Found", there: "_Found") -> Step:
        if name in here.odd:
            return Step(CopyRow(name, UNREADABLE, 0, here.odd[name].message, here.odd[name]))
        if name in there.odd:
            odd = there.odd[name]
            error = type(odd)(f"it is there already, but cannot be read: {odd.message}", hint=odd.hint)
            return Step(CopyRow(name, INVALID, 0, error.message, error))
        if name in there.deleted:
            return self._deleted(name, here.whole.get(name))
        return plan_step(name, here.whole.get(name), there.whole.get(name), self._terms)

    def _deleted(self, name: Name, here: Whole | None) -> Step:
        if here is None:
            return plan_step(name, None, None, self._terms)
        if self._terms.policy == OVERWRITE:
            return plan_over_deleted(name, here, self._terms)
        if self._terms.policy == SKIP:
            return Step(CopyRow(name, SKIPPED, 0, DELETED_THERE))
        hint = (
            f"there, 'credvault undelete {name}' brings it back and 'credvault delete {name}' removes it for good; "
            "--on-conflict overwrite makes the new one its next version"
        )
        error = AlreadyExists(f"{name} is there already, deleted", hint=hint)
        return Step(CopyRow(name, CONFLICT, 0, DELETED_THERE, error))

    def _write(self, steps: Sequence[Step]) -> None:
        changes = in_rounds([step.changes for step in steps])
        records = self._target.put_many(changes, purpose=_PURPOSE, as_they_are=True)
        written: dict[Name, list[tuple[int, SecretValue]]] = {step.row.name: [] for step in steps}
        for change, record in zip(changes, records, strict=True):
            if change.value is not None:
                written[change.name].append((record.version, change.value))
        stored = self._target.get_many(written, purpose=_PURPOSE)
        older = [(name, version) for name, versions in written.items() for version, _ in versions[:-1]]
        past = self._target.release(older, purpose=_PURPOSE) if older else {}
        for step in steps:
            name = step.row.name
            before = [(past.get((name, version)), value) for version, value in written[name][:-1]]
            self._check(step, stored.get(name), before)
            self._count(step, stored[name], len(written[name]), None in [secret for secret, _ in before])

    def _check(self, step: Step, stored: Secret | None, before: Sequence[tuple[Secret | None, SecretValue]]) -> None:
        """Compare what was read back with what was written: the secret, and its older versions that are still kept."""
        name, here = step.row.name, step.here
        if stored is None or here is None or stored.value != here.values[-1]:
            raise _not_the_same(name, "its value")
        if any(secret is not None and secret.value != value for secret, value in before):
            raise _not_the_same(name, "an older value")
        others = differing_facts(here.record.facts(), stored.record.facts()) if self._terms.facts else []
        if others:
            raise _not_the_same(name, ", ".join(others))

    def _count(self, step: Step, stored: Secret, versions: int, is_short: bool) -> None:
        here, there = {} if step.here is None else step.here.record.facts(), stored.record.facts()
        restamped = any(here.get(stamp) != there.get(stamp) for stamp in STAMPS)
        done = self.outcome
        self.outcome = Outcome(
            done.secrets + 1, done.versions + versions, done.shortened + is_short, done.restamped + restamped
        )


def say_how_far(error: CredvaultError, outcome: Outcome, total: int) -> CredvaultError:
    """Return an error that ended a copy with how far it came, and how to go on."""
    error.message += f"; {outcome.secrets} of {total} are copied"
    way_on = "run it again: it goes on from there"
    if isinstance(error, AlreadyExists | Conflict):  # its own hint is for who adds or rotates one
        error.hint = f"somebody else wrote it meanwhile; {way_on}"
    else:
        error.hint = f"{error.hint}; {way_on}" if error.hint else way_on
    return error


def in_rounds(changes: Sequence[Sequence[Change]]) -> list[Change]:
    """Return the changes of several secrets so that the first of each come first, then the second, and so on.

    A store that makes those of different secrets side by side waits once for each round, and not for each secret.
    """
    return [change for each in zip_longest(*changes) for change in each if change is not None]


def _fetch_current(vault: Vault, names: Collection[Name]) -> dict[Name, Whole]:
    """Return those of the secrets of which the current version can be read, with that alone."""
    return fetch_readable(vault, names, purpose=_PURPOSE, past=False)[0] if names else {}


def _of_an_older_one(error: CredvaultError) -> CredvaultError:
    hint = "--no-versions copies the current version alone"
    return type(error)(f"an older version cannot be read: {error.message}", hint=hint)


def _not_the_same(name: Name, what: str) -> Damaged:
    hint = "look at it there before you rely on it"
    return Damaged(f"{name} was written, and read back it is not the same ({what})", hint=hint)


def _portions(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield the steps in their order, so many at a time as are not large together: an agent takes so much at once."""
    portion: list[Step] = []
    size = 0
    for step in steps:
        more = 0 if step.here is None else step.here.size
        if portion and size + more > _BATCH_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(step)
        size += more
    if portion:
        yield portion
