"""The one sanitiser: text from a vault, a file or a server, made safe to show to a person.

Control, escape, bidirectional and zero-width characters can rewrite a terminal or make two names look alike
(Unicode TR 36, CVE-2021-42574), so they are shown escaped.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Invisible although str.isprintable() calls them printable: fillers, joiners and variation selectors.
_INVISIBLE = frozenset(
    [
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    ]
)


def printable(text: str) -> str:
    """Return `text` on one line with every character that does not print as itself escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() and ord(c) not in _INVISIBLE else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def said(text: str) -> str:
    """Return a line that tells a person something, for stderr."""
    return f"credvault: {printable(text)}\n"


def warned(text: str) -> str:
    """Return a line that warns a person, for stderr."""
    return said(f"warning: {text}")


def counted(count: int, noun: str) -> str:
    """Return `1 byte`, `2 bytes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(words: "Sequence[str]", most: int) -> str:
    """Return words as one text, those after the first `most` by their number alone."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def is_terminal_safe(value: bytes) -> bool:
    """Say whether bytes may go to a terminal as they are: valid UTF-8, no control but LF and TAB."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(c in "\n\t" or printable(c) == c for c in text)
