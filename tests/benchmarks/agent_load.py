"""Measures the agent itself: what it keeps in memory, whether it serves many at once, and how many requests a second.

`make bench` runs it after run.py. Writes `agent.md` and `agent.json` under `results/`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple, TypedDict, cast

from credvault.model import wire
from tests.benchmarks.installed import Installed, install
from tests.benchmarks.machine import describe
from tests.benchmarks.readme import RESULTS, keep
from tests.benchmarks.vaults import NAME, Home, make_home, unlocked

CLIENT = Path(__file__).resolve().parent / "agent_client.py"
SECRETS = 1_000
MANY, EACH = 64, 200  # clients at once, and the requests of each
FEW, LONG = 8, 2_000
REPEATS = 5
WAIT_SECONDS = 120


class Figure(TypedDict):
    """What was measured, and its bar: at most so much, or at least."""

    what: str
    bar: str
    measured: float
    unit: str
    met: bool


class Round(NamedTuple):
    """One go of several clients: right answers, and seconds from the start to the last answer of the last."""

    right: int
    seconds: float


def request(home: Home) -> bytes:
    """Return the request for one secret, as the program would send it on a connection that it keeps."""
    settings = {name: home.environ[name] for name in wire.SETTINGS if name in home.environ}
    headers = [
        ("accept", wire.BYTES),
        (wire.FOLDER, wire.quote_text(str(home.folder))),
        (wire.ENVIRONMENT, wire.quote_table(settings)),
    ]
    return wire.render_request("GET", f"{wire.CREDENTIALS}/{wire.quote_text(NAME)}", headers)


def go(home: Home, python: str, clients: int, each: int, value: bytes) -> Round:
    """Start so many clients, let them ask all at once, and return what came of it."""
    path = f"{home.environ['XDG_RUNTIME_DIR']}/credvault/agent.sock"
    words = [python, "-I", "-S", str(CLIENT), path, str(each)]
    with ExitStack() as stack:
        running = [
            stack.enter_context(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(clients)
        ]
        ways = [(cast("IO[str]", one.stdin), cast("IO[str]", one.stdout)) for one in running]
        for into, _ in ways:
            _say(into, f"{request(home).hex()}\n{value.hex()}\n")
        for _, out in ways:
            if out.readline() != "ready\n":
                raise RuntimeError("a client could not connect")
        started = time.perf_counter()
        for into, _ in ways:
            _say(into, "\n")
        right = sum(int(out.readline() or 0) for _, out in ways)
        seconds = time.perf_counter() - started
        for one in running:
            one.wait(WAIT_SECONDS)
    return Round(right, seconds)


def measure(folder: Path, installed: Installed) -> list[Figure]:
    """Make a vault below `folder`, unlock it, and return the figures."""
    home = make_home(folder / "home", SECRETS)
    with unlocked(home, installed.program):
        told = _told(home, installed.program, "agent", "status", "--json")
        pid = int(json.loads(told)["pid"])
        value = _told(home, installed.program, "get", NAME)
        at_rest = _resident_megabytes(pid)
        many = go(home, installed.python, MANY, EACH, value)
        rounds = [go(home, installed.python, FEW, LONG, value) for _ in range(REPEATS)]
        after = _resident_megabytes(pid)
    wrong = MANY * EACH + REPEATS * FEW * LONG - many.right - sum(one.right for one in rounds)
    rate = statistics.median(FEW * LONG / one.seconds for one in rounds)
    return [
        _at_most(f"memory at rest, {SECRETS:,} secrets", 30, at_rest, "MB"),
        _at_most("memory after the load below", 35, after, "MB"),
        _at_most(f"wrong answers to {MANY} clients × {EACH} requests, and to those below", 0, wrong, "answers"),
        _at_least(f"requests a second, {FEW} client processes × {LONG:,}", 5_000, rate, "/s"),
    ]


def report(figures: Sequence[Figure], machine: dict[str, str]) -> str:
    """Return the figures as Markdown."""
    lines = ["# The agent", "", "| what | bar | measured | |", "| --- | --: | --: | --- |"]
    for one in figures:
        met = "met" if one["met"] else "**not met**"
        lines.append(f"| {one['what']} | {one['bar']} {one['unit']} | {one['measured']:,} {one['unit']} | {met} |")
    lines += [
        "",
        "Memory is the resident set. The clients are small Python programs on the same processor, each with one",
        f"connection that it keeps; requests a second are the median of {REPEATS} goes.",
        "",
        *(f"- {what}: {fact}" for what, fact in machine.items()),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="measure the agent: memory, many clients, requests a second")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the figures are kept")
    results = parser.parse_args(arguments).results.resolve()
    with tempfile.TemporaryDirectory(prefix="credvault-bench-") as folder:
        installed = install(Path(folder))
        machine = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "credvault": installed.version, **describe()}
        figures = measure(Path(folder), installed)
    text = report(figures, machine)
    keep(results, "agent", text, {"machine": machine, "figures": figures})


def _at_most(what: str, bar: float, measured: float, unit: str) -> Figure:
    return {"what": what, "bar": f"≤ {bar:g}", "measured": round(measured, 1), "unit": unit, "met": measured <= bar}


def _at_least(what: str, bar: float, measured: float, unit: str) -> Figure:
    return {"what": what, "bar": f"≥ {bar:,g}", "measured": round(measured), "unit": unit, "met": measured >= bar}


def _told(home: Home, *words: str) -> bytes:
    return subprocess.run(words, check=True, env=home.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def _resident_megabytes(pid: int) -> float:
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, stdout=subprocess.PIPE)
    return int(told.stdout) * 1024 / 1e6


def _say(into: IO[str], text: str) -> None:
    into.write(text)
    into.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
