"""What is held is forgotten in time: by hand-made clocks, so that hours pass at once and the machine sleeps."""

from contextlib import suppress

import pytest

from credvault.agent.confinement import LockedKey
from credvault.agent.holding import Clocks, Held, Holdings
from credvault.model.errors import Locked

KEY = bytes(range(64, 96))
VAULT_ID = "0123456789abcdef" * 2
PATH = "/somewhere/vault.json"
HOUR = 3600.0


class HandMadeClocks:
    """Two clocks that go on when they are told to; only one of them while the machine sleeps."""

    def __init__(self) -> None:
        self.boottime = self.monotonic = 1000.0
        self.clocks = Clocks(lambda: self.boottime, lambda: self.monotonic)

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.boottime += seconds
        self.monotonic += seconds

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep."""
        self.boottime += seconds


class Opened:
    """What was opened with a key."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        """Close it."""
        self.is_closed = True


@pytest.fixture
def time() -> HandMadeClocks:
    return HandMadeClocks()


@pytest.fixture
def holdings(time: HandMadeClocks) -> Holdings:
    return Holdings(time.clocks)


def hold(holdings: Holdings, path: str = PATH, *, seconds: float = 8 * HOUR, idle: float = 900) -> Held:
    return holdings.hold(path, LockedKey(bytearray(KEY)), VAULT_ID, seconds=seconds, idle=idle)


def test_key_is_held_until_it_is_idle_for_long_enough(holdings: Holdings, time: HandMadeClocks) -> None:
    held = hold(holdings)

    for _ in range(10):
        time.go_on(899)
        assert holdings.find(PATH) is held
    time.go_on(900)

    assert holdings.find(PATH) is None


def test_key_is_held_for_no_longer_than_its_limit_however_busy(holdings: Holdings, time: HandMadeClocks) -> None:
    hold(holdings)

    found = []
    for _ in range(8 * 6):
        found.append(holdings.find(PATH) is not None)
        time.go_on(600)

    assert all(found)
    assert holdings.find(PATH) is None


def test_time_asleep_counts_and_a_sleep_forgets_everything(holdings: Holdings, time: HandMadeClocks) -> None:
    hold(holdings)
    hold(holdings, "/another")

    time.sleep(2)

    assert holdings.find(PATH) is None
    assert holdings.find("/another") is None
    assert holdings.forget_expired() is None


def test_clocks_that_drift_a_little_are_no_sleep(holdings: Holdings, time: HandMadeClocks) -> None:
    hold(holdings)

    for _ in range(20):
        time.sleep(0.5)
        time.go_on(10)
        assert holdings.find(PATH) is not None


def test_what_is_held_after_a_sleep_is_not_forgotten_for_that_sleep(holdings: Holdings, time: HandMadeClocks) -> None:
    hold(holdings)
    time.sleep(HOUR)
    holdings.forget_expired()

    hold(holdings)

    assert holdings.find(PATH) is not None


def test_next_end_is_told_so_that_it_can_be_waited_for(holdings: Holdings, time: HandMadeClocks) -> None:
    assert holdings.forget_expired() is None
    hold(holdings, "/a", seconds=100, idle=50)
    hold(holdings, "/b", seconds=30, idle=30)

    first = holdings.forget_expired()
    time.go_on(30)
    second = holdings.forget_expired()
    time.go_on(20)

    assert (first, second, holdings.forget_expired()) == (30, 20, None)


def test_facts_say_how_long_each_is_held(holdings: Holdings, time: HandMadeClocks) -> None:
    hold(holdings)
    time.go_on(60)

    facts = holdings.facts()

    assert facts == [{"path": PATH, "seconds_left": 8 * 3600 - 60, "idle_seconds_left": 840}]


def test_looking_at_the_facts_is_no_use_of_a_key(holdings: Holdings, time: HandMadeClocks) -> None:
    hold(holdings)
    time.go_on(899)
    holdings.facts()
    time.go_on(1)

    assert holdings.facts() == []


def test_forgotten_key_is_wiped_and_what_it_opened_is_closed(holdings: Holdings) -> None:
    held = hold(holdings)
    opened = Opened()
    held.opened["settings"] = opened
    assert held.key.reveal() == KEY

    was_held = holdings.forget(PATH)

    assert was_held
    assert held.key.reveal() == b""
    assert opened.is_closed
    with pytest.raises(Locked), held.in_use():
        pass
    assert not holdings.forget(PATH)


def test_key_stays_whole_until_the_request_is_done_and_is_wiped_then(holdings: Holdings, time: HandMadeClocks) -> None:
    held = hold(holdings)
    opened = Opened()
    held.opened["settings"] = opened

    with held.in_use() as outer:
        with held.in_use() as inner:
            time.go_on(9 * HOUR)
            assert holdings.find(PATH) is None
            assert inner.reveal() == KEY
        assert outer.reveal() == KEY
        assert not opened.is_closed

    assert held.key.reveal() == b""
    assert opened.is_closed


def test_key_in_use_is_wiped_when_the_request_fails(holdings: Holdings) -> None:
    held = hold(holdings)

    with suppress(RuntimeError), held.in_use():
        holdings.forget_all()
        raise RuntimeError

    assert held.key.reveal() == b""


def test_second_unlock_takes_the_place_of_the_first(holdings: Holdings, time: HandMadeClocks) -> None:
    first = hold(holdings, seconds=60, idle=60)

    second = hold(holdings)
    time.go_on(100)

    assert holdings.find(PATH) is second
    assert first.key.reveal() == b""


def test_locked_page_holds_the_key_and_nothing_after_it_is_wiped() -> None:
    locked = LockedKey(bytearray(KEY))
    view = locked.view
    assert bytes(view) == KEY
    looker = memoryview(locked._page)

    locked.wipe()

    assert bytes(looker[:32]) == bytes(32)
    with pytest.raises(ValueError, match="released"):
        bytes(view)
    looker.release()
