"""Text in the macros of man(7), for any manual page."""

from collections.abc import Iterable, Iterator, Mapping

from credvault import __version__


def page(title: str, sections: Mapping[str, Iterable[str]]) -> str:
    """Return a manual page of section 1; `sections` hold lines of troff, and one without any is left out."""
    head = [
        '.\\" Made from the program by tests/render_docs.py (make docs).',
        f'.TH "{troff(title.upper())}" 1 "" "credvault {__version__}" "User Commands"',
        # A name that is cut at the end of a line is no name, and a list of long ones leaves gaps between them.
        ".nh",
        ".ad l",
    ]
    filled = {heading: list(content) for heading, content in sections.items()}
    lines = [line for heading, content in filled.items() if content for line in (f'.SH "{heading}"', *content)]
    return "\n".join([*head, *lines]) + "\n"


def troff(text: str) -> str:
    """Return text as troff prints it, character by character."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    escaped = escaped.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    escaped = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    return "\\&" + escaped if escaped.startswith(".") else escaped


def paragraphs(texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of paragraphs; one that starts with Click's mark `\\b` keeps its lines."""
    for number, text in enumerate(texts):
        if number:
            yield ".PP"
        is_kept, lines = text.startswith("\b"), text.removeprefix("\b\n").split("\n")
        yield from ([".nf", *map(troff, lines), ".fi"] if is_kept else map(troff, lines))


def bold(text: str) -> str:
    """Return a word in bold."""
    return f"\\fB{troff(text)}\\fR"


def definitions(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of a list of terms and what they mean."""
    for term, meaning in rows:
        yield from (".TP", bold(term), troff(meaning))


def shown_command(caption: str, line: str) -> Iterator[str]:
    """Yield the lines of a command line that stands by itself, below what it does."""
    yield from (".PP", troff(f"{caption[:1].upper()}{caption[1:]}:"), ".PP", ".nf", ".RS", troff(line), ".RE", ".fi")
