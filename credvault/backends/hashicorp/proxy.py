"""Going through an HTTP proxy, for profiles that say `proxy = true`: it learns the host, and sees only TLS pass."""

import base64
import socket
import time
import urllib.request
from urllib.parse import unquote, urlsplit

from credvault.backends.hashicorp.address import Address
from credvault.model.errors import BackendUnavailable, ConfigError
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

_MAX_HEAD_BYTES = 16 * 1024


class Proxy(NamedTuple):
    """Where a proxy is, and who it is told that we are (`Basic …`), if anybody."""

    host: str
    port: int
    authorization: str | None

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def find_proxy(address: Address) -> Proxy | None:
    """Return the proxy that HTTPS_PROXY names, None where NO_PROXY excepts the host; raises ConfigError."""
    text = urllib.request.getproxies_environment().get("https")
    if not text or urllib.request.proxy_bypass(address.authority):
        return None
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, port = url.hostname, url.port or 80
    except ValueError:
        host, port = None, 0
    if host is None or not host.isascii() or url.scheme != "http":
        raise ConfigError("HTTPS_PROXY names no proxy that can be used", hint="write http://HOST:PORT")
    if url.username is None:
        return Proxy(host, port, None)
    user = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
    return Proxy(host, port, f"Basic {base64.b64encode(user).decode('ascii')}")


def pass_through(sock: socket.socket, proxy: Proxy, address: Address, limit: float) -> None:
    """Have a proxy pass on to the server whatever is sent from here on; raises BackendUnavailable, OSError.

    It is done within `limit` seconds, however slowly the proxy talks.
    """
    until = time.monotonic() + limit
    lines = [f"CONNECT {address.authority} HTTP/1.1", f"host: {address.authority}"]
    if proxy.authorization is not None:
        lines.append(f"proxy-authorization: {proxy.authorization}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    head = b""
    # By single bytes: what comes after the head is the server's.
    while not head.endswith(b"\r\n\r\n"):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        byte = sock.recv(1)
        if not byte or len(head) > _MAX_HEAD_BYTES:
            raise ConnectionResetError(0, "the proxy closed the connection")
        head += byte
    version, _, rest = head.partition(b" ")
    if not version.startswith(b"HTTP/1.") or rest[:1] != b"2":
        status = printable(rest[:3].decode("latin-1"))
        message = f"the proxy {printable(proxy.host)}:{proxy.port} refuses to connect to {address} (status {status})"
        raise BackendUnavailable(message, hint="HTTPS_PROXY names it; proxy = false in the profile connects without it")
