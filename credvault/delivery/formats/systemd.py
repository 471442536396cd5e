r"""For EnvironmentFile= of a systemd unit (systemd.exec(5), "EnvironmentFile=").

In double quotes a backslash takes its meaning from the four characters below, and newlines stand for themselves. Of a
file in which anything is no text in its eyes, systemd takes nothing (env-file.c, utf8.c).
"""

from credvault.delivery.formats.text import decoded
from credvault.model.errors import InvalidValue


def entry(variable: str, value: bytes) -> bytes:
    """Return the assignment of a variable; raises InvalidValue for what systemd takes for no text."""
    if any(_is_noncharacter(ord(character)) for character in decoded(value)):
        raise InvalidValue("the value holds a character that stands for none (U+FFFE and its like)")
    for special in (b"\\", b'"', b"`", b"$"):
        value = value.replace(special, b"\\" + special)
    return b'%s="%s"\n' % (variable.encode("ascii"), value)


def _is_noncharacter(code: int) -> bool:
    # Unicode 23.7. Nearly all text is over at the first comparison.
    return code >= 0xFDD0 and (code <= 0xFDEF or code & 0xFFFE == 0xFFFE)
