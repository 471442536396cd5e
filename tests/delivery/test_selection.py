"""What `collect` chooses from a vault, and what it refuses, by a vault in memory."""

from pathlib import Path
from typing import Any

import pytest

from credvault.access.identity import Identity
from credvault.access.policy import owner_policy
from credvault.audit import Trail
from credvault.backends.memory import MemoryBackend
from credvault.delivery.selection import (
    FD,
    FILE,
    IGNORE,
    STDIN,
    Selection,
    Wanted,
    collect,
    from_project,
    parse_choice,
)
from credvault.model.errors import ConfigError, CredvaultError, Denied, Invalid, InvalidValue, NotFound
from credvault.model.names import Name
from credvault.model.reference import Reference
from credvault.model.value import SecretValue
from credvault.vault import Vault

CANARY = b"canary-7Hw"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    me = Identity("me")
    trail = Trail(str(tmp_path), lambda: 0.0)
    made = Vault(MemoryBackend(), policy=owner_policy(me), trail=trail, identity=me, clock=lambda: 1_800_000_000.0)
    made.add("TOKEN", CANARY)
    made.add("a/key", CANARY, env_name="A_KEY")
    made.add("b/key", CANARY, env_name="B_KEY", consumers=["bot"])
    made.add("closed/key", CANARY)
    made.add("a/db", CANARY, env_name="DB", type="database", fields={"engine": "redis", "host": "h", "port": 7})
    return made


def chosen(vault: Vault, **wishes: Any) -> list[str]:
    return [injection.variable for injection in collect(vault, Selection(**wishes)).variables]


def ref(text: str, field: str | None = None, version: int | None = None) -> Reference:
    namespace, _, key = text.partition("/")
    return Reference(Name(namespace, key), field, version)


def test_default_is_every_runtime_env_secret_with_reasons_for_the_rest(vault: Vault) -> None:
    found = collect(vault, Selection(consumer="other"))

    assert [(i.variable, i.value.reveal(), i.source) for i in found.variables] == [
        ("DB", CANARY, "default"),
        ("A_KEY", CANARY, "default"),
        ("TOKEN", CANARY, "default"),
    ]
    assert [(str(record.name), reason) for record, reason in found.skipped] == [
        ("b/key", "not for other"),
        ("closed/key", "delivery is executor_only"),
    ]


@pytest.mark.parametrize(
    "wishes", [{"wanted": [Wanted("X", SecretValue(b"x"), "f:1")]}, {"has_files": True}, {"only": ["NO*SUCH"]}]
)
def test_any_choice_replaces_the_default(vault: Vault, wishes: dict[str, Any]) -> None:
    assert chosen(vault, **wishes) == (["X"] if "wanted" in wishes else [])


def test_explicit_wins_and_choices_add_up(vault: Vault) -> None:
    explicit = [Wanted("A_KEY", ref("default/TOKEN"), "-e")]
    wanted = [Wanted("A_KEY", ref("b/key"), "f:1"), Wanted("X", ref("b/key"), "f:2")]

    found = collect(vault, Selection(explicit=explicit, wanted=wanted, only=["TOKEN"]))

    assert [(i.variable, str(i.record.name) if i.record else None, i.source) for i in found.variables] == [
        ("A_KEY", "default/TOKEN", "-e"),
        ("X", "b/key", "f:2"),
        ("TOKEN", "default/TOKEN", "--only"),
    ]


X = "X"
COLLISIONS = [
    [Wanted(X, ref("a/key"), "1"), Wanted(X, ref("b/key"), "2")],
    [Wanted(X, ref("a/key"), "1"), Wanted(X, ref("a/key", version=1), "2")],
    [Wanted(X, ref("a/db"), "1"), Wanted(X, ref("a/db", "host"), "2")],
    [Wanted(X, ref("a/db"), "1"), Wanted(X, ref("a/db"), "2", is_dsn=True)],
    [Wanted(X, ref("a/key"), "1"), Wanted(X, SecretValue(b"canary-x"), "2")],
    [Wanted(X, SecretValue(b"canary-x"), "1"), Wanted(X, SecretValue(b"canary-y"), "2")],
]


@pytest.mark.parametrize("pair", COLLISIONS)
@pytest.mark.parametrize("where", ["explicit", "wanted"])
def test_two_contents_of_one_variable_are_refused_and_both_named(vault: Vault, pair: list[Wanted], where: str) -> None:
    with pytest.raises(InvalidValue, match=r"X would be set twice: .* \(1\) and .* \(2\)") as caught:
        chosen(vault, **{where: pair})

    assert "canary" not in caught.value.message


def test_same_content_twice_is_one(vault: Vault) -> None:
    twice = [Wanted(X, ref("a/key"), "1"), Wanted(X, ref("a/key"), "2")]
    texts = [Wanted("Y", SecretValue(b"y"), "1"), Wanted("Y", SecretValue(b"y"), "2")]

    assert chosen(vault, explicit=twice, wanted=[*twice, *texts]) == ["X", "Y"]


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"explicit": [Wanted(X, ref("closed/key"), "-e")]}, Denied),
        ({"explicit": [Wanted(X, ref("closed/key", "f"), "-e")], "if_missing": IGNORE}, Denied),
        ({"only": ["CLOSED_KEY"], "if_missing": IGNORE}, Denied),
        ({"only": ["B_KEY"], "consumer": "other"}, Denied),
        ({"only": ["NOSUCH"]}, NotFound),
        ({"only": ["A_KEY"], "namespaces": ["b"]}, NotFound),
        ({"explicit": [Wanted(X, ref("a/nosuch"), "-e")]}, NotFound),
        ({"explicit": [Wanted(X, ref("a/key", "f"), "-e")]}, NotFound),
        ({"explicit": [Wanted(X, ref("a/key", version=2), "-e")]}, NotFound),
        ({"explicit": [Wanted("PATH", ref("a/key"), "-e")]}, InvalidValue),
        ({"explicit": [Wanted(X, ref("a/key"), "-e", is_dsn=True)]}, InvalidValue),
        ({"wanted": [Wanted(X, SecretValue(b"a\0"), "f:1")]}, InvalidValue),
    ],
)
def test_refusals_are_of_their_class_and_show_no_value(
    vault: Vault, wishes: dict[str, Any], error: type[CredvaultError]
) -> None:
    with pytest.raises(error) as caught:
        collect(vault, Selection(**wishes))

    assert CANARY.decode() not in caught.value.message + str(caught.value.hint)


def test_refused_secret_leaves_a_record_of_the_refusal(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(Denied):
        collect(vault, Selection(explicit=[Wanted(X, ref("closed/key"), "-e")]))

    last = (tmp_path / "trail.jsonl").read_text().splitlines()[-1]
    assert '"command":"environment"' in last
    assert '"result":"denied"' in last


def test_missing_are_all_named_when_they_do_not_stop_it(vault: Vault) -> None:
    explicit = [
        Wanted(X, ref("a/nosuch"), "-e"),
        Wanted("Y", ref("a/db", "nosuch", 1), "-e"),
        Wanted("Z", ref("a/db", "port"), "-e"),
    ]

    found = collect(vault, Selection(explicit=explicit, only=["NOSUCH"], if_missing=IGNORE))

    assert [(i.variable, i.value.reveal()) for i in found.variables] == [("Z", b"7")]
    assert found.missing_in_words == "NOSUCH (--only), a/nosuch (-e), a/db#nosuch?version=1 (-e)"


def test_database_is_a_connection_string_where_it_is_asked_for(vault: Vault) -> None:
    found = collect(vault, Selection(wanted=[Wanted("URL", ref("a/db"), "--db", is_dsn=True)]))

    assert found.variables[0].value.reveal() == b"redis://:" + CANARY + b"@h:7"


@pytest.mark.parametrize("text", ["", "X", "=a/b", "X="])
def test_env_option_is_a_variable_and_a_name(text: str) -> None:
    with pytest.raises(Invalid, match="-e takes VAR=NAME"):
        parse_choice(text, namespace=None, default="default")


def test_env_option_is_cut_at_its_first_equals_sign() -> None:
    assert parse_choice("X=a/b?version=2", namespace=None, default="d") == Wanted("X", ref("a/b", version=2), "-e")
    assert parse_choice("X=b", namespace="n", default="d").content == ref("n/b")


def test_projects_table_holds_references_only() -> None:
    env = {"A": "db/url", "B": "credvault://key#host", "C": "key?version=2"}

    wanted = from_project(env, "/p/.credvault.toml", default="team")

    assert [w.content for w in wanted] == [ref("db/url"), ref("team/key", "host"), ref("team/key", version=2)]
    assert {w.source for w in wanted} == {"/p/.credvault.toml"}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PATH", "key"),
        ("a b", "key"),
        ("X", ""),
        ("X", "http://x/y"),
        ("X", "../key"),
        ("X", "/etc/passwd"),
        ("X", "a#"),
        ("X", "$(id)"),
    ],
)
def test_projects_table_is_refused_with_its_file_and_key(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"/p/.credvault.toml: env.{variable}: "):
        from_project({variable: text}, "/p/.credvault.toml", default="team")

    if variable == "PATH":
        assert from_project({variable: text}, "p", default="team", allow_env=["PATH"])


def test_other_forms_may_have_what_never_becomes_a_variable_and_any_bytes(vault: Vault) -> None:
    vault.add("closed/large", b"\0" * 200_000)
    wishes = [Wanted("A", ref("closed/key"), "--file", form=FILE), Wanted("B", ref("closed/large"), "--fd", form=FD)]

    found = collect(vault, Selection(explicit=[*wishes, Wanted("", ref("closed/key"), "--stdin", form=STDIN)]))

    assert [(i.target, i.form, len(i.value)) for i in found.variables] == [
        ("A", "file", len(CANARY)),
        ("B", "fd", 200_000),
        ("stdin", "stdin", len(CANARY)),
    ]
    with pytest.raises(Denied):
        collect(vault, Selection(explicit=[Wanted("A", ref("closed/key"), "-e")]))


@pytest.mark.parametrize("form", [FILE, FD, STDIN])
def test_other_forms_keep_to_consumers(vault: Vault, form: str) -> None:
    wish = Wanted("" if form == STDIN else "A", ref("b/key"), "--", form=form)

    with pytest.raises(Denied, match="b/key is not for other"):
        collect(vault, Selection(explicit=[wish], consumer="other"))

    assert len(collect(vault, Selection(explicit=[wish], consumer="bot")).variables) == 1


def test_stdin_that_is_missing_is_empty_and_not_the_callers(vault: Vault) -> None:
    wish = Wanted("", ref("no/such"), "--stdin", form=STDIN)

    found = collect(vault, Selection(explicit=[wish], if_missing=IGNORE))

    assert [(i.form, i.value.reveal(), i.record) for i in found.variables] == [(STDIN, b"", None)]
    assert found.missing == [("no/such", "--stdin")]
