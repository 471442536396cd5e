"""What a run of `make bench` found, as speed.json holds it. Table, plot and README are written from this alone."""

import statistics
from collections.abc import Mapping, Sequence
from typing import TypedDict

from tests.benchmarks.bars import Bar, measured_bars
from tests.benchmarks.measure import Series


class Span(TypedDict):
    """The median of the rounds, and the least and the most."""

    median: float
    min: float
    max: float


class Measurement(TypedDict):
    """One case: times the yardstick by the clock and by processor time, and what the clock said."""

    ratio: Span
    cpu_ratio: float
    milliseconds: Span


class Facts(TypedDict):
    """The whole of a run; `left_out` says why a peer is not among the measurements."""

    machine: dict[str, str]
    rounds: int
    yardstick_milliseconds: Span
    peers: dict[str, str]
    left_out: dict[str, str]
    measurements: dict[str, Measurement]
    bars: list[Bar]


def facts(
    series: Sequence[Series],
    machine: Mapping[str, str],
    rounds: int,
    peers: Mapping[str, str],
    left_out: Mapping[str, str],
) -> Facts:
    """Return the measurements and what follows from them."""
    bare = [unit.wall * 1000 for one in series for unit in one.yardsticks]
    return {
        "machine": dict(machine),
        "rounds": rounds,
        "yardstick_milliseconds": _span(bare, 1),
        "peers": dict(peers),
        "left_out": dict(left_out),
        "measurements": {one.name: _measurement(one) for one in series},
        "bars": measured_bars({one.name: one for one in series}),
    }


def _measurement(one: Series) -> Measurement:
    return {
        "ratio": _span(one.ratios, 3),
        "cpu_ratio": round(one.cpu_ratio, 3),
        "milliseconds": _span(one.milliseconds, 1),
    }


def _span(numbers: Sequence[float], digits: int) -> Span:
    return {
        "median": round(statistics.median(numbers), digits),
        "min": round(min(numbers), digits),
        "max": round(max(numbers), digits),
    }
