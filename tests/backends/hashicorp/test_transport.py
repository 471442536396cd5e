"""The transport to OpenBao and Vault: a real server, and a peer made by hand for the answers that no real one gives."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from credvault import __version__
from credvault.backends.hashicorp import connection as connection_module
from credvault.backends.hashicorp import transport as transport_module
from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.exchange import Answer, Request
from credvault.backends.hashicorp.transport import (
    ATTEMPTS,
    MAX_BATCH,
    MAX_FAR_CONNECTIONS,
    MAX_PLAIN_CONNECTIONS,
    Transport,
)
from credvault.model.errors import BackendUnavailable, Unauthenticated
from credvault.model.value import SecretValue
from tests.backends.hashicorp.conftest import Connect, Slept
from tests.backends.hashicorp.peers import CANARY, HANG_UP, SILENCE, answer, answering
from tests.lifecycle.servers import Answer as Said
from tests.lifecycle.servers import Seen, free_port, serving, talking
from tests.openbao import Bao
from tests.patience import wait_until

TOKEN = SecretValue(b"s.token-" + CANARY.encode())
READ = Request("GET", "secret/data/credvault/a/b")
WRITE = Request("POST", "secret/data/credvault/a/b", {"data": {"value": CANARY}})
FINE = {"data": {"value": CANARY}}


def refused(transport: Transport, request: Request) -> BackendUnavailable:
    """Return the error of a request; it must tell nothing of what was sent or answered."""
    with pytest.raises(BackendUnavailable) as caught:
        transport.ask(request, TOKEN)
    error = caught.value
    assert CANARY not in f"{error!r} {error.message} {error.hint}"
    assert error.hint
    return error


@pytest.fixture
def transport(bao: Bao) -> Iterator[Transport]:
    """A transport to the real server."""
    host, _, port = bao.address.partition("://")[2].rpartition(":")
    transport = Transport(Address("http", host, int(port), "VAULT_ADDR"))
    yield transport
    transport.close()


def test_answers_come_in_the_order_of_the_requests(bao: Bao, transport: Transport) -> None:
    mount, token = bao.new_mount(), SecretValue(bao.token.encode())
    for number in range(30):
        bao.must("POST", f"{mount}/data/n/{number}", {"data": {"value": str(number) * 50_000}})

    answers = transport.ask_all([Request("GET", f"{mount}/data/n/{number}") for number in range(30)], token)

    assert [answer.body["data"]["data"]["value"] for answer in answers] == [str(n) * 50_000 for n in range(30)]


def test_a_body_of_a_megabyte_goes_and_comes_back(bao: Bao, transport: Transport) -> None:
    mount, token = bao.new_mount(), SecretValue(bao.token.encode())
    value = "é\n" * 500_000

    transport.ask(Request("POST", f"{mount}/data/big", {"data": {"value": value}}), token)
    answer = transport.ask(Request("GET", f"{mount}/data/big"), token)

    assert answer.body["data"]["data"]["value"] == value


def test_a_connection_is_used_again_and_few_are_made(connect: Connect) -> None:
    with answering([answer(200, FINE)]) as peer:
        transport = connect(peer.port)

        transport.ask_all([READ] * 50, TOKEN)
        transport.ask(WRITE, TOKEN)

    assert len(peer.requests) == 51
    assert len(peer.connections) == MAX_PLAIN_CONNECTIONS


def test_of_a_server_that_is_far_more_is_asked_at_once(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "FAR_SECONDS", 0.0)
    with answering([answer(200, FINE)]) as peer:
        answers = connect(peer.port).ask_all([READ] * 300, TOKEN)

    assert [each.body for each in answers] == [FINE] * 300
    assert len(peer.connections) == MAX_FAR_CONNECTIONS


def test_a_request_says_what_it_must_and_nothing_of_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password netrc-secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with answering([answer(200, FINE)]) as peer, answering([HANG_UP]) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "VAULT_HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        transport = connect(peer.port, namespace="team/a")

        transport.ask(WRITE, TOKEN)

    assert proxy.connections == []
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /v1/secret/data/credvault/a/b HTTP/1.1",
        f"host: 127.0.0.1:{peer.port}".encode(),
        f"user-agent: credvault/{__version__}".encode(),
        b"x-vault-request: true",
        b"x-vault-namespace: team/a",
        b"x-vault-token: " + TOKEN.reveal(),
        b"content-type: application/json",
        b"content-length: " + str(len(body)).encode(),
    ]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_a_redirect_is_refused_and_the_token_reaches_nobody_else(
    connect: Connect, slept: Slept, status: int, request_: Request
) -> None:
    with answering([answer(200, FINE)]) as second:
        location = f"location: http://me:{CANARY}@127.0.0.1:{second.port}/v1/{CANARY}?token={CANARY}"
        with answering([answer(status, None, location)]) as first:
            error = refused(connect(first.port), request_)

    assert second.connections == []
    assert len(first.requests) == 1
    assert f"redirects to http://127.0.0.1:{second.port}, which is refused" in error.message
    assert slept == []


def test_a_redirect_on_the_same_host_is_refused_too(connect: Connect) -> None:
    with answering([answer(307, None, "location: /ui/vault?x=1")]) as peer:
        error = refused(connect(peer.port), READ)

    assert "redirects to another place" in error.message
    assert len(peer.requests) == 1


NO_ANSWERS = {
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "status": b"HTTP/1.1 2oo OK\r\ncontent-length: 0\r\n\r\n",
    "version": b"HTTP/2 200 OK\r\ncontent-length: 0\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "length and chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
    "chunk size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunk end": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
    "huge chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n",
    "huge length": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
    "header": b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"x-filler: y\r\n" * 10_000,
    "endless interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    "html": answer(200, f"<html>{CANARY}</html>".encode()),
    "half of json": answer(200, f'{{"data": "{CANARY}'.encode()),
    "list": answer(200, [CANARY]),
    "deep": answer(200, b"[" * 100_000),
    "not utf-8": answer(200, b'{"a": "\xff"}'),
    "words for 400": answer(400, b"Client sent an HTTP request to an HTTPS server.\n"),
}


@pytest.mark.parametrize("content", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer_of_such_a_server_is_unavailable_and_asked_for_once(
    connect: Connect, slept: Slept, content: bytes
) -> None:
    with answering([content]) as peer:
        refused(connect(peer.port), READ)

    assert len(peer.requests) == 1
    assert slept == []


LOST = {
    "hang up": HANG_UP,
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "half a body": b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 500\r\n\r\n" + CANARY.encode(),
    "half a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n50\r\n{",
}


@pytest.mark.parametrize("content", LOST.values(), ids=LOST.keys())
def test_a_read_whose_answer_is_lost_is_made_three_times(connect: Connect, slept: Slept, content: bytes) -> None:
    with answering([content]) as peer:
        refused(connect(peer.port), READ)

    assert len(peer.requests) == ATTEMPTS == 3
    assert slept == [1.5, 2.5]


@pytest.mark.parametrize("content", LOST.values(), ids=LOST.keys())
def test_a_write_whose_answer_is_lost_is_never_made_again(connect: Connect, slept: Slept, content: bytes) -> None:
    with answering([content]) as peer:
        error = refused(connect(peer.port), WRITE)

    assert len(peer.requests) == 1
    assert slept == []
    assert "which may have been made" in error.message


def test_a_read_succeeds_when_the_server_comes_back(connect: Connect, slept: Slept) -> None:
    with answering([HANG_UP, b"HTTP/1.1 2", answer(200, FINE)]) as peer:
        transport = connect(peer.port)

        answers = transport.ask_all([READ] * 3, TOKEN)

    assert [each.body for each in answers] == [FINE] * 3
    assert all(1 <= pause <= 5 for pause in slept)


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_what_was_not_sent_is_tried_again(connect: Connect, slept: Slept, request_: Request) -> None:
    error = refused(connect(free_port()), request_)

    assert "cannot be reached: connection refused" in error.message
    assert slept == [1.5, 2.5]


@pytest.mark.parametrize("status", [412, 502, 503, 504])
def test_a_status_that_passes_is_waited_for_with_a_read_and_not_with_a_write(
    connect: Connect, slept: Slept, status: int
) -> None:
    with answering([answer(status, b"<html>busy</html>"), answer(status), answer(200, FINE)]) as peer:
        transport = connect(peer.port)
        assert transport.ask(READ, TOKEN).status == 200
    with answering([answer(status)]) as other:
        assert connect(other.port).ask(WRITE, TOKEN).status == status

    assert (len(peer.requests), len(other.requests)) == (3, 1)
    assert slept == [1.5, 2.5]


@pytest.mark.parametrize("status", [408, 429])
@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_what_was_too_many_or_too_late_was_not_done_and_is_tried_again(
    connect: Connect, slept: Slept, request_: Request, status: int
) -> None:
    with answering([answer(status, {"errors": ["rate limit quota exceeded"]}), answer(200, FINE)]) as peer:
        assert connect(peer.port).ask(request_, TOKEN).status == 200
    with answering([answer(status, b"slow down", "connection: close")]) as other:
        assert connect(other.port).ask(request_, TOKEN).status == status

    assert (len(peer.requests), len(other.requests)) == (2, ATTEMPTS)
    assert slept == [1.5, 1.5, 2.5]


@pytest.mark.parametrize(
    ("headers", "pauses"),
    [
        (["retry-after: 7"], [7.5, 7.5]),
        (["retry-after: 1"], [1.5, 2.5]),  # never sooner than by ourselves
        (["retry-after: 2", "retry-after: 30"], [30.5, 30.5]),
        (["retry-after: 31"], [1.5, 2.5]),  # longer than its answer would be waited for
        (["retry-after: " + "9" * 5000], [1.5, 2.5]),
        (["retry-after: Fri, 27 Nov 2026 02:00:00 GMT"], [1.5, 2.5]),
        (["retry-after: -7"], [1.5, 2.5]),
    ],
)
@pytest.mark.parametrize(("status", "body"), [(429, {"errors": ["quota"]}), (503, b"<html>busy</html>")])
def test_a_server_that_says_when_to_come_back_is_asked_then(
    connect: Connect, slept: Slept, status: int, body: Any, headers: list[str], pauses: list[float]
) -> None:
    with answering([answer(status, body, *headers)]) as peer:
        assert connect(peer.port).ask(READ, TOKEN).status == status

    assert (slept, len(peer.requests)) == (pauses, ATTEMPTS)


def test_many_that_are_let_through_a_few_at_a_time_are_all_done(connect: Connect, slept: Slept) -> None:
    """A quota refuses what is over it at once, and serves as many in the next second."""
    requests = [WRITE._replace(path=f"secret/data/{number}") for number in range(10)]
    refusals = {f"/v1/{request.path}": number // 2 for number, request in enumerate(requests)}

    def script(seen: Seen) -> Said:
        refusals[seen.path] -= 1
        return Said(429, b'{"errors": ["quota"]}') if refusals[seen.path] >= 0 else Said(200)

    with serving(script) as peer:
        answers = connect(peer.server_port).ask_all(requests, TOKEN)

    assert [each.status for each in answers] == [200] * 10
    assert slept == [1.5] * 4
    assert len(slept) > ATTEMPTS - 1


def test_a_body_that_ends_with_the_connection_is_taken_whole_or_not_at_all(connect: Connect) -> None:
    """As gateways send that speak HTTP/1.0; what is cut short is no JSON."""
    for head in (b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"):
        with answering([head + b'{"data": {"a": 1}}']) as peer:
            assert connect(peer.port).ask(READ, TOKEN) == Answer(200, {"data": {"a": 1}})
    with answering([b'HTTP/1.0 200 OK\r\n\r\n{"data": {"canary']) as peer:
        assert "something that is not JSON" in refused(connect(peer.port), READ).message
    with answering([b"HTTP/1.0 503 Service Unavailable\r\n\r\n<html>no server is available</html>"]) as peer:
        assert connect(peer.port).ask(READ, TOKEN) == Answer(503, {})
    assert len(peer.requests) == ATTEMPTS


def test_a_server_that_is_asked_without_tls_and_says_so_is_told_apart(connect: Connect) -> None:
    """In the words of Go's library, which are those of OpenBao and Vault."""
    said = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    with answering([said]) as peer:
        error = refused(connect(peer.port), READ)

    assert error.message == f"http://127.0.0.1:{peer.port} speaks https, and not http"
    assert "write https:// in" in (error.hint or "")
    assert len(peer.requests) == 1


def test_a_sealed_server_is_not_waited_for(connect: Connect, slept: Slept) -> None:
    with answering([answer(503, {"errors": ["OpenBao is sealed"]})]) as peer:
        assert connect(peer.port).ask(READ, TOKEN).errors == "OpenBao is sealed"

    assert len(peer.requests) == 1
    assert slept == []


def test_an_election_is_waited_for_half_a_minute_and_no_longer(connect: Connect, slept: Slept) -> None:
    leaderless = answer(500, {"errors": ["local node not active but active cluster node not found"]})
    with answering([*[leaderless] * 5, answer(200, FINE)]) as peer:
        assert connect(peer.port).ask(READ, TOKEN).status == 200
    assert len(peer.requests) == 6
    slept.clear()
    with answering([leaderless]) as peer:
        assert connect(peer.port).ask(READ, TOKEN).status == 500

    assert 30 <= sum(slept) <= 35
    assert max(slept) <= 5


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    """What stands between may have forgotten it: each that was kept cost the whole time for an answer."""
    with answering([answer(200, FINE)]) as peer:
        transport = connect(peer.port)
        for seconds in (60.0, 0.0):
            monkeypatch.setattr(connection_module, "MAX_IDLE_SECONDS", seconds)
            for _ in range(2):
                transport.ask(request_, TOKEN)

    assert len(peer.connections) == 3
    assert len(peer.requests) == 4


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_a_connection_that_ended_meanwhile_is_replaced_without_a_pause(
    connect: Connect, slept: Slept, request_: Request
) -> None:
    once = answer(200, FINE, "x-note: this says nothing of closing")
    ended = threading.Event()
    with answering([once]) as peer:
        transport = connect(peer.port)
        transport.ask(READ, TOKEN)
        # What a server does to one that it kept for long enough.
        for connection in transport._idle:
            connection._socket.shutdown(2)
        ended.wait(0.05)

        assert transport.ask(request_, TOKEN).body == FINE

    assert len(peer.connections) == 2
    assert len(peer.requests) == 2
    assert slept == []


def test_a_server_that_says_it_closes_is_called_anew(connect: Connect) -> None:
    with answering([answer(200, FINE, "connection: close")]) as peer:
        transport = connect(peer.port)

        assert [each.body for each in transport.ask_all([WRITE] * 6, TOKEN)] == [FINE] * 6

    assert len(peer.requests) == len(peer.connections) == 6


def test_an_interim_answer_is_passed_over(connect: Connect) -> None:
    with answering([b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + answer(200, FINE)]) as peer:
        assert connect(peer.port).ask(READ, TOKEN).body == FINE


def test_a_peer_that_says_nothing_is_given_up_in_time(connect: Connect) -> None:
    with answering([SILENCE]) as peer:
        error = refused(connect(peer.port, timeout=0.1), READ)
        wait_until(lambda: len(peer.requests) >= ATTEMPTS)

    assert "does not answer" in error.message
    assert len(peer.requests) == ATTEMPTS


def test_a_peer_that_says_a_byte_now_and_then_is_given_up_in_time(connect: Connect) -> None:
    def drip(connection: Any, over: threading.Event) -> None:
        while not over.wait(0.02):
            connection.sendall(b"H")

    with talking(drip) as port:
        error = refused(connect(port, timeout=0.1), READ)

    assert "no answer came in 0 s" in error.message


def test_one_lost_answer_of_many_is_asked_for_again_and_the_others_are_not(connect: Connect, slept: Slept) -> None:
    numbered = [answer(200, {"data": number}) for number in range(40)]
    with answering([*numbered[:5], HANG_UP, *numbered[6:]]) as peer:
        transport = connect(peer.port)

        answers = transport.ask_all([READ] * 20, TOKEN)

    assert all(each.status == 200 for each in answers)
    assert 21 <= len(peer.requests) <= 20 + MAX_BATCH
    assert slept in ([], [1.5])  # no pause after a connection that was used before, which may end at any time


@pytest.mark.parametrize(
    "path",
    ["secret/../sys/seal", "secret//a", "secret/./a", "../a", "a?b=c d", "a b", "a%2e%2e/b", "a\r\nx: y", "", "é"],
)
def test_a_path_that_leads_elsewhere_is_never_sent(connect: Connect, path: str) -> None:
    with answering([answer(200, FINE)]) as peer, pytest.raises(ValueError, match=r"leaves|holds"):
        connect(peer.port).ask(Request("GET", path), TOKEN)

    assert peer.requests == []


@pytest.mark.parametrize("token", [b"", b"a b", b"a\r\nx: y", b"a\n", b"\xff", b"a\0"])
def test_a_token_that_would_end_its_line_is_never_sent(connect: Connect, token: bytes) -> None:
    with answering([answer(200, FINE)]) as peer, pytest.raises(Unauthenticated) as caught:
        connect(peer.port).ask(READ, SecretValue(token))

    assert peer.requests == []
    assert caught.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_plain_http_to_another_machine_is_refused_before_it_is_called(
    connect: Connect, slept: Slept, host: str
) -> None:
    with pytest.raises(BackendUnavailable) as caught:
        connect(8200, host).ask(READ, TOKEN)

    assert f"{host} is {host}, and plain http is for this machine alone" in caught.value.message
    assert "allow_http" in (caught.value.hint or "")
    assert slept == []


def test_a_host_that_does_not_exist_is_said_at_once(connect: Connect) -> None:
    with pytest.raises(BackendUnavailable, match=r"there is no host|cannot be looked up now"):
        connect(8200, "nobody.invalid").ask(READ, TOKEN)


def test_a_peer_that_takes_nothing_is_given_up_and_the_change_may_have_been_made(connect: Connect) -> None:
    def full(connection: Any, over: threading.Event) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        over.wait()

    with talking(full) as port:
        big = Request("POST", "secret/data/a", {"data": {"value": CANARY * 3_000_000}})
        error = refused(connect(port, timeout=0.2), big)

    assert "which may have been made: it accepted no data for 0 s" in error.message
