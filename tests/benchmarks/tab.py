"""Measures TAB as a person waits for it: from the key to what follows it on the screen of a real shell.

`make bench` runs it last. Writes `tab.md` and `tab.json` under `results/`.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from tests.benchmarks.installed import install
from tests.benchmarks.machine import describe
from tests.benchmarks.readme import RESULTS
from tests.benchmarks.vaults import Home, make_home, unlocked
from tests.interactive import MARK, PROMPT, Shell

BAR_MILLISECONDS = 150
SIZES = (100, 10_000, 100_000)
SHELLS = {
    "bash": (["bash", "--noprofile", "--rcfile"], "bash.rc", "source <(credvault completion bash)"),
    "zsh": (["zsh", "-d", "-i"], ".zshrc", "autoload -U compinit; compinit -u -D; source <(credvault completion zsh)"),
    "fish": (["fish", "--no-config", "-C"], "fish.rc", "credvault completion fish | source"),
}
PROMPTS = {"fish": f"function fish_prompt; echo -n '{PROMPT}'; end; set -g fish_greeting"}
OPTION, TYPED, BECOMES = "credvault get --no-newl", "credvault get bench/inj", "credvault get bench/injected "


class Figure(TypedDict):
    """What one line of the report says: milliseconds, and in how many rounds something was offered."""

    what: str
    median: float
    most: float
    offered: int
    rounds: int


def start(shell: str, home: Home, environ: dict[str, str], program: str) -> Shell:
    """Return a shell in which the completions of the installed program are loaded."""
    argv, file, loading = SHELLS[shell]
    script = home.folder / file
    script.write_text(f"{PROMPTS.get(shell, f'PS1={PROMPT!r}')}\n{loading}\n", encoding="utf-8")
    path = f"{Path(program).parent}:{environ['PATH']}"
    last = {"bash": [str(script), "-i"], "zsh": [], "fish": [f"source {script}"]}[shell]
    return Shell([*argv, *last], {**environ, "PATH": path, "ZDOTDIR": str(home.folder)}, home.folder)


def measure(what: str, shell: Shell, typed: str, rounds: int) -> Figure:
    """Press TAB so often after what is typed; the first time, which loads things, does not count."""
    taken, offered = [], 0
    for number in range(rounds + 1):
        shell.clear()
        shell.type(typed)
        shell.wait_for(lambda lines: any(typed in line for line in lines))
        started = time.perf_counter()
        shell.type(f"\t{MARK}")
        lines = shell.wait_for(lambda lines: any(MARK in line for line in lines))
        if number:
            taken.append((time.perf_counter() - started) * 1000)
            offered += not any(typed + MARK in line for line in lines)
    return {
        "what": what,
        "median": round(statistics.median(taken)),
        "most": round(max(taken)),
        "offered": offered,
        "rounds": rounds,
    }


def run(folder: Path, rounds: int, program: str) -> list[Figure]:
    """Make the vaults, and return the figures of each shell."""
    figures = []
    homes = {size: make_home(folder / f"home-{size}", size) for size in SIZES}
    for name in filter(shutil.which, SHELLS):
        with ExitStack() as stack:

            def started(home: Home, environ: dict[str, str], name: str = name, stack: ExitStack = stack) -> Shell:
                shell = start(name, home, environ, program)
                stack.callback(shell.close)
                return shell

            small = homes[SIZES[0]]
            shell = started(small, small.environ)
            figures.append(measure(f"{name}: an option", shell, OPTION, rounds))
            figures.append(measure(f"{name}: a name, locked", shell, TYPED, rounds))
            for size, home in homes.items():
                shell = started(home, home.with_key)
                figures.append(measure(f"{name}: a name of {size:,}, with a raw key", shell, TYPED, rounds))
                with unlocked(home, program):
                    shell = started(home, home.environ)
                    shell.complete(TYPED)
                    time.sleep(5)  # the agent reads the indexes, once
                    figures.append(measure(f"{name}: a name of {size:,}, by the agent", shell, TYPED, rounds))
    return figures


def report(figures: Sequence[Figure], machine: dict[str, str]) -> str:
    """Return the figures as Markdown."""
    lines = ["# TAB", "", "| what is completed | median | most | offered | |", "| --- | --: | --: | --: | --- |"]
    for one in figures:
        met = "met" if one["most"] <= BAR_MILLISECONDS else "**not met**"
        offered = f"{one['offered']} of {one['rounds']}"
        lines.append(f"| {one['what']} | {one['median']:g} ms | {one['most']:g} ms | {offered} | {met} |")
    lines += [
        "",
        f"From the key to what follows it on the screen of a real shell on a pty; the bar is {BAR_MILLISECONDS} ms.",
        "Where nothing is offered the question was over before the answer was there; fish then waits 0.1 s of its own.",
        "",
        *(f"- {what}: {fact}" for what, fact in machine.items()),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description="measure TAB in bash, zsh and fish")
    parser.add_argument("-n", "--rounds", type=int, default=20, metavar="N", help="how often each is pressed (20)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where the figures are kept")
    options = parser.parse_args(arguments)
    results = options.results.resolve()
    with tempfile.TemporaryDirectory(prefix="cv-bench-", dir="/tmp") as folder:
        installed = install(Path(folder))
        machine = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "credvault": installed.version, **describe()}
        figures = run(Path(folder), options.rounds, installed.program)
    text = report(figures, machine)
    print(text, end="")
    results.mkdir(parents=True, exist_ok=True)
    (results / "tab.md").write_text(text, encoding="utf-8")
    kept = json.dumps({"machine": machine, "figures": figures}, indent=2, ensure_ascii=False)
    (results / "tab.json").write_text(kept + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
