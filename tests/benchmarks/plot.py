"""The same job by everybody as a picture: one SVG without anything from elsewhere, for light and dark pages."""

import itertools
import math
from collections.abc import Iterator
from html import escape

from tests.benchmarks.facts import Facts, Measurement
from tests.benchmarks.report import same_job, shown

WIDTH, LABELS, VALUES = 920, 312, 140
ROW, TOP, BOTTOM = 32, 78, 50
SPAN = WIDTH - LABELS - VALUES
LEAST = 0.5  # the ratio at the left end

# Light where a viewer does not know which it is.
STYLE = """\
  text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .name { font-size: 13.5px; }
  .faint { font-size: 12.5px; fill: #59636e; }
  .ours { fill: #0f766e; }
  .ours-line { stroke: #0f766e; stroke-width: 5; }
  .ours-name { font-weight: 600; }
  .theirs { fill: #818b98; }
  .theirs-line { stroke: #818b98; stroke-width: 5; }
  .grid { stroke: #d1d9e0; }
  .bare { stroke: #b45309; stroke-width: 1.5; stroke-dasharray: 4 3; }
  .bare-name { font-size: 12.5px; fill: #b45309; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .faint { fill: #9198a1; }
    .ours { fill: #2dd4bf; }
    .ours-line { stroke: #2dd4bf; }
    .grid { stroke: #3d444d; }
    .bare { stroke: #f59e0b; }
    .bare-name { fill: #f59e0b; }
  }"""


def plot(facts: Facts) -> str:
    """Return the picture: a line for each program, as far as it took times a bare Python, the quickest at the top."""
    rows = same_job(facts)
    most = float(ticks(max([2.0, *(measurement["ratio"]["median"] for _, measurement in rows)]))[-1])
    foot = TOP + ROW * len(rows)
    in_words = "; ".join(f"{case}: {shown(m['ratio']['median'])} times" for case, m in rows)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {foot + BOTTOM}" role="img" '
            'aria-labelledby="title description">',
            '<title id="title">How long it takes to print one secret</title>',
            f'<desc id="description">Times a bare Python: {escape(in_words)}</desc>',
            f"<style>\n{STYLE}\n</style>",
            '<text class="title" x="16" y="28">How long it takes to print one secret</text>',
            '<text class="faint" x="16" y="49">Times a Python that starts and does nothing, by orders of magnitude; '
            f"less is better. Medians of {facts['rounds']} paired runs.</text>",
            *_grid(most, foot),
            *(line for number, row in enumerate(rows) for line in _row(number, *row, most)),
            "</svg>\n",
        ]
    )


def ticks(most: float) -> list[int]:
    """Return 1, 2, 5, 10, … up to the first that is not below `most`."""
    found = [1]
    for step in itertools.cycle((2.0, 2.5, 2.0)):
        if found[-1] >= most:
            return found
        found.append(int(found[-1] * step))
    raise AssertionError  # the cycle has no end


def _x(ratio: float, most: float) -> float:
    # From LEAST on, by orders of magnitude: the quickest and the slowest are a hundredfold apart.
    return round(LABELS + SPAN * math.log(max(ratio, LEAST) / LEAST) / math.log(most / LEAST), 1)


def _grid(most: float, foot: int) -> Iterator[str]:
    for tick in ticks(most):
        x = _x(tick, most)
        line, text = ("bare", "bare-name") if tick == 1 else ("grid", "faint")
        yield f'<line class="{line}" x1="{x}" y1="{TOP - 10}" x2="{x}" y2="{foot}"/>'
        yield f'<text class="{text}" x="{x}" y="{foot + 18}" text-anchor="middle">{tick} ×</text>'
    x = _x(1, most)
    yield f'<text class="bare-name" x="{x - 12}" y="{foot + 38}">1 ×: a Python that starts and does nothing</text>'


def _row(number: int, case: str, measurement: Measurement, most: float) -> Iterator[str]:
    who = "ours" if case.startswith("credvault") else "theirs"
    ratio, milliseconds = measurement["ratio"]["median"], measurement["milliseconds"]["median"]
    middle = TOP + ROW * number + ROW / 2
    end = _x(ratio, most)
    yield f'<text class="name {who}-name" x="{LABELS - 12}" y="{middle + 5}" text-anchor="end">{escape(case)}</text>'
    yield f'<line class="{who}-line" x1="{LABELS}" y1="{middle}" x2="{end}" y2="{middle}"/>'
    yield f'<circle class="{who}" cx="{end}" cy="{middle}" r="7"/>'
    yield f'<text x="{end + 14}" y="{middle + 5}">{shown(ratio)} × · {milliseconds:.0f} ms</text>'
