"""The figures that README.md quotes, between its markers: written by `make bench`, and by running this.

<!-- speed -->
<!-- /speed -->
"""

import json
import sys
from pathlib import Path

from tests.benchmarks.facts import Facts
from tests.benchmarks.report import same_job, shown

ROOT = Path(__file__).resolve().parent.parent.parent
README, RESULTS = ROOT / "README.md", Path(__file__).resolve().parent / "results"
START, END = "<!-- speed -->\n", "<!-- /speed -->"


def block(facts: Facts) -> str:
    """Return the table of who prints one secret how quickly, and where the rest stands."""
    rows = [
        f"| `{case}` | {shown(measurement['ratio']['median'])} | {measurement['milliseconds']['median']:.0f} |"
        for case, measurement in same_job(facts)
    ]
    processor, python = facts["machine"].get("processor", "unknown"), facts["machine"].get("python", "unknown")
    return "\n".join(
        [
            "| print one secret | × bare Python | ms |",
            "| --- | --: | --: |",
            *rows,
            "",
            f"Medians of {facts['rounds']} paired runs on {processor}, with {python}, which takes "
            f"{facts['yardstick_milliseconds']['median']:.0f} ms to",
            "start and do nothing. More figures are in [`speed.md`](tests/benchmarks/results/speed.md).",
        ]
    )


def rewritten(text: str, facts: Facts) -> str:
    """Return a text with the block between its markers replaced; raises ValueError where it has none."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError("no markers <!-- speed --> and <!-- /speed -->")
    return f"{before}{start}{block(facts)}\n{end}{after}"


def rewrite_readme() -> bool:
    """Bring README.md up to speed.json; return False where it has no markers."""
    facts = json.loads((RESULTS / "speed.json").read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    try:
        new = rewritten(text, facts)
    except ValueError:
        return False
    README.write_text(new, encoding="utf-8")
    return True


def keep(results: Path, name: str, text: str, facts: object) -> None:
    """Print figures, and keep them in a folder as Markdown and as JSON."""
    print(text, end="")
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.md").write_text(text, encoding="utf-8")
    (results / f"{name}.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(0 if rewrite_readme() else "README.md has no markers <!-- speed --> and <!-- /speed -->")
