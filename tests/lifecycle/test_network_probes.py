"""The tcp and tls probes against real listeners: they find out who is there, and send nothing of the value."""

import socket
import threading
from typing import Any

import pytest

from credvault.lifecycle.probes.base import Attempt, Outcome
from credvault.lifecycle.probes.network import TcpProbe, TlsProbe
from credvault.lifecycle.target import Target
from credvault.model.value import SecretValue
from tests.lifecycle.conftest import Certified, certify
from tests.lifecycle.servers import free_port, serving, talking
from tests.patience import SECONDS

VALUE = SecretValue(b"cAnArY-0123456789")


def run(probe: TcpProbe, seconds: float = SECONDS, connect: float = SECONDS) -> Outcome:
    return probe.run(VALUE, Attempt(seconds, connect))


def here(port: int) -> Target:
    return Target("127.0.0.1", port)


def test_tcp_is_ok_when_somebody_listens_and_says_what_that_means() -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket, over: threading.Event) -> None:
        heard.append(connection.recv(100))

    with talking(talk) as port:
        outcome = run(TcpProbe(here(port)))

    assert outcome == Outcome("ok", f"127.0.0.1:{port} is reachable; the credential itself was not tried")
    assert heard in ([], [b""])


@pytest.mark.parametrize("kind", [TcpProbe, TlsProbe])
def test_nobody_there_is_unreachable(kind: type[TcpProbe]) -> None:
    port = free_port()

    assert run(kind(here(port))) == Outcome("unreachable", f"127.0.0.1:{port} cannot be reached: connection refused")


@pytest.mark.parametrize("kind", [TcpProbe, TlsProbe])
@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 63 + "." + "b" * 63 + "." + "c" * 63 + "." + "d" * 61])
def test_a_name_that_does_not_resolve_is_unreachable(kind: type[TcpProbe], host: str) -> None:
    outcome = run(kind(Target(host, 443)))

    assert outcome == Outcome("unreachable", f"{host}:443 cannot be reached: its name does not resolve")


def test_tls_is_ok_when_the_system_trusts_the_certificate(
    certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.path))

    with serving(tls=certified.server_context()) as service:
        outcome = run(TlsProbe(here(service.server_port)))

    assert outcome == Outcome("ok", f"{service.address} is reachable by TLSv1.3; the credential itself was not tried")
    assert service.seen == []


def test_tls_with_a_certificate_that_nobody_vouches_for_is_unreachable(certified: Certified) -> None:
    with serving(tls=certified.server_context()) as service:
        outcome = run(TlsProbe(here(service.server_port)))

    assert outcome.result == "unreachable"
    assert outcome.detail.startswith(f"{service.address} cannot be reached: its certificate was not accepted: self")


@pytest.mark.parametrize(
    ("host", "end", "words"),
    [("127.0.0.2", 4_000_000_000, "ip address mismatch"), ("127.0.0.1", 1_700_000_001, "expired")],
)
def test_tls_with_a_certificate_of_another_host_or_time_is_unreachable(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, host: str, end: float, words: str
) -> None:
    made = certify(tmp_path, host=host, start=1_700_000_000, end=end)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))

    with serving(tls=made.server_context()) as service:
        outcome = run(TlsProbe(here(service.server_port)))

    assert outcome.result == "unreachable"
    assert words in outcome.detail.lower()


def test_tls_to_a_server_of_another_language_is_unreachable() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"220 smtp.example ESMTP\r\n")
        over.wait()

    with talking(talk) as port:
        outcome = run(TlsProbe(here(port)))

    assert outcome == Outcome(
        "unreachable", f"127.0.0.1:{port} cannot be reached: it does not speak TLS as this system does"
    )


def test_tls_to_a_server_that_says_nothing_is_unreachable_at_the_limit() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        over.wait()

    with talking(talk) as port:
        outcome = run(TlsProbe(here(port)), connect=0.1)

    assert outcome == Outcome("unreachable", f"127.0.0.1:{port} cannot be reached: it did not answer in time")
