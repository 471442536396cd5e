"""For the later steps of a job of GitHub Actions: a block for the file that GITHUB_ENV names, and masks for the log.

By "Workflow commands for GitHub Actions" (GitHub docs), "Setting an environment variable" and "Masking a value".
"""

import os
from collections.abc import Callable, Iterable

from credvault.delivery.formats.text import ANOTHER_VARIABLE, decoded
from credvault.model.errors import InvalidValue

# Those that the runner sets itself cannot be overwritten, and one is not taken from this file. GITHUB_TOKEN the runner
# does not set: it hands it to whoever asks, and a step may.
_OWN_STARTS = ("GITHUB_", "RUNNER_")
_OWN = ("NODE_OPTIONS",)
_FREE = ("GITHUB_TOKEN",)


def _draw_delimiter() -> str:
    return f"credvault_{os.urandom(16).hex()}"


def entry(variable: str, value: bytes, draw: Callable[[], str] = _draw_delimiter) -> bytes:
    """Return the block that sets a variable; raises InvalidValue for one of the runner's own and what is no text."""
    upper = variable.upper()
    if (upper.startswith(_OWN_STARTS) or upper in _OWN) and upper not in _FREE:
        raise InvalidValue("GitHub lets no step set that variable", hint=ANOTHER_VARIABLE)
    decoded(value)
    if value.endswith(b"\r"):
        raise InvalidValue("the value ends with a carriage return, which a runner on Windows takes off")
    delimiter = draw().encode("ascii")
    while delimiter in value:
        delimiter = draw().encode("ascii")
    return b"%s<<%s\n%s\n%s\n" % (variable.encode("ascii"), delimiter, value, delimiter)


def masks(values: Iterable[bytes]) -> bytes:
    """Return a command for each line of the values, once, that has the runner hide that line in its log.

    A blank line cannot be hidden. Raises InvalidValue for what is no text.
    """
    lines: dict[bytes, None] = {}
    for value in values:
        # At CR and LF alone: there the runner cuts what programs print into lines.
        lines.update(dict.fromkeys(line for line in value.splitlines() if decoded(line).strip()))
    return b"".join(b"::add-mask::%s\n" % line.replace(b"%", b"%25") for line in lines)
