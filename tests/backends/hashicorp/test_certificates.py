"""Certificates for a server and for us: what settings name, and what a real OpenBao that asks for one says of it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization

from credvault.backends.hashicorp.address import Address, find_address
from credvault.backends.hashicorp.certificates import Authorities, Identity
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import BackendUnavailable, ConfigError, CredvaultError, Unauthenticated
from credvault.model.value import SecretValue
from tests.backends.hashicorp.profiles import make_settings
from tests.conftest import Cli
from tests.lifecycle.conftest import Certified, certify
from tests.lifecycle.servers import free_port
from tests.openbao import Bao, development_server

DAY = 86_400.0
HTTPS = "https://vault.example.org:8200"
READ = Request("GET", "secret/data/credvault/app/token")
_LISTENER = """
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_cert_file = "{server}"
  tls_key_file = "{server}"
  tls_client_ca_file = "{client}"
  tls_require_and_verify_client_cert = true
  tls_max_version = "{version}"
}}
"""


class Strict(NamedTuple):
    """A server that asks for a client certificate, by TLS 1.3 and by 1.2: with `client`, and never with `stranger`."""

    bao: Bao
    ports: dict[str, int]
    server: Certified
    client: Certified
    stranger: Certified

    def ask(self, identity: Identity | None, *, version: str = "tls13") -> int:
        """Return the status of an answer."""
        address = Address("https", "127.0.0.1", self.ports[version], "VAULT_ADDR", identity=identity)
        transport = Transport(
            address._replace(authorities=Authorities(str(self.server.path))), sleep=lambda seconds: None
        )
        try:
            return transport.ask(READ, SecretValue(self.bao.token.encode())).status
        finally:
            transport.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    folder = tmp_path_factory.mktemp("strict")
    span = {"start": time.time() - DAY, "end": time.time() + DAY}
    server, client, stranger = (certify(folder, host=f"127.0.0.{number}", **span) for number in (1, 2, 3))
    for made in (client, stranger):
        made.path.chmod(0o600)
    ports = {version: free_port() for version in ("tls12", "tls13")}
    config = folder / "listeners.hcl"
    config.write_text(
        "".join(
            _LISTENER.format(port=port, server=server.path, client=client.path, version=version)
            for version, port in ports.items()
        ),
        encoding="utf-8",
    )
    with development_server(folder, config=config) as bao:
        bao.must("POST", "secret/data/credvault/app/token", {"data": {"value": "v"}})
        yield Strict(bao, ports, server, client, stranger)


def in_one_file(certified: Certified) -> Identity:
    return Identity(str(certified.path), str(certified.path))


@pytest.mark.parametrize("version", ["tls12", "tls13"])
def test_server_that_asks_for_a_certificate_is_shown_it_and_says_what_it_misses(strict: Strict, version: str) -> None:
    assert strict.ask(in_one_file(strict.client), version=version) == 200
    # TLS 1.2 has no word of its own for a certificate that is missing.
    with pytest.raises(Unauthenticated if version == "tls13" else BackendUnavailable) as none:
        strict.ask(None, version=version)
    with pytest.raises(Unauthenticated) as other:
        strict.ask(in_one_file(strict.stranger), version=version)

    assert "client certificate" in f"{none.value.message} {none.value.hint}"
    assert "client_cert" in (none.value.hint or "")
    assert f"does not take the certificate in {strict.stranger.path}" in other.value.message


def test_profile_or_variables_name_certificate_and_key(cli: Cli, strict: Strict) -> None:
    certificate, key = cli.home / "client.pem", cli.home / "client-key.pem"
    certificate.write_bytes(strict.client.certificate)
    key.write_bytes(strict.client.key)
    key.chmod(0o600)
    profile = "backend = 'hashicorp'\nclient_cert = 'client.pem'\nclient_key = 'client-key.pem'\n"
    (cli.home / "config.toml").write_text(f"[profiles.p]\n{profile}", encoding="utf-8")
    server = {"VAULT_ADDR": f"https://127.0.0.1:{strict.ports['tls13']}", "VAULT_TOKEN": strict.bao.token}
    server |= {"VAULT_CACERT": str(strict.server.path), "CREDVAULT_BACKEND": "hashicorp"}
    named = {"VAULT_CLIENT_CERT": str(certificate), "VAULT_CLIENT_KEY": str(key)}

    by_variables = cli("get", "app/token", env={**server, **named})
    by_profile = cli(
        "get", "app/token", "--profile", "p", env={**server, "CREDVAULT_CONFIG": str(cli.home / "config.toml")}
    )
    looked_at = cli("doctor", env={**server, **named})
    key.chmod(0o640)
    refused = cli("get", "app/token", env={**server, **named})

    assert (by_variables.stdout, by_profile.stdout) == (b"v", b"v")
    assert (
        f"TLS: checked by the authority in {strict.server.path}; the server is shown the certificate in".encode()
        in looked_at.stdout
    )
    assert (refused.returncode, refused.stdout) == (5, b"")
    assert b"client-key.pem can be read by others (mode 0640)" in refused.stderr


def sealed(certified: Certified) -> bytes:
    """Return a key behind a passphrase."""
    key: Any = serialization.load_pem_private_key(certified.key, None)
    form = serialization.PrivateFormat.PKCS8
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"canary")))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing certificate", "there is no client certificate .*certificate.pem"),
        ("missing key", "there is no client key .*key.pem"),
        ("key of another", "key.pem is not that of the certificate in"),
        ("sealed key", "key.pem has a passphrase, and nobody is asked for it"),
        ("no key", "cannot be read as PEM"),
        ("no certificate", "cannot be read as PEM"),
        ("open key", r"key.pem can be read by others \(mode 0604\)"),
    ],
)
def test_certificate_that_cannot_be_shown_is_said_before_anything_is_sent(
    strict: Strict, tmp_path: Path, what: str, message: str
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    contents = {"key of another": strict.stranger.key, "sealed key": sealed(strict.client), "no key": b"canary"}
    certificate.write_bytes(b"canary" if what == "no certificate" else strict.client.certificate)
    key.write_bytes(contents.get(what, strict.client.key))
    key.chmod(0o604 if what == "open key" else 0o600)
    if what.startswith("missing"):
        (tmp_path / f"{what.removeprefix('missing ')}.pem").unlink()

    with pytest.raises(Unauthenticated, match=message) as caught:
        strict.ask(Identity(str(certificate), str(key)))

    assert caught.value.hint
    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


def address_of(folder: Path, environ: dict[str, str], profile: dict[str, Any] | None = None) -> Address:
    return find_address(make_settings(folder, environ, profile), lambda text: None, lambda text: None)


def test_certificate_without_a_key_anywhere_is_said_to_lack_it(strict: Strict, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(strict.client.certificate)

    certificate.chmod(0o644)
    with pytest.raises(Unauthenticated, match="is to hold the client's key beside its certificate, can be read by"):
        strict.ask(Identity(str(certificate), str(certificate)))
    certificate.chmod(0o600)
    with pytest.raises(Unauthenticated, match="cannot be read as PEM"):
        strict.ask(Identity(str(certificate), str(certificate)))


def test_certificate_that_was_renewed_is_shown_with_the_next_connection(strict: Strict, tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.touch(0o600)
    address = Address("https", "127.0.0.1", strict.ports["tls13"], "VAULT_ADDR")
    address = address._replace(
        authorities=Authorities(str(strict.server.path)), identity=Identity(str(path), str(path))
    )
    transport = Transport(address, sleep=lambda seconds: None)
    token = SecretValue(strict.bao.token.encode())

    path.write_bytes(strict.stranger.path.read_bytes())
    with pytest.raises(Unauthenticated):
        transport.ask(READ, token)
    path.write_bytes(strict.client.path.read_bytes())
    answer = transport.ask(READ, token)
    transport.close()

    assert answer.status == 200


def test_key_alone_is_refused_and_a_profile_is_not_completed_by_variables(tmp_path: Path) -> None:
    variables = {"VAULT_ADDR": HTTPS, "VAULT_CLIENT_CERT": "/c.pem", "VAULT_CLIENT_KEY": "/k.pem"}

    assert address_of(tmp_path, variables).identity == Identity("/c.pem", "/k.pem")
    assert address_of(tmp_path, variables, {"client_cert": "own.pem"}).identity == Identity(
        f"{tmp_path}/own.pem", f"{tmp_path}/own.pem"
    )
    for environ, profile in (({"VAULT_ADDR": HTTPS, "VAULT_CLIENT_KEY": "k"}, None), (variables, {"client_key": "k"})):
        with pytest.raises(ConfigError, match="is the key of a client, and its certificate is not named"):
            address_of(tmp_path, environ, profile)
    # Of the other kind of server.
    assert address_of(tmp_path, {**variables, "BAO_ADDR": HTTPS}).identity is None


def test_first_of_the_authorities_is_trusted_and_the_name_is_one_of_a_host(tmp_path: Path) -> None:
    named = {"VAULT_ADDR": HTTPS, "VAULT_CAPATH": "/d", "VAULT_CACERT_BYTES": "PEM", "VAULT_CACERT": "/a.pem"}

    assert address_of(tmp_path, named, {"ca_file": "own.pem"}).authorities == Authorities(f"{tmp_path}/own.pem")
    for variable, member in (("VAULT_CACERT", "file"), ("VAULT_CACERT_BYTES", "text"), ("VAULT_CAPATH", "folder")):
        expected = Authorities(**{member: named[variable]}, source=variable)
        assert address_of(tmp_path, named).authorities == expected
        del named[variable]
    assert address_of(tmp_path, named).authorities == Authorities()
    assert address_of(tmp_path, {**named, "VAULT_TLS_SERVER_NAME": "Inner.example"}).server_name == "inner.example"
    assert address_of(tmp_path, named).server_name == "vault.example.org"
    with pytest.raises(ConfigError, match="VAULT_TLS_SERVER_NAME is no name of a host"):
        address_of(tmp_path, {**named, "VAULT_TLS_SERVER_NAME": "https://inner"})


def test_folder_and_text_are_trusted_as_a_file_is(strict: Strict, tmp_path: Path) -> None:
    """A folder need not be prepared for OpenSSL: each file in it is read."""
    (tmp_path / "folder" / "..data").mkdir(parents=True)
    for certified in (strict.stranger, strict.server):
        (tmp_path / "folder" / f"{certified.path.name}.crt").write_bytes(certified.certificate)
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "a.pem").write_bytes(b"canary")
    text = strict.server.certificate.decode()
    fine = (Authorities(folder=f"{tmp_path}/folder"), Authorities(text=text, source="VAULT_CACERT_BYTES"))
    wrong: dict[Authorities, str] = {
        Authorities(text=strict.stranger.certificate.decode()): "is not trusted",
        Authorities(text="canary", source="VAULT_CACERT_BYTES"): "the authority in VAULT_CACERT_BYTES cannot be read",
        Authorities(folder=f"{tmp_path}/empty"): "there is no file in it",
        Authorities(folder=f"{tmp_path}/none"): "no such file or directory",
        Authorities(folder=f"{tmp_path}/odd"): "odd/a.pem cannot be read: it holds no certificate",
        Authorities(file=f"{tmp_path}/odd"): "cannot be read",
    }

    assert [ask_by(strict, authorities) for authorities in fine] == [200, 200]
    for authorities, message in wrong.items():
        with pytest.raises(BackendUnavailable, match=message) as caught:
            ask_by(strict, authorities)
        assert "canary" not in f"{caught.value.message}{caught.value.hint}"


def ask_by(strict: Strict, authorities: Authorities, **changes: Any) -> int:
    address = Address("https", "127.0.0.1", strict.ports["tls13"], "VAULT_ADDR", authorities=authorities)
    transport = Transport(address._replace(identity=in_one_file(strict.client), **changes), sleep=lambda seconds: None)
    try:
        return transport.ask(READ, SecretValue(strict.bao.token.encode())).status
    finally:
        transport.close()


def test_name_in_the_certificate_may_be_another_than_that_of_the_host(strict: Strict) -> None:
    authorities = Authorities(str(strict.server.path))

    assert ask_by(strict, authorities, host="localhost", certified="127.0.0.1") == 200
    with pytest.raises(CredvaultError, match="is not trusted"):
        ask_by(strict, authorities, host="localhost")
    with pytest.raises(CredvaultError, match="is not trusted"):
        ask_by(strict, authorities, certified="inner.example")
