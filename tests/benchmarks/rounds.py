"""Series that were not measured, for the tests of what is made of them."""

from collections.abc import Sequence

from tests.benchmarks.facts import Facts, facts
from tests.benchmarks.measure import Sample, Series

MACHINE = {"date": "2026-11-24", "python": "CPython 3.11.7", "processor": "a processor, 2 cores"}


def series(name: str, milliseconds: Sequence[float], bare: float = 10.0) -> Series:
    """Return a series of rounds that took so long, the yardstick `bare` each time."""
    samples = [Sample(each / 1000, each / 2000) for each in milliseconds]
    return Series(name, samples, [Sample(bare / 1000, bare / 2000)] * len(samples))


def facts_of(*measured: Series, left_out: dict[str, str] | None = None) -> Facts:
    """Return what would be kept of the series."""
    peers = {one.name: "version 1" for one in measured if not one.name.startswith("credvault")}
    return facts(measured, MACHINE, 3, peers, left_out or {})
