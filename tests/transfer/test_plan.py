"""What a plan says of each secret, without a vault."""

import re
from typing import Any

import pytest

from credvault.model import errors
from credvault.model.names import Name, parse_name
from credvault.model.record import Secret, record_from_facts
from credvault.model.value import MAX_VALUE_BYTES, SecretValue
from credvault.transfer import plan
from credvault.transfer.importers.base import Item, Skipped
from credvault.transfer.naming import Naming
from credvault.transfer.plan import BY_ITS_NAME, Choices, Row, compare_rows, find_problem, plan_rows

TIMES = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}


def item(path: str, value: bytes = b"new", **facts: Any) -> Item:
    return Item(tuple(path.split("/")), SecretValue(value), facts)


def stored(name: str, value: bytes = b"old", version: int = 3, **facts: Any) -> dict[Name, Secret]:
    whole = {"type": "secret", "delivery": "executor_only", **TIMES, "value_changed_at": TIMES["updated_at"], **facts}
    return {parse_name(name): Secret(record_from_facts(parse_name(name), version, whole), SecretValue(value))}


def actions(rows: list[Row]) -> list[str]:
    return [row.action for row in rows]


def test_new_secret_is_added_with_its_facts_and_variable() -> None:
    (row,) = plan_rows([item("openai/KEY", type="api_key", tags=["a"], note=None)], Choices())

    assert (row.action, str(row.name), row.type, row.env_name) == ("add", "openai/KEY", "api_key", "KEY")
    assert row.facts == {"type": "api_key", "tags": ["a"], "delivery": "runtime_env", "env_name": "KEY"}


def test_each_gets_a_variable_where_that_is_chosen() -> None:
    rows = plan_rows([item("a/b"), item("c", env_name="MINE")], Choices(runtime_env=True))

    assert [row.env_name for row in rows] == ["A_B", "MINE"]


def test_variable_that_only_a_name_asks_for_is_said() -> None:
    rows = plan_rows([item("HSBC"), item("TOKEN", env_name="TOKEN"), item("a/b")], Choices())

    assert [(row.env_name, row.reason) for row in rows] == [("HSBC", BY_ITS_NAME), ("TOKEN", ""), (None, "")]


def test_none_gets_a_variable_where_that_is_chosen() -> None:
    rows = plan_rows([item("HSBC"), item("c", env_name="MINE"), item("PATH")], Choices(executor_only=True))

    assert [(row.facts["delivery"], row.env_name, row.reason) for row in rows] == [("executor_only", None, "")] * 3


def test_name_that_steers_programs_is_imported_without_a_variable_unless_that_is_lifted() -> None:
    (held,) = plan_rows([item("LD_PRELOAD")], Choices())
    (lifted,) = plan_rows([item("LD_PRELOAD")], Choices(allow_env=["LD_PRELOAD"]))

    assert (held.env_name, held.facts["delivery"]) == (None, "executor_only")
    assert "--allow-env LD_PRELOAD" in held.reason
    assert lifted.env_name == "LD_PRELOAD"


def test_entries_of_one_name_without_values_of_their_own_can_be_told_apart() -> None:
    parts = [Item(("bank",), SecretValue(value), below=("pin",)) for value in (b"1", b"2")]
    whole = [Item(("bank",), SecretValue(b"3")), Item(("bank",), SecretValue(b"4"), below=("pin",))]
    naming = Naming({"bank [2]": Name("work", "second"), "bank [3]": Name("work", "third")})

    rows = plan_rows([*parts, *whole], Choices(naming))

    assert [(row.source, str(row.name), row.action) for row in rows] == [
        ("bank/pin", "default/bank/pin", "add"),
        ("bank [2]/pin", "work/second/pin", "add"),
        ("bank [3]", "work/third", "add"),
        ("bank [3]/pin", "work/third/pin", "add"),
    ]


def test_empty_and_oversized_values_are_skipped_with_a_reason() -> None:
    rows = plan_rows(
        [item("a", b""), item("b", bytes(MAX_VALUE_BYTES + 1)), item("c", bytes(MAX_VALUE_BYTES))], Choices()
    )

    assert actions(rows) == ["skip", "skip", "add"]
    assert rows[0].reason == "its value is empty"
    assert "1048577 bytes" in rows[1].reason


def test_two_that_come_to_one_name_are_an_error_that_names_both() -> None:
    rows = plan_rows([item("My bank"), item("My (bank)"), item("x")], Choices())

    assert actions(rows) == ["collision", "collision", "add"]
    problem = find_problem(rows)
    assert isinstance(problem, errors.Invalid)
    assert re.fullmatch(
        r"'My bank' and 'My \(bank\)' would both be default/My_bank; nothing was imported", problem.message
    )


def test_two_of_one_label_can_be_told_apart_by_a_mapping() -> None:
    naming = Naming({"a/b [2]": Name("a", "c")})

    rows = plan_rows([item("a/b"), item("a/b")], Choices(naming))

    assert [(row.source, str(row.name)) for row in rows] == [("a/b", "a/b"), ("a/b [2]", "a/c")]


def test_parts_of_an_entry_are_below_its_name_wherever_that_is() -> None:
    found = [item("bank"), item("bank")._replace(below=("totp",)), item("bank"), item("bank")._replace(below=("totp",))]
    naming = Naming({"bank [2]": Name("work", "bank")})

    rows = plan_rows(found, Choices(naming))

    assert [(row.source, str(row.name)) for row in rows] == [
        ("bank", "default/bank"),
        ("bank/totp", "default/bank/totp"),
        ("bank [2]", "work/bank"),
        ("bank [2]/totp", "work/bank/totp"),
    ]


def test_mapping_of_what_is_not_there_is_an_error() -> None:
    with pytest.raises(errors.Invalid, match="a mapping names 'nosuch'"):
        plan_rows([item("a")], Choices(Naming({"nosuch": Name("a", "b")})))


@pytest.mark.parametrize(
    "facts",
    [
        {"env_name": "no variable"},
        {"type": "canary\x1b"},
        {"note": "x" * 20_000},
        {"tags": "no list"},
        {"fields": {"a": {"b": 1}}},
        {"probe": 7},
        {"type": "database", "fields": {"nosuch": "x"}},
        {"expires_at": "tomorrow"},
        {"metadata": {"a": float("inf")}},
        {"env_name": 7},
        {"delivery": "by_post"},
    ],
)
def test_facts_no_record_can_hold_stop_it_naming_the_secret(facts: dict[str, Any]) -> None:
    rows = plan_rows([item("a/b", **facts)], Choices())

    assert actions(rows) == ["invalid"]
    problem = find_problem(rows)
    assert isinstance(problem, errors.InvalidValue)
    assert re.fullmatch(r"'a/b' cannot be a record: .*; nothing was imported", problem.message)


def test_same_value_is_unchanged_whatever_the_policy() -> None:
    rows = plan_rows([item("a/b", b"old")], Choices())

    for policy in plan.POLICIES:
        assert actions(compare_rows(rows, stored("a/b"), policy)) == ["unchanged"]


def test_another_value_is_what_the_policy_says() -> None:
    rows = plan_rows([item("a/b"), item("a/c")], Choices())

    failed = compare_rows(rows, stored("a/b"), plan.FAIL)

    assert actions(failed) == ["conflict", "add"]
    problem = find_problem(failed)
    assert isinstance(problem, errors.AlreadyExists)
    assert re.fullmatch("a/b is there already with another value; nothing was imported", problem.message)
    assert actions(compare_rows(rows, stored("a/b"), plan.SKIP)) == ["skip", "add"]
    assert actions(compare_rows(rows, stored("a/b"), plan.OVERWRITE)) == ["overwrite", "add"]


def test_overwriting_keeps_facts_that_are_set_and_fills_in_the_rest() -> None:
    rows = plan_rows([item("a/b", type="token", note="theirs", service="s", fields={"u": "v"})], Choices())

    (row,) = compare_rows(rows, stored("a/b", note="mine", env_name="B", delivery="runtime_env"), plan.OVERWRITE)

    assert (row.before, row.type, row.env_name) == (3, "secret", "B")
    assert row.facts == {"service": "s"}


def test_variable_of_two_secrets_is_said() -> None:
    rows = plan_rows([item("a/KEY"), item("b/KEY"), item("c/TOKEN"), item("plain")], Choices())

    noted = plan.note_variables(rows, {"TOKEN": Name("x", "token"), "KEY": Name("a", "KEY")})

    assert [row.reason for row in noted] == [
        BY_ITS_NAME,
        f"{BY_ITS_NAME}; KEY is the variable of a/KEY, too: exec needs -n or -e to choose",
        f"{BY_ITS_NAME}; TOKEN is the variable of x/token, too: exec needs -n or -e to choose",
        "",
    ]
    assert actions(noted) == ["add"] * 4


def test_unreadable_part_stops_it_unless_that_is_lifted() -> None:
    error = errors.Damaged("'a' is cut off")
    rows = plan_rows([Skipped(("a",), "cut off", error), Skipped(("b",), "no secret"), item("c")], Choices())

    problem = find_problem(rows)

    assert isinstance(problem, errors.Damaged)
    assert problem.hint == "--skip-unreadable imports the rest"
    assert find_problem(rows, skip_unreadable=True) is None
    assert actions(rows) == ["unreadable", "skip", "add"]


def test_what_cannot_be_a_record_stops_it_unless_that_is_lifted() -> None:
    rows = plan_rows([item("a", delivery="canary"), item("b")], Choices())

    problem = find_problem(rows)

    assert isinstance(problem, errors.InvalidValue)
    assert problem.hint == "it is one of executor_only, runtime_env; --skip-unreadable imports the rest"
    assert find_problem(rows, skip_unreadable=True) is None
    assert actions(rows) == ["invalid", "add"]


def test_row_as_json_has_no_value() -> None:
    (row,) = plan_rows([item("a/b", b"canary")], Choices())

    assert row.members() == {"source": "a/b", "name": "a/b", "action": "add", "type": "secret"}
    assert "canary" not in repr(row)
