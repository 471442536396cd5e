"""What credvault holds itself to: each bar, what was measured for it, and whether it is met.

Two cases are compared round by round, each by its ratio to the yardstick before it; the median counts.
"""

import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypedDict

from tests.benchmarks.credvault_cases import ADD, COLD, WARM, WITH_CONFIG, name
from tests.benchmarks.measure import Series
from tests.benchmarks.peers import openbao
from tests.benchmarks.stores import KEYRING, KEYRING_PEER, OPENBAO, OPENBAO_TLS, curl_of, exec_from, get_from

BARE, TIMES, MILLISECONDS = "× bare Python", "×", "ms"

GET_WARM, GET_COLD = name("get", WARM, 100), name("get", COLD, 100)


class Bar(TypedDict):
    """A limit; `measured` and `met` are None where a case was left out."""

    what: str
    at_most: float
    unit: str
    measured: float | None
    met: bool | None


class _Rule(NamedTuple):
    what: str
    at_most: float
    unit: str
    cases: tuple[str, ...]
    figure: Callable[..., float]


def times(one: Series, other: Series) -> float:
    """Return how many times as long as `other` the case `one` took."""
    return statistics.median(a / b for a, b in zip(one.ratios, other.ratios, strict=True))


def milliseconds_more(one: Series, other: Series) -> float:
    """Return how much longer than `other` the case `one` took."""
    return statistics.median(a - b for a, b in zip(one.milliseconds, other.milliseconds, strict=True))


def _bare(case: str, at_most: float) -> _Rule:
    return _Rule(case, at_most, BARE, (case,), lambda one: float(one.ratio))


def _times(case: str, other: str, at_most: float) -> _Rule:
    return _Rule(f"{case}, to {other}", at_most, TIMES, (case, other), times)


def _more(state: str) -> _Rule:
    large, small = name(ADD, state, 10_000), name(ADD, state, 100)
    return _Rule(f"{large}, over {small}", 60, MILLISECONDS, (large, small), milliseconds_more)


RULES = (
    _bare(GET_WARM, 1.0),
    _times(name("get", WARM, 100_000), GET_WARM, 1.1),
    _bare(name("exec -- true", WARM, 100), 1.1),
    _bare(GET_COLD, 3.7),
    _bare(name("get", COLD, 100_000), 4.2),
    _bare(WITH_CONFIG, 4.3),
    _more(COLD),
    _more(WARM),
    *(
        _times(GET_WARM, peer, 1.0)
        for peer in ("pass show", "sops -d --extract", "bao kv get", "keyring get", "dotenvx get, 1 secret")
    ),
    *(_times(GET_COLD, peer, 1.0) for peer in ("bao kv get", "keyring get", "dotenvx get, 1 secret")),
    _times(get_from(OPENBAO), openbao.PLAIN, 1.0),
    _times(get_from(OPENBAO_TLS), openbao.TLS, 1.0),
    _times(get_from(KEYRING), KEYRING_PEER, 1.0),
    *(_times(exec_from(place), curl_of(place), 1.5) for place in (OPENBAO, OPENBAO_TLS)),
)


def measured_bars(series: Mapping[str, Series]) -> list[Bar]:
    """Return each bar with what was measured for it."""
    return [_measured(rule, series) for rule in RULES]


def _measured(rule: _Rule, series: Mapping[str, Series]) -> Bar:
    bar: Bar = {"what": rule.what, "at_most": rule.at_most, "unit": rule.unit, "measured": None, "met": None}
    if all(case in series for case in rule.cases):
        # Rounded first, so that a figure and what is said of it agree.
        figure = round(rule.figure(*(series[case] for case in rule.cases)), 3)
        bar["measured"], bar["met"] = figure, figure <= rule.at_most
    return bar
