"""Canonical secret URIs: what is read, in which form it is written, and with which code the rest is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault import SecretURI
from credvault.model import uri as module
from credvault.model.errors import Denied, InvalidURI, Unsupported
from credvault.model.uri import PROVIDERS, TENANT_MOUNT_MISMATCH, check_readable, parse_uri

VECTORS = json.loads((Path(__file__).parent.parent / "vectors/uri.json").read_text(encoding="utf-8"))
CODES = {"ILLEGAL_SEGMENT", "INVALID_WILDCARD", "UNSUPPORTED_ENGINE", "AMBIGUOUS_QUERY", "DOUBLE_MOUNT_SOURCE"}

segments = st.from_regex(r"[A-Za-z0-9._-]+", fullmatch=True).filter(lambda text: text != "." and ".." not in text)
fragments = st.none() | st.from_regex(r"[A-Za-z0-9._~@+:=,/-]+", fullmatch=True)
words = st.dictionaries(segments.filter(lambda key: key not in ("mount", "version")), segments, max_size=3)
versions = st.none() | st.integers(1, 10**15 - 1)
# Junk that is nearly right: pieces of URIs, in any order and number.
pieces = st.sampled_from(
    [
        *"openbao hashicorp+kv2 db+cred + :// : / secret a .. . %2F * # ? & = version mount 3 0".split(),
        *(" ", "\n", "\0", "\u212a", "\u202e", "\ud800", "é"),
    ]
)


@pytest.mark.parametrize(("text", "canonical"), VECTORS["read"])
def test_uri_has_its_canonical_form(text: str, canonical: str) -> None:
    assert str(parse_uri(text)) == canonical
    assert SecretURI.parse(canonical) == parse_uri(text)


@pytest.mark.parametrize(("text", "code"), VECTORS["refused"])
def test_other_text_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(InvalidURI) as caught:
        parse_uri(text)

    assert caught.value.reason == code
    assert caught.value.message.endswith(f"({code})")
    assert caught.value.message.isprintable()
    assert caught.value.exit_status == 2


def test_vectors_have_every_code_and_every_provider() -> None:
    read = [parse_uri(text) for text, _ in VECTORS["read"]]

    assert {code for _, code in VECTORS["refused"]} == CODES
    assert {(uri.provider, uri.engine) for uri in read} == {(p, e) for p, engines in PROVIDERS.items() for e in engines}


def test_parts_are_what_they_are_called() -> None:
    uri = parse_uri("openbao+kv2://secret/myapp/api?b=x&version=3#token")

    assert (uri.provider, uri.engine, uri.scheme) == ("openbao", "kv2", "openbao+kv2")
    assert (uri.mount, uri.path, uri.place) == ("secret", "myapp/api", "openbao+kv2://secret/myapp/api")
    assert (uri.fragment, uri.query, uri.version) == ("token", (("b", "x"), ("version", "3")), 3)
    assert parse_uri("openbao+kv2://secret/a").version is None


@given(st.sampled_from(sorted(PROVIDERS)), segments, st.lists(segments, min_size=1), fragments, words, versions)
def test_what_is_printed_is_read_back_as_the_same(
    provider: str, mount: str, path: list[str], fragment: str | None, query: dict[str, str], version: int | None
) -> None:
    pairs = {**query, **({} if version is None else {"version": str(version)})}
    uri = SecretURI(provider, PROVIDERS[provider][0], mount, "/".join(path), fragment, tuple(sorted(pairs.items())))
    if len(str(uri)) > module.MAX_URI_CHARACTERS:
        return

    assert parse_uri(str(uri)) == uri
    assert uri.version == version


@given(st.text(max_size=60) | st.lists(pieces, max_size=12).map("".join))
def test_junk_is_refused_and_nothing_else_happens(text: str) -> None:
    refusal = None
    try:
        uri = parse_uri(text)
    except InvalidURI as exc:
        refusal = exc

    if refusal is not None:
        assert refusal.reason in CODES
        assert refusal.message.isprintable()
    else:
        assert parse_uri(str(uri)) == uri
        assert ".." not in uri.place


def test_very_long_text_is_refused_and_shown_short() -> None:
    longest = "openbao+kv2://secret/" + "a" * (module.MAX_URI_CHARACTERS - 21)

    assert str(parse_uri(longest)) == longest
    for text in (longest + "a", "a/" * 1_000_000):
        with pytest.raises(InvalidURI) as caught:
            parse_uri(text)
        assert len(caught.value.message) < 200


def test_mount_is_held_against_those_that_are_allowed() -> None:
    text = "openbao+kv2://secret/a"

    assert SecretURI.parse(text, "dev", ["kv", "secret"]).mount == "secret"
    for allowed in ([], ["kv"], ["secre"], ["Secret"], ["secret/"], ["*"]):
        with pytest.raises(Denied) as caught:
            SecretURI.parse(text, "dev", allowed)
        assert caught.value.reason == TENANT_MOUNT_MISMATCH
        assert TENANT_MOUNT_MISMATCH in caught.value.message
        assert "tenant dev" in str(caught.value.hint)
    with pytest.raises(TypeError, match="several texts"):
        SecretURI.parse(text, "dev", "kv,secret")


@pytest.mark.parametrize(
    "text", ["file://a/b", "db+cred://a/b", "bootstrap://a/b", "yaml://a/b#c", "openbao+kv2://a/b?wrap=1"]
)
def test_what_is_read_elsewhere_only_is_said_to_be(text: str) -> None:
    uri = parse_uri(text)

    with pytest.raises(Unsupported, match=text.partition("?")[2].partition("=")[0] or uri.provider):
        check_readable(uri)
