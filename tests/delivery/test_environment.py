"""The environment of a child as a pure function of what it inherits, what is injected, and what was asked for."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from credvault.delivery.environment import Inheritance, child_environment
from credvault.model.value import SecretValue

Entries = list[tuple[bytes, bytes]]
BYTES = st.binary(max_size=12).filter(lambda data: b"\0" not in data)
NAMES = BYTES.filter(lambda name: name != b"" and b"=" not in name[1:])
CALLER: Entries = [(b"A", b"1"), (b"PATH", b"/bin"), (b"CREDVAULT_KEY", b"k"), (b"LC_X", b"2"), (b"VAULT_TOKEN", b"t")]


def secrets(**values: bytes) -> list[tuple[str, SecretValue]]:
    return [(variable, SecretValue(value)) for variable, value in values.items()]


def child(
    injections: Sequence[tuple[str, SecretValue]] = (), inherited: Entries = CALLER, **inheritance: object
) -> Entries:
    return list(child_environment(inherited, injections, Inheritance(**inheritance)).variables)  # type: ignore[arg-type]


@given(inherited=st.lists(st.tuples(NAMES, BYTES), max_size=20))
def test_what_unlocks_no_vault_is_inherited_entry_by_entry(inherited: Entries) -> None:
    unlocking = {b"VAULT_TOKEN", b"VAULT_SECRET_ID", b"BAO_TOKEN", b"BAO_SECRET_ID"}
    expected = [entry for entry in inherited if entry[0] not in unlocking and not entry[0].startswith(b"CREDVAULT_")]

    assert child(inherited=inherited) == expected


def test_secrets_come_after_what_is_inherited() -> None:
    assert child(secrets(NEW=b"x")) == [(b"A", b"1"), (b"PATH", b"/bin"), (b"LC_X", b"2"), (b"NEW", b"x")]


def test_secret_replaces_every_entry_of_its_name() -> None:
    inherited = [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]

    made = child_environment(inherited, secrets(A=b"x"), Inheritance())

    assert list(made.variables) == [(b"B", b"2"), (b"A", b"x")]
    assert made.overwritten == ["A"]


def test_variable_that_has_the_value_already_is_not_overwritten() -> None:
    inherited = [(b"A", b"x"), (b"B", b"x"), (b"B", b"3"), (b"C", b"")]

    made = child_environment(inherited, secrets(A=b"x", B=b"x", C=b"x"), Inheritance())

    assert list(made.variables) == [(b"A", b"x"), (b"B", b"x"), (b"C", b"x")]
    assert made.overwritten == ["B", "C"]


def test_preserved_variable_keeps_every_entry_of_its_name() -> None:
    inherited = [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]

    for inheritance in (Inheritance(preserve=["A", "N"]), Inheritance(preserve_all=True)):
        made = child_environment(inherited, secrets(A=b"x", N=b"y"), inheritance)

        assert list(made.variables) == [*inherited, (b"N", b"y")]
        assert (made.overwritten, made.preserved) == ([], ["A"])


def test_what_is_known_only_later_is_left_out_and_nothing_inherited_takes_its_place() -> None:
    inherited = [(b"A", b"1"), (b"B", b"2"), (b"C", b"3")]

    made = child_environment(inherited, [("A", None), ("B", None), ("N", None)], Inheritance(preserve=["B"]))

    assert list(made.variables) == [(b"B", b"2"), (b"C", b"3")]
    assert (made.overwritten, made.preserved) == (["A"], ["B"])


def test_removed_variables_are_named_once() -> None:
    made = child_environment([*CALLER, (b"VAULT_TOKEN", b"u")], [], Inheritance(pristine=True))

    assert made.removed == ["CREDVAULT_KEY", "VAULT_TOKEN"]
    assert list(made.variables) == [(b"PATH", b"/bin"), (b"LC_X", b"2")]


def test_kept_variables_are_inherited_whatever_else_holds() -> None:
    kept = child(keep=["A", "VAULT_TOKEN", "NOSUCH"], pristine=True)

    assert kept == [(b"A", b"1"), (b"PATH", b"/bin"), (b"LC_X", b"2"), (b"VAULT_TOKEN", b"t")]


def test_names_differ_by_case_and_by_every_byte() -> None:
    inherited = [(b"a", b"1"), (b"A\xff", b"2"), (b"credvault_key", b"3"), (b"\xffCREDVAULT_", b"4")]

    made = child_environment(inherited, secrets(A=b"x"), Inheritance())

    assert list(made.variables) == [*inherited, (b"A", b"x")]
    assert made.overwritten == made.removed == []
