"""Bodies: what one end writes, the other reads as the same; anything else is no message."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model import errors, messages
from credvault.model.errors import CredvaultError
from credvault.model.names import parse_name
from credvault.model.record import Secret, record_from_facts
from credvault.model.value import SecretValue
from credvault.model.wire import BadMessage

TIME = "2026-11-22T01:02:03Z"
FACTS = {
    "type": "database",
    "delivery": "runtime_env",
    "created_at": TIME,
    "updated_at": TIME,
    "value_changed_at": TIME,
    "env_name": "A_B",
    "tags": ["x", "y"],
    "metadata": {"a": 1, "b": True, "c": 1.5},
    "fields": {"port": 5432},
    "of a later version": {"kept": [1]},
}
RECORD = record_from_facts(parse_name("a/b"), 3, FACTS)


@given(st.binary(min_size=1, max_size=300))
def test_secret_comes_through_whatever_its_bytes(value: bytes) -> None:
    secret = Secret(RECORD, SecretValue(value))

    body = messages.encode(messages.secret_members(secret, "f" * 32))
    parsed, reference = messages.parse_secret(messages.decode(body))

    assert parsed.value.reveal() == value
    assert parsed.record == RECORD
    assert reference == "f" * 32


@given(st.binary(min_size=1, max_size=100), st.integers(-1, 9))
def test_change_comes_through(value: bytes, expect: int) -> None:
    name, facts = parse_name("a/b"), {"note": None, "tags": ["x"]}

    members = messages.decode(messages.encode(messages.change_members(name, SecretValue(value), facts, expect)))
    parsed_name, parsed_value, parsed_facts, parsed_expect = messages.parse_change(members)

    assert (parsed_name, parsed_facts, parsed_expect) == (name, facts, expect)
    assert parsed_value is not None
    assert parsed_value.reveal() == value


def test_change_without_a_value_keeps_it() -> None:
    members = messages.change_members(parse_name("a/b"), None, {}, -1)

    assert messages.parse_change(members) == (parse_name("a/b"), None, {}, -1)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"x"', b"null", b"\xff", b"[" * 100_000, b"9" * 10_000])
def test_body_that_is_no_object_is_no_message(body: bytes) -> None:
    with pytest.raises(BadMessage):
        messages.decode(body)


CHANGE: dict[str, Any] = {"name": "a/b", "facts": {}, "expect": 0}


@pytest.mark.parametrize(
    "members",
    [
        None,
        [],
        "text",
        {},
        {**CHANGE, "name": 5},
        {**CHANGE, "facts": []},
        {**CHANGE, "expect": "0"},
        {**CHANGE, "expect": True},
        {**CHANGE, "expect": 0.0},
        {**CHANGE, "value": 5},
        {**CHANGE, "value": "\ud800"},
        {**CHANGE, "value_base64": "%%%"},
        {**CHANGE, "value_base64": 5},
        {**CHANGE, "facts": {"env_name": 5}},
    ],
    ids=range(14),
)
def test_change_of_another_form_is_no_message(members: Any) -> None:
    with pytest.raises(BadMessage):
        messages.parse_change(members)


@pytest.mark.parametrize("member", ["namespace", "key", "version", "reference", "value"])
def test_secret_without_a_member_is_no_message(member: str) -> None:
    members = messages.secret_members(Secret(RECORD, SecretValue(b"x")), "f" * 32)
    del members[member]

    with pytest.raises(BadMessage):
        messages.parse_secret(members)


@pytest.mark.parametrize("names", [None, "a/b", [1], [None], {"a/b": 1}])
def test_names_that_are_no_list_of_texts_are_no_message(names: Any) -> None:
    with pytest.raises(BadMessage):
        messages.parse_names({"names": names}, "names")


@pytest.mark.parametrize("version", [None, {}, [], {"version": "x", "state": "", "created_at": "", "updated_by": ""}])
def test_version_of_another_form_is_no_message(version: Any) -> None:
    with pytest.raises(BadMessage):
        messages.parse_version(version)


CODED = {cls.code: cls for cls in reversed(list(errors.error_classes()))}


@pytest.mark.parametrize("cls", CODED.values(), ids=CODED)
def test_error_comes_through_with_its_class_and_status(cls: type[CredvaultError]) -> None:
    error = cls("what failed", hint="what to do")

    parsed = messages.parse_error(messages.encode(messages.error_members(error)))

    assert type(parsed) is cls
    assert (parsed.message, parsed.hint, parsed.exit_status) == ("what failed", "what to do", cls.exit_status)


def test_error_of_a_code_that_is_not_known_is_an_error_all_the_same() -> None:
    parsed = messages.parse_error(b'{"error": {"code": "of a later version", "message": "m", "hint": 5}}')

    assert type(parsed) is CredvaultError
    assert (parsed.message, parsed.hint) == ("m", None)


@pytest.mark.parametrize("body", [b"{}", b'{"error": 5}', b'{"error": {}}', b'{"error": {"message": 5}}'])
def test_error_of_another_form_is_no_message(body: bytes) -> None:
    with pytest.raises(BadMessage):
        messages.parse_error(body)


def test_bad_message_holds_no_part_of_it() -> None:
    with pytest.raises(BadMessage) as caught:
        messages.parse_change({**CHANGE, "value_base64": "canary"})

    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
