"""For whatever reads YAML, 1.1 or 1.2: one mapping, ASCII alone.

Variable and value stand in double quotes, so that none is taken for a number, a date or a truth (NO, 1e3, ~), and
only with escapes that both versions have (YAML 1.1, 5.6; 1.2.2, 5.7).
"""

from collections.abc import Sequence

from credvault.delivery.formats.text import decoded

_SHORT = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def entry(variable: str, value: bytes) -> bytes:
    """Return the line of a variable; raises InvalidValue for what is no text."""
    return f'"{variable}": "{"".join(map(_escaped, decoded(value)))}"\n'.encode("ascii")


def whole(entries: Sequence[bytes]) -> bytes:
    """Return the mapping."""
    return b"".join(entries) or b"{}\n"


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if " " <= character <= "~":
        return character
    # By its number, and not as the two halves that JSON has for it: PyYAML leaves those apart.
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"
