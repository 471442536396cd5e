"""A value goes where its record says only with the user's leave, which holds for one secret and one host."""

from collections.abc import Callable

import pytest

from credvault import state
from credvault.lifecycle.permission import HostPermission, is_allowed
from credvault.lifecycle.target import Target, parse_allowance
from credvault.model.names import Name, parse_name

HERE = Target("h.example", 8443)
NAME = parse_name("a/b")


def asking(answer: bool, asked: list[str]) -> Callable[[Name, str], bool]:
    def confirm(name: Name, host: str) -> bool:
        asked.append(f"{name} {host}")
        return answer

    return confirm


@pytest.mark.parametrize(
    ("allowed", "confirmed", "verdict"),
    [
        ([], [], False),
        (["h.example"], [], True),
        (["h.example:8443"], [], True),
        (["h.example:443"], [], False),
        (["example"], [], False),
        (["x.h.example"], [], False),
        ([], ["h.example:8443"], True),
        ([], ["h.example"], False),
        ([], ["h.example:443"], False),
    ],
)
def test_only_the_very_host_and_port_is_allowed(allowed: list[str], confirmed: list[str], verdict: bool) -> None:
    assert is_allowed(HERE, [parse_allowance(text) for text in allowed], confirmed) is verdict


def test_a_yes_is_remembered_for_that_secret_and_that_host_alone(state_folder: str) -> None:
    asked: list[str] = []
    HostPermission([], state_folder, asking(True, asked)).grants(NAME, "entry1", HERE)

    later = HostPermission([], state_folder, None)

    assert asked == ["a/b h.example:8443"]
    assert later.grants(NAME, "entry1", HERE)
    assert not later.grants(NAME, "entry2", HERE)
    assert not later.grants(NAME, "entry1", Target("h.example", 443))
    assert not later.grants(NAME, "entry1", Target("other.example", 8443))


def test_a_no_is_asked_again_and_leaves_nothing_behind(state_folder: str) -> None:
    asked: list[str] = []
    permission = HostPermission([], state_folder, asking(False, asked))

    granted = [permission.grants(NAME, "entry1", HERE) for _ in range(2)]

    assert granted == [False, False]
    assert len(asked) == 2
    assert state.confirmed_hosts(state_folder).read() == {}


def test_an_option_holds_for_one_run_and_asks_nobody(state_folder: str) -> None:
    asked: list[str] = []

    granted = HostPermission([parse_allowance("h.example")], state_folder, asking(True, asked)).grants(NAME, "e", HERE)

    assert granted
    assert asked == []
    assert not HostPermission([], state_folder, None).grants(NAME, "e", HERE)


def test_nothing_is_remembered_for_a_backend_without_references(state_folder: str) -> None:
    """Such a backend calls every secret "-": a yes for one would be a yes for all."""
    HostPermission([], state_folder, lambda name, host: True).grants(NAME, "-", HERE)

    assert not HostPermission([], state_folder, None).grants(NAME, "-", HERE)
    assert state.confirmed_hosts(state_folder).read() == {}


@pytest.mark.parametrize("stored", [None, True, "h.example:8443", {"h.example:8443": 1}, [1, None, ["h.example:8443"]]])
def test_a_spoiled_memory_allows_nothing(state_folder: str, stored: object) -> None:
    with state.confirmed_hosts(state_folder).changing() as table:
        table["entry1"] = stored

    assert not HostPermission([], state_folder, None).grants(NAME, "entry1", HERE)


def test_a_second_host_is_kept_beside_the_first(state_folder: str) -> None:
    permission = HostPermission([], state_folder, lambda name, host: True)

    permission.grants(NAME, "entry1", HERE)
    permission.grants(NAME, "entry1", Target("other.example", 443))

    assert state.confirmed_hosts(state_folder).read() == {"entry1": ["h.example:8443", "other.example:443"]}
