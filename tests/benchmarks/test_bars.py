"""Bars: what is compared with what, and what is said of it."""

from tests.benchmarks.bars import GET_COLD, GET_WARM, MILLISECONDS, Bar, measured_bars, times
from tests.benchmarks.credvault_cases import ADD, COLD, name
from tests.benchmarks.measure import Series
from tests.benchmarks.rounds import series


def bar(what: str, *measured: Series) -> Bar:
    (found,) = (bar for bar in measured_bars({one.name: one for one in measured}) if bar["what"] == what)
    return found


def test_bar_is_met_up_to_its_limit_and_not_beyond() -> None:
    met = bar(GET_COLD, series(GET_COLD, [20, 37, 90]))
    not_met = bar(GET_COLD, series(GET_COLD, [20, 37.1, 90]))

    assert (met["measured"], met["met"]) == (3.7, True)
    assert (not_met["measured"], not_met["met"]) == (3.71, False)


def test_bar_of_a_case_that_was_left_out_is_neither_met_nor_missed() -> None:
    found = bar(f"{GET_WARM}, to pass show", series(GET_WARM, [10, 10, 10]))

    assert found["measured"] is None
    assert found["met"] is None


def test_two_cases_are_compared_round_by_round() -> None:
    slow_round_for_both = times(series("a", [10, 100, 30]), series("b", [20, 200, 60]))

    assert slow_round_for_both == 0.5


def test_add_is_held_to_milliseconds() -> None:
    small, large = name(ADD, COLD, 100), name(ADD, COLD, 10_000)

    found = bar(f"{large}, over {small}", series(small, [40, 50, 60]), series(large, [140, 90, 100]))

    assert (found["measured"], found["unit"], found["met"]) == (40, MILLISECONDS, True)
