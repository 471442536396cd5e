"""Answers in plain bytes to the plain forms of `get` and `exec`, and to TAB: what is to be written, ready to write.

A client needs no JSON for them. Besides the body, the head says what goes to stderr first and with which status to
end. An error is an answer like any other.
"""

from collections.abc import Iterable

from credvault.agent.connection import Request
from credvault.agent.opening import NotHeld, Opened
from credvault.delivery.selection import NOTHING, collect, injected_records, plain_selection
from credvault.model import wire
from credvault.model.errors import EXIT_EXEC_FAILED, CredvaultError, Invalid, Locked, WrongKey, failed
from credvault.model.names import parse_name, parse_namespace
from credvault.model.offers import NAME, NAMESPACE, offer_names, offer_namespaces
from credvault.model.record import expiry_warnings
from credvault.model.text import said, warned

# Stands for the namespace of names without one: no namespace starts so.
DEFAULT = wire.DEFAULT_NAMESPACE + "/"


def get_plainly(opened: Opened, request: Request, now: float) -> bytes:
    """Answer `get [-n NS] NAME`: the body is the value."""
    if request.query:
        raise wire.BadMessage  # another version, say: that is asked for in JSON
    settings = opened.settings
    text = wire.unquote_text(request.path[len(wire.CREDENTIALS) + 1 :]).removeprefix(DEFAULT)
    warnings = list(settings.notices)
    try:
        namespace = _namespace(request)
        name = parse_name(text, namespace=namespace, default=settings.namespace.value)
        secret = opened.vault.acting_as(opened.vault.identity, namespace=namespace).get(name)
    except (Locked, WrongKey):
        raise
    except CredvaultError as exc:
        return _failure([*warnings, *opened.warnings], exc, exc.exit_status)
    warnings += opened.warnings
    warnings += expiry_warnings([secret.record], now)
    return _answer(_warned(warnings), 0, secret.value.reveal())


def resolve_plainly(opened: Opened, request: Request, now: float) -> bytes:
    """Answer `exec [-n NS] -- CMD…`: the body is `VARIABLE=value` for each, NUL after each, as in environ(7)."""
    settings = opened.settings
    try:
        namespace = _namespace(request)
    except Invalid as exc:
        return _failure([], exc, exc.exit_status)
    try:
        selection = plain_selection(settings, namespace)
        if selection.has_uris:
            raise NotHeld  # their server and its token are the client's
        found = collect(opened.vault, selection)
    except (Locked, WrongKey):
        raise
    except CredvaultError as exc:
        return _failure([*settings.notices, *opened.warnings], exc, EXIT_EXEC_FAILED)
    warnings = [*settings.notices, *opened.warnings, *expiry_warnings(injected_records(found.variables), now)]
    body = b"".join(b"%s=%s\0" % (i.variable.encode("ascii"), i.value.reveal()) for i in found.variables)
    return _answer(_warned(warnings) + ("" if found.variables else said(NOTHING)), 0, body)


def offer_plainly(opened: Opened, request: Request) -> bytes:
    """Answer TAB: the body is what the word that was typed may become, a line each. `?KIND=TYPED` says which."""
    kind, _, typed = request.query.partition("=")
    typed = wire.unquote_text(typed)
    settings = opened.settings
    if kind == NAMESPACE:
        offers = offer_namespaces(opened.vault.names(), typed)
    elif kind == NAME:
        is_explicit = settings.flags.namespace is not None
        offers = offer_names(opened.vault.names(), typed, settings.namespace.value, is_explicit=is_explicit)
    else:
        raise wire.BadMessage
    return _answer("", 0, "\n".join(offers).encode("ascii"))


def _namespace(request: Request) -> str | None:
    quoted = request.head.headers.get(wire.NAMESPACE)
    return None if quoted is None else parse_namespace(wire.unquote_text(quoted))


def _warned(warnings: Iterable[str]) -> str:
    return "".join(map(warned, warnings))


def _failure(warnings: Iterable[str], error: CredvaultError, status: int) -> bytes:
    if error.exit_status != type(error).exit_status:  # set on the instance
        status = error.exit_status
    first = f"HTTP/1.1 {error.http_status or CredvaultError.http_status} {error.code}"
    return _answer(_warned(warnings) + failed(error), status, b"", first)


def _answer(notice: str, status: int, body: bytes, first: str = "HTTP/1.1 200 OK") -> bytes:
    headers = [("content-type", wire.BYTES), ("cache-control", "no-store"), (wire.EXIT, str(status))]
    if notice:
        headers.append((wire.NOTICE, wire.quote_text(notice)))
    return wire.render(first, headers, body)
