"""Measures how fast a terminal is under `exec --mask`, beside plain copying from one pseudo-terminal to another.

`make bench` runs it after redact.py. Writes `relay.md` and `relay.json` under `results/`.
"""

import argparse
import os
import pty
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypedDict

from credvault.delivery.masking import MARK
from tests.benchmarks.installed import Installed, install
from tests.benchmarks.machine import describe
from tests.benchmarks.readme import RESULTS, keep
from tests.benchmarks.redact import SECRETS, WITHOUT, install_library, make_block, make_values
from tests.benchmarks.vaults import Home, make_home

BLOCKS = 6  # of 16 MB
BAR = 0.8
PLAIN = "a plain copy in Python"
METHOD = """\
`cat` writes {megabytes:.0f} MB as of a log to its terminal; {secrets} secrets are to be masked, and each is in the text
once in 16 MB. Whoever stands between copies it to a second terminal, which is read as fast as it goes. Counted from the
first byte to the last, so without the start. Medians of {rounds} rounds, in each of which all ran one after the other;
the ratio is to the plain copy of the same round. The processor time is that of all processes but the reader, start
included, and says more where the machine is busy with other things."""
# What `script` does without its file, and what the standard library's pty.spawn does with larger reads.
COPY = """
import os, pty, select, sys, termios, tty
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
modes = termios.tcgetattr(0)
tty.setraw(0)
try:
    while True:
        ready, _, _ = select.select([0, fd], [], [])
        if fd in ready:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            while data:
                data = data[os.write(1, data):]
        if 0 in ready:
            os.write(fd, os.read(0, 65536))
finally:
    termios.tcsetattr(0, termios.TCSANOW, modes)
"""


class Run(NamedTuple):
    """One go: megabytes a second by the clock, and a second of processor time."""

    speed: float
    per_processor_second: float


class Figure(TypedDict):
    """What was measured; `bar` is the ratio that is to be met, if any."""

    what: str
    megabytes_per_second: float
    megabytes_per_processor_second: float
    ratio: float
    bar: float | None
    met: bool


def copy(words: Sequence[str], environ: Mapping[str, str], marks: int) -> Run:
    """Run a program on a terminal and read all that it shows; raises RuntimeError where that is not what it should."""
    before = os.times()
    pid, master = pty.fork()
    if pid == 0:
        os.execvpe(words[0], list(words), dict(environ))
    size = found = 0
    started = ended = 0.0
    tail = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # EIO: everybody has gone
            break
        if not data:
            break
        started = started or time.perf_counter()
        ended = time.perf_counter()
        size += len(data)
        text = tail + data
        found += text.count(MARK)
        tail = text[1 - len(MARK) :]
    os.close(master)
    _, status = os.waitpid(pid, 0)
    after = os.times()
    if status or found < marks:
        raise RuntimeError(f"{words[0]} ended with {status} and showed {found} marks, of {marks}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(size / 1e6 / (ended - started), size / 1e6 / cpu)


def measure(folder: Path, installed: Installed, rounds: int) -> list[Figure]:
    """Make vault and text below `folder`, run all so many times, and return the figures."""
    chance = random.Random(4711)  # noqa: S311 - the same text each time
    values = make_values(chance)
    home = _stock(folder / "home", installed, values)
    text = folder / "text"
    # Of a key of many lines the terminal changes the line ends: each line is a secret then.
    lines = [line for value in values for line in value.splitlines()]
    text.write_bytes(make_block(lines, chance) * BLOCKS)
    child = ["cat", str(text)]
    mask = ["-q", "exec", "--mask", "--", *child]
    ways = {
        PLAIN: ([installed.python, "-I", "-c", COPY, *child], 0, None),
        "script (util-linux)": (["script", "-qec", " ".join(child), "/dev/null"], 0, None),
        "exec --mask with credvault[mask]": ([installed.program, *mask], len(values) * BLOCKS, BAR),
        "exec --mask without it": ([installed.python, "-I", "-c", WITHOUT, *mask], len(values) * BLOCKS, None),
    }
    runs: dict[str, list[Run]] = {what: [] for what in ways}
    for _ in range(rounds):
        for what, (words, marks, _) in ways.items():
            runs[what].append(copy(words, home.with_key, marks))
    return [_figure(what, runs[what], runs[PLAIN], bar) for what, (_, _, bar) in ways.items()]


def report(figures: Sequence[Figure], rounds: int, megabytes: float, machine: dict[str, str]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "# A terminal under exec --mask",
        "",
        "| what | by the clock | by processor time | × plain copy | bar | |",
        "| --- | --: | --: | --: | --: | --- |",
    ]
    for one in figures:
        bar, met = ("", "") if one["bar"] is None else (f"≥ {one['bar']}", "met" if one["met"] else "**not met**")
        speed = f"{one['megabytes_per_second']:.0f} MB/s"
        cpu = f"{one['megabytes_per_processor_second']:.0f} MB/s"
        lines.append(f"| {one['what']} | {speed} | {cpu} | {one['ratio']:.2f} | {bar} | {met} |")
    lines += [
        "",
        METHOD.format(megabytes=megabytes, secrets=SECRETS, rounds=rounds),
        "",
        *(f"- {what}: {fact}" for what, fact in machine.items()),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="measure a terminal under exec --mask")
    parser.add_argument("-n", "--rounds", type=int, default=7, metavar="N", help="how often each is run (7)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the figures are kept")
    options = parser.parse_args(arguments)
    results = options.results.resolve()
    with tempfile.TemporaryDirectory(prefix="credvault-bench-") as name:
        folder = Path(name)
        installed = install(folder)
        install_library(installed, folder)
        machine = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "credvault": installed.version, **describe()}
        figures = measure(folder, installed, options.rounds)
        megabytes = (folder / "text").stat().st_size / 1e6
    text = report(figures, options.rounds, megabytes, machine)
    keep(results, "relay", text, {"machine": machine, "figures": figures})


def _stock(folder: Path, installed: Installed, values: Sequence[bytes]) -> Home:
    home = make_home(folder, 1)
    for number, value in enumerate(values):
        words = [installed.program, "-q", "add", f"relay/{number}", "--stdin-raw", "--env", f"RELAY_{number}"]
        subprocess.run(words, input=value, env=home.with_key, check=True)
    return home


def _figure(what: str, runs: Sequence[Run], plain: Sequence[Run], bar: float | None) -> Figure:
    ratio = statistics.median(one.speed / other.speed for one, other in zip(runs, plain, strict=True))
    return {
        "what": what,
        "megabytes_per_second": round(statistics.median(one.speed for one in runs), 1),
        "megabytes_per_processor_second": round(statistics.median(one.per_processor_second for one in runs), 1),
        "ratio": round(ratio, 2),
        "bar": bar,
        "met": bar is None or ratio >= bar,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
