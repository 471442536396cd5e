"""References to secrets as text: `credvault://NAME[#field][?version=N]`, or a secret URI of another scheme."""

from credvault.model.errors import InvalidURI
from credvault.model.names import DEFAULT_NAMESPACE, Name, is_version_number, parse_name
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credvault.model.uri import SecretURI

SCHEME = "credvault://"
# How a reference begins where any other text may stand, as a pattern. What looks like one is never taken for a text:
# with a slip of the pen in it, it would be handed out as it stands.
BEGINNING = r"(?i:credvault|(?:openbao|hashicorp)(?:\+[a-z0-9]*)?)://"


class Reference(NamedTuple):
    """A secret of the current profile, one of its fields, and a version; None means the value, the newest."""

    name: Name
    field: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        fragment = f"#{self.field}" if self.field is not None else ""
        query = f"?version={self.version}" if self.version is not None else ""
        return f"{SCHEME}{self.name}{fragment}{query}"


def parse_reference(
    text: str, *, namespace: str | None = None, default: str = DEFAULT_NAMESPACE, is_one: bool = True
) -> "Reference | SecretURI":
    """Return what `text` refers to: a Reference, with or without the scheme, or a SecretURI.

    Fragment and query are read in both orders. Where `is_one` value is wanted, a SecretURI has to name a field. Raises
    InvalidURI, InvalidName for the name in it, and Unsupported for a SecretURI that is not read here.
    """
    rest = text[len(SCHEME) :] if has_own_scheme(text) else text
    if "://" in rest:
        if rest is text:
            return _parse_uri(text, is_one)
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


def has_own_scheme(text: str) -> bool:
    """Say whether a text begins with the scheme of the current profile, in whatever case (RFC 3986, 3.1)."""
    return text[: len(SCHEME)].lower() == SCHEME


def _parse_uri(text: str, is_one: bool) -> "SecretURI":
    # Imported here: most references are names.
    from credvault.model.uri import check_readable, parse_uri

    uri = parse_uri(text)
    check_readable(uri)
    if is_one and uri.fragment is None:
        raise InvalidURI(
            f"{uri} names no field, and one value is wanted", hint=f"write {uri._replace(fragment='FIELD')}"
        )
    return uri


def _parse_version(query: str, text: str) -> int:
    key, equals, number = query.partition("=")
    if key != "version" or not equals or not is_version_number(number):
        raise InvalidURI(f"'{_short(text)}' has a query that is not version=N", hint="N counts from 1")
    return int(number)


def _short(text: str) -> str:
    return printable(text if len(text) <= 80 else text[:80] + "…")
