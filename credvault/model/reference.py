"""References to secrets as text: `credvault://NAME[#field][?version=N]`."""

from typing import NamedTuple

from credvault.model.errors import InvalidURI
from credvault.model.names import DEFAULT_NAMESPACE, Name, parse_name
from credvault.model.text import printable

SCHEME = "credvault://"


class Reference(NamedTuple):
    """A secret of the current profile, one of its fields, and a version; None means the value, the newest."""

    name: Name
    field: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        fragment = f"#{self.field}" if self.field is not None else ""
        query = f"?version={self.version}" if self.version is not None else ""
        return f"{SCHEME}{self.name}{fragment}{query}"


def parse_reference(text: str, *, namespace: str | None = None, default: str = DEFAULT_NAMESPACE) -> Reference:
    """Return the Reference that `text` spells, with or without the scheme.

    Fragment and query are read in both orders. Raises InvalidURI, and InvalidName for the name in it.
    """
    rest = text.removeprefix(SCHEME)
    if "://" in rest:
        raise InvalidURI(f"'{_short(text)}' is not a reference to a secret", hint=f"write {SCHEME}NAME")
    fragment = query = None
    while (cut := max(rest.rfind("#"), rest.rfind("?"))) >= 0:
        rest, mark, part = rest[:cut], rest[cut], rest[cut + 1 :]
        if (mark == "#" and fragment is not None) or (mark == "?" and query is not None):
            raise InvalidURI(f"'{_short(text)}' has more than one '{mark}'")
        if mark == "#":
            fragment = part
        else:
            query = part
    if fragment == "":
        raise InvalidURI(f"'{_short(text)}' names an empty field")
    version = None if query is None else _parse_version(query, text)
    return Reference(parse_name(rest, namespace=namespace, default=default), fragment, version)


def _parse_version(query: str, text: str) -> int:
    key, equals, number = query.partition("=")
    digits = number.isascii() and number.isdigit() and 0 < len(number) < 16
    if key != "version" or not equals or not digits or number.startswith("0"):
        raise InvalidURI(f"'{_short(text)}' has a query that is not version=N", hint="N counts from 1")
    return int(number)


def _short(text: str) -> str:
    return printable(text if len(text) <= 80 else text[:80] + "…")
