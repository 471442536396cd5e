"""Writing in the layout `secret`: every value by check-and-set, no value ever there without its facts.

A new secret gets its facts first: a KV secret without a version is not there yet. Who comes second finds its facts
replaced again by those of whoever was first.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from credvault.backends.base import ABSENT, ANY, Change, check_expected
from credvault.backends.hashicorp import facts as custom_facts
from credvault.backends.hashicorp.facts import seconds
from credvault.backends.hashicorp.kv2 import KV2, Metadata, Written
from credvault.backends.hashicorp.layout import VALUE, VALUE_BASE64
from credvault.backends.hashicorp.secretlayout import check_state
from credvault.model import record as model
from credvault.model.errors import AlreadyExists, Conflict, Denied
from credvault.model.names import Name
from credvault.model.record import Record, record_from_facts
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue

# How often a change that expects nothing is worked out anew because somebody else was faster.
_ATTEMPTS = 20
# What changes with every value. It says nothing of who may have it, so it can follow the value.
_STAMPS = ("updated_at", "updated_by", "value_changed_at")


class _Plan(NamedTuple):
    """What a change makes of what is there: the facts and the custom metadata after it, and those that change."""

    change: Change
    path: str
    old: Metadata | None
    facts: Mapping[str, Any]
    custom: Mapping[str, str | None]

    @property
    def is_new(self) -> bool:
        return self.old is None or not self.old.stages

    @property
    def current(self) -> int:
        """The version that is there, 0 for none."""
        return 0 if self.old is None else self.old.current_version

    @property
    def first(self) -> Mapping[str, str | None]:
        """The part of the custom metadata that is written before the value."""
        if self.is_new or self.change.value is None:
            return self.custom
        if self.change.expect != ANY:
            return {}  # another version may be there by then, and nothing is to change
        return {member: text for member, text in self.custom.items() if member not in _STAMPS}


class Writing:
    """Changes to different secrets, made side by side."""

    def __init__(self, kv: KV2, warn: Callable[[str], None]) -> None:
        self._kv = kv
        self._warn = warn
        # What was written of a secret that is not there yet, and what stood there before.
        self._claims: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {}

    def make(self, changes: Sequence[Change]) -> list[Record]:
        """Return the records after changes to secrets that are all different.

        Raises NotFound, AlreadyExists, Conflict and InvalidValue, before anything is written unless somebody else
        comes between.
        """
        records: dict[Name, Record] = {}
        left: Sequence[Change] = changes
        for _ in range(_ATTEMPTS):
            left = self._make_once(left, records)
            if not left:
                return [records[change.name] for change in changes]
        raise Conflict(f"others keep changing {left[0].name}", hint="do it again")

    def _make_once(self, changes: Sequence[Change], records: dict[Name, Record]) -> Sequence[Change]:
        """Make changes, add the records after them, and return those that somebody else's came before."""
        paths = [str(change.name) for change in changes]
        found = self._kv.read_metadata(paths)
        if None in found:
            self._kv.check_mount()
        plans = [self._plan(*each) for each in zip(changes, paths, found, strict=True)]
        overtaken: set[str] = set()
        ready = self._write_first(plans, overtaken)
        written = self._write_values([plan for plan in ready if plan.change.value is not None], overtaken)
        self._write_last(written)
        versions = {plan.path: result.version for plan, result in written}
        for plan in ready:
            if plan.path not in overtaken:
                version = versions.get(plan.path, plan.current)
                records[plan.change.name] = record_from_facts(plan.change.name, version, plan.facts)
        return [plan.change for plan in plans if plan.path in overtaken]

    def _plan(self, change: Change, path: str, old: Metadata | None) -> _Plan:
        """Return what is to be done for a change; raises the errors of `make`."""
        name = change.name
        custom: dict[str, str | None] = custom_facts.to_custom(change.facts)
        if old is None or not old.stages:
            check_expected(change, None)
            facts = model.next_facts(name, None, change.facts)
            custom = custom_facts.to_custom(facts)
            custom[custom_facts.WRITERS] = custom_facts.with_writer({}, 1, facts.get("updated_by", "unknown"))
            custom = {member: text for member, text in custom.items() if text is not None}
        else:
            self._check_expected(change, path, old)
            newest = old.stages[0]
            times = seconds(old.created_time), seconds(newest.created_time)
            held, _ = custom_facts.from_custom(name, old.custom, newest.version, *times)
            facts = model.next_facts(name, held, change.facts)
            if change.value is None and "value_changed_at" in change.facts:
                # A copy, which says of a value that is there already whose it is: it was cut short before.
                who = custom_facts.writer_of(newest.version, old.custom) or facts.get("updated_by", "unknown")
                custom[custom_facts.WRITERS] = custom_facts.with_writer(old.custom, newest.version, who)
        custom_facts.check_count({custom_facts.WRITERS: "", **(old.custom if old else {}), **custom})
        return _Plan(change, path, old, facts, custom)

    def _check_expected(self, change: Change, path: str, old: Metadata) -> None:
        """Raise what `expect` is not met by; what was written for a secret that another one added is taken back."""
        name, current = change.name, old.current_version
        if change.expect == ABSENT:
            self._give_up(path, old)
            if old.state != model.ACTIVE:
                back = f"'credvault undelete {name}' brings it back; " if old.state == model.DELETED else ""
                raise AlreadyExists(
                    f"{name} is there already, its version {current} {old.state}",
                    hint=f"{back}--force puts a new value over it",
                )
        check_expected(change, current)
        if change.value is None:
            check_state(name, current, old.state)

    def _give_up(self, path: str, now: Metadata) -> None:
        claimed, before = self._claims.pop(path, ({}, {}))
        if claimed and now.revision is not None and now.custom == claimed:
            self._kv.put_metadata([(path, before, now.revision)])

    def _write_first(self, plans: Sequence[_Plan], overtaken: set[str]) -> list[_Plan]:
        """Write the facts that go before values, and return the plans for which that was done."""
        new = [plan for plan in plans if plan.is_new]
        claims = [(plan.path, _texts(plan.custom), 0 if plan.old is None else plan.old.revision) for plan in new]
        done = dict(zip([plan.path for plan in new], self._kv.put_metadata(claims), strict=True))
        for plan in new:
            if done[plan.path]:
                self._claims[plan.path] = (_texts(plan.custom), {} if plan.old is None else plan.old.custom)
        edits = [plan for plan in plans if not plan.is_new and plan.first]
        patched = self._kv.patch_metadata([(plan.path, plan.first) for plan in edits])
        done |= dict(zip([plan.path for plan in edits], patched, strict=True))
        overtaken |= {plan.path for plan in plans if not done.get(plan.path, True)}
        return [plan for plan in plans if done.get(plan.path, True)]

    def _write_values(self, plans: Sequence[_Plan], overtaken: set[str]) -> list[tuple[_Plan, Written]]:
        results = self._kv.write([(plan.path, _data(plan.change.value), plan.current) for plan in plans])
        overtaken |= {plan.path for plan, result in zip(plans, results, strict=True) if result is None}
        return [(plan, result) for plan, result in zip(plans, results, strict=True) if result is not None]

    def _write_last(self, written: Sequence[tuple[_Plan, Written]]) -> None:
        """Write the facts that follow a value, and those of a new secret again that somebody else wrote over."""
        spoilt = [plan for plan, result in written if plan.is_new and result.custom != plan.custom]
        self._kv.put_metadata([(plan.path, _texts(plan.custom), None) for plan in spoilt])
        patches = []
        for plan, result in written:
            self._claims.pop(plan.path, None)
            if not plan.is_new:
                last = {member: text for member, text in plan.custom.items() if member not in plan.first}
                who = plan.change.facts.get("updated_by", "unknown")
                last[custom_facts.WRITERS] = custom_facts.with_writer(result.custom, result.version, who)
                patches.append((plan.path, last))
        try:
            self._kv.patch_metadata(patches)
        except Denied as exc:
            names = ", ".join(path for path, _ in patches)
            self._warn(f"the value is stored, but its facts are not ({names}): {exc.message}")


def _texts(custom: Mapping[str, str | None]) -> dict[str, str]:
    return {member: text for member, text in custom.items() if text is not None}


def _data(value: SecretValue | None) -> dict[str, str]:
    """Return a value as the data of a KV secret."""
    shown = b"" if value is None else value.reveal()
    try:
        return {VALUE: shown.decode("utf-8")}
    except UnicodeDecodeError:
        return {VALUE_BASE64: base64.b64encode(shown).decode("ascii")}
