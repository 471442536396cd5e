"""Records: what their facts may be, how they are merged, and how they look as JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import InvalidValue
from credvault.model.names import Name
from credvault.model.record import (
    DATABASE_FIELDS,
    DELIVERIES,
    MAX_FACT_BYTES,
    MEMBERS,
    TYPES,
    check_choices,
    check_facts,
    check_together,
    derived_env_name,
    first_facts,
    merge_facts,
    record_from_facts,
)

TIME = "2026-11-22T01:02:03Z"
NAME = Name("team", "db/url")
LEAST: dict[str, Any] = {
    "type": "secret",
    "delivery": "executor_only",
    "created_at": TIME,
    "updated_at": TIME,
    "value_changed_at": TIME,
}
FULL: dict[str, Any] = {
    **LEAST,
    "service": "postgresql",
    "env_name": "DATABASE_URL",
    "note": "é",
    "expires_at": "2027-01-31T12:00:00.5Z",
    "rotate_every": "90d",
    "updated_by": "alice",
    "consumers": ["web"],
    "tags": ["prod"],
    "metadata": {"a": "b", "n": 1, "x": 0.5, "t": True},
    "fields": {"host": "db", "port": 5432},
    "probe": {"kind": "tcp", "port": 5432},
}


@pytest.mark.parametrize("facts", [LEAST, FULL], ids=["least", "full"])
def test_facts_become_a_record_and_facts_again(facts: dict[str, Any]) -> None:
    check_facts(facts)

    record = record_from_facts(NAME, 3, facts)

    assert record.facts() == facts
    assert record.name == NAME
    assert record.members() == {"namespace": "team", "key": "db/url", "version": 3, **facts}
    assert list(record.members())[:3] == ["namespace", "key", "version"]


def test_member_that_is_not_known_is_kept() -> None:
    facts = {**LEAST, "x_later": {"a": [1]}}
    check_facts(facts)

    record = record_from_facts(NAME, 1, facts)

    assert record.extra == {"x_later": {"a": [1]}}
    assert record.facts() == facts


def test_type_and_delivery_that_are_not_known_are_read_and_not_set() -> None:
    for member in ("type", "delivery"):
        facts = {**LEAST, member: "brokered"}

        check_facts(facts)
        with pytest.raises(InvalidValue, match=f"there is no {member} 'brokered'"):
            check_choices(facts)


@pytest.mark.parametrize("member", LEAST)
def test_required_member_is_missed(member: str) -> None:
    with pytest.raises(InvalidValue, match=f"the record has no {member}"):
        check_facts({name: fact for name, fact in LEAST.items() if name != member})


TEXTS: list[Any] = ["", ["a"], {}]
TIMES: list[Any] = ["", "now", "2026-02-30T00:00:00Z"]
LISTS: list[Any] = ["web", {"a": 1}, [1], [""], ["a", None]]
WRONG: dict[str, list[Any]] = {
    **dict.fromkeys(("type", "delivery", "service", "env_name", "note", "updated_by"), TEXTS),
    **dict.fromkeys(("created_at", "updated_at", "value_changed_at", "expires_at"), TIMES),
    **dict.fromkeys(("consumers", "tags"), LISTS),
    "rotate_every": ["", "90", "0d", "90D", "-1d"],
    "metadata": ["a", ["a"], {"a": None}, {"a": []}, {"a": {}}, {"": "a"}, {1: "a"}],
    "fields": ["a", ["a"], {"a": True}, {"a": 1.5}, {"a": None}, {"": "a"}],
    "probe": ["tcp", [], {}, {"kind": 1}, {"host": "x"}],
}
EVERY_WRONG = [(member, wrong) for member in MEMBERS for wrong in (None, 1, True, 1.5, *WRONG[member])]


@pytest.mark.parametrize(("member", "wrong"), EVERY_WRONG)
def test_fact_of_another_kind_is_refused(member: str, wrong: Any) -> None:
    with pytest.raises(InvalidValue, match=member):
        check_facts({**FULL, member: wrong})


@pytest.mark.parametrize("choice", TYPES)
def test_every_type_can_be_set(choice: str) -> None:
    check_choices({"type": choice})


@pytest.mark.parametrize("choice", DELIVERIES)
def test_every_delivery_can_be_set(choice: str) -> None:
    check_choices({"delivery": choice})


def test_variable_that_steers_programs_is_not_set_unless_allowed() -> None:
    with pytest.raises(InvalidValue):
        check_choices({"env_name": "LD_PRELOAD"})
    check_choices({"env_name": "LD_PRELOAD"}, allow_env=["LD_PRELOAD"])
    # In a file it is a text like any other: whoever hands it out looks again.
    check_facts({**LEAST, "env_name": "LD_PRELOAD"})


def test_fact_that_is_too_long_or_no_text_is_not_set() -> None:
    check_choices({"note": "x" * MAX_FACT_BYTES})
    with pytest.raises(InvalidValue, match="longer than 16384 bytes"):
        check_choices({"note": "x" * MAX_FACT_BYTES + "x"})
    with pytest.raises(InvalidValue, match="longer than"):
        check_choices({"note": "é" * (MAX_FACT_BYTES // 2) + "x"})
    with pytest.raises(InvalidValue, match="not valid text"):
        check_choices({"note": "\udcff"})


def test_changes_are_merged_and_none_unsets() -> None:
    merged = merge_facts(FULL, {"note": None, "tags": (), "service": "mysql", "consumers": ("a", "b")})

    assert "note" not in merged
    assert "tags" not in merged
    assert (merged["service"], merged["consumers"]) == ("mysql", ["a", "b"])
    assert merged["metadata"] == FULL["metadata"]


@given(st.dictionaries(st.sampled_from(["service", "note"]), st.none() | st.text(max_size=3)))
def test_merging_leaves_nothing_empty_and_changes_nothing_given(changes: dict[str, str | None]) -> None:
    before = dict(FULL)

    merged = merge_facts(FULL, changes)

    assert before == FULL
    assert all(fact not in (None, "", [], {}) for fact in merged.values())


@pytest.mark.parametrize(
    ("name", "given_facts", "delivery", "variable"),
    [
        (Name("default", "OPENAI_API_KEY"), {}, "runtime_env", "OPENAI_API_KEY"),
        (Name("default", "openai_api_key"), {}, "executor_only", None),
        (Name("default", "db/URL"), {}, "executor_only", None),
        (Name("default", "a"), {"env_name": "A_KEY"}, "runtime_env", "A_KEY"),
        (Name("default", "A"), {"delivery": "executor_only"}, "executor_only", None),
        (Name("default", "A"), {"env_name": "B"}, "runtime_env", "B"),
    ],
)
def test_new_secret_gets_its_delivery_from_its_variable(
    name: Name, given_facts: dict[str, Any], delivery: str, variable: str | None
) -> None:
    facts = first_facts(name, {"updated_at": TIME, "value_changed_at": TIME, **given_facts})

    check_facts(facts)
    assert (facts["delivery"], facts.get("env_name")) == (delivery, variable)
    assert (facts["type"], facts["created_at"]) == ("secret", TIME)


def test_facts_that_are_wrong_together_are_refused() -> None:
    check_together({"type": "database", "delivery": "executor_only", "fields": dict.fromkeys(DATABASE_FIELDS, "x")})
    check_together({"type": "secret", "delivery": "executor_only", "fields": {"anything": "x"}})

    with pytest.raises(InvalidValue, match="needs a variable"):
        check_together({"type": "secret", "delivery": "runtime_env"})
    with pytest.raises(InvalidValue, match="a database has no field 'colour'"):
        check_together({"type": "database", "delivery": "executor_only", "fields": {"colour": "x"}})


@pytest.mark.parametrize(
    ("expires_at", "is_expired"),
    [
        (None, False),
        ("2026-11-22T01:02:03Z", True),
        ("2026-11-22T01:02:02Z", True),
        ("2026-11-22T01:02:04Z", False),
        ("2026-11-22T01:02:03.5Z", False),
    ],
)
def test_secret_expires_at_its_time(expires_at: str | None, is_expired: bool) -> None:
    facts = LEAST if expires_at is None else {**LEAST, "expires_at": expires_at}

    assert record_from_facts(NAME, 1, facts).is_expired(1_795_309_323.0) is is_expired


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        (Name("default", "db/url"), "DB_URL"),
        (Name("team", "db.url-1@x"), "TEAM_DB_URL_1_X"),
        (Name("default", "a+b"), "A_B"),
    ],
)
def test_variable_of_a_name_is_its_words_in_upper_case(name: Name, variable: str) -> None:
    assert derived_env_name(name) == variable
