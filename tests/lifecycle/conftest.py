"""A vault in a real file, and a certificate authority of the tests' own."""

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from credvault.access.identity import Identity
from credvault.access.policy import owner_policy
from credvault.audit import Trail
from credvault.backends.file import FileBackend
from credvault.model.value import SecretValue
from credvault.sealing.keys import DataKey
from credvault.sealing.slots import KeyMaterial, make_slot
from credvault.sealing.vaultfile import VaultFile
from credvault.state import PinStore
from credvault.vault import Vault

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
_RAW = bytes(range(32))


@pytest.fixture
def state_folder(tmp_path: Path) -> str:
    return str(tmp_path / "state")


@pytest.fixture
def vault(tmp_path: Path, state_folder: str) -> Iterator[Vault]:
    key = DataKey(bytes(range(32, 64)), "0123456789abcdef" * 2)
    material = KeyMaterial("raw", SecretValue(_RAW), "the test")
    file = VaultFile(str(tmp_path / "vault.json"), lambda slots: material, pins=PinStore(state_folder))
    file.create(key, [make_slot("1", "raw", _RAW, key, created_at="2026-11-22T01:02:03Z")])
    owner = Identity("tester")
    with Vault(
        FileBackend(file),
        policy=owner_policy(owner),
        trail=Trail(state_folder, lambda: NOW),
        identity=owner,
        clock=lambda: NOW,
    ) as opened:
        yield opened


class Certified(NamedTuple):
    """A key and a certificate of it, in PEM and as files."""

    certificate: bytes
    key: bytes
    path: Path

    def server_context(self) -> ssl.SSLContext:
        """Return how a server shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context


def certify(folder: Path, *, host: str = "127.0.0.1", start: float, end: float) -> Certified:
    """Return a self-signed certificate for an address, valid from `start` to `end` (seconds since the epoch)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "credvault test")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(start, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"certified-{host}.pem"
    path.write_bytes(certificate + pem)
    return Certified(certificate, pem, path)


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    today = datetime.now(UTC)
    return certify(tmp_path, start=(today - timedelta(days=1)).timestamp(), end=(today + timedelta(days=1)).timestamp())
