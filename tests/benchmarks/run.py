"""Measures what a user waits for: `make bench`. Needs posix_spawn(3) and wait4(2), so Linux or macOS.

Every figure is a ratio to `python -I -c pass` of the same environment, measured just before: a machine that is
faster or busier changes both. Prints a table, and keeps it under `results/` with what it was made on.
"""

import argparse
import compileall
import json
import os
import statistics
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import credvault
from tests.benchmarks.machine import describe
from tests.benchmarks.measure import Case, Series, measure
from tests.benchmarks.vaults import NAME, Home, make_home

RESULTS = Path(__file__).resolve().parent / "results"
PROGRAM = os.path.join(sysconfig.get_path("scripts"), "credvault")
SMALL, MIDDLE, LARGE = "get, 100 secrets", "get, 1,000 secrets", "get, 10,000 secrets"


def cases(folder: Path) -> list[Case]:
    """Make the vaults below `folder`, and return what is measured on them."""
    small, middle, large = (make_home(folder / str(count), count) for count in (100, 1_000, 10_000))
    added_to, added_to_large = make_home(folder / "add", 100), make_home(folder / "add-large", 10_000)
    with_passphrase = make_home(folder / "passphrase", 100, passphrase=True)
    with_config = make_home(folder / "config", 100, config=True)
    value = folder / "value"
    value.write_bytes(b"0123456789abcdef")
    return [
        _case(SMALL, small, "get", NAME),
        _case(MIDDLE, middle, "get", NAME),
        _case(LARGE, large, "get", NAME),
        _case("get, 100 secrets, config.toml of two profiles", with_config, "get", NAME),
        _case("get, 100 secrets, passphrase (600,000 rounds)", with_passphrase, "get", NAME),
        _case("list, 100 secrets", small, "list"),
        _case("list, 10,000 secrets", large, "list"),
        _adding("add, 100 secrets", added_to, value),
        _adding("add, 10,000 secrets", added_to_large, value),
        _case("exec -- true, one variable of 100 secrets", small, "exec", "--", "true"),
        _case("--help", small, "--help"),
    ]


def _case(name: str, home: Home, *words: str) -> Case:
    return Case(name, lambda number: [PROGRAM, *words], home.environ)


def _adding(name: str, home: Home, value: Path) -> Case:
    # Another name each round: a vault with thirty more secrets is still the same vault.
    return Case(name, lambda number: [PROGRAM, "add", f"bench/added_{number}", "--stdin"], home.environ, value)


def growth(series: Sequence[Series], small: str, large: str) -> float:
    """Return how many times `small` the case `large` took, by the median of the rounds."""
    ratios = {one.name: one.ratios for one in series}
    return statistics.median(b / a for a, b in zip(ratios[small], ratios[large], strict=True))


def report(series: Sequence[Series], machine: dict[str, str], rounds: int) -> str:
    """Return the measurements as Markdown."""
    lines = [
        "| command | × bare Python | min–max | × processor time | ms |",
        "| --- | --: | --: | --: | --: |",
    ]
    for one in series:
        span = f"{min(one.ratios):.2f}–{max(one.ratios):.2f}"
        milliseconds = statistics.median(one.milliseconds)
        lines.append(f"| {one.name} | {one.ratio:.2f} | {span} | {one.cpu_ratio:.2f} | {milliseconds:.0f} |")
    bare = [unit.wall * 1000 for one in series for unit in one.yardsticks]
    lines += [
        "",
        f"Medians of {rounds} rounds. The yardstick, `python -I -c pass`, ran before each measurement and took "
        f"{statistics.median(bare):.1f} ms ({min(bare):.1f}–{max(bare):.1f}).",
        f"`get` at 10,000 secrets takes {growth(series, SMALL, LARGE):.2f} times what it takes at 100.",
        "",
        *(f"- {what}: {fact}" for what, fact in machine.items()),
    ]
    return "\n".join(lines) + "\n"


def facts(series: Sequence[Series], machine: dict[str, str], rounds: int) -> dict[str, object]:
    """Return the measurements for programs: ratios by the clock and by processor time, milliseconds."""
    return {
        "machine": machine,
        "rounds": rounds,
        "get_10000_to_100": round(growth(series, SMALL, LARGE), 3),
        "commands": [
            {
                "command": one.name,
                "ratio": {
                    "median": round(one.ratio, 3),
                    "min": round(min(one.ratios), 3),
                    "max": round(max(one.ratios), 3),
                },
                "cpu_ratio": round(one.cpu_ratio, 3),
                "milliseconds": {
                    "median": round(statistics.median(one.milliseconds), 1),
                    "min": round(min(one.milliseconds), 1),
                    "max": round(max(one.milliseconds), 1),
                },
            }
            for one in series
        ],
    }


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="measure start-up, unlocking and large vaults")
    parser.add_argument("-n", "--rounds", type=int, default=30, metavar="N", help="how often each is run (30)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the figures are kept")
    options = parser.parse_args(arguments)
    results = options.results.resolve()
    # As an installer does: the first run after an update is not what a user waits for every day.
    compileall.compile_dir(os.path.dirname(credvault.__file__), quiet=1)
    machine = {"date": f"{datetime.now(UTC):%Y-%m-%d}", **describe()}
    with tempfile.TemporaryDirectory(prefix="credvault-bench-") as folder:
        os.chdir(folder)  # no project's settings are found from here upwards
        yardstick = Case("python -I -c pass", lambda number: [sys.executable, "-I", "-c", "pass"], {"LANG": "C.UTF-8"})
        series = measure(cases(Path(folder)), yardstick, options.rounds, Path(folder, "stderr"))
        os.chdir("/")
    text = report(series, machine, options.rounds)
    print(text, end="")
    results.mkdir(parents=True, exist_ok=True)
    (results / "start-up.md").write_text(f"# What a user waits for\n\n{text}", encoding="utf-8")
    kept = json.dumps(facts(series, machine, options.rounds), indent=2, ensure_ascii=False)
    (results / "start-up.json").write_text(kept + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
