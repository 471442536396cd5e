"""How long programs take, in pairs: each measurement of a case follows one of the yardstick.

The ratio of such a pair says more than milliseconds do: what else the machine is doing slows both.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SELDOM = 5  # a case that takes seconds is measured in one round of so many


class Sample(NamedTuple):
    """One run of a program: seconds by the clock, and of the processor in user and system mode."""

    wall: float
    cpu: float


class Case(NamedTuple):
    """What is measured: `argv` makes the words for each round, so that no two rounds need do the same.

    It is left out of rounds, but the first and then each one of so many, where `every` is more than 1.
    """

    name: str
    argv: Callable[[int], Sequence[str]]
    environ: dict[str, str]
    stdin: Path = Path(os.devnull)
    every: int = 1


class Series(NamedTuple):
    """A case's samples, each with the sample of the yardstick before it."""

    name: str
    samples: Sequence[Sample]
    yardsticks: Sequence[Sample]

    @property
    def ratios(self) -> list[float]:
        """How many times the yardstick it took, by the clock, round by round."""
        return [sample.wall / unit.wall for sample, unit in zip(self.samples, self.yardsticks, strict=True)]

    @property
    def cpu_ratio(self) -> float:
        """How many times the processor time of the yardstick it took, the median."""
        return statistics.median(s.cpu / unit.cpu for s, unit in zip(self.samples, self.yardsticks, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def milliseconds(self) -> list[float]:
        """What the clock said, round by round."""
        return [sample.wall * 1000 for sample in self.samples]


def measure(cases: Sequence[Case], yardstick: Case, rounds: int, errors: Path) -> list[Series]:
    """Run every case once to warm up, then those of each round, the yardstick before each.

    Programs write their stderr to the file `errors`. Raises RuntimeError with it when one fails.
    """
    for case in (yardstick, *cases):
        _run(case, 0, errors)
    samples: list[list[Sample]] = [[] for _ in cases]
    yardsticks: list[list[Sample]] = [[] for _ in cases]
    for number in range(1, rounds + 1):
        for case, taken, units in zip(cases, samples, yardsticks, strict=True):
            if (number - 1) % case.every:
                continue
            units.append(_run(yardstick, number, errors))
            taken.append(_run(case, number, errors))
    return [Series(case.name, *series) for case, *series in zip(cases, samples, yardsticks, strict=True)]


def _run(case: Case, number: int, errors: Path) -> Sample:
    argv = list(case.argv(number))
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.fspath(case.stdin), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.fspath(errors), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, case.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{case.name} ended with {os.waitstatus_to_exitcode(status)}: {errors.read_text()}")
    return Sample(wall, usage.ru_utime + usage.ru_stime)
