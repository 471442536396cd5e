"""The probes `tcp` and `tls`: is anybody there? They send nothing of the value.

They answer the question the record asks, so whoever takes the connection is `ok`; the detail says that the credential
itself was not tried. Never `rejected`. A certificate that does not verify is `unreachable`: whoever is there is not
whom the record names.
"""

from typing import TYPE_CHECKING

from credvault.lifecycle.probes.base import OK, UNREACHABLE, Attempt, Outcome, Probe
from credvault.lifecycle.probes.reasons import connection_reason
from credvault.lifecycle.target import Target
from credvault.model.value import SecretValue

if TYPE_CHECKING:
    import socket


class TcpProbe(Probe):
    """Opens a connection and closes it."""

    asks_leave = True

    def __init__(self, target: Target) -> None:
        self.target: Target = target

    def run(self, value: SecretValue, attempt: Attempt) -> Outcome:
        """Connect; the value stays where it is."""
        import socket

        try:
            with socket.create_connection(self.target, timeout=attempt.connect) as connection:
                return self._greet(connection, attempt)
        # A name that cannot be encoded for the resolver is a ValueError.
        except (OSError, ValueError) as exc:
            return Outcome(UNREACHABLE, f"{self.target} cannot be reached: {connection_reason(exc)}")

    def _greet(self, connection: "socket.socket", attempt: Attempt) -> Outcome:
        return Outcome(OK, f"{self.target} is reachable; the credential itself was not tried")


class TlsProbe(TcpProbe):
    """Opens a connection and checks the certificate and the name in it, as this system trusts them."""

    def _greet(self, connection: "socket.socket", attempt: Attempt) -> Outcome:
        import ssl

        connection.settimeout(min(attempt.left(), attempt.connect))
        with ssl.create_default_context().wrap_socket(connection, server_hostname=self.target.host) as secured:
            version = secured.version()
        return Outcome(OK, f"{self.target} is reachable by {version}; the credential itself was not tried")
