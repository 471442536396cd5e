"""The http probe against real servers: what is sent, where it never goes, and what each answer means."""

import logging
import socket
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from credvault.lifecycle.probes import http
from credvault.lifecycle.probes.base import RESULTS, Attempt, Outcome
from credvault.lifecycle.probes.http import http_probe
from credvault.model.errors import InvalidValue
from credvault.model.value import SecretValue
from tests.lifecycle.conftest import Certified, certify
from tests.lifecycle.servers import Answer, Seen, free_port, serving, talking
from tests.patience import SECONDS

CANARY = b"cAnArY-0123456789"


def run(probe: Mapping[str, Any], value: bytes = CANARY, *, seconds: float = SECONDS) -> Outcome:
    outcome = http_probe({"kind": "http", **probe}, None).run(SecretValue(value), Attempt(seconds, seconds))
    assert CANARY.decode().lower() not in outcome.detail.lower()
    return outcome


def bearer(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "header": "Authorization: Bearer {value}", **more}


def test_the_request_is_what_the_record_says() -> None:
    with serving() as service:
        outcome = run(
            {
                "method": "POST",
                "url": f"{service.url}/check?a=b",
                "headers": {"X-Key": "{value}", "X-Both": "a {value} b {value}", "X-Fixed": "c"},
            }
        )

    (seen,) = service.seen
    assert outcome == Outcome("ok", f"{service.address} accepts it (200)")
    assert (seen.method, seen.path, seen.body) == ("POST", "/check?a=b", b"")
    assert seen.headers["X-Key"] == CANARY.decode()
    assert seen.headers["X-Both"] == f"a {CANARY.decode()} b {CANARY.decode()}"
    assert seen.headers["X-Fixed"] == "c"
    assert seen.headers["User-Agent"].startswith("credvault/")
    assert seen.headers["Accept-Encoding"] == "identity"
    assert "Cookie" not in seen.headers


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, "ok"),
        (204, "ok"),
        (401, "rejected"),
        (403, "rejected"),
        (400, "untestable"),
        (404, "untestable"),
        (405, "untestable"),
        (304, "untestable"),
        (408, "unreachable"),
        (429, "unreachable"),
        (500, "unreachable"),
        (502, "unreachable"),
        (503, "unreachable"),
        (529, "unreachable"),
    ],
)
def test_each_status_has_its_meaning(status: int, result: str) -> None:
    with serving(lambda seen: Answer(status, b"")) as service:
        outcome = run(bearer(service.url))

    assert outcome.result == result
    assert str(status) in outcome.detail


@pytest.mark.parametrize(
    ("more", "status", "result"),
    [
        ({"status": [204]}, 200, "untestable"),
        ({"status": [404]}, 404, "ok"),
        ({"status": [302]}, 302, "ok"),
        ({"status": [401]}, 401, "ok"),
        ({"rejected": [400]}, 400, "rejected"),
        ({"rejected": [400]}, 401, "untestable"),
        ({"status": [500]}, 500, "ok"),
    ],
)
def test_a_record_may_say_what_a_status_means(more: dict[str, Any], status: int, result: str) -> None:
    with serving(lambda seen: Answer(status, b"", {"Location": "/"} if status == 302 else {})) as service:
        assert run(bearer(service.url, **more)).result == result


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_never_carries_the_credential_to_another_host(status: int) -> None:
    with serving(host="127.0.0.2") as other:
        answer = Answer(status, b"", {"Location": f"{other.url}/take"})
        with serving(lambda seen: answer) as service:
            outcome = run(bearer(service.url))

    assert outcome == Outcome(
        "untestable", f"{service.address} redirects to 127.0.0.2 ({status}), where no value is sent"
    )
    assert len(service.seen) == 1
    assert other.seen == []


@pytest.mark.parametrize(
    ("location", "whither"),
    [
        ("/elsewhere", "another place on the same host"),
        ("", "another place on the same host"),
        ("//evil.example/", "evil.example"),
        (f"https://{CANARY.decode()}.evil.example/", "somewhere"),
        ("https://[broken/", "somewhere"),
    ],
)
def test_a_redirect_is_told_without_trusting_its_words(location: str, whither: str) -> None:
    def script(seen: Seen) -> Answer:
        return Answer(302, b"", {"Location": location.encode().decode("latin-1")})

    with serving(script) as service:
        outcome = run(bearer(service.url))

    assert outcome.detail == f"{service.address} redirects to {whither} (302), where no value is sent"
    assert len(service.seen) == 1


def test_a_redirect_to_what_is_no_url_is_told_in_our_words() -> None:
    with serving(lambda seen: Answer(302, b"", {"Location": "https://e\xe2\x80\xaevil.example/"})) as service:
        outcome = run(bearer(service.url))

    assert outcome == Outcome("unreachable", f"{service.address} broke off, or did not answer in HTTP")


def test_neither_proxies_nor_netrc_nor_cookies_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password intruder\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving() as proxy, serving() as service:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(variable, proxy.url)

        outcome = run({"url": service.url, "header": "X-Key: {value}"})

    assert outcome.result == "ok"
    assert proxy.seen == []
    assert "Authorization" not in service.seen[0].headers


@pytest.mark.parametrize(
    "value",
    [b"a\r\nX-Evil: 1", b"a\n", b"\ra", b"a\0b", b"a\tb", "ü".encode(), b"\xff", b" a", b"a ", b"\x7f", b"a" * 70_000],
)
def test_a_value_that_no_header_carries_is_never_sent(value: bytes) -> None:
    with serving() as service:
        outcome = run(bearer(service.url), value)

    assert outcome.result == "untestable"
    assert outcome.detail.startswith("the value ")
    assert service.seen == []


def test_an_answer_of_any_size_is_not_waited_for() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    with talking(talk) as port:
        outcome = run(bearer(f"http://127.0.0.1:{port}"))

    assert outcome.result == "ok"


def test_a_server_that_says_nothing_is_unreachable_at_the_limit() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        over.wait()

    with talking(talk) as port:
        outcome = run(bearer(f"http://127.0.0.1:{port}"), seconds=0.2)

    assert outcome == Outcome("unreachable", f"127.0.0.1:{port} did not answer within 0.2 s")


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n"],
)
def test_half_an_answer_and_other_languages_are_unreachable(said: bytes) -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with talking(talk) as port:
        outcome = run(bearer(f"http://127.0.0.1:{port}"))

    assert outcome == Outcome("unreachable", f"127.0.0.1:{port} broke off, or did not answer in HTTP")


def test_headers_without_end_are_unreachable() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.is_set():
            connection.sendall(b"X-More: " + b"x" * 10_000 + b"\r\n")

    with talking(talk) as port:
        assert run(bearer(f"http://127.0.0.1:{port}")).result == "unreachable"


def test_an_attempt_that_is_broken_off_ends_even_while_bytes_trickle_in() -> None:
    """Timeouts are for each read: a byte now and then would hold the thread for ever."""
    is_connected = threading.Event()

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        is_connected.set()
        while not over.wait(0.02):
            connection.sendall(b"H")

    with talking(talk) as port:
        attempt = Attempt(600)
        probe = http_probe({"kind": "http", **bearer(f"http://127.0.0.1:{port}")}, None)
        thread = threading.Thread(target=probe.run, args=(SecretValue(CANARY), attempt))
        thread.start()
        is_connected.wait()
        attempt.break_off()
        thread.join(SECONDS)

        assert not thread.is_alive()


def test_what_starts_after_an_attempt_was_broken_off_ends_at_once() -> None:
    attempt = Attempt(60)
    attempt.break_off()

    with serving() as service:
        outcome = http_probe({"kind": "http", **bearer(service.url)}, None).run(SecretValue(CANARY), attempt)

    assert outcome.result == "unreachable"
    assert service.seen == []


def test_nobody_there_is_unreachable() -> None:
    port = free_port()

    assert run(bearer(f"http://127.0.0.1:{port}")) == Outcome(
        "unreachable", f"127.0.0.1:{port} cannot be reached: connection refused"
    )


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    outcome = run(bearer("https://no-such-host.invalid"))

    assert outcome == Outcome("unreachable", "no-such-host.invalid:443 cannot be reached: its name does not resolve")


def test_a_certificate_that_nobody_vouches_for_is_unreachable_and_nothing_is_sent(certified: Certified) -> None:
    with serving(tls=certified.server_context()) as service:
        outcome = run(bearer(service.url))

    assert outcome.result == "unreachable"
    assert outcome.detail.startswith(f"{service.address} cannot be reached: its certificate was not accepted: self")
    assert service.seen == []


def test_a_certificate_that_the_system_trusts_is_accepted(
    certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.path))

    with serving(tls=certified.server_context()) as service:
        outcome = run(bearer(service.url))

    assert outcome.result == "ok"
    assert service.seen[0].headers["Authorization"] == f"Bearer {CANARY.decode()}"


def test_a_trusted_certificate_of_another_host_is_unreachable(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = certify(tmp_path, host="127.0.0.2", start=1_700_000_000, end=4_000_000_000)
    monkeypatch.setenv("SSL_CERT_FILE", str(other.path))

    with serving(tls=other.server_context()) as service:
        outcome = run(bearer(service.url))

    assert outcome.result == "unreachable"
    assert "certificate was not accepted" in outcome.detail
    assert service.seen == []


def test_a_plain_server_behind_https_is_unreachable() -> None:
    with serving() as service:
        outcome = run(bearer(service.url.replace("http:", "https:")))

    assert outcome.result == "unreachable"
    assert service.seen == []


@pytest.mark.parametrize(
    "probe",
    [
        {},
        {"url": "https://h.example"},
        {"header": "X-Key: {value}"},
        {"url": "https://h.example", "header": "X-Key: value"},
        {"url": "https://h.example", "header": "{value}: X"},
        {"url": "https://h.example", "header": "{value}"},
        {"url": "https://h.example", "header": ""},
        {"url": "https://h.example", "header": True},
        {"url": "https://h.example", "header": ["X-Key: {value}"]},
        {"url": "https://h.example", "header": "X-Key: {value}\r\nX-Evil: 1"},
        {"url": "https://h.example", "header": "X-Key: ü{value}"},
        {"url": "https://h.example", "header": "X-Key: " + "a" * 5000 + "{value}"},
        {"url": "https://h.example", "header": "X Key: {value}"},
        {"url": "https://h.example", "header": "Host: {value}"},
        {"url": "https://h.example", "headers": {"Transfer-Encoding": "{value}"}},
        {"url": "https://h.example", "headers": {"X-Key": "{value}", "content-length": "7"}},
        {"url": "https://h.example", "headers": {"X-Key": "{value}", "x-key": "7"}},
        {"url": "https://h.example", "headers": {"X-Key": 7}},
        {"url": "https://h.example", "headers": {"X-Key": ["{value}"]}},
        {"url": "https://h.example", "headers": {f"X-{n}": "{value}" for n in range(21)}},
        {"url": "https://h.example", "headers": "X-Key: {value}"},
        {"url": "https://h.example", "headers": {}},
        {"url": "https://h.example", "header": "X-Key: {value}", "headers": {"X-Key": "{value}"}},
        {"url": "https://h.example/{value}", "header": "X-Key: {value}"},
        {"url": "https://u@h.example/", "header": "X-Key: {value}"},
        {"url": "http://h.example/", "header": "X-Key: {value}"},
        {"url": ["https://h.example/"], "header": "X-Key: {value}"},
        {"url": "https://h.example", "header": "X-Key: {value}", "method": "DELETE"},
        {"url": "https://h.example", "header": "X-Key: {value}", "method": "get"},
        {"url": "https://h.example", "header": "X-Key: {value}", "method": ["GET"]},
        {"url": "https://h.example", "header": "X-Key: {value}", "status": 200},
        {"url": "https://h.example", "header": "X-Key: {value}", "status": []},
        {"url": "https://h.example", "header": "X-Key: {value}", "status": [True]},
        {"url": "https://h.example", "header": "X-Key: {value}", "status": ["200"]},
        {"url": "https://h.example", "header": "X-Key: {value}", "status": [100]},
        {"url": "https://h.example", "header": "X-Key: {value}", "status": [10**30]},
        {"url": "https://h.example", "header": "X-Key: {value}", "command": ["id"]},
        {"url": "https://h.example", "header": "X-Key: {value}", "body": "{value}"},
        {"preset": "evil"},
        {"preset": ["github"]},
        {"preset": True},
        {"preset": "github", "header": "X-Key: {value}"},
        {"preset": "github", "url": ""},
        {"preset": "github", "url": "https://h.example/?q"},
        {"preset": "github", "url": "http://h.example"},
        {"preset": "github", "url": 7},
    ],
)
def test_a_probe_that_is_not_well_formed_is_refused(probe: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        http_probe({"kind": "http", **probe}, None)


def _subclasses(cls: type[BaseException]) -> set[type[BaseException]]:
    return {cls}.union(*(_subclasses(sub) for sub in cls.__subclasses__() if sub.__module__.startswith("httpx")))


def test_every_exception_of_httpx_has_a_meaning() -> None:
    public = {
        cls
        for cls in vars(httpx).values()
        if isinstance(cls, type) and issubclass(cls, Exception) and not issubclass(cls, Warning)
    }
    reachable = set().union(
        *(_subclasses(cls) for cls in (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict))
    )
    unreachable = {
        *_subclasses(httpx.TimeoutException),
        *_subclasses(httpx.NetworkError),
        httpx.ProxyError,
        httpx.RemoteProtocolError,
        httpx.DecodingError,
    }

    assert public <= reachable  # what `run` catches is all there is
    for cls in public:
        exc = cls.__new__(cls)
        outcome = http._outcome_of(exc, "h.example:443", Attempt(1))
        assert outcome.result == ("unreachable" if cls in unreachable else "untestable"), cls
        assert outcome.detail.count("h.example:443") == 1


def test_no_log_holds_the_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with serving(lambda seen: Answer(401)) as service:
        run(bearer(f"{service.url}/a"))

    assert "/a" in caplog.text  # httpx did log
    assert CANARY.decode() not in caplog.text


def test_results_are_the_four_of_the_contract() -> None:
    assert RESULTS == ("ok", "rejected", "unreachable", "untestable")
