"""References to secrets: `credvault://NAME[#field][?version=N]`, and URIs of other schemes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import Invalid, InvalidName, InvalidURI, Unsupported
from credvault.model.names import Name
from credvault.model.reference import BEGINNING, Reference, parse_reference
from credvault.model.uri import parse_uri

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
        ("CredVault://team/db/url#host", Reference(NAME, "host")),
    ],
)
def test_reference_is_read_with_or_without_scheme_in_both_orders(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@given(st.sampled_from([None, "host", "port", "a b"]), st.none() | st.integers(1, 10**15 - 1))
def test_reference_is_written_and_read_back(field: str | None, version: int | None) -> None:
    reference = Reference(NAME, field, version)

    assert parse_reference(str(reference)) == reference


def test_bare_key_is_in_the_namespace_that_is_given() -> None:
    assert parse_reference("a", namespace="x") == Reference(Name("x", "a"))
    assert parse_reference("a#f", default="y") == Reference(Name("y", "a"), "f")
    with pytest.raises(Invalid):
        parse_reference("team/a", namespace="other")


@pytest.mark.parametrize(
    "text",
    [
        "http://team/a",
        "openbao+kv3://secret/a#b",
        "openbao+kv2://secret/a",
        "credvault://credvault://a",
        "credvault://Credvault://a",
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


def test_secret_uri_is_a_reference_of_its_own() -> None:
    text = "openbao+kv2://secret/app#token?version=3"

    assert parse_reference(text, namespace="x") == parse_uri(text)
    assert parse_reference("OPENBAO://secret/app", is_one=False) == parse_uri("openbao+kv2://secret/app")


def test_secret_uri_that_is_one_value_names_a_field() -> None:
    with pytest.raises(InvalidURI, match="names no field") as caught:
        parse_reference("openbao+kv2://secret/app?version=3")

    assert caught.value.hint == "write openbao+kv2://secret/app#FIELD?version=3"


@pytest.mark.parametrize("text", ["file://a/b#c", "openbao+kv2://a/b#c?wrap=1"])
def test_secret_uri_that_is_not_read_here_is_no_reference(text: str) -> None:
    with pytest.raises(Unsupported):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("credvault://a", True),
        ("CREDVAULT://a", True),
        ("openbao://a", True),
        ("openbao+kv2://a", True),
        ("OpenBao+://a", True),
        ("hashicorp+kv9://a", True),
        ("file:///etc/passwd", False),
        ("db+cred://a/b", False),
        ("postgres://user@host/db", False),
        ("openbao.example.org", False),
        ("openbao:8200", False),
        ("xopenbao://a", False),
    ],
)
def test_reference_among_texts_is_known_by_its_beginning(text: str, begins: bool) -> None:
    assert bool(re.match(BEGINNING, text)) is begins


@given(st.text(max_size=30))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except Invalid:
        return

    assert parse_reference(str(reference)) == reference
