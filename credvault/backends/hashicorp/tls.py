"""TLS for a connection to a server: who is trusted, and bytes that go and come by it.

By the C half of `ssl`, as `_socket` is that of `socket`: the other half takes 12 ms to load, for names of constants
and for servers. What verifies certificates and names of hosts is OpenSSL, which C alone speaks to.
"""

import _socket
import _ssl
import sys
from typing import Any  # of contexts too: naming what one is would load ssl

from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.certificates import Authorities, check_alert, load_authorities, load_identity
from credvault.model.errors import BackendUnavailable
from credvault.model.text import printable

_PROTOCOLS = b"\x08http/1.1"  # for ALPN, in the form of RFC 7301, 3.1
# What to do about a certificate that is not trusted, by the code of OpenSSL (X509_V_ERR_…): the name is another one, or
# its time is.
_MEND = "name the authority that signed it: ca_file in the profile, or {family}_CACERT"
_OTHER_NAME = (
    "if it is the right server, tls_server_name in the profile or {family}_TLS_SERVER_NAME says what name it must have"
)
_OTHER_TIME = "whoever keeps the server renews it; or is the clock of this machine wrong?"
_MENDS = {9: _OTHER_TIME, 10: _OTHER_TIME, 62: _OTHER_NAME, 64: _OTHER_NAME}
# CPython says nowhere that its C half stays as it is. It is the same from 3.11 to 3.14; a later one is taken whole, and
# that of Windows, where the other half fetches the system's authorities.
IS_KNOWN = sys.implementation.name == "cpython" and sys.version_info < (3, 15) and sys.platform != "win32"


class Socket(_socket.socket):
    """A socket of the C half that TLS can be put on, which holds it by a weak reference."""

    __slots__ = ("__weakref__",)


class Secured:
    """A connected socket that speaks TLS: what a connection needs of one, and ends where the socket's time does."""

    def __init__(self, sock: Socket, tls: Any) -> None:
        self._sock = sock
        self._tls = tls
        self.settimeout = sock.settimeout
        self.recv = tls.read
        self.close = sock.close

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]


def make_context(address: Address) -> Any:
    """Return the context of TLS for an address; raises BackendUnavailable, and Unauthenticated for our certificate.

    TLS 1.2 or later, the name of the host checked, the authorities that are named trusted and no other.
    """
    context = _client_context()
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = _ssl.CERT_NONE
    elif address.authorities in (None, Authorities()):
        _trust_system(context)
    else:
        load_authorities(context, address.authorities, address.family)
    if address.identity is not None:
        load_identity(context, address.identity, address.family)
    return context


def secured(sock: Any, address: Address, context: Any) -> Any:
    """Return a connection that speaks TLS; raises BackendUnavailable for a certificate that is not trusted.

    Raises Unauthenticated where the server misses one of ours, or does not take it.
    """
    try:
        if not isinstance(sock, Socket):
            return context.wrap_socket(sock, server_hostname=address.server_name)
        tls = context._wrap_socket(sock, False, address.server_name)
        tls.do_handshake()
        return Secured(sock, tls)
    except _ssl.SSLCertVerificationError as exc:
        why = printable(exc.verify_message).rstrip(".")
        why = why if why[:2].isupper() else why[:1].lower() + why[1:]
        message = f"the certificate of {address} is not trusted: {why}"
        hint = _MENDS.get(exc.verify_code, _MEND).format(family=address.family)
        raise BackendUnavailable(message, hint=hint) from None
    except (_ssl.SSLEOFError, _ssl.SSLZeroReturnError):
        raise ConnectionResetError(0, "it closed the connection") from None
    except _ssl.SSLError as exc:
        check_alert(exc, address)
        reason = (exc.reason or "").replace("_", " ").lower()
        message = f"{address} does not speak TLS as it must: {reason or 'no reason given'}"
        hint = "is it an https address, and does the server ask for a client certificate (client_cert in the profile)?"
        raise BackendUnavailable(message, hint=hint) from None


def socket_class() -> Any:
    """Return the class of sockets that `secured` can take."""
    if IS_KNOWN:
        return Socket
    import socket

    return socket.socket


def _trust_system(context: Any) -> None:
    if IS_KNOWN:
        context.set_default_verify_paths()
    else:
        context.load_default_certs()


def _client_context() -> Any:
    """Return a context that trusts nobody yet and verifies everybody; raises RuntimeError if it does not."""
    context: Any
    if IS_KNOWN:
        context = _ssl._SSLContext(_ssl.PROTOCOL_TLS_CLIENT)
        context._set_alpn_protocols(_PROTOCOLS)
    else:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
    context.minimum_version = _ssl.PROTO_TLSv1_2
    if not context.check_hostname or context.verify_mode != _ssl.CERT_REQUIRED:
        raise RuntimeError("a new context of TLS verifies nobody")
    return context
