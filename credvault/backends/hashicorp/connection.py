"""One connection to a server: HTTP/1.1 as far as the API needs it, strict in what it takes for an answer.

A client of our own, by measurement: `import hvac` takes 190 ms, httpx 138, http.client 28, a bare interpreter 13;
`curl --parallel` asks for 100 secrets in 35. `_socket` is the C half of `socket`.
"""

import _socket
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from credvault.backends.hashicorp.address import Address
from credvault.model.errors import BackendUnavailable
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

CONNECT_SECONDS = 5.0
# For how long a connection may be idle. What stands between forgets one and tells nobody: a balancer of Azure after 4
# min, one of AWS after 350 s; and then an answer would be waited for in vain.
MAX_IDLE_SECONDS = 60.0
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024

_CHUNK = 64 * 1024
_END_OF_LINE = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_MAX_INTERIM_ANSWERS = 8
_READ_HEADERS = ("content-length", "transfer-encoding", "connection", "location", "x-vault-index")
# Of which there may be two, and the last one counts: what stands before a server adds its own.
_LAST_HEADERS = ("date", "retry-after")
_HEX = frozenset(b"0123456789abcdefABCDEF")


class NoAnswer(Exception):
    """No answer came, for the reason in words.

    `was_sent` says whether the server may have acted on the request, `was_silent` whether it closed without a word.
    """

    def __init__(self, why: str, *, was_sent: bool = True, was_silent: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.was_sent = was_sent
        self.was_silent = was_silent


class Head(NamedTuple):
    """What the head of an answer says: the status, and how the body ends.

    `storage_index` is how far the storage was when the server answered, and `date` when that was, where it says so;
    `retry_after` is in how many seconds it would be asked again, 0 where it says nothing.
    """

    status: int
    length: int | None
    is_chunked: bool
    stays_open: bool
    location: str
    storage_index: str
    date: str
    retry_after: int


class Connection:
    """A connection on which requests are answered in their order. Every wait has an end; close it after use.

    It speaks TLS where there is a context (tls.py).
    """

    def __init__(self, address: Address, context: Any) -> None:
        self.was_used = False
        self.stays_open = True
        self._timeout = self._until = 0.0
        # How many requests went out at once, and how many answers are to come.
        self._asked = self._due = 0
        self._address = address
        self._process = os.getpid()
        self._used_at = 0.0
        self._data = bytearray()
        # How long the way there and back is: no program at the other end has a part in a connection of TCP.
        self._socket, self.connect_seconds = _connect(address, context)

    def close(self) -> None:
        """End it."""
        self.stays_open = False
        self._socket.close()

    def is_fresh(self) -> bool:
        """Say whether it may be used again: by the process that made it, and not after it was idle for long.

        A process that was forked off has it, too, and would read the other's answers.
        """
        return self._process == os.getpid() and time.monotonic() - self._used_at < MAX_IDLE_SECONDS

    def is_quiet(self) -> bool:
        """Say whether the server has kept it open and said nothing unasked; close it if not."""
        try:
            self._socket.settimeout(0.0)
            self._socket.recv(1)
        except OSError as exc:
            if isinstance(exc, BlockingIOError) or type(exc).__name__ == "SSLWantReadError":
                return True
        return False

    def send(self, data: bytes, count: int, timeout: float) -> None:
        """Send requests, as many as `count`, once all before are answered; raises NoAnswer.

        `timeout` is how long it may take to send them, and what is said of an answer that does not come, seconds.
        """
        self._timeout = timeout
        self._asked = self._due = count
        self._data.clear()
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(data)
        except TimeoutError:
            raise NoAnswer(f"it accepted no data for {self._timeout:.0f} s") from None
        except OSError:
            # A server that refuses what is too long answers before it has it all, and closes.
            self.stays_open = False

    def receive(self, until: float) -> tuple[Head, bytes]:
        """Return head and body of the next answer, which is to be there by a moment of the monotonic clock.

        Raises NoAnswer, and BackendUnavailable for what is no HTTP.
        """
        self._until = until
        for _ in range(_MAX_INTERIM_ANSWERS):
            head = _parse_head(self._until_mark(_END_OF_HEAD, MAX_HEAD_BYTES))
            if head.status >= 200:
                break
        else:
            raise _not_http("it sends one interim answer after another")
        body = self._body(head)
        self.was_used = True
        self._used_at = time.monotonic()
        self._due -= 1
        if self._data and not self._due:  # nobody asked for what follows the last of them
            if self._asked > 1:
                # Which answer is whose is known by their order alone.
                raise _not_http("there are more of them than questions")
            self.stays_open = False
        if not head.stays_open:
            self.stays_open = False
        return head, body

    def _body(self, head: Head) -> bytes:
        if head.status in (204, 304):
            return b""
        if head.is_chunked:
            return self._chunks()
        if head.length is None:
            return self._all()
        return self._exactly(head.length)

    def _all(self) -> bytes:
        """Return a body that ends with the connection, as gateways send (RFC 9112, 6.3); cut short, it is no JSON."""
        self.stays_open = False
        while data := self._some():
            self._data += data
            if len(self._data) > MAX_BODY_BYTES:
                raise _not_http("it is too long")
        return bytes(self._data)

    def _chunks(self) -> bytes:
        """Return a body that comes in chunks (RFC 9112, 7.1); what stands beside their sizes is passed over."""
        body = bytearray()
        while True:
            digits = bytes(self._until_mark(_END_OF_LINE, 1024)).partition(b";")[0].strip()
            if not 0 < len(digits) < 16 or not _HEX.issuperset(digits):
                raise _not_http("a length in it is not a number")
            size = int(digits, 16)
            if size == 0:
                break
            if len(body) + size > MAX_BODY_BYTES:
                raise _not_http("it is too long")
            body += self._exactly(size)
            if self._exactly(2) != _END_OF_LINE:
                raise _not_http("a length in it is wrong")
        for _ in range(64):
            if not self._until_mark(_END_OF_LINE, MAX_HEAD_BYTES):
                return bytes(body)
        raise _not_http("it never ends")

    def _exactly(self, size: int) -> bytes:
        if size > MAX_BODY_BYTES:
            raise _not_http("it is too long")
        while len(self._data) < size:
            self._read()
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken

    def _until_mark(self, mark: bytes, most: int) -> bytearray:
        start = 0
        while (end := self._data.find(mark, start)) < 0:
            start = max(0, len(self._data) - len(mark) + 1)
            if len(self._data) > most:
                raise _not_http("its head is too long")
            self._read()
        taken = self._data[:end]
        del self._data[: end + len(mark)]
        return taken

    def _read(self) -> None:
        data = self._some()
        if not data:
            why = "it closed the connection in the middle of an answer" if self._data else "it closed the connection"
            raise NoAnswer(why, was_silent=not self._data)
        self._data += data

    def _some(self) -> bytes:
        """Return what came next, empty where the connection has ended; raises NoAnswer where nothing comes in time."""
        left = self._until - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            return bytes(self._socket.recv(_CHUNK))
        except TimeoutError:
            raise NoAnswer(f"no answer came in {self._timeout:.0f} s") from None
        except OSError as exc:
            if self._address.scheme == "https":
                from credvault.backends.hashicorp.certificates import check_alert

                check_alert(exc, self._address)
            return b""


def _parse_head(head: bytearray) -> Head:
    """Return what a head says; raises BackendUnavailable for one that is no head, or says two things."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    code = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not (code.isascii() and code.isdigit()) or rest[3:4] not in ("", " "):
        raise _not_http("it is not HTTP")
    found: dict[str, str] = {}
    last: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not colon or not name or name != name.strip():
            raise _not_http("its head is damaged")
        if name in _READ_HEADERS and found.setdefault(name, value) != value:
            raise _not_http(f"it has two headers {name}")
        if name in _LAST_HEADERS:
            last[name] = value
    length, coding = found.get("content-length"), found.get("transfer-encoding")
    if length is not None and (coding or not (length.isascii() and length.isdigit() and len(length) < 16)):
        raise _not_http("its length is not a number" if not coding else "it gives its length in two ways")
    if coding is not None and coding.lower() != "chunked":
        raise _not_http("it has an encoding that was not asked for")
    stays_open = version == "HTTP/1.1" and found.get("connection", "").lower() != "close"
    size = None if length is None else int(length)
    location, index = found.get("location", ""), found.get("x-vault-index", "")
    # In seconds, as servers of this kind have it; a date, which the header may also be, is passed over.
    pause = last.get("retry-after", "")
    retry_after = int(pause) if pause.isascii() and pause.isdigit() and len(pause) < 16 else 0
    return Head(int(code), size, bool(coding), stays_open, location, index, last.get("date", ""), retry_after)


def _not_http(why: str) -> BackendUnavailable:
    hint = "is this the address of an OpenBao or Vault server, and does it speak https?"
    return BackendUnavailable(f"the server's answer cannot be read: {why}", hint=hint)


def _connect(address: Address, context: Any) -> tuple[Any, float]:
    """Return a connected socket, which speaks TLS where there is a context, and how long it took to connect.

    Raises NoAnswer, and BackendUnavailable where another attempt would end no better.
    """
    proxy = None
    if address.proxy and context is not None:
        from credvault.backends.hashicorp.proxy import find_proxy, pass_through

        proxy = find_proxy(address)
    host, port, source = (address.host, address.port, address.source)
    if proxy is not None:
        host, port, source = proxy.host, proxy.port, "HTTPS_PROXY"
    places = _look_up(host, port, source)
    for *_, place in places:
        _check_plain(address, str(place[0]))
    make: Callable[..., Any] = _socket.socket
    if context is not None:
        from credvault.backends.hashicorp.tls import secured, socket_class

        make = socket_class()
    why = "it cannot be reached"
    limit = min(CONNECT_SECONDS, address.timeout)
    for family, kind, protocol, _, place in places:
        sock = make(family, kind, protocol)
        try:
            sock.settimeout(limit)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            began = time.monotonic()
            sock.connect(place)
            seconds = time.monotonic() - began
            if proxy is not None:
                pass_through(sock, proxy, address, limit)
            sock.settimeout(limit)
            return (sock if context is None else secured(sock, address, context)), seconds
        except TimeoutError:
            why = f"no connection in {limit:.0f} s"
        except OSError as exc:
            why = (exc.strerror or why).lower()
        except BaseException:
            sock.close()
            raise
        sock.close()
    by = "" if proxy is None else f" (by the proxy {host}:{port}, which HTTPS_PROXY names)"
    raise NoAnswer(why + by, was_sent=False)


def _look_up(host: str, port: int, source: str) -> Sequence[Any]:
    """Return where a host is, as getaddrinfo(3) does; raises BackendUnavailable, and NoAnswer if that may pass."""
    try:
        # As bytes: for text Python loads a codec and its tables, which takes 5 ms.
        return _socket.getaddrinfo(host.encode("ascii"), port, 0, _socket.SOCK_STREAM)
    except OSError as exc:
        if exc.errno == _socket.EAI_AGAIN:
            raise NoAnswer(f"its name cannot be looked up now ({printable(source)} gives it)", was_sent=False) from None
        hint = f"look at the address, which {printable(source)} gives"
        raise BackendUnavailable(f"there is no host {printable(host)}", hint=hint) from None


def _check_plain(address: Address, place: str) -> None:
    """Raise BackendUnavailable where a token would go over a network for all to read; nobody has been called yet."""
    if address.scheme == "https" or address.allow_http or _is_loopback(place):
        return
    message = f"{printable(address.host)} is {printable(place)}, and plain http is for this machine alone"
    raise BackendUnavailable(message, hint="use https, or set allow_http = true in the profile")


def _is_loopback(place: str) -> bool:
    return place.startswith("127.") or place in ("::1", "::ffff:127.0.0.1")
