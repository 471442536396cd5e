"""Measures what a user waits for, beside what others make him wait: `make bench`. Linux or macOS.

Needs posix_spawn(3) and wait4(2). credvault is installed from its wheel first, as a user has it. Every figure is a
ratio to `python -I -c pass` of that environment, measured just before: a machine that is faster or busier changes
both. Writes `speed.md`, `speed.json` and `speed.svg` under `results/`, and the block of README.md that quotes them.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import credvault_cases, stores
from tests.benchmarks.facts import Facts, facts
from tests.benchmarks.installed import install
from tests.benchmarks.machine import describe
from tests.benchmarks.measure import Case, measure
from tests.benchmarks.peers.all import Peers, get_ready
from tests.benchmarks.plot import plot
from tests.benchmarks.readme import RESULTS, rewrite_readme
from tests.benchmarks.report import CLICK, report


def run(folder: Path, rounds: int, *, with_peers: bool) -> Facts:
    """Get everything ready below `folder`, measure, and return what was found."""
    print("installing credvault from its wheel", file=sys.stderr)
    installed = install(folder)
    bare = {"LANG": "C.UTF-8"}
    with ExitStack() as stack:
        os.chdir(folder)  # no project's settings are found from here upwards
        stack.callback(os.chdir, "/")
        none = Peers([], {})
        peers = get_ready(_below(folder, "peers"), stack) if with_peers else none
        elsewhere = stores.cases(_below(folder, "stores"), installed.program, peers)
        print("making vaults of up to 100,000 secrets", file=sys.stderr)
        cases = [
            *(peer.case for peer in peers.ready),
            Case(CLICK, lambda number: [installed.python, "-c", "import click"], bare),
            *elsewhere,
            *credvault_cases.cases(_below(folder, "vaults"), installed.program, stack),
        ]
        machine = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "credvault": installed.version,
            "libraries": installed.libraries,
            **describe(),
        }
        print(f"measuring {len(cases)} commands, {rounds} rounds", file=sys.stderr)
        yardstick = Case("python -I -c pass", lambda number: [installed.python, "-I", "-c", "pass"], bare)
        series = measure(cases, yardstick, rounds, folder / "stderr")
    return facts(series, machine, rounds, {peer.case.name: peer.version for peer in peers.ready}, peers.left_out)


def keep(found: Facts, results: Path) -> None:
    """Write the three files of results."""
    results.mkdir(parents=True, exist_ok=True)
    (results / "speed.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (results / "speed.md").write_text(report(found), encoding="utf-8")
    (results / "speed.svg").write_text(plot(found), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="measure start-up, unlocking, large vaults, and the peers")
    parser.add_argument("-n", "--rounds", type=int, default=30, metavar="N", help="how often each is run (30)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the figures are kept")
    parser.add_argument("--without-peers", action="store_true", help="measure credvault alone")
    options = parser.parse_args(arguments)
    results = options.results.resolve()
    with tempfile.TemporaryDirectory(prefix="credvault-bench-") as folder:
        found = run(Path(folder), options.rounds, with_peers=not options.without_peers)
    keep(found, results)
    print(report(found), end="")
    if results == RESULTS:
        rewrite_readme()


def _below(folder: Path, name: str) -> Path:
    below = folder / name
    below.mkdir()
    return below


if __name__ == "__main__":
    main(sys.argv[1:])
