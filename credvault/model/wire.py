"""The words between a client and an agent (later a server): heads of HTTP/1.1 messages, header by header.

What the bodies say is in `messages`. Loaded by the fast lane, so it imports nothing. Texts travel percent-encoded
(RFC 3986, 2.1), so that any bytes of a path do.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION = "1"

# What a request says besides its target.
WIRE = "credvault-wire"  # the version of these words
FOLDER = "credvault-folder"  # the client's current folder
ENVIRONMENT = "credvault-environment"  # those of SETTINGS that are set
FLAGS = "credvault-flags"  # the options that choose a vault
COMMAND = "credvault-command"  # what the trail is to say
NAMESPACE = "credvault-namespace"  # that of `-n`
FOR, IDLE = "credvault-for", "credvault-idle"  # how long a key is held, seconds
VAULT = "credvault-vault"  # the id of the vault that a key is for

# What an answer in plain bytes says besides: the status to end with, and what goes to stderr before the body.
EXIT = "credvault-exit"
NOTICE = "credvault-notice"

BYTES, JSON = "application/octet-stream", "application/json"

# Settings that are not secret: what a client sends so that an agent finds the same vault as it would.
SETTINGS = (
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "CREDVAULT_CONFIG",
    "CREDVAULT_PROFILE",
    "CREDVAULT_VAULT",
    "CREDVAULT_BACKEND",
    "CREDVAULT_NAMESPACE",
)
# In a path, the namespace of names without one: no namespace starts so.
DEFAULT_NAMESPACE = "-"

CREDENTIALS = "/v1/credentials"
HISTORY = "/v1/history"
NAMES = "/v1/names"
REFERENCES = "/v1/references"
RESOLVE = "/v1/resolve"
CHANGES = "/v1/changes"
RUNTIME_ENV = "/v1/runtime-env/resolve"
HEALTH = "/health"
AGENT = "/v1/agent"
AGENT_VAULT = "/v1/agent/vault"

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
END_OF_HEAD = b"\r\n\r\n"

_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/@+:,"
_PLAIN_BYTES = frozenset(_PLAIN)


class BadMessage(Exception):
    """Not a message of ours. Holds no part of it."""


class Message:
    """A head: the three words of its first line, and its headers by name in lower case."""

    __slots__ = ("first", "headers")

    def __init__(self, first: tuple[str, str, str], headers: dict[str, str]) -> None:
        self.first = first
        self.headers = headers

    @property
    def length(self) -> int:
        """How many bytes of body follow; raises BadMessage where the head does not say so properly."""
        text = self.headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit() and len(text) < 16) or "transfer-encoding" in self.headers:
            raise BadMessage
        return int(text)


def render(first: str, headers: "Iterable[tuple[str, str]]", body: "bytes | bytearray" = b"") -> bytes:
    """Return a whole message: the first line, the headers, and the body with its length."""
    lines = [first, f"{WIRE}: {VERSION}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("ascii") + body


def render_request(
    method: str, target: str, headers: "Iterable[tuple[str, str]]", body: "bytes | bytearray" = b""
) -> bytes:
    """Return a whole request."""
    return render(f"{method} {target} HTTP/1.1", [("host", "credvault"), *headers], body)


def parse_head(head: bytes) -> Message:
    """Return what a head says, without the empty line at its end; raises BadMessage.

    Strict: one space between words, no folded and no repeated header, no control characters.
    """
    try:
        first, *lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise BadMessage from None
    words = first.split(" ", 2)
    if len(words) != 3 or not first.isprintable():
        raise BadMessage
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip()
        if not colon or not name or " " in name or name in headers or not line.isprintable():
            raise BadMessage
        headers[name] = value
    return Message((words[0], words[1], words[2]), headers)


def quote(data: bytes) -> str:
    """Return bytes as printable ASCII without spaces, `;`, `=` or `?`."""
    if not data.translate(None, _PLAIN):
        return data.decode("ascii")
    return "".join(chr(byte) if byte in _PLAIN_BYTES else f"%{byte:02X}" for byte in data)


def unquote(text: str) -> bytes:
    """Return the bytes that `quote` wrote; raises BadMessage."""
    first, *parts = text.split("%")
    try:
        return first.encode("ascii") + b"".join(
            bytes.fromhex(part[:2]) + part[2:].encode("ascii") for part in map(_whole_part, parts)
        )
    except (ValueError, UnicodeEncodeError):
        raise BadMessage from None


def _whole_part(part: str) -> str:
    if len(part) < 2 or " " in part[:2]:
        raise ValueError
    return part


def quote_text(text: str, encoding: str = "utf-8") -> str:
    """Return text as `quote` does. For a path `encoding` is that of the file system: its bytes come through."""
    return quote(text.encode(encoding, "surrogateescape"))


def unquote_text(text: str, encoding: str = "utf-8") -> str:
    """Return the text that `quote_text` wrote; raises BadMessage, also for a NUL."""
    data = unquote(text)
    if b"\0" in data:
        raise BadMessage
    return data.decode(encoding, "surrogateescape")


def quote_table(table: "Mapping[str, str]", encoding: str = "utf-8") -> str:
    """Return `name=value;name=value`."""
    return ";".join(f"{name}={quote_text(value, encoding)}" for name, value in table.items())


def unquote_table(text: str, known: "Iterable[str]", encoding: str = "utf-8") -> dict[str, str]:
    """Return the table that `quote_table` wrote; raises BadMessage, also for a name that is not `known`."""
    table: dict[str, str] = {}
    for item in text.split(";") if text else ():
        name, equals, value = item.partition("=")
        if not equals or name not in known or name in table:
            raise BadMessage
        table[name] = unquote_text(value, encoding)
    return table
