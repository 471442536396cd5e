"""Files of variables, one `VAR=credvault://NAME` or `VAR=text` a line, as `exec --env-file` takes them."""

import codecs
import re

from credvault.delivery.selection import Wanted
from credvault.infile import read_file
from credvault.model.environment import is_variable
from credvault.model.errors import Invalid, InvalidValue
from credvault.model.text import printable
from credvault.model.uri import SCHEME, parse_reference
from credvault.model.value import SecretValue

_MAX_ENV_FILE_BYTES = 4 * 1024 * 1024
# Bytes, and no str.splitlines(): that ends a line at U+2028 and eight more, any of which may be part of a text.
_BLANKS = b" \t\r"
_EXPORT = re.compile(rb"export[ \t]+")
_QUOTES = (b"'", b'"')


def read_env_file(path: str, *, default: str) -> list[Wanted]:
    """Return what the lines of a file ask for.

    Blank lines and those that start with '#' are passed over, `export ` before a variable too; one pair of quotes
    around a text is taken off, and nothing in it is special. Raises NotFound, StorageError, and Invalid naming the
    line: its text may be a secret, so it is not quoted.
    """
    data = read_file(path, _MAX_ENV_FILE_BYTES)
    wanted = []
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        text = line.strip(_BLANKS)
        if text and not text.startswith(b"#"):
            wanted.append(_wanted(text, f"{path}:{number}", default))
    return wanted


def _wanted(line: bytes, source: str, default: str) -> Wanted:
    left, equals, right = line.partition(b"=")
    export = _EXPORT.match(left)
    variable = left[export.end() if export else 0 :].strip(_BLANKS).decode("utf-8", "surrogateescape")
    if not equals or not is_variable(variable):
        raise InvalidValue(f"{printable(source)} is not VAR=text or VAR={SCHEME}NAME")
    content = _unquoted(right.strip(_BLANKS), source)
    if not content.startswith(SCHEME.encode("ascii")):
        return Wanted(variable, SecretValue(content), source)
    try:
        return Wanted(variable, parse_reference(content.decode("utf-8", "surrogateescape"), default=default), source)
    except Invalid as exc:
        exc.message = f"{printable(source)}: {exc.message}"
        raise


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
