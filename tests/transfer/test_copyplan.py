"""What a copy makes of one secret: where two histories meet, and what is in the way."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from credvault.backends.base import ABSENT, Change
from credvault.backends.memory import MemoryBackend
from credvault.history import Whole, fetch_whole
from credvault.model.errors import AlreadyExists, InvalidValue, Unsupported
from credvault.model.names import parse_name
from credvault.model.times import time_text
from credvault.model.value import SecretValue
from credvault.sealing.entries import HistoryLimits
from credvault.transfer.copyplan import Step, Terms, find_place, plan_step
from credvault.transfer.plan import FAIL, OVERWRITE, SKIP
from tests.transfer.mixed import vault_of

NAME = parse_name("a/b")


def values(texts: str) -> list[SecretValue]:
    return [SecretValue(text.encode()) for text in texts]


def whole(texts: str, store: MemoryBackend | None = None, **facts: object) -> Whole:
    """Return a secret whose versions have these letters as their values."""
    store = store or MemoryBackend()
    for number, text in enumerate(texts):
        at = time_text(1_800_000_000 + number)
        stamps = {"updated_at": at, "value_changed_at": at, "updated_by": f"user{number}"}
        store.put(Change(NAME, SecretValue(text.encode()), {**stamps, **facts}))
    return fetch_whole(vault_of(store), [NAME], purpose="copy")[NAME]


@pytest.mark.parametrize(
    ("here", "there", "version", "place"),
    [
        ("ABC", "ABC", 3, 3),
        ("ABC", "A", 1, 1),
        ("ABC", "AB", 2, 2),
        ("ABC", "C", 1, 3),  # copied without versions
        ("ABC", "BC", 3, 3),  # it keeps two
        ("BCD", "ABC", 3, 2),  # here the oldest was dropped since
        ("CDE", "ABC", 3, 1),
        ("ABA", "A", 1, 1),  # the first of a copy that was interrupted
        ("ABA", "A", 3, 3),  # it keeps one
        ("AAA", "AA", 2, 2),
        ("ABC", "XC", 2, 3),  # the same value, from another past
        ("ABC", "X", 1, None),
        ("ABC", "XB", 2, None),
        ("ABC", "ABCD", 4, None),
        ("ABC", "ABX", 3, None),
        ("A", "B", 9, None),
    ],
)
def test_histories_meet_where_all_before_agrees(here: str, there: str, version: int, place: int | None) -> None:
    assert find_place(values(here), values(there), version) == place


@given(some.text("AB", min_size=1, max_size=8), some.data(), some.integers(1, 8))
def test_copy_that_stops_anywhere_is_continued_to_the_same_end(texts: str, data: some.DataObject, keeps: int) -> None:
    here = whole(texts)
    store = MemoryBackend(HistoryLimits(versions=keeps))
    written = data.draw(some.integers(0, len(texts)))
    for change in plan_step(NAME, here, None, Terms()).changes[:written]:
        store.put(change)

    step = plan_step(NAME, here, fetch_whole(vault_of(store), [NAME], purpose="copy").get(NAME), Terms())
    for change in step.changes:
        store.put(change)

    there = fetch_whole(vault_of(store), [NAME], purpose="copy")[NAME]
    # A store that keeps fewer than there are may take a value that came before for the last one; else all are there.
    if keeps >= len(texts):
        assert [value for _, value in there.versions] == [value for _, value in here.versions]
    assert there.versions[-1][1] == here.versions[-1][1]
    assert plan_step(NAME, here, there, Terms()).changes == ()


def test_new_secret_brings_each_version_with_its_time_and_writer_and_all_facts() -> None:
    here = whole("ABC", note="a note", tags=["x"])

    step = plan_step(NAME, here, None, Terms())

    assert (step.row.action, step.row.versions) == ("add", 3)
    assert [change.expect for change in step.changes] == [ABSENT, 1, 2]
    assert [change.facts["updated_by"] for change in step.changes] == ["user0", "user1", "user2"]
    assert all(change.facts["note"] == "a note" for change in step.changes)
    assert _result(step) == here


def test_edit_after_the_last_version_is_brought_as_an_edit() -> None:
    store = MemoryBackend()
    whole("AB", store)
    store.put(Change(NAME, None, {"updated_at": "2030-01-01T00:00:00Z", "updated_by": "editor", "service": "s"}))
    here = fetch_whole(vault_of(store), [NAME], purpose="copy")[NAME]

    step = plan_step(NAME, here, None, Terms())

    assert [change.value is None for change in step.changes] == [False, False, True]
    assert step.row.versions == 2
    assert _result(step) == here


def test_versions_keep_their_times_where_the_first_ones_are_gone() -> None:
    here = whole("ABCD", MemoryBackend(HistoryLimits(versions=2)))

    there = _result(plan_step(NAME, here, None, Terms()))

    assert [(v.created_at, v.updated_by, value) for v, value in there.versions] == [
        (v.created_at, v.updated_by, value) for v, value in here.versions
    ]
    assert there.record.facts() == here.record.facts()


def test_without_versions_the_current_one_is_carried() -> None:
    step = plan_step(NAME, whole("ABC"), None, Terms(versions=False))

    assert [change.value for change in step.changes] == values("C")
    assert step.row.versions == 1


def test_without_versions_the_same_value_is_enough() -> None:
    step = plan_step(NAME, whole("ABA"), whole("A"), Terms(versions=False))

    assert (step.row.action, step.changes) == ("unchanged", ())


def test_older_version_there_is_continued_whatever_the_policy() -> None:
    for policy in (FAIL, SKIP, OVERWRITE):
        step = plan_step(NAME, whole("ABC"), whole("A"), Terms(policy))

        assert (step.row.action, step.row.versions, step.row.error) == ("continue", 2, None)
        assert [change.expect for change in step.changes] == [1, 2]


def test_facts_that_were_set_there_are_not_lost_to_a_newer_value() -> None:
    here, there = whole("AB", note="of here"), whole("A", note="of there")

    failing, skipping = plan_step(NAME, here, there, Terms()), plan_step(NAME, here, there, Terms(SKIP))
    writing = plan_step(NAME, here, there, Terms(OVERWRITE))

    assert (failing.row.action, failing.row.reason) == ("conflict", "it is there already with other facts (note)")
    assert (skipping.row.action, failing.changes, skipping.changes) == ("skip", (), ())
    assert [change.value for change in writing.changes] == values("B")
    assert writing.changes[0].facts["note"] == "of here"


def test_record_without_its_time_takes_none_from_the_other() -> None:
    here = whole("AB")
    here = here._replace(record=here.record._replace(created_at=None, updated_by=None))

    step = plan_step(NAME, here, whole("A", service="s"), Terms(OVERWRITE))

    assert step.changes[0].facts["service"] is None
    assert "created_at" not in step.changes[0].facts


@pytest.mark.parametrize("policy", [FAIL, SKIP])
def test_other_value_is_a_conflict_or_stays(policy: str) -> None:
    step = plan_step(NAME, whole("A"), whole("X"), Terms(policy))

    assert step.changes == ()
    assert step.row.reason == "it is there already with another value"
    assert isinstance(step.row.error, AlreadyExists) is (policy == FAIL)


def test_overwritten_value_becomes_the_next_version_and_facts_become_these() -> None:
    here, there = whole("AB", note="new"), whole("XYZ", service="old", tags=["t"])

    step = plan_step(NAME, here, there, Terms(OVERWRITE))

    assert step.row.action == "overwrite"
    assert [(change.value, change.expect) for change in step.changes] == [(values("B")[0], 3)]
    facts = step.changes[0].facts
    assert (facts["note"], facts["service"], facts["tags"]) == ("new", None, None)


def test_other_facts_alone_are_a_conflict_that_names_them() -> None:
    here, there = whole("A", note="one", tags=["a"]), whole("A", note="two")

    failing = plan_step(NAME, here, there, Terms())
    writing = plan_step(NAME, here, there, Terms(OVERWRITE))

    assert failing.row.reason == "it is there already with other facts (note, tags)"
    assert [change.value for change in writing.changes] == [None]
    assert writing.row.versions == 0
    assert plan_step(NAME, here, there, Terms(facts=False)).row.action == "unchanged"


def test_store_without_facts_is_given_only_when_and_by_whom() -> None:
    step = plan_step(NAME, whole("AB", note="a note"), None, Terms(versions=False, facts=False))

    assert [sorted(change.facts) for change in step.changes] == [["updated_at", "updated_by", "value_changed_at"]]


def test_what_does_not_fit_is_said_in_the_plan() -> None:
    def check_fits(change: Change) -> None:
        if change.facts.get("note") == "long":
            raise InvalidValue("note is too long there", hint="shorten it")

    step = plan_step(NAME, whole("A", note="long"), None, Terms(check_fits=check_fits))

    assert (step.row.action, step.changes) == ("invalid", ())
    assert isinstance(step.row.error, InvalidValue)
    assert step.row.error.message == "a/b cannot be stored there: note is too long there"
    assert step.row.error.hint == "shorten it"


def test_what_has_no_current_version_cannot_be_read() -> None:
    step = plan_step(NAME, None, None, Terms())

    assert step.row.action == "unreadable"
    assert isinstance(step.row.error, Unsupported)


def _result(step: Step) -> Whole:
    store = MemoryBackend()
    changes: Sequence[Change] = step.changes
    store.put_many(changes)
    return fetch_whole(vault_of(store), [NAME], purpose="copy")[NAME]
