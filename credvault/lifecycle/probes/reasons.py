"""Why a connection failed, in our own words. What libraries say may quote what was sent, so it is never passed on."""

from credvault.model.text import printable


def connection_reason(exc: BaseException) -> str:
    """Return why connecting failed, from the system's error at the bottom of a chain of exceptions."""
    import socket
    import ssl

    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            # OpenSSL's own words; they name the host at most.
            return f"its certificate was not accepted: {printable(cause.verify_message).rstrip('.')}"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS as this system does"
        if isinstance(cause, socket.gaierror):
            return "its name does not resolve"
        if isinstance(cause, TimeoutError):
            return "it did not answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return printable(cause.strerror.lower())
        cause = cause.__cause__ or cause.__context__
    return "the connection failed"
