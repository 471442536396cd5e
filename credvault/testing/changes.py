"""Changes: what is expected of a secret before, which facts are kept, and several changes at once."""

from collections.abc import Mapping
from typing import Any

from credvault.backends.base import ABSENT, ANY, Capability
from credvault.model import times
from credvault.model.errors import AlreadyExists, Conflict
from credvault.model.record import Record
from credvault.testing.store import StoreUnderTest, change, time_at, value_of

FACTS: Mapping[str, Any] = {
    "type": "database",
    "service": "shop – грузы",
    "delivery": "runtime_env",
    "env_name": "SHOP_PASSWORD",
    "consumers": ["billing", "shop worker"],
    "tags": ["prod", "team:a,b", "ü"],
    "note": 'for the "shop"\nsecond line\t= {"a": 1}',
    "metadata": {"owner": "ann", "port": 5432, "share": 0.25, "is_shared": True, "ключ": "значение"},
    "fields": {"engine": "postgresql", "host": "db.example.org", "port": 5432, "username": "shop"},
    "expires_at": "2030-01-31T12:00:00Z",
    "rotate_every": "90d",
    "probe": {"kind": "http", "url": "https://example.org/me", "expect": [200, 204], "headers": {"X-A": "b"}},
}
# What an index need not hold (model/record.py).
OWN_FACTS = ("created_at", "note", "metadata", "fields", "probe", "extra", "updated_by")


class ChangeTests(StoreUnderTest):
    """`put` and `put_many` do what a change says, or nothing."""

    def test_a_change_that_expects_nothing_there_is_refused_where_something_is(self) -> None:
        """ABSENT makes `add` safe: what is there stays."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()

        record = self.put(name, value_of("one"), expect=ABSENT)
        self.refusal(AlreadyExists, lambda: self.put(name, value_of("two"), expect=ABSENT))

        assert record.name == name
        assert record == self.backend.get(name).record
        assert self.read(name) == value_of("one")

    def test_a_change_that_expects_another_version_is_refused(self) -> None:
        """A version as expectation makes `rotate` safe: who comes second is told."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()
        first = self.put(name, value_of("one")).version
        second = self.put(name, value_of("two"), expect=first).version

        for stale in (first, second + 1):
            self.refusal(Conflict, lambda stale=stale: self.put(name, value_of("three"), expect=stale))  # type: ignore[misc]

        assert second > first > 0
        assert self.backend.get(name).record.version == second
        assert self.read(name) == value_of("two")

    def test_a_change_that_expects_anything_replaces(self) -> None:
        """ANY takes whatever is there, or nothing."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()

        first = self.put(name, value_of("one"), expect=ANY)
        second = self.put(name, value_of("two"), expect=ANY)

        assert second.version > first.version
        assert self.read(name) == value_of("two")

    def test_facts_of_every_kind_come_back(self) -> None:
        """What a person may set of a secret is held as it was given."""
        self.need(Capability.WRITE, Capability.METADATA)
        name, other, _ = self.names()

        record = self.put(name, value_of("one"), **FACTS)
        self.put(other, value_of("two"))

        for seen in (record, self.backend.get(name).record, self.open_another().get(name).record):
            facts = seen.facts()
            assert {member: facts[member] for member in FACTS} == FACTS
            self._check_stamps(seen, created=0, updated=0, value_changed=0)
        plain = self.backend.get(other).record
        assert (plain.type, plain.delivery, plain.env_name, plain.tags) == ("secret", "executor_only", None, ())

    def test_a_list_has_the_facts_of_each_secret(self) -> None:
        """`list` gives what `get` gives, apart from what an index need not hold."""
        self.need(Capability.WRITE, Capability.METADATA, Capability.LIST)
        first, second, third = self.names()
        self.put(second, value_of("one"), **FACTS)
        self.put(third, value_of("two"), tags=["a"])
        self.put(first, value_of("three"))

        records = list(self.backend.list())

        assert [record.name for record in records] == sorted([first, second, third])
        assert list(self.backend.names()) == sorted([first, second, third])
        assert [_indexed(record) for record in records] == [
            _indexed(self.backend.get(record.name).record) for record in records
        ]

    def test_an_edit_changes_what_it_names_and_nothing_else(self) -> None:
        """None unsets a fact; value, version and every other fact stay."""
        self.need(Capability.WRITE, Capability.METADATA)
        name, _, _ = self.names()
        before = self.put(name, value_of("one"), note="a note", service="shop", tags=["a", "b"], rotate_every="7d")

        after = self.backend.put(change(name, None, second=5, note=None, service="mail", tags=["c"]))

        assert after == self.backend.get(name).record
        assert (after.note, after.service, after.tags, after.rotate_every) == (None, "mail", ("c",), "7d")
        assert (after.created_at, after.value_changed_at) == (before.created_at, before.value_changed_at)
        self._check_stamps(after, created=0, updated=5, value_changed=0)
        assert self.read(name) == value_of("one")
        if self.can(Capability.VERSIONS):
            assert after.version == before.version

    def test_a_new_value_leaves_the_facts(self) -> None:
        """What is not named in a change of the value stays."""
        self.need(Capability.WRITE, Capability.METADATA)
        name, _, _ = self.names()
        self.put(name, value_of("one"), **FACTS)

        self.backend.put(change(name, value_of("two"), second=7))

        record = self.backend.get(name).record
        facts = record.facts()
        assert {member: facts[member] for member in FACTS} == FACTS
        self._check_stamps(record, created=0, updated=7, value_changed=7)

    def test_an_edit_that_is_refused_changes_nothing(self) -> None:
        """An edit of another version than is there is a conflict as well."""
        self.need(Capability.WRITE, Capability.METADATA)
        name, _, _ = self.names()
        before = self.put(name, value_of("one"), note="a note")

        self.refusal(Conflict, lambda: self.put(name, None, expect=before.version + 1, note="another"))

        assert self.backend.get(name).record == before

    def test_several_changes_are_made_in_order(self) -> None:
        """Each change of `put_many` gives the record after it."""
        self.need(Capability.WRITE)
        first, second, third = self.names()
        self.put(first, value_of("old"))

        records = self.backend.put_many(
            [
                change(first, value_of("one")),
                change(second, value_of("two"), expect=ABSENT),
                change(third, value_of("three"), expect=ABSENT),
            ]
        )

        assert [record.name for record in records] == [first, second, third]
        assert [self.read(name) for name in (first, second, third)] == [
            value_of("one"),
            value_of("two"),
            value_of("three"),
        ]
        assert self.backend.put_many([]) == []

    def test_several_changes_of_one_secret_are_made_in_order(self) -> None:
        """A copy brings all the versions of a secret at once, those of several secrets in turn."""
        self.need(Capability.WRITE)
        first, second, _ = self.names()

        records = self.backend.put_many(
            [
                change(first, value_of("one"), expect=ABSENT),
                change(second, value_of("uno"), expect=ABSENT),
                change(first, value_of("two"), second=1),
                change(second, value_of("due"), second=1),
                change(first, value_of("three"), second=2),
            ]
        )

        assert [record.name for record in records] == [first, second, first, second, first]
        assert records[0].version < records[2].version < records[4].version
        assert [self.read(name) for name in (first, second)] == [value_of("three"), value_of("due")]
        if self.can(Capability.VERSIONS):
            assert [version.version for version in self.backend.history(first)] == [
                records[4].version,
                records[2].version,
                records[0].version,
            ]

    def test_several_changes_end_at_the_first_that_is_refused(self) -> None:
        """What comes after a change that is refused is not made, and what is refused is not either."""
        self.need(Capability.WRITE)
        first, second, third = self.names()
        self.put(second, value_of("old"))

        self.refusal(
            AlreadyExists,
            lambda: self.backend.put_many(
                [
                    change(first, value_of("one"), expect=ABSENT),
                    change(second, value_of("two"), expect=ABSENT),
                    change(third, value_of("three"), expect=ABSENT),
                ]
            ),
        )

        assert self.read(second) == value_of("old")
        assert not self.backend.has(third)
        assert not self.backend.has(first) or self.read(first) == value_of("one")

    def test_a_second_opening_sees_what_was_put(self) -> None:
        """What one backend put another one on the same store reads, and the reverse."""
        self.need(Capability.WRITE)
        name, other, _ = self.names()
        another = self.open_another()

        self.put(name, value_of("one"))
        assert another.get(name).value.reveal() == value_of("one")
        self.put(name, value_of("two"), backend=another)
        self.put(other, value_of("three"), backend=another)

        assert (self.read(name), self.read(other)) == (value_of("two"), value_of("three"))
        assert set(self.backend.has_many([name, other])) == {name, other}

    def _check_stamps(self, record: Record, *, created: int, updated: int, value_changed: int) -> None:
        """Check who changed a secret, and when; a store that records itself has a clock and a user of its own."""
        stamps = (record.created_at, record.updated_at, record.value_changed_at)
        if self.backend.records_itself:
            assert all(times.is_time(stamp) for stamp in stamps)
            assert record.updated_by
        else:
            assert stamps == (time_at(created), time_at(updated), time_at(value_changed))
            assert record.updated_by == "tester"


def _indexed(record: Record) -> dict[str, object]:
    return {member: fact for member, fact in record._asdict().items() if member not in OWN_FACTS}
