"""TLS to a server, what is said of it before anything is sent, and going through a proxy."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from credvault.backends.hashicorp import connection as connection_module
from credvault.backends.hashicorp import tls
from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.certificates import Authorities
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import BackendUnavailable, ConfigError
from credvault.model.value import SecretValue
from tests.lifecycle.conftest import Certified, certify
from tests.lifecycle.servers import Answer, Seen, free_port, serving, talking
from tests.openbao import Bao, development_server

DAY = 86_400.0
TOKEN = SecretValue(b"s.token")
READ = Request("GET", "secret/data/a")


def fine(seen: Seen) -> Answer:
    return Answer(200, b'{"data": {}}')


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    return certify(tmp_path, start=time.time() - DAY, end=time.time() + DAY)


@pytest.fixture(scope="module")
def bao_by_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with development_server(tmp_path_factory.mktemp("tls"), tls=True) as server:
        yield server


@pytest.fixture(params=[True, False], ids=["of C alone", "whole"])
def each_ssl(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with the C half of ssl, and as with a Python whose C half is not known."""
    assert tls.IS_KNOWN
    monkeypatch.setattr(tls, "IS_KNOWN", request.param)


def transport_to(
    port: int, ca_file: Path | str | None, host: str = "127.0.0.1", proxy: bool = False, verify: bool = True
) -> Transport:
    authorities = None if ca_file is None else Authorities(str(ca_file))
    address = Address("https", host, port, "VAULT_ADDR", authorities=authorities, verify=verify, proxy=proxy)
    return Transport(address, sleep=lambda seconds: None)


@pytest.mark.usefixtures("each_ssl")
def test_many_secrets_come_from_a_real_server(bao_by_tls: Bao) -> None:
    token = SecretValue(bao_by_tls.token.encode())
    for number in range(20):
        bao_by_tls.must("POST", f"secret/data/tls/{number}", {"data": {"value": str(number)}})
    transport = transport_to(int(bao_by_tls.address.rpartition(":")[2]), bao_by_tls.ca_file)

    answers = transport.ask_all([Request("GET", f"secret/data/tls/{number}") for number in range(20)], token)
    written = transport.ask(Request("POST", "secret/data/tls/0", {"data": {"value": "x" * 1_000_000}}), token)
    transport.close()

    assert [answer.body["data"]["data"]["value"] for answer in answers] == [str(number) for number in range(20)]
    assert written.status == 200


@pytest.mark.usefixtures("each_ssl")
def test_the_server_is_told_the_name_that_is_meant(certified: Certified) -> None:
    told: list[str | None] = []
    context = certified.server_context()
    context.sni_callback = lambda sock, name, context: told.append(name)
    with serving(fine, tls=context) as peer, pytest.raises(BackendUnavailable, match="hostname mismatch"):
        transport_to(peer.server_port, certified.path, host="localhost").ask(READ, TOKEN)

    assert set(told) == {"localhost"}
    assert peer.seen == []


UNTRUSTED = {
    "of nobody known": (-DAY, DAY, "127.0.0.1", False, "self-signed certificate", "VAULT_CACERT"),
    "of another time": (-2 * DAY, -DAY, "127.0.0.1", True, "certificate has expired", "renews it"),
    "of another host": (-DAY, DAY, "127.0.0.2", True, "IP address mismatch", "VAULT_TLS_SERVER_NAME"),
}


@pytest.mark.usefixtures("each_ssl")
@pytest.mark.parametrize(("start", "end", "host", "is_known", "why", "mend"), UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_a_certificate_that_is_not_trusted_is_told_nothing_unless_nobody_is_verified(
    tmp_path: Path, certified: Certified, start: float, end: float, host: str, is_known: bool, why: str, mend: str
) -> None:
    (tmp_path / "other").mkdir()
    shown = certify(tmp_path / "other", host=host, start=time.time() + start, end=time.time() + end)
    ca_file = shown.path if is_known else certified.path
    with serving(fine, tls=shown.server_context()) as peer:
        with pytest.raises(BackendUnavailable) as caught:
            transport_to(peer.server_port, ca_file).ask(READ, TOKEN)
        assert peer.seen == []
        unchecked = transport_to(peer.server_port, ca_file, verify=False)
        assert unchecked.ask(READ, TOKEN).status == 200
        unchecked.close()

    assert f"is not trusted: {why}" in caught.value.message
    assert mend in (caught.value.hint or "")


@pytest.mark.usefixtures("each_ssl")
def test_who_the_system_trusts_is_trusted_where_nobody_is_named(
    certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.path))  # OpenSSL takes that for the system's
    with serving(fine, tls=certified.server_context()) as peer:
        transport = transport_to(peer.server_port, None)
        assert transport.ask(READ, TOKEN).status == 200
        transport.close()


def test_tls_loads_neither_ssl_nor_socket(bao_by_tls: Bao) -> None:
    """They take as long as the rest of a `get`, a bare interpreter aside."""
    code = f"""
import sys
from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.certificates import Authorities
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.transport import Transport
trusted = Authorities({bao_by_tls.ca_file!r})
address = Address("https", "127.0.0.1", {bao_by_tls.address.rpartition(":")[2]}, "", authorities=trusted)
print(Transport(address).ask(Request("GET", "sys/health"), None).status, {{"ssl", "socket"}} & sys.modules.keys())
"""

    told = subprocess.run([sys.executable, "-I", "-c", code], env={}, capture_output=True, text=True)

    assert (told.stdout, told.stderr) == ("200 set()\n", "")


@pytest.mark.usefixtures("each_ssl")
def test_an_old_version_of_tls_is_refused(certified: Certified) -> None:
    context = certified.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(fine, tls=context) as peer, pytest.raises(BackendUnavailable):
        transport_to(peer.server_port, certified.path).ask(READ, TOKEN)

    assert peer.seen == []


@pytest.mark.usefixtures("each_ssl")
def test_a_server_without_tls_is_said_to_have_none(certified: Certified) -> None:
    with serving(fine) as peer, pytest.raises(BackendUnavailable) as caught:
        transport_to(peer.server_port, certified.path).ask(READ, TOKEN)

    assert "does not speak TLS as it must" in caught.value.message


@pytest.mark.usefixtures("each_ssl")
def test_a_server_that_never_shakes_hands_is_given_up_in_time(
    certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_SECONDS", 0.2)

    def silent(connection: socket.socket, over: threading.Event) -> None:
        over.wait()

    with talking(silent) as port, pytest.raises(BackendUnavailable, match="no connection in 0 s"):
        transport_to(port, certified.path).ask(READ, TOKEN)


def test_a_proxy_is_used_where_the_profile_says_so_and_told_the_host_alone(
    certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    with serving(fine, tls=certified.server_context()) as peer:

        def pass_on(connection: socket.socket, over: threading.Event) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)
            heard.append(head)
            with socket.create_connection(("127.0.0.1", peer.server_port)) as server:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=copy, args=(server, connection))
                back.start()
                copy(connection, server)
                back.join()

        with talking(pass_on) as port:
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass%20word@127.0.0.1:{port}")
            monkeypatch.delenv("NO_PROXY", raising=False)
            transport = transport_to(peer.server_port, certified.path, proxy=True)
            assert transport.ask(READ, TOKEN).status == 200
            transport.close()
            unasked = transport_to(peer.server_port, certified.path)
            assert unasked.ask(READ, TOKEN).status == 200
            unasked.close()

    (head,) = heard
    assert head.startswith(f"CONNECT 127.0.0.1:{peer.server_port} HTTP/1.1\r\n".encode())
    assert b"proxy-authorization: Basic bWU6cGFzcyB3b3Jk\r\n" in head
    assert TOKEN.reveal() not in head


def test_a_proxy_that_refuses_or_is_none_is_said_without_its_password(
    certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)

    def refuse(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    with talking(refuse) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:canary-word@127.0.0.1:{port}")
        with pytest.raises(BackendUnavailable) as caught:
            transport_to(1, certified.path, proxy=True).ask(READ, TOKEN)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:canary-word@127.0.0.1:1")
    with pytest.raises(ConfigError) as wrong:
        transport_to(1, certified.path, proxy=True).ask(READ, TOKEN)

    assert "(status 407)" in caught.value.message
    assert "canary-word" not in f"{caught.value.message}{caught.value.hint}{wrong.value.message}{wrong.value.hint}"


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copy what comes until there is no more."""
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_that_talks_slowly_is_not_heard_out(certified: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and all of them never."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(connection_module, "CONNECT_SECONDS", 0.4)

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(1024)
        while not over.wait(0.1):
            connection.sendall(b"H")

    with talking(drip) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(BackendUnavailable) as caught:
            transport_to(1, certified.path, proxy=True).ask(READ, TOKEN)

    assert "no connection in 0 s (by the proxy 127.0.0.1:" in caught.value.message


def test_a_proxy_that_is_not_there_is_named(certified: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    port = free_port()

    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(BackendUnavailable) as gone:
        transport_to(1, certified.path, proxy=True).ask(READ, TOKEN)
    monkeypatch.setenv("HTTPS_PROXY", "http://no-such-proxy.invalid:1")
    with pytest.raises(BackendUnavailable) as nowhere:
        transport_to(1, certified.path, proxy=True).ask(READ, TOKEN)

    assert f"connection refused (by the proxy 127.0.0.1:{port}, which HTTPS_PROXY names)" in gone.value.message
    # A machine without a network cannot say that there is none.
    assert "HTTPS_PROXY" in f"{nowhere.value.message}{nowhere.value.hint}"
