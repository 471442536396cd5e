"""Certificates by which a server is known, and the one by which it knows us: found in settings, and loaded for TLS.

What is wrong with them is said by the name of their file; nothing of a key is quoted.
"""

import os
from typing import TYPE_CHECKING, Any, Never

from credvault.config import Settings
from credvault.model.errors import BackendUnavailable, ConfigError, Unauthenticated
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

if TYPE_CHECKING:
    from credvault.backends.hashicorp.address import Address, Variables

_WAYS = "set client_cert and client_key in the profile, or {0}_CLIENT_CERT and {0}_CLIENT_KEY"
# What OpenSSL calls the alerts by which a server refuses the certificate of a client, or misses one (RFC 8446, 6.2).
_REFUSALS = ("BAD_CERTIFICATE", "CERTIFICATE_", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE", "ACCESS_DENIED")
_ALERT = "ALERT_"


class Authorities(NamedTuple):
    """Who is trusted to say who a server is: the certificates in a file, in a folder or in a text, else the system's.

    `source` says in words who named them.
    """

    file: str | None = None
    folder: str | None = None
    text: str | None = None
    source: str = ""

    def __str__(self) -> str:
        if self.file is not None:
            return f"the authority in {printable(self.file)}"
        if self.folder is not None:
            return f"the authorities in {printable(self.folder)}"
        return "the system's authorities" if self.text is None else f"the authority in {printable(self.source)}"


class Identity(NamedTuple):
    """The certificate that a server is shown, and the file with its key, which may be the same."""

    certificate: str
    key: str

    def __str__(self) -> str:
        return f"the certificate in {printable(self.certificate)}"


def find_authorities(settings: Settings, variables: "Variables") -> Authorities:
    """Return the authorities that the first of these names: `ca_file`, CACERT, CACERT_BYTES, CAPATH (as `bao` has it).

    Raises ConfigError.
    """
    path = settings.path_option("ca_file")
    if path is not None:
        return Authorities(file=path)
    named = {
        "file": variables.find("CACERT"),
        "text": variables.find("CACERT_BYTES"),
        "folder": variables.find("CAPATH"),
    }
    for member, found in named.items():
        if found is not None:
            return Authorities(**{member: found.value}, source=found.source)
    return Authorities()


def find_identity(settings: Settings, variables: "Variables") -> Identity | None:
    """Return the certificate that settings have a server shown, None for none; raises ConfigError for a key alone.

    Certificate and key come from one place: a profile that names either is not completed by a variable.
    """
    certificate, key = settings.path_option("client_cert"), settings.path_option("client_key")
    if certificate is None and key is None:
        named = variables.find("CLIENT_CERT"), variables.find("CLIENT_KEY")
        certificate, key = (None if found is None else found.value for found in named)
    if certificate is None and key is not None:
        message = f"{printable(key)} is the key of a client, and its certificate is not named"
        raise ConfigError(message, hint=_WAYS.format(variables.family))
    return None if certificate is None else Identity(certificate, certificate if key is None else key)


def load_authorities(context: Any, authorities: Authorities, family: str) -> None:
    """Have a context of TLS trust authorities that are named; raises BackendUnavailable for those that are none.

    `family` is that of the variables which a hint names.
    """
    if authorities.folder is None:
        _load(context, authorities, family, cafile=authorities.file, cadata=authorities.text)
        return
    # One by one, as `bao` does: OpenSSL takes those alone whose name is a hash.
    try:
        paths = [os.path.join(authorities.folder, name) for name in sorted(os.listdir(authorities.folder))]
    except OSError as exc:
        _refuse(authorities, family, (exc.strerror or "").lower())
    paths = [path for path in paths if os.path.isfile(path)]
    if not paths:
        _refuse(authorities, family, "there is no file in it")
    for path in paths:
        _load(context, Authorities(file=path), family, cafile=path)


def _load(context: Any, authorities: Authorities, family: str, **where: str | None) -> None:
    try:
        context.load_verify_locations(**where)
    except (OSError, ValueError) as exc:  # SSLError is an OSError, of which the reason is OpenSSL's
        why = (getattr(exc, "strerror", None) or "").lower()
        _refuse(authorities, family, "it holds no certificate" if hasattr(exc, "reason") or not why else why)


def _refuse(authorities: Authorities, family: str, why: str) -> Never:
    hint = f"set ca_file in the profile, or {family}_CACERT"
    raise BackendUnavailable(f"{authorities} cannot be read: {why}", hint=hint) from None


def load_identity(context: Any, identity: Identity, family: str) -> None:
    """Have a context of TLS show a certificate; raises Unauthenticated for one that cannot be, or an open key."""
    from credvault.ownership import check_private

    ways = _WAYS.format(family)
    key = f"the client key {printable(identity.key)}"
    if identity.key == identity.certificate:
        key = f"the file {printable(identity.key)}, which is to hold the client's key beside its certificate,"
    for path, what in (
        (identity.certificate, f"the client certificate {printable(identity.certificate)}"),
        (identity.key, key),
    ):
        if not os.path.isfile(path):
            raise Unauthenticated(f"there is no {what.removeprefix('the ')}", hint=ways)
    check_private(identity.key, key, Unauthenticated, lost="have a new one made, and the certificate revoked")
    try:
        context.load_cert_chain(identity.certificate, identity.key, _ask_nobody)
    except _Sealed:
        hint = "'openssl pkey -in OLD -out NEW' makes one without; keep it with mode 0600"
        raise Unauthenticated(f"{key} has a passphrase, and nobody is asked for it", hint=hint) from None
    except OSError as exc:  # SSLError is one
        if getattr(exc, "reason", None) == "KEY_VALUES_MISMATCH":
            why = f"{key} is not that of {identity}"
        else:
            why = f"{identity} or its key in {printable(identity.key)} cannot be read as PEM"
        raise Unauthenticated(why, hint=ways) from None


class _Sealed(Exception):
    """A key has a passphrase."""


def _ask_nobody() -> str:
    """Stand in for the question that OpenSSL would put to the terminal."""
    raise _Sealed


def check_alert(error: OSError, address: "Address") -> None:
    """Raise Unauthenticated for the alert of a server that misses a client's certificate or does not take it.

    By TLS 1.3 it comes when the connection is made already, in the place of an answer; nothing was done then.
    """
    reason = getattr(error, "reason", None) or ""
    alert = reason.partition(_ALERT)[2]
    if not alert.startswith(_REFUSALS):
        return
    said = alert.replace("_", " ").lower()
    if address.identity is None:
        raise Unauthenticated(
            f"{address} asks for a client certificate (it says: {said})", hint=_WAYS.format(address.family)
        )
    hint = "is it of an authority that the server trusts (tls_client_ca_file), and still valid?"
    raise Unauthenticated(f"{address} does not take {address.identity} (it says: {said})", hint=hint)
