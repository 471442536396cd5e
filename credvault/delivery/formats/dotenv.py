r"""For files that python-dotenv and npm's dotenv read: each value is spelled so that both read the same, or refused.

Their rules differ. In single quotes npm's takes all as it is, Python's takes \\ for \ and \' for '. In double quotes
npm's knows \n and \r alone, Python's eight more. Without quotes both take a backslash as it is, npm's ends the value
at any #. Python's replaces ${NAME} wherever it stands, and reads a carriage return as a newline, as npm's does.
"""

import re

from credvault.delivery.formats.text import ANOTHER_VARIABLE, decoded
from credvault.model.errors import InvalidValue

_REPLACED = re.compile(r"\$\{[^}:]*(?::-[^}]*)?\}")
# What does not stand for itself in single quotes, and in double quotes.
_NOT_IN_SINGLE = re.compile(r"'|\r|\\\\|\\\Z")
_NOT_IN_DOUBLE = re.compile(r"\"|\\[\\'abfnrtv\r]|\\\Z")
# Without quotes blanks at the ends are lost, by the definition of either; and npm's takes quotes off after U+2028 and
# U+2029, at which a line ends for JavaScript.
_BARE = re.compile("(?!['\"`])[^\\s#\ufeff](?:(?:[^#\r\n\u2028\u2029]|[\u2028\u2029](?!['\"`]))*[^\\s#\ufeff])?")


def entry(variable: str, value: bytes) -> bytes:
    """Return the assignment of a variable; raises InvalidValue where there is none that both read the same."""
    if variable == "__proto__":
        raise InvalidValue("npm's dotenv loses that variable", hint=ANOTHER_VARIABLE)
    return f"{variable}={_spelled(decoded(value))}\n".encode()


def _spelled(text: str) -> str:
    if _REPLACED.search(text):
        raise InvalidValue("the value has ${…} in it, which python-dotenv replaces")
    if not _NOT_IN_SINGLE.search(text):
        return f"'{text}'"
    if not _NOT_IN_DOUBLE.search(text):
        return '"' + text.replace("\r", r"\r") + '"'
    if _BARE.fullmatch(text):
        return text
    raise InvalidValue("readers of such files differ on its quotes, backslashes and line ends taken together")
