"""The pages that people read, README.md and docs/: their sections, and the blocks of code in them, as tests take them.

A heading stands on one page only, so that a test names a section and not a file.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)  # in which a # begins no heading
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def headings(page: Path) -> list[str]:
    """Return the headings of a page, from the top."""
    return [match[1] for match in HEADING.finditer(CODE.sub("", page.read_text(encoding="utf-8")))]


def section(heading: str) -> str:
    """Return what stands below a heading, up to the next one."""
    (page,) = [page for page in PAGES if heading in headings(page)]
    text = page.read_text(encoding="utf-8")
    start = re.search(rf"^#+ {re.escape(heading)}$\n", text, re.MULTILINE)
    assert start is not None
    return re.split(r"^#{2,3} ", text[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def recipes(heading: str) -> list[tuple[str, str]]:
    """Return the language and text of each block of code below a heading, up to the next one."""
    return [(match[1], match[2]) for match in BLOCK.finditer(section(heading))]


def recipe(heading: str, language: str, number: int = 0) -> str:
    """Return the text of one block of code."""
    return [text for its_language, text in recipes(heading) if its_language == language][number]
