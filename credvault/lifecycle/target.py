"""Where a probe would go: one host and port, in the one spelling by which hosts are compared, shown and contacted.

What a record, a file or an option names is parsed here and nowhere else, so that no two readers of an address can
disagree about whom it means.
"""

import re
from typing import NamedTuple

from credvault.model.errors import InvalidValue
from credvault.model.text import printable

MAX_URL_BYTES = 2048

_DEFAULT_PORTS = {"https": 443, "http": 80}
# RFC 1123, 2.1, and the underscore that names inside companies have.
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")


class Target(NamedTuple):
    """A host in lower-case ASCII (a name, or an address without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine: `localhost` or a loopback address, as written; nothing is resolved."""
        if self.host == "localhost":
            return True
        import ipaddress

        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Address(NamedTuple):
    """A URL written anew from its parts, and the target it names."""

    url: str
    target: Target


class Allowance(NamedTuple):
    """A host that a user lets values be sent to; without a port it is every port of the host."""

    host: str
    port: int | None

    def covers(self, target: Target) -> bool:
        """Say whether `target` is meant."""
        return self.host == target.host and self.port in (None, target.port)


def parse_url(text: object) -> Address:
    """Return the address that a URL means; raises InvalidValue.

    https everywhere, http to this machine alone. User information (`https://api.example@evil.example/`), fragments,
    braces, and whatever programs read in different ways (controls, spaces, backslashes) are refused.
    """
    if not isinstance(text, str) or not text or len(text) > MAX_URL_BYTES:
        raise InvalidValue(f"url must be text of at most {MAX_URL_BYTES} characters")
    if any(c in ' \\{}<>"^`|' or printable(c) != c for c in text):
        raise InvalidValue("url has a character that no URL may have; {value} belongs in a header")
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidValue("url is not a URL, or its port is not one") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise InvalidValue("url must start with https://")
    if "@" in parts.netloc:
        raise InvalidValue("url must not hold a user or password")
    if parts.fragment or not (parts.path + parts.query).isascii():
        raise InvalidValue("url must have no fragment, and other than the host only ASCII")
    target = make_target(parts.hostname or "", _DEFAULT_PORTS[parts.scheme] if port is None else port)
    if parts.scheme == "http" and not target.is_loopback:
        raise InvalidValue(f"url must start with https://: a value is not sent in the clear to {target.host}")
    query = f"?{parts.query}" if parts.query else ""
    return Address(f"{parts.scheme}://{target}{parts.path or '/'}{query}", target)


def make_target(host: object, port: object) -> Target:
    """Return the target of a host and a port (1 to 65535, a number or its digits); raises InvalidValue."""
    if isinstance(port, str) and port.isascii() and port.isdigit() and len(port) <= 5:
        port = int(port)
    # bool is an int to isinstance.
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65_535:
        raise InvalidValue("port must be a number from 1 to 65535")
    return Target(parse_host(host), port)


def parse_host(text: object) -> str:
    """Return a host in its one spelling: lower case, ASCII (`xn--…`), no final dot; raises InvalidValue."""
    if not isinstance(text, str) or not 0 < len(text) <= 253:
        raise InvalidValue("host must be a name or an address")
    host = text.lower().removesuffix(".")
    if ":" in host or host.replace(".", "").isdigit():
        return _address(host)
    if not host.isascii():
        # What comes out is what is shown, allowed and contacted, so it does not matter that newer rules
        # (RFC 5891) would spell a few names otherwise.
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise InvalidValue(f"'{printable(text)}' is not a host") from None
    # A last part of digits is an address to some programs and a name to others (RFC 3696, 2).
    if not _HOST.fullmatch(host) or host.rpartition(".")[2].isdigit():
        raise InvalidValue(f"'{printable(text)}' is not a host")
    return host


def parse_allowance(text: str) -> Allowance:
    """Return what `--allow-host` means by HOST, HOST:PORT, an IPv6 address or [IPv6]:PORT; raises InvalidValue."""
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidValue(f"'{printable(text)}' is not a host")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if (text.endswith(":") and text.count(":") == 1) or "/" in text:
        raise InvalidValue(f"'{printable(text)}' is not a host", hint="write HOST or HOST:PORT, without https://")
    return Allowance(*make_target(host, port)) if port else Allowance(parse_host(host), None)


def _address(host: str) -> str:
    import ipaddress

    try:
        if "%" in host:  # a zone names an interface of this machine, not a host
            raise ValueError
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise InvalidValue(f"'{printable(host)}' is not an address") from None
