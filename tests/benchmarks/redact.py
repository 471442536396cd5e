"""Measures `credvault redact` on 1 GB through a pipe, beside `cat`: with credvault[mask] and without.

`make bench` runs it after agent_load.py. Writes `redact.md` and `redact.json` under `results/`.
"""

import argparse
import base64
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from credvault.delivery.masking import MARK, hidden_forms
from credvault.model.value import SecretValue
from tests.benchmarks.installed import PINS, Installed, install, pinned, pip
from tests.benchmarks.machine import describe
from tests.benchmarks.measure import Case, Series, measure
from tests.benchmarks.readme import RESULTS, keep
from tests.benchmarks.vaults import Home, make_home

SECRETS = 50
BLOCK_BYTES, BLOCKS = 16_000_000, 63  # with what the forms add it is 1 GB
LENGTHS = (12, 16, 20, 24, 32, 40, 64, 100)
HEAD = "| redact | bar | by the clock | by processor time | × cat | |"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
WORDS = "request from client to server was handled by worker with status after retry of connection GET POST".split()
METHOD = """\
1 GB as of a log through a pipe, with {secrets} secrets in the vault and all their {forms} forms in the text, {blocks}
times each; none of them came out. Start, unlocking and making the patterns are included. Medians of {rounds} rounds;
`cat` takes the same text through the same pipe just before each run. The processor time is that of the whole pipe, and
says more where the machine is busy with other things."""
# The program in an interpreter that does not find the library.
WITHOUT = """
import sys
sys.modules["ahocorasick_rs"] = None
from credvault.__main__ import main
sys.exit(main())
"""


class Figure(TypedDict):
    """What was measured, and its bar: at least so many MB/s by the clock.

    Of processor time the whole pipe counts. The ratio is to `cat` just before.
    """

    what: str
    bar: int
    megabytes_per_second: float
    megabytes_per_processor_second: float
    times_cat: float
    met: bool


def make_values(chance: random.Random) -> list[bytes]:
    """Return values of many lengths: half of them letters and digits, half with signs; two keys of many lines."""
    keys = [b"\n".join(base64.b64encode(chance.randbytes(48)) for _ in range(26)) + b"\n" for _ in range(2)]
    values = []
    for number in range(SECRETS - len(keys)):
        letters = LETTERS + "+/=-_!$& '\"<>" * (number % 2)
        values.append("".join(chance.choices(letters, k=chance.choice(LENGTHS))).encode())
    return values + keys


def make_block(forms: Sequence[bytes], chance: random.Random) -> bytes:
    """Return text as of a log, with each of the forms in it once."""
    lines: list[bytes] = []
    size = 0
    while size < BLOCK_BYTES:
        words = " ".join(chance.choices(WORDS, k=chance.randrange(4, 14)))
        lines.append(f"2026-11-26T16:15:{len(lines) % 60:02}Z INFO {words} id={chance.getrandbits(64):x}\n".encode())
        size += len(lines[-1])
    for form in forms:
        lines[chance.randrange(len(lines))] += b'with "' + form + b'" in it\n'
    return b"".join(lines)


def run(folder: Path, installed: Installed, rounds: int) -> tuple[list[Figure], int]:
    """Make vault and text below `folder`, see that nothing comes out, measure; return figures, and how many forms."""
    chance = random.Random(4711)  # noqa: S311 - the same text each time
    values = make_values(chance)
    forms = sorted({form for value in values for form in hidden_forms(SecretValue(value))})
    home = make_home(folder / "home", 1)
    for number, value in enumerate(values):
        words = [installed.program, "-q", "add", f"redact/{number}", "--stdin-raw"]
        subprocess.run(words, input=value, env=home.with_key, check=True)
    block = folder / "block"
    block.write_bytes(make_block(forms, chance))
    ways = {
        "with credvault[mask]": ([installed.program, "redact"], 200),
        "without it": ([installed.python, "-I", "-c", WITHOUT, "redact"], 30),
    }
    for words, _ in ways.values():
        _check(words, block, home, forms)
    megabytes = block.stat().st_size * BLOCKS / 1e6
    cases = [_case(what, words, block, home) for what, (words, _) in ways.items()]
    series = measure(cases, _case("cat", ["cat"], block, home), rounds, folder / "stderr")
    return [_figure(one, megabytes, ways[one.name][1]) for one in series], len(forms)


def report(figures: Sequence[Figure], forms: int, rounds: int, machine: dict[str, str]) -> str:
    """Return the figures as Markdown."""
    lines = ["# What redact lets through", "", HEAD, "| --- | --: | --: | --: | --: | --- |"]
    for one in figures:
        met = "met" if one["met"] else "**not met**"
        speed = f"{one['megabytes_per_second']:.0f} MB/s"
        cpu = f"{one['megabytes_per_processor_second']:.0f} MB/s"
        lines.append(f"| {one['what']} | ≥ {one['bar']} MB/s | {speed} | {cpu} | {one['times_cat']:.1f} | {met} |")
    lines += [
        "",
        METHOD.format(secrets=SECRETS, forms=forms, blocks=BLOCKS, rounds=rounds),
        "",
        *(f"- {what}: {fact}" for what, fact in machine.items()),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="measure how much a second redact lets through")
    parser.add_argument("-n", "--rounds", type=int, default=5, metavar="N", help="how often each is run (5)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the figures are kept")
    options = parser.parse_args(arguments)
    results = options.results.resolve()
    with tempfile.TemporaryDirectory(prefix="credvault-bench-") as name:
        folder = Path(name)
        installed = install(folder)
        install_library(installed, folder)
        machine = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "credvault": installed.version, **describe()}
        figures, forms = run(folder, installed, options.rounds)
    text = report(figures, forms, options.rounds, machine)
    keep(results, "redact", text, {"machine": machine, "forms": forms, "figures": figures})


def install_library(installed: Installed, folder: Path) -> None:
    """Install what credvault[mask] needs, checked against its hashes."""
    pins = folder / "library.txt"
    needed = {"ahocorasick-rs", "typing-extensions"}
    pins.write_text(pinned(PINS.read_text(encoding="utf-8"), needed), encoding="utf-8")
    pip(installed.python, "--require-hashes", "-r", str(pins))


def _check(words: Sequence[str], block: Path, home: Home, forms: Sequence[bytes]) -> None:
    with block.open("rb") as stdin:
        out = subprocess.run(words, stdin=stdin, stdout=subprocess.PIPE, env=home.with_key, check=True).stdout
    shown = sum(form in out for form in forms)
    if shown or out.count(MARK) < len(forms) // 2:
        raise RuntimeError(f"{shown} of {len(forms)} forms came out of {words[0]}, and {out.count(MARK)} marks")


def _case(name: str, words: Sequence[str], block: Path, home: Home) -> Case:
    # The text is not written out whole: a pipe is what is measured, and the block stays in memory.
    feed = f'n=0; while [ $n -lt {BLOCKS} ]; do cat "$0"; n=$((n + 1)); done | "$@"'
    return Case(name, lambda number: ["/bin/sh", "-c", feed, os.fspath(block), *words], home.with_key)


def _figure(one: Series, megabytes: float, bar: int) -> Figure:
    speed = round(statistics.median(megabytes / sample.wall for sample in one.samples), 1)
    return {
        "what": one.name,
        "bar": bar,
        "megabytes_per_second": speed,
        "megabytes_per_processor_second": round(statistics.median(megabytes / each.cpu for each in one.samples), 1),
        "times_cat": round(one.ratio, 2),
        "met": speed >= bar,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
