"""What TAB offers for a name: up to the next slash, and never so much that a shell would choke on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.names import Name, parse_name
from credvault.model.offers import MAX_OFFERS, offer_names, offer_namespaces, offer_words

NAMES = sorted(
    parse_name(text)
    for text in (
        "bare",
        "deep/er",
        "default/nested/key",
        "mail/email.user@gmail.com/password",
        "openai/api_key",
        "openai/prod/token",
        "openai/prod/url",
        "openai/prod-2",
        "openai/production/key",
    )
)
FLAT = sorted(Name("flat", f"key_{number}") for number in range(5_000))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ["bare ", "deep/", "default/", "mail/", "openai/"]),
        ("b", ["bare "]),
        ("de", ["deep/", "default/"]),
        ("default/", ["default/bare ", "default/nested/"]),
        ("openai/", ["openai/api_key ", "openai/prod-2 ", "openai/prod/", "openai/production/"]),
        ("openai/prod", ["openai/prod-2 ", "openai/prod/", "openai/production/"]),
        ("openai/prod/", ["openai/prod/token ", "openai/prod/url "]),
        ("openai/prod/t", ["openai/prod/token "]),
        ("mail/email.user@", ["mail/email.user@gmail.com/"]),
        ("openai", ["openai/"]),
        ("openai/x", []),
        ("x", []),
        ("/", []),
        ("$(", []),
    ],
)
def test_names_are_offered_part_by_part(typed: str, expected: list[str]) -> None:
    assert offer_names(NAMES, typed, "default", is_explicit=False) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ["api_key ", "prod-2 ", "openai/"]),
        ("pr", ["prod-2 "]),
        ("op", ["openai/"]),
        ("openai/prod/u", ["openai/prod/url "]),
        ("mail/", []),
        ("b", []),
    ],
)
def test_other_namespaces_are_not_offered_beside_an_explicit_one(typed: str, expected: list[str]) -> None:
    assert offer_names(NAMES, typed, "openai", is_explicit=True) == expected


def test_namespace_whose_keys_are_offered_bare_is_not_offered_besides() -> None:
    names = sorted(map(parse_name, ("one", "two", "other/x")))

    assert offer_names(names, "", "default", is_explicit=False) == ["one ", "two ", "other/"]


def test_namespaces_are_offered_whole() -> None:
    assert offer_namespaces(NAMES, "") == ["deep ", "default ", "mail ", "openai "]
    assert offer_namespaces(NAMES, "de") == ["deep ", "default "]
    assert offer_namespaces(NAMES, "x") == []
    assert offer_namespaces([], "") == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("flat/", [f"flat/key_{digit}" for digit in range(10)]),
        ("flat/key_1", ["flat/key_1 ", *(f"flat/key_1{digit}" for digit in range(10))]),
        (
            "flat/key_12",
            ["flat/key_12 ", *sorted(f"flat/key_{number} " for number in (*range(120, 130), *range(1200, 1300)))],
        ),
        ("flat/key_4999", ["flat/key_4999 "]),
    ],
)
def test_too_many_names_are_offered_by_their_next_character(typed: str, expected: list[str]) -> None:
    names = FLAT if typed != "flat/key_1" else sorted({*FLAT, *(Name("flat", f"key_1{n}") for n in range(9_000))})

    assert offer_names(names, typed, "default", is_explicit=False) == expected


def test_too_many_namespaces_are_offered_by_their_next_character() -> None:
    names = sorted(Name(f"team-{number}", "key") for number in range(5_000))

    assert offer_namespaces(names, "") == [f"team-{digit}" for digit in range(10)]
    assert offer_names(names, "", "default", is_explicit=False) == [f"team-{digit}" for digit in range(10)]


def test_words_that_do_not_print_are_not_offered() -> None:
    words = ["home", "a b", "$(x)", "two\nlines", "es\x1bcape", "\u202eright", "tab\t", "\ud800"]

    assert offer_words(words, "") == ["home ", "a b ", "$(x) "]
    assert offer_words(words, "a") == ["a b "]


KEYS = st.lists(st.sampled_from(["a", "ab", "a-", "b1", "1"]), min_size=1, max_size=3).map("/".join)


@given(
    st.sets(st.tuples(st.sampled_from(["a", "ab", "b-1", "default"]), KEYS), max_size=40),
    st.text("ab-1/", max_size=5),
)
def test_every_name_is_reached_by_what_is_offered(pairs: set[tuple[str, str]], typed: str) -> None:
    """An offer starts with what was typed, is no longer than to the next slash, and none is left out."""
    names = sorted(parse_name(f"{namespace}/{key}") for namespace, key in pairs)
    texts = [*map(str, names), *(name.key for name in names if name.namespace == "default" and "/" not in name.key)]

    offers = offer_names(names, typed, "default", is_explicit=False)

    assert len(offers) == len(set(offers)) <= MAX_OFFERS
    for offer in offers:
        assert offer.startswith(typed)
        assert any(text == offer[:-1] if offer.endswith(" ") else text.startswith(offer) for text in texts)
        assert "/" not in offer[len(typed) : -1]
    if typed:
        for text in texts:
            if text.startswith(typed):
                assert any(text == offer.removesuffix(" ") or text.startswith(offer) for offer in offers)
