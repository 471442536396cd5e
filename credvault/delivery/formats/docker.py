"""For `docker run --env-file FILE`.

A line is a variable, and all that follows `=` is its value, quotes included: docker/cli, pkg/kvfile, which refuses
what is not UTF-8 and reads lines with Go's bufio.Scanner.
"""

from credvault.delivery.formats.text import decoded
from credvault.model.errors import InvalidValue

# What a bufio.Scanner takes for one line, its end included (bufio.MaxScanTokenSize).
_MAX_LINE_BYTES = 64 * 1024


def entry(variable: str, value: bytes) -> bytes:
    """Return the line of a variable; raises InvalidValue for what is no line of text."""
    decoded(value)
    if b"\n" in value:
        raise InvalidValue("the value has a newline, and docker takes the rest for another variable")
    if value.endswith(b"\r"):
        raise InvalidValue("the value ends with a carriage return, which docker takes off")
    line = b"%s=%s\n" % (variable.encode("ascii"), value)
    if len(line) > _MAX_LINE_BYTES:
        raise InvalidValue(f"the line has {len(line)} bytes, and docker takes {_MAX_LINE_BYTES}")
    return line
