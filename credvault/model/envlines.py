"""Lines of variables, `VAR=text`, as files for an environment have them: the one parser of what takes them as they are.

(Files that are written for python-dotenv have escapes and comments within lines; transfer/importers/dotenv.py reads
those.)
"""

import re
from collections.abc import Iterator

from credvault.model.environment import is_variable
from credvault.model.errors import InvalidValue
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

MAX_ENV_FILE_BYTES = 4 * 1024 * 1024
# Bytes, and no str.splitlines(): that ends a line at U+2028 and eight more, any of which may be part of a text.
_BLANKS = b" \t\r"
_BYTE_ORDER_MARK = "\ufeff".encode()
_EXPORT = re.compile(rb"export[ \t]+")
_QUOTES = (b"'", b'"')


class EnvLine(NamedTuple):
    """A line that sets a variable: the text it gives, quotes taken off, and `FILE:NUMBER`, where it stands."""

    variable: str
    content: bytes
    source: str


def parse_env_lines(data: bytes, path: str, *, wanted: str = "VAR=text") -> Iterator[EnvLine]:
    """Yield what the lines of a file at `path` set.

    Blank lines and those that start with '#' are passed over, `export ` before a variable too; one pair of quotes
    around a text is taken off, and nothing in it is special. Raises InvalidValue naming the line, and what a line is
    `wanted` to be: its text may be a secret, so it is not quoted.
    """
    for number, line in enumerate(data.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), 1):
        text = line.strip(_BLANKS)
        if text and not text.startswith(b"#"):
            yield _parse_line(text, f"{path}:{number}", wanted)


def _parse_line(line: bytes, source: str, wanted: str) -> EnvLine:
    left, equals, right = line.partition(b"=")
    export = _EXPORT.match(left)
    variable = left[export.end() if export else 0 :].strip(_BLANKS).decode("utf-8", "surrogateescape")
    if not equals or not is_variable(variable):
        raise InvalidValue(f"{printable(source)} is not {wanted}")
    return EnvLine(variable, _unquoted(right.strip(_BLANKS), source), source)


def _unquoted(text: bytes, source: str) -> bytes:
    if not text.startswith(_QUOTES):
        return text
    if len(text) < 2 or text[-1:] != text[:1]:
        # Likely the first line of a longer text: the rest of it would become variables.
        raise InvalidValue(
            f"{printable(source)} starts with a quote and does not end with it",
            hint="a text has one line; store a longer one with 'credvault add' and refer to it",
        )
    return text[1:-1]
