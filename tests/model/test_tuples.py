"""NamedTuple, which is to be told from that of `typing` by what it costs only."""

import copy
import pickle
import typing
from typing import Any

import pytest

from credvault.model.tuples import NamedTuple


class Ours(NamedTuple):
    """Three fields, two of them with defaults, and a method."""

    name: str
    size: int = 1
    tags: tuple[str, ...] = ()

    @property
    def double(self) -> int:
        return 2 * self.size


class Theirs(typing.NamedTuple):
    name: str
    size: int = 1
    tags: tuple[str, ...] = ()

    @property
    def double(self) -> int:
        return 2 * self.size


GIVEN: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a",), {}),
    (("a", 2), {}),
    (("a", 2, ("x",)), {}),
    ((), {"name": "a"}),
    ((), {"tags": ("x",), "name": "a"}),
    (("a",), {"tags": ("x",)}),
]
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((), {"size": 2}),
    (("a", 2, (), 4), {}),
    (("a",), {"name": "b"}),
    (("a",), {"other": 1}),
    (("a", 2, ()), {"tags": ()}),
    (("a", 2, ()), {"other": ()}),
]


@pytest.mark.parametrize(("values", "named"), GIVEN)
def test_named_tuple_is_what_that_of_typing_is(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours: Any = Ours(*values, **named)
    theirs: Any = Theirs(*values, **named)

    assert tuple(ours) == tuple(theirs)
    assert (ours.name, ours.size, ours.tags, ours.double) == (theirs.name, theirs.size, theirs.tags, theirs.double)
    assert ours._asdict() == theirs._asdict()
    assert (ours == theirs, hash(ours), len(ours)) == (True, hash(theirs), 3)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours._replace(size=7) == theirs._replace(size=7)
    assert type(ours._replace(size=7)) is Ours


@pytest.mark.parametrize(("values", "named"), REFUSED)
def test_named_tuple_refuses_what_that_of_typing_refuses(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            kind(*values, **named)


def test_named_tuple_has_the_fields_that_are_annotated() -> None:
    assert Ours._fields == Theirs._fields == Ours.__match_args__
    assert Ours._field_defaults == Theirs._field_defaults


def test_named_tuple_cannot_be_changed() -> None:
    ours: Any = Ours("a")

    with pytest.raises(AttributeError):
        ours.size = 2
    with pytest.raises(AttributeError):
        ours.other = 2
    with pytest.raises((TypeError, ValueError)):
        ours._replace(other=2)


def test_named_tuple_is_copied_and_pickled_as_its_own_kind() -> None:
    ours = Ours("a", 2, ("x",))

    copies = [copy.copy(ours), copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))]  # noqa: S301 - our own bytes

    assert copies == [ours] * 3
    assert [type(each) for each in copies] == [Ours] * 3


def test_named_tuple_is_matched_by_place() -> None:
    match Ours("a", 2):
        case Ours(name, size):
            assert (name, size) == ("a", 2)
