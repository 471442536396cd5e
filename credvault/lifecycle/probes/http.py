"""The probe `http`: one request with the value in a header, judged by the status of the answer.

What a record may hold (`{"kind": "http", …}`):

    method    GET (default), HEAD or POST, without a body
    url       https; http to this machine alone
    header    "Authorization: Bearer {value}", or headers {"X-Key": "{value}"}; `{value}` must be in one
    status    the statuses that mean ok, default every 2xx
    rejected  the statuses that mean rejected, default 401 and 403
    preset    the name of a built-in request instead, with url as another base for it (a self-managed server)

429, 408, 425 and every 5xx are `unreachable`, all else `untestable`. A redirect is never followed, with or without
the value: it is `untestable` until the record names the right address. No proxies, no netrc, no cookies. The only
importer of httpx here: its exceptions end in this file, and their texts, which quote headers, are never passed on.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from credvault import __version__
from credvault.lifecycle.probes.base import OK, REJECTED, UNREACHABLE, UNTESTABLE, Attempt, Outcome, Probe
from credvault.lifecycle.probes.presets import PRESETS, Judge, Preset
from credvault.lifecycle.probes.reasons import connection_reason
from credvault.lifecycle.target import Address, Target, parse_host, parse_url
from credvault.model.errors import InvalidValue
from credvault.model.text import printable
from credvault.model.value import SecretValue

if TYPE_CHECKING:
    import ssl

    import httpx

MAX_ANSWER_BYTES = 64 * 1024
# Servers take 8 KiB of headers as a rule (nginx, Apache), and none is known to take more than this.
MAX_HEADER_BYTES = 64 * 1024

_METHODS = ("GET", "HEAD", "POST")
_MEMBERS = frozenset({"kind", "method", "url", "header", "headers", "status", "rejected", "preset"})
_PLACE = "{value}"
_TRY_LATER = frozenset({408, 425, 429})
# RFC 9110, 5.6.2; and what frames a message or routes it is not a record's to set.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADERS_OF_OURS = frozenset(
    "host connection content-length transfer-encoding te trailer upgrade expect proxy-authorization"
    " proxy-connection keep-alive accept-encoding".split()
)


class Request(NamedTuple):
    """What is sent, with `{value}` where the value goes, and what the statuses of the answer mean."""

    who: str
    method: str
    address: Address
    headers: Mapping[str, str]
    ok: frozenset[int]
    rejected: frozenset[int]
    unreachable: frozenset[int] = frozenset()
    judged: frozenset[int] = frozenset()
    judge: Judge = lambda answer: None
    unfit: tuple[str, ...] = ()


class HttpProbe(Probe):
    """Makes one request."""

    def __init__(self, request: Request, *, asks_leave: bool) -> None:
        self.request = request
        self.target = request.address.target
        self.asks_leave = asks_leave

    def run(self, value: SecretValue, attempt: Attempt) -> Outcome:
        """Send the request and judge the answer."""
        unfit = _unfit(value.reveal(), self.request)
        if unfit is not None:
            return Outcome(UNTESTABLE, unfit)
        import httpx

        try:
            return self._send(value, attempt)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict) as exc:
            return _outcome_of(exc, self.request.who, attempt)

    def _send(self, value: SecretValue, attempt: Attempt) -> Outcome:
        import os

        import httpx

        wanted = self.request
        tls = _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        timeout = httpx.Timeout(attempt.left(), connect=attempt.connect)
        with httpx.Client(verify=tls, timeout=timeout, trust_env=False, follow_redirects=False) as client:
            request = client.build_request(
                wanted.method,
                wanted.address.url,
                headers={
                    "User-Agent": f"credvault/{__version__}",
                    "Accept-Encoding": "identity",
                    **_filled(wanted.headers, value),
                },
                extensions={"trace": _break_connection_with(attempt)},
            )
            if _whom(request.url) != wanted.address.target:
                raise httpx.InvalidURL("another host than the one that was allowed")
            response = client.send(request, stream=True)
            try:
                return self._judge(response, value)
            finally:
                response.close()

    def _judge(self, response: "httpx.Response", value: SecretValue) -> Outcome:
        wanted, status = self.request, response.status_code
        if status in wanted.judged:
            outcome = wanted.judge(_read_json(response))
            if outcome is not None:
                return outcome
        if status in wanted.ok:
            return Outcome(OK, f"{wanted.who} accepts it ({status})")
        if status in wanted.rejected:
            return Outcome(REJECTED, f"{wanted.who} rejects it ({status})")
        if status in _TRY_LATER or status in wanted.unreachable or status >= 500:
            return Outcome(UNREACHABLE, f"{wanted.who} cannot say at present ({status})")
        if 300 <= status < 400:
            whither = _redirect_host(response, value)
            return Outcome(UNTESTABLE, f"{wanted.who} redirects to {whither} ({status}), where no value is sent")
        return Outcome(UNTESTABLE, f"{wanted.who} answers {status}, which says nothing of the credential")


def http_probe(probe: Mapping[str, Any], service: str | None) -> HttpProbe:
    """Return the probe that a record describes; raises InvalidValue for anything but what the table above allows.

    `service` is the record's: a probe with neither headers nor a preset means the preset of its service.
    """
    unknown = sorted(member for member in probe if member not in _MEMBERS)
    if unknown:
        raise InvalidValue(f"an http probe has no member '{printable(str(unknown[0])[:60])}'")
    name = probe.get("preset")
    if name is None and not {"header", "headers"} & set(probe) and (service or "").casefold() in PRESETS:
        name = (service or "").casefold()
    if name is None:
        return HttpProbe(_own_request(probe), asks_leave=True)
    if not isinstance(name, str) or name not in PRESETS:
        raise InvalidValue(f"preset must be one of {', '.join(PRESETS)}")
    more = sorted(set(probe) - {"kind", "preset", "url"})
    if more:
        raise InvalidValue(f"a preset has its own {more[0]}")
    return preset_probe(name, PRESETS[name], probe.get("url"))


def preset_probe(name: str, preset: Preset, base: object = None) -> HttpProbe:
    """Return the probe of a preset; `base` is the URL of another server of that kind. Raises InvalidValue."""
    if base is not None and (not isinstance(base, str) or "?" in base):
        raise InvalidValue("url of a preset must be the base of a server, without a query")
    address = parse_url((preset.base if base is None else base).rstrip("/") + preset.path)
    request = Request(
        name if base is None else str(address.target),
        preset.method,
        address,
        preset.headers,
        frozenset({200}),
        preset.rejected,
        preset.unreachable,
        preset.judged,
        preset.judge,
        preset.unfit,
    )
    return HttpProbe(request, asks_leave=base is not None)


def _own_request(probe: Mapping[str, Any]) -> Request:
    method = probe.get("method", "GET")
    if method not in _METHODS:
        raise InvalidValue(f"method must be one of {', '.join(_METHODS)}")
    address = parse_url(probe.get("url"))
    ok = _statuses(probe, "status", range(200, 300))
    rejected = _statuses(probe, "rejected", (401, 403)) - ok
    return Request(str(address.target), method, address, _headers(probe), ok, rejected)


def _headers(probe: Mapping[str, Any]) -> dict[str, str]:
    if "header" in probe and "headers" in probe:
        raise InvalidValue("an http probe has either header or headers")
    given = probe.get("headers")
    if given is None:
        header = probe.get("header")
        if not isinstance(header, str):
            raise InvalidValue("header must be text such as 'Authorization: Bearer {value}'")
        name, colon, text = header.partition(":")
        given = {name: text.strip() if colon else None}
    if not isinstance(given, Mapping) or len(given) > 20:
        raise InvalidValue("headers must be an object of at most 20 texts under names")
    for name, text in given.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise InvalidValue("the name of a header has characters that no header may have")
        if name.lower() in _HEADERS_OF_OURS:
            raise InvalidValue(f"the header {name} is not a record's to set")
        if not isinstance(text, str) or len(text) > 4096 or not _is_header_text(text):
            raise InvalidValue(f"the header {name} must be a line of ASCII text")
    if len({name.lower() for name in given}) < len(given):
        raise InvalidValue("a header is given twice")
    if not any(_PLACE in text for text in given.values()):
        raise InvalidValue(f"{_PLACE} must be in a header: that is where the value goes")
    return dict(given)


def _statuses(probe: Mapping[str, Any], member: str, default: Any) -> frozenset[int]:
    given = probe.get(member)
    if given is None:
        return frozenset(default)
    # bool is an int to isinstance.
    numbers = [s for s in given if isinstance(s, int) and not isinstance(s, bool)] if isinstance(given, list) else []
    if not numbers or len(numbers) != len(given) or not all(200 <= number < 600 for number in numbers):
        raise InvalidValue(f"{member} must be a list of statuses from 200 to 599")
    return frozenset(numbers)


def _unfit(value: bytes, request: Request) -> str | None:
    """Return why a value cannot be sent this way, or None."""
    text = value.decode("latin-1")
    if not _is_header_text(text) or not value:
        return "the value has characters or a line break that no HTTP header can carry"
    if len(value) > MAX_HEADER_BYTES:
        return "the value is too long for an HTTP header"
    if text.startswith(request.unfit):
        return f"{request.who} has no built-in request for this kind of its credentials"
    return None


def _is_header_text(text: str) -> bool:
    # Bytes over 127 mean different texts to different servers (RFC 9110, 5.5), so they are not sent.
    return text.isascii() and text.isprintable() and text == text.strip()


def _filled(headers: Mapping[str, str], value: SecretValue) -> dict[str, str]:
    return {name: text.replace(_PLACE, value.reveal().decode("ascii")) for name, text in headers.items()}


def _whom(url: "httpx.URL") -> Target:
    """Return whom httpx would contact: what was allowed is what is contacted, even where two parsers disagree."""
    return Target(url.raw_host.decode("ascii"), url.port or (80 if url.scheme == "http" else 443))


def _break_connection_with(attempt: Attempt) -> Any:
    """Return a trace for httpcore that lets an attempt end its connection, whatever that waits for."""
    import socket

    def trace(event: str, info: Mapping[str, Any]) -> None:
        # The timeouts are for each read: a server that sends a byte a second would hold a connection for ever.
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            connection = info["return_value"].get_extra_info("socket")
            # Not the method of ssl's sockets, which takes the TLS layer away from under the thread that reads.
            attempt.add_breaker(lambda: socket.socket.shutdown(connection, socket.SHUT_RDWR))

    return trace


def _read_json(response: "httpx.Response") -> Mapping[str, Any]:
    """Return the object an answer holds; empty if it is too long or anything else."""
    import json

    body = b""
    for chunk in response.iter_raw(MAX_ANSWER_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return {}
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, Mapping) else {}


def _redirect_host(response: "httpx.Response", value: SecretValue) -> str:
    """Return the host a redirect names, unless that spells the value."""
    from urllib.parse import urlsplit

    try:
        host = urlsplit(response.headers.get("location", "")).hostname
        whither = parse_host(host) if host else "another place on the same host"
    except (ValueError, InvalidValue):
        return "somewhere"
    return "somewhere" if value.reveal().decode("ascii").casefold() in whither.casefold() else whither


@lru_cache(maxsize=2)
def _tls(file: str | None, folder: str | None) -> "ssl.SSLContext":  # noqa: ARG001 - the key of the cache
    """Return what requests trust: Mozilla's list, and what this system trusts besides.

    `file` and `folder` are SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL reads for itself.
    """
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _outcome_of(exc: Exception, who: str, attempt: Attempt) -> Outcome:
    """Return what an exception of httpx means; a test holds that every one has its line here."""
    import httpx

    if isinstance(exc, httpx.ConnectTimeout | httpx.PoolTimeout):
        return Outcome(UNREACHABLE, f"{who} did not take a connection within {attempt.connect:g} s")
    if isinstance(exc, httpx.TimeoutException):
        return Outcome(UNREACHABLE, f"{who} did not answer within {attempt.seconds:g} s")
    if isinstance(exc, httpx.ConnectError | httpx.ProxyError):
        return Outcome(UNREACHABLE, f"{who} cannot be reached: {connection_reason(exc)}")
    if isinstance(exc, httpx.NetworkError | httpx.RemoteProtocolError | httpx.DecodingError):
        return Outcome(UNREACHABLE, f"{who} broke off, or did not answer in HTTP")
    # LocalProtocolError, UnsupportedProtocol, InvalidURL, StreamError and the rest: the request itself, not the other
    # end. Nothing is known of the credential.
    return Outcome(UNTESTABLE, f"the request to {who} cannot be made")
