"""Is a value of the form that its type needs? Looks at the value and its record alone, and contacts nobody.

A finding is something that makes the credential useless as it is stored; what is only unusual passes. The words of a
finding never quote the value, not even a part of it. `secret` may be anything, so nothing is found in one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from credvault.lifecycle.certificates import certificate_fault
from credvault.model import times
from credvault.model.record import Record
from credvault.model.text import printable
from credvault.model.value import SecretValue

# How the tokens of a service begin. The longest match counts.
#   https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
#   https://docs.gitlab.com/security/tokens/#token-prefixes · https://docs.stripe.com/keys
#   https://api.slack.com/authentication/token-types
_BEGINNINGS: Mapping[str, str] = {
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), "github"),
    **dict.fromkeys(("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"), "gitlab"),
    **dict.fromkeys(("xoxb-", "xoxp-", "xoxe-", "xoxe.", "xapp-"), "slack"),
    **dict.fromkeys(("sk_live_", "sk_test_", "rk_live_", "rk_test_"), "stripe"),
    "sk-ant-": "anthropic",
    # Of many services; it tells only among those of this table that no other beginning speaks for.
    "sk-": "openai",
}
_SERVICES = frozenset(_BEGINNINGS.values())

_BOOKED_PORTS = frozenset(
    {"postgres", "postgresql", "mysql", "mariadb", "mssql", "sqlserver", "oracle", "redis", "mongodb"}
)
_IN_A_FILE = ("sqlite", "duckdb")


class Finding(NamedTuple):
    """What is wrong with a value, in words that hold nothing of it."""

    detail: str


def check_format(record: Record, value: SecretValue, now: float) -> Finding | None:
    """Return what is wrong with a value of its record's type at `now` (seconds since the epoch), or None.

    A type that this version does not know passes.
    """
    fault = _fault(record, value.reveal(), now)
    return None if fault is None else Finding(fault)


def _fault(record: Record, value: bytes, now: float) -> str | None:
    match record.type:
        case "api_key" | "access_token" | "token" | "oauth":
            return _token_fault(value, record.service, now)
        case "password":
            return _password_fault(value)
        case "connection_string":
            return _connection_fault(value)
        case "certificate":
            return certificate_fault(value, now)
        case "database":
            return _fields_fault(record.fields) or _password_fault(value)
    return None


def _token_fault(value: bytes, service: str | None, now: float) -> str | None:
    if value.startswith(b"-----BEGIN "):  # the key of a GitHub App, and such
        return certificate_fault(value, now)
    text = _text(value)
    if text is None:
        return "it is not text (UTF-8)"
    if text.startswith("{") and _is_json_object(text):  # a service account's key file, or a set of OAuth tokens
        return None
    fault = _invisible_fault(text)
    if fault is None and any(character.isspace() for character in text):
        fault = "it has a space in it"
    return fault or _wrong_service_fault(service, text) or _jwt_fault(text, now)


def _password_fault(value: bytes) -> str | None:
    text = _text(value)
    if text is None:
        return None  # whoever takes it may take bytes
    if text.endswith(("\n", "\r")):
        return "it ends in a line break, which nobody types"
    return "it has a control character in it" if any(_is_control(c) for c in text) else None


def _connection_fault(value: bytes) -> str | None:
    text = _text(value)
    if text is None:
        return "it is not text (UTF-8)"
    if fault := _invisible_fault(text):
        return fault
    scheme, colon, rest = text.removeprefix("jdbc:").partition("://")
    if not colon:
        # The other form: `host=db dbname=x`, `Server=db;Database=x`.
        return None if "=" in text else "it is neither a URL nor a list of key=value"
    if not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum() or not scheme[0].isalpha():
        return "it does not begin with a scheme such as postgresql://"
    return _authority_fault(scheme.lower(), rest)


def _authority_fault(scheme: str, rest: str) -> str | None:
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    hosts = authority.rpartition("@")[2]
    for host in hosts.split(","):  # several in a MongoDB or PostgreSQL URL
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
        if port and not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65_535):
            return "its port is not a number from 1 to 65535; a password in a URL is percent-encoded"
    # A database on this machine may need no host: a file, or a socket.
    if not hosts.strip(",:") and not scheme.startswith((*_IN_A_FILE, "postgres", "mysql", "file")):
        return "it names no host"
    return None


def _fields_fault(fields: Mapping[str, str | int]) -> str | None:
    engine = str(fields.get("engine", "")).lower()
    if not engine:
        return "its record has no field engine"
    if not fields.get("host") and not engine.startswith(_IN_A_FILE):
        return "its record has no field host"
    port = fields.get("port")
    if port is None and engine not in _BOOKED_PORTS and not engine.startswith(_IN_A_FILE):
        return "its record has no field port, and the engine has no usual one"
    digits = str(port)
    if port is not None and not (digits.isascii() and digits.isdigit() and 1 <= int(digits[:6]) <= 65_535):
        return "its field port is not a number from 1 to 65535"
    return None


def _text(value: bytes) -> str | None:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character < "\xa0"


def _invisible_fault(text: str) -> str | None:
    if text.endswith(("\n", "\r")):
        return "it ends in a line break"
    if text != text.strip():
        return "it begins or ends with a space"
    if any(_is_control(character) for character in text):
        return "it has a line break or another control character in it"
    # What copying from a web page brings along: zero-width characters, a byte order mark.
    return "it has an invisible character in it" if printable(text) != text else None


def _wrong_service_fault(service: str | None, text: str) -> str | None:
    wanted = (service or "").casefold()
    if wanted not in _SERVICES:
        return None
    beginning = max((b for b in _BEGINNINGS if text.startswith(b)), key=len, default=None)
    if beginning is None or _BEGINNINGS[beginning] == wanted:
        return None
    # It must not be sent either: it would tell one service the credential of another.
    return f"it is written like a credential of {_BEGINNINGS[beginning]}, but its service is {wanted}"


def _jwt_fault(text: str, now: float) -> str | None:
    """Return whether a JSON Web Token (RFC 7519) has expired; whatever is none passes."""
    parts = text.split(".")
    if len(parts) != 3:
        return None
    header, claims = _json_part(parts[0]), _json_part(parts[1])
    if header is None or claims is None or "alg" not in header:
        return None
    expiry = claims.get("exp")
    # bool is an int to isinstance. Years after 9999 cannot be written, and are not over.
    if not isinstance(expiry, int | float) or isinstance(expiry, bool) or not 0 <= expiry <= now:
        return None
    return f"the token expired at {times.time_text(expiry)}"


def _json_part(part: str) -> Mapping[str, Any] | None:
    import base64
    import binascii

    try:
        return _json_object(base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True))
    except (binascii.Error, ValueError):
        return None


def _is_json_object(text: str) -> bool:
    return _json_object(text) is not None


def _json_object(data: str | bytes) -> Mapping[str, Any] | None:
    import json

    try:
        thing = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return thing if isinstance(thing, dict) else None
