"""The grammar of names, and of patterns over them: a bad one is an error, never repaired."""

import re
import string
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import Invalid, InvalidName
from credvault.model.names import Name, compile_globs, compile_word_globs, glob_namespaces, parse_name, parse_namespace

FIRST = string.ascii_letters + string.digits
SEGMENTS = st.builds("{}{}".format, st.sampled_from(FIRST), st.text(st.sampled_from(FIRST + "_.@+-"), max_size=12))
NAMES = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join)

HOSTILE = [
    "",
    "/",
    "//",
    "a/",
    "/a",
    "a//b",
    ".",
    "..",
    "../a",
    "a/..",
    "a/../b",
    "a/.",
    ".hidden",
    "-rf",
    "a/-b",
    "_a",
    "@a",
    "+a",
    "a b",
    " a",
    "a ",
    "a\n",
    "a\0b",
    "a\tb",
    "a\x1b[31m",
    "a%2eb",
    "%2e%2e/a",
    "a\\b",
    "a:b",
    "a?b",
    "a#b",
    "a*b",
    "a=b",
    "a$b",
    "a`b",
    "a;b",
    "é",
    "e\u0301",
    "\u0430bc",
    "a\u200bb",
    "\u202ea",
    "\uff41",
    "\u0661",
    "\udcff",
    "a" * 256,
    "a/" + "b" * 256,
    "a/" * 17 + "a",
    "x" * 1_000_000,
    "a/" * 500_000,
]


@given(SEGMENTS)
def test_bare_key_is_in_the_default_namespace(key: str) -> None:
    assert parse_name(key) == Name("default", key)
    assert parse_name(key, default="team") == Name("team", key)
    assert parse_name(key, namespace="given", default="team") == Name("given", key)


@pytest.mark.parametrize("text", ["credvault://team/db", "openbao+kv2://secret/app#token"])
def test_uri_in_the_place_of_a_name_is_said_to_be_one(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_name(text)

    assert str(caught.value.hint).endswith("; URIs are for get, check, redact, export and exec -e")


@given(SEGMENTS, NAMES)
def test_first_segment_of_several_is_the_namespace(namespace: str, key: str) -> None:
    name = parse_name(f"{namespace}/{key}", default="team")

    assert name == Name(namespace, key)
    assert parse_name(str(name)) == name


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_name_is_refused_in_one_short_printable_line(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_name(text)
    with pytest.raises(InvalidName):
        parse_name(f"default/{text}")

    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("text", [*HOSTILE[:46], "a/b"], ids=range(47))
def test_hostile_namespace_is_refused(text: str) -> None:
    for parse in (parse_namespace, lambda namespace: parse_name("key", namespace=namespace)):
        with pytest.raises(InvalidName):
            parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_name_of_the_grammar_or_refused(text: str) -> None:
    segment = "[A-Za-z0-9][A-Za-z0-9_.@+-]*"
    is_name = re.fullmatch(f"{segment}(/{segment})*", text) is not None

    try:
        parsed = parse_name(text)
    except InvalidName:
        assert not is_name
    else:
        assert is_name
        assert str(parsed) in (text, f"default/{text}")


def test_names_at_the_bounds_are_taken() -> None:
    assert parse_name("n" * 255 + "/" + "k" * 255).key == "k" * 255
    assert parse_name("n/" + "/".join("k" * 16)).key.count("/") == 15
    longest = "n" * 255 + "/" + "/".join("k" * 191 for _ in range(4))
    assert len(longest) == 1023
    assert str(parse_name(longest + "k")) == longest + "k"
    with pytest.raises(InvalidName, match="longer than 1024 bytes"):
        parse_name(longest + "kk")


def test_explicit_namespace_that_differs_is_wrong_usage() -> None:
    assert parse_name("team/a", namespace="team") == Name("team", "a")

    with pytest.raises(Invalid) as caught:
        parse_name("team/a", namespace="other")

    assert type(caught.value) is Invalid


def test_refusal_says_which_character_and_where() -> None:
    with pytest.raises(InvalidName, match=re.escape(r"character '\x1b' (U+001B) is not allowed at position 2 of")):
        parse_name("a\x1b[31m")
    with pytest.raises(InvalidName, match="at the start of the key"):
        parse_name("a/-b")
    with pytest.raises(InvalidName, match="empty namespace"):
        parse_name("/a")


# Patterns.

GLOBS = [
    ("*", "default/a", True),
    ("*", "default/a/b", False),
    ("*", "team/a", False),
    ("**", "team/a/b", True),
    ("team/*", "team/a", True),
    ("team/*", "team/a/b", False),
    ("team/**", "team/a/b", True),
    ("team/", "team/a/b", True),
    ("team/", "teams/a", False),
    ("*/a", "team/a", True),
    ("*/a", "team/b/a", False),
    ("**/a", "team/b/a", True),
    ("db_*", "default/db_url", True),
    ("db_*", "default/x_db_url", False),
    ("*_url", "default/db_url", True),
    ("a.c", "default/abc", False),
    ("a.c", "default/a.c", True),
    ("a+", "default/aa", False),
    ("A", "default/a", False),
    ("team/***", "team/a/b", True),
]


@pytest.mark.parametrize(("glob", "name", "matches"), GLOBS)
def test_glob_matches_whole_names(glob: str, name: str, matches: bool) -> None:
    assert compile_globs([glob])(parse_name(name)) is matches


def test_any_of_several_globs_is_enough_and_none_matches_everything() -> None:
    name = parse_name("team/a")

    assert compile_globs(["x", "team/*"])(name)
    assert not compile_globs(["x", "y"])(name)
    assert compile_globs([])(name)


@pytest.mark.parametrize(
    ("globs", "namespaces"),
    [
        ([], None),
        (["**"], None),
        (["*/key"], None),
        (["te*/key", "team/key"], None),
        (["team/**", "**"], None),
        (["key", "k*", "k**"], {"here"}),
        (["team/"], {"team"}),
        (["team/**", "team/a/*", "other/key"], {"team", "other"}),
        (["../key", "/key", "-team/**", "team/**"], {"team"}),
        (["./**"], set()),
    ],
)
def test_namespaces_of_patterns_are_all_that_can_match(globs: list[str], namespaces: set[str] | None) -> None:
    assert glob_namespaces(globs, namespace="here") == namespaces


@given(st.lists(st.sampled_from(["a", "a/", "b/*", "b/**", "*/a", "**", "a*/b", "c**"]), max_size=3), NAMES)
def test_what_matches_is_in_one_of_the_namespaces(globs: list[str], text: str) -> None:
    name = parse_name(text)
    namespaces = glob_namespaces(globs)

    assert namespaces is None or name.namespace in namespaces or not compile_globs(globs)(name)


def test_glob_without_slash_is_about_the_given_namespace() -> None:
    assert compile_globs(["a*"], namespace="team")(parse_name("team/abc"))
    assert not compile_globs(["a*"], namespace="team")(parse_name("default/abc"))


@pytest.mark.parametrize("glob", ["", "a b", "[ab]", "a?", "é", "a\0", "a\n", "{a}", "a" * 1025, "*" * 40, "a\\*"])
def test_glob_with_other_characters_or_too_many_wildcards_is_refused(glob: str) -> None:
    with pytest.raises(InvalidName):
        compile_globs([glob])
    with pytest.raises(InvalidName):
        compile_word_globs([glob])


@given(st.text(st.sampled_from("ab_*"), min_size=1, max_size=8), st.text(st.sampled_from("ab_"), max_size=8))
def test_word_globs_match_as_fnmatch_does(glob: str, word: str) -> None:
    expected = re.match(translate(glob), word) is not None

    assert compile_word_globs([glob])(word) is expected


@given(st.lists(st.sampled_from(["a", "b", "/", "*", "**"]), min_size=1, max_size=8), st.text("ab/", max_size=8))
def test_globs_match_as_the_regular_expression_does(parts: list[str], text: str) -> None:
    """As long as there are few wildcards, one can be asked."""
    glob = "x/" + "".join(parts)
    pieces = re.split(r"(\*+)", glob if not glob.endswith("/") else glob + "**")
    pattern = "".join("[^/]*" if p == "*" else ".*" if p.startswith("**") else re.escape(p) for p in pieces)
    name = Name("x", text)

    assert compile_globs([glob])(name) is (re.fullmatch(pattern, str(name)) is not None)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("glob", ["*a" * 16 + "b", "**a" * 10 + "b", "*a**a" * 10 + "b"])
def test_glob_of_many_wildcards_over_a_long_name_ends_soon(glob: str) -> None:
    """A regular expression of so many wildcards backtracks for hours: a pattern must not hang a server."""
    matches = compile_globs([f"default/{glob}"])

    assert not matches(Name("default", "a" * 1000))
    assert matches(Name("default", "a" * 999 + "b"))


@given(st.text(FIRST + "_.@+-/ \n\u00e9\u0661", max_size=12))
def test_a_namespace_is_what_its_pattern_says(text: str) -> None:
    is_one = re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.@+-]*", text) is not None

    if is_one:
        assert parse_namespace(text) == text
    else:
        with pytest.raises(InvalidName):
            parse_namespace(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a b", "' ' (U+0020) is not allowed at position 2 of"),
        ("ab.c\u00e9d", "(U+00E9) is not allowed at position 5 of"),
        ("-ab c", "'-' (U+002D) is not allowed at the start of"),
        ("a_\n", "(U+000A) is not allowed at position 3 of"),
    ],
)
def test_the_first_character_that_is_not_allowed_is_named_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_namespace(text)

    assert complaint in caught.value.message
