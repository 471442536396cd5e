"""Which name a secret of a source gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import Invalid, InvalidName
from credvault.model.names import Name, parse_name
from credvault.transfer.naming import Naming, label_of, name_for, parse_mapping, parse_mapping_file


def named(*path: str, **choices: str) -> str:
    return str(name_for(label_of(path), path, Naming(**choices)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (["token"], "default/token"),
        (["email", "work", "gmail"], "email/work/gmail"),
        (["user.alice", "my_db"], "user.alice/my_db"),
        (["My Bank (old)"], "default/My_Bank_old"),
        (["Büro", "Zugänge"], "Buro/Zugange"),
        ([".hidden"], "default/hidden"),
        (["AC/DC"], "default/AC_DC"),
        (["a\x1b[31m\u202eb"], "default/a_31m_b"),
        (["日本", "密码"], "u65e5-u672c/u5bc6-u7801"),
        (["trailing_"], "default/trailing_"),
    ],
)
def test_path_becomes_a_name_by_fixed_rules(path: list[str], name: str) -> None:
    assert named(*path) == name


def test_prefix_and_namespace_come_before_it() -> None:
    assert named("a", "b", prefix="old/") == "old/a/b"
    assert named("a", prefix="old_") == "default/old_a"
    assert named("a", "b", namespace="work") == "work/a/b"
    assert named("a", "b", namespace="work", prefix="x/") == "work/x/a/b"
    assert named("a", default="home") == "home/a"


@pytest.mark.parametrize("path", [[".."], ["a", ".."], ["", "a"], [" "], ["a", "\0"], ["x" * 300], ["x"] * 20])
def test_path_no_name_can_be_made_of_is_refused_with_the_way_out(path: list[str]) -> None:
    with pytest.raises(InvalidName) as failure:
        named(*path)

    assert "--map " in str(failure.value.hint)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_whatever_the_path_a_name_is_of_the_grammar_and_always_the_same(path: list[str]) -> None:
    try:
        name = named(*path)
    except InvalidName:
        return

    assert str(parse_name(name)) == name == named(*path)


def test_mapping_wins_over_prefix_and_namespace() -> None:
    naming = Naming(parse_mapping(["My = Bank=bank/token"], default="default"), prefix="x/", namespace="work")

    assert name_for("My = Bank", ["My = Bank"], naming) == Name("bank", "token")


def test_mapping_file_is_what_a_dry_run_prints() -> None:
    text = "# mine\n\nA b\tx/ab\tadd\tsecret\t-\t-\r\nEMPTY\t-\tskip\t-\t-\tits value is empty\n"

    assert parse_mapping_file(text, "f", default="d") == {"A b": Name("x", "ab")}


@pytest.mark.parametrize("text", ["", "a", "=b", "a="])
def test_mapping_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_mapping([text], default="d")


def test_mapping_of_one_to_two_names_is_refused() -> None:
    with pytest.raises(Invalid, match="two names, d/b and d/c"):
        parse_mapping(["a=b", "a=c"], default="d")
    with pytest.raises(Invalid, match="line 2"):
        parse_mapping_file("a\tb\nno tab\n", "f", default="d")
    with pytest.raises(InvalidName, match="f, line 3: character ' '"):
        parse_mapping_file("a\tb\n\nc\td e\n", "f", default="d")
