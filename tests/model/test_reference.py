"""References to secrets: `credvault://NAME[#field][?version=N]`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import Invalid, InvalidName, InvalidURI
from credvault.model.names import Name
from credvault.model.reference import Reference, parse_reference

NAME = Name("team", "db/url")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("credvault://team/db/url", Reference(NAME)),
        ("team/db/url", Reference(NAME)),
        ("team/db/url#host", Reference(NAME, "host")),
        ("team/db/url?version=3", Reference(NAME, None, 3)),
        ("credvault://team/db/url#host?version=3", Reference(NAME, "host", 3)),
        ("credvault://team/db/url?version=3#host", Reference(NAME, "host", 3)),
        ("credvault://a", Reference(Name("default", "a"))),
    ],
)
def test_reference_is_read_with_or_without_scheme_in_both_orders(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@given(st.sampled_from([None, "host", "port", "a b"]), st.none() | st.integers(1, 10**15 - 1))
def test_reference_is_written_and_read_back(field: str | None, version: int | None) -> None:
    reference = Reference(NAME, field, version)

    assert parse_reference(str(reference)) == reference


def test_bare_key_is_in_the_namespace_that_is_given() -> None:
    assert parse_reference("a", namespace="x").name == Name("x", "a")
    assert parse_reference("a#f", default="y").name == Name("y", "a")
    with pytest.raises(Invalid):
        parse_reference("team/a", namespace="other")


@pytest.mark.parametrize(
    "text",
    [
        "http://team/a",
        "credvault://credvault://a",
        "vault://a",
        "a#",
        "a#x#y",
        "a?version=1?version=2",
        "a?",
        "a?version",
        "a?version=",
        "a?version=0",
        "a?version=-1",
        "a?version=01",
        "a?version=1.0",
        "a?version=latest",
        "a?version=\u0661",
        "a?version=1&x=2",
        "a?Version=1",
        "a?version=" + "9" * 16,
    ],
)
def test_other_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidURI) as caught:
        parse_reference(text)

    assert caught.value.message.isprintable()


@pytest.mark.parametrize("text", ["", "credvault://", "#f", "../a", "a/../b", "credvault:///a", "credvault:a", "a b"])
def test_reference_to_a_bad_name_is_refused_as_one(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_reference(text)


@given(st.text(max_size=30))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except Invalid:
        return

    assert parse_reference(str(reference)) == reference
