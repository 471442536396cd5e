"""Writing in the layout `field`: a namespace is read, changed and written by check-and-set until nobody came between.

What is beside a field is written back as it was read, whatever it is. Of several who add the same secret one has its
value written, and then alone writes facts: until then the secret is marked as new, and becomes no variable.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from credvault.backends.base import ABSENT, ANY, Change, check_expected
from credvault.backends.hashicorp import fieldfacts
from credvault.backends.hashicorp.fieldlayout import fields_of
from credvault.backends.hashicorp.kv2 import KV2, Reading
from credvault.model import record as model
from credvault.model.errors import Conflict, CredvaultError, Denied, InvalidValue
from credvault.model.names import Name
from credvault.model.record import Record
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue

# How long a namespace is tried that others write all the time, and the longest pause between two attempts.
SECONDS = 30.0
MAX_PAUSE = 0.25


Texts = Mapping[str, str | None]


class _Step(NamedTuple):
    """What changes make of a namespace: its fields, None if they stay, and what is merged into the custom metadata.

    `first` goes before the fields and `last` after them; `marks` are of secrets that are new, and last as long.
    """

    data: Mapping[str, Any] | None
    marks: Texts
    first: Texts
    last: Texts


class FieldWriting:
    """Changes of one namespace at a time. `seen` is what was read of secrets last, by the count of the namespace."""

    def __init__(
        self, kv: KV2, warn: Callable[[str], None], seen: MutableMapping[Name, tuple[int, SecretValue]]
    ) -> None:
        self._kv = kv
        self._warn = warn
        self._seen = seen

    def make(self, changes: Sequence[Change]) -> list[Record]:
        """Return the records after changes to different secrets of one namespace: all are made, or none.

        Raises NotFound, AlreadyExists, Conflict and InvalidValue.
        """
        namespace = changes[0].name.namespace
        marked: Texts = {}
        for reading in self._turns(namespace):
            try:
                step = self._plan(changes, reading)
            except CredvaultError:
                self._merge_last(namespace, dict.fromkeys(marked))
                raise
            marked = step.marks
            self._merge(namespace, {**step.marks, **step.first})
            if step.data is not None:
                written = self._kv.write([(namespace, step.data, reading.version)])[0]
                if written is None:
                    continue
                reading = Reading(written.version, model.ACTIVE, step.data, reading.custom, written.created_time)
            self._merge_last(namespace, {**dict.fromkeys(step.marks), **step.last})
            after = reading._replace(custom=_merged(reading.custom, step.first, step.last))
            for change in changes:
                if change.value is not None:
                    self._seen[change.name] = after.version, change.value
            return [fieldfacts.record_of(change.name, after, _pass_over) for change in changes]
        raise AssertionError("turns end by an error")

    def remove(self, names: Collection[Name]) -> None:
        """Remove fields of one namespace, and all of it with the last one; what is gone by then is passed over."""
        namespace = next(iter(names)).namespace
        keys = {name.key for name in names}
        for reading in self._turns(namespace):
            fields = fields_of(reading)
            gone = [name for name in names if name.key in fields]
            left = {key: field for key, field in fields.items() if key not in keys}
            if gone and self._kv.write([(namespace, left, reading.version)])[0] is None:
                continue
            if gone and not left:
                # Empty first: whoever had read it as it was is refused, and puts nothing into what is removed now.
                self._kv.remove([namespace])
            elif gone:
                texts = [fieldfacts.forgotten(name, reading.custom) for name in gone]
                self._merge_last(namespace, {key: None for each in texts for key in each})
            return

    def _turns(self, namespace: str) -> Iterator[Reading]:
        """Yield a namespace as it is, again and again; raises Conflict in the end."""
        until, pause = time.monotonic() + SECONDS, 0.005
        while True:
            yield self._read(namespace)
            if time.monotonic() > until:
                raise Conflict(f"others keep changing the namespace {namespace}", hint="do it again")
            time.sleep(pause * os.urandom(1)[0] / 255)
            pause = min(MAX_PAUSE, 2 * pause)

    def _read(self, namespace: str) -> Reading:
        reading = self._kv.read([(namespace, None)])[0]
        if reading is not None:
            return reading
        self._kv.check_mount()
        # It may have custom metadata, and no version yet.
        metadata = self._kv.read_metadata([namespace])[0]
        return Reading(0, model.ACTIVE, {}, {} if metadata is None else metadata.custom, "")

    def _plan(self, changes: Sequence[Change], reading: Reading) -> _Step:
        """Return what is to be done; raises the errors of `make`, before anything is written."""
        data = dict(fields_of(reading))
        marks: dict[str, str | None] = {}
        first: dict[str, str | None] = {}
        last: dict[str, str | None] = {}
        for change in changes:
            self._check_expected(change, reading)
            is_there = change.name.key in data
            old = fieldfacts.read_facts(change.name, reading)[0] if is_there else None
            facts = model.next_facts(change.name, old, change.facts)
            texts = fieldfacts.texts_after(change.name, facts, reading.custom)
            if texts and not is_there:
                marks |= fieldfacts.mark_of(change.name)
            for key, text in texts.items():
                # Where another value may be there by then, nothing goes before.
                follows = change.value is not None and (fieldfacts.is_stamp(key) or change.expect != ANY)
                (last if follows or not is_there else first)[key] = text
            if change.value is not None:
                data[change.name.key] = _text_of(change.name, change.value)
        fieldfacts.check_count(changes[0].name.namespace, _merged(reading.custom, first, last))
        return _Step(data if any(change.value is not None for change in changes) else None, marks, first, last)

    def _check_expected(self, change: Change, reading: Reading) -> None:
        """Raise what `expect` is not met by. The namespace may have been changed since, if this secret was not."""
        name, fields = change.name, fields_of(reading)
        if name.key not in fields or change.expect in (ABSENT, ANY):
            check_expected(change, reading.version if name.key in fields else None)
            return
        field = fields[name.key]
        value = SecretValue(field.encode("utf-8", "surrogatepass")) if isinstance(field, str) else None
        if change.expect == reading.version and value is not None:
            self._seen[name] = reading.version, value
        elif self._seen.get(name) != (change.expect, value):
            check_expected(change, reading.version)

    def _merge(self, namespace: str, texts: Texts) -> None:
        """Merge texts into the custom metadata of a namespace, which is made if it is not there."""
        if texts and not self._kv.patch_metadata([(namespace, texts)])[0]:
            self._kv.make_metadata(namespace)
            self._kv.patch_metadata([(namespace, texts)])

    def _merge_last(self, namespace: str, texts: Texts) -> None:
        try:
            self._merge(namespace, texts)
        except Denied as exc:
            self._warn(f"the values are stored, but their facts are not ({namespace}): {exc.message}")


def _pass_over(name: Name, members: Sequence[str]) -> None:
    """Say nothing of what is unreadable: who reads the secret is told."""


def check_fits(change: Change) -> None:
    """Raise InvalidValue for what no namespace can hold, whatever is in it."""
    if change.value is not None:
        _text_of(change.name, change.value)
    _texts_of(change, {})


def find_crowded(namespace: str, changes: Collection[Change], custom: Mapping[str, str]) -> dict[Name, CredvaultError]:
    """Return the changes with facts, if the custom metadata of their namespace has no room for them all."""
    texts = {change.name: _texts_of(change, custom) for change in changes}
    try:
        fieldfacts.check_count(namespace, _merged(custom, *texts.values()))
    except InvalidValue as exc:
        return {name: exc for name, each in texts.items() if any(text is not None for text in each.values())}
    return {}


def _texts_of(change: Change, custom: Mapping[str, str]) -> Texts:
    """Return what the facts of a change, which are all that there will be, make of the custom metadata."""
    given = {"value_changed_at": change.facts.get("updated_at"), **change.facts}
    return fieldfacts.texts_after(change.name, model.first_facts(change.name, given), custom)


def _text_of(name: Name, value: SecretValue) -> str:
    """Return a value as a field has it; raises InvalidValue for what is no text."""
    try:
        return value.reveal().decode("utf-8")
    except UnicodeDecodeError:
        hint = 'a profile with layout = "secret" takes any bytes'
        raise InvalidValue(f"the value of {name} is not text (UTF-8), and a field holds text", hint=hint) from None


def _merged(custom: Mapping[str, str], *texts: Texts) -> dict[str, str]:
    merged: dict[str, str | None] = dict(custom)
    for each in texts:
        merged.update(each)
    return {key: text for key, text in merged.items() if text is not None}
