"""What no client of ours sends: each gets a clear refusal or nothing, and the agent answers the next one."""

import json
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence

import pytest

from credvault.agent import connection as connection_module
from credvault.model import wire
from credvault.model.wire import MAX_BODY_BYTES
from tests.agent.desk import Desk, read_reply
from tests.patience import SECONDS, wait_until

REFUSED = {
    "garbage": b"\0\xff\xfe garbage \r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "no version": b"GET /health\r\n\r\n",
    "another protocol": b"GET /health HTTP/2\r\n\r\n",
    "an empty head": b"\r\n\r\n",
    "a folded header": b"GET /health HTTP/1.1\r\na: b\r\n c\r\n\r\n",
    "a header twice": b"GET /health HTTP/1.1\r\na: b\r\nA: c\r\n\r\n",
    "a header without a colon": b"GET /health HTTP/1.1\r\nabc\r\n\r\n",
    "a header with a control character": b"GET /health HTTP/1.1\r\na: \x1b[2J\r\n\r\n",
    "a length that is no number": b"GET /health HTTP/1.1\r\ncontent-length: 1e3\r\n\r\n",
    "a length below zero": b"GET /health HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    "a length in other digits": "GET /health HTTP/1.1\r\ncontent-length: ٣\r\n\r\n".encode(),
    "a huge length": b"GET /health HTTP/1.1\r\ncontent-length: 999999999999999\r\n\r\n",
    "a length without end": b"GET /health HTTP/1.1\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
    "one byte over the limit": b"GET /health HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
    "chunks": b"POST /health HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
    "a head that is too long": b"GET /health HTTP/1.1\r\na: " + b"x" * wire.MAX_HEAD_BYTES + b"\r\n\r\n",
    "a head without end": b"GET /health HTTP/1.1\r\na: " + b"x" * (2 * wire.MAX_HEAD_BYTES),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_refused_and_the_connection_ends(desk: Desk, sent: bytes) -> None:
    desk.held()

    with desk.connect() as connection:
        connection.sendall(sent)
        reply = read_reply(connection)
        rest = connection.recv(100)

    assert reply.status == 400
    assert json.loads(reply.body) == {"error": {"code": "invalid", "message": "that is not a request of this program"}}
    assert rest == b""
    assert desk.home.run("list").status == 0


# Method, target, headers, body; status and code.
WRONG: dict[str, tuple[str, str, Sequence[tuple[str, str]], bytes, int, str]] = {
    "a web page": ("GET", "/v1/credentials", [("Origin", "https://example.org")], b"", 403, "denied"),
    "a web page that stops it": ("DELETE", "/v1/agent", [("Origin", "null")], b"", 403, "denied"),
    "another version": ("GET", "/v1/credentials", [(wire.WIRE, "2")], b"", 501, "unsupported"),
    "no route": ("GET", "/v1/nothing", [], b"", 404, "not_found"),
    "another method": ("PATCH", "/v1/credentials/a/one", [], b"", 404, "not_found"),
    "a route of the agent that is not there": ("POST", "/v1/agent/vault", [], b"", 404, "not_found"),
    "a bad name": ("GET", "/v1/credentials/..%2F..", [], b"", 400, "invalid"),
    "a name that is badly quoted": ("GET", "/v1/credentials/a/%zz", [], b"", 400, "invalid"),
    "a bad version": ("GET", "/v1/credentials/a/one?version=-1", [], b"", 400, "invalid"),
    "another query": ("GET", "/v1/credentials/a/one?x=1", [], b"", 400, "invalid"),
    "no JSON": ("POST", "/v1/changes", [], b"{", 400, "invalid"),
    "JSON that is too deep": ("POST", "/v1/changes", [], b"[" * 100_000, 400, "invalid"),
    "no object": ("POST", "/v1/changes", [], b"[]", 400, "invalid"),
    "no changes": ("POST", "/v1/changes", [], b"{}", 400, "invalid"),
    "names that are no list": ("POST", "/v1/names", [], b'{"names": "a/one"}', 400, "invalid"),
    "names that are none": ("POST", "/v1/resolve", [], b'{"names": [1]}', 400, "invalid"),
    "versions that are none": (
        "POST",
        "/v1/resolve",
        [],
        b'{"names": [], "versions": [["a/one", true]]}',
        400,
        "invalid",
    ),
    "a change without a name": ("POST", "/v1/changes", [], b'{"put": [{}]}', 400, "invalid"),
    "a change of nothing": ("POST", "/v1/changes", [], b'{"put": [null]}', 400, "invalid"),
    "a flag that there is not": ("GET", "/v1/credentials", [(wire.FLAGS, "key_file=x")], b"", 400, "invalid"),
    "a key that is too short": ("PUT", "/v1/agent/vault", [], b"x" * 31, 400, "invalid"),
    "a key for no time": ("PUT", "/v1/agent/vault", [], b"x" * 32, 400, "invalid"),
    "a key of another vault": (
        "PUT",
        "/v1/agent/vault",
        [(wire.FOR, "60"), (wire.IDLE, "60"), (wire.VAULT, "ab" * 16)],
        b"x" * 32,
        401,
        "wrong_key",
    ),
    "a vault that is not held": ("GET", "/v1/credentials", [(wire.FLAGS, "vault=/nowhere")], b"", 401, "locked"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_cannot_be_asked_is_an_error_of_ours(
    desk: Desk, wrong: tuple[str, str, Sequence[tuple[str, str]], bytes, int, str]
) -> None:
    method, target, headers, body, status, code = wrong
    desk.put("a/one", b"first")
    desk.held()
    before = desk.home.vault.read_bytes()

    reply = desk.ask(method, target, *headers, body=body)

    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (status, code)
    assert desk.home.vault.read_bytes() == before
    assert desk.home.run("get", "a/one").stdout == b"first"


FACTS = [
    {"note": 5},
    {"note": "\ud800"},
    {"expires_at": "tomorrow"},
    {"tags": "text"},
    {"metadata": {"a": float("nan")}},
    {"metadata": {"a": 10**30}},
    {"unknown": json.loads("[" * 40 + "]" * 40)},
    {"fields": {"host": None}},
    {"env_name": 5},
    {"delivery": "nothing"},
    {"env_name": "1 bad"},
    {"created_at": 5},
]


@pytest.mark.parametrize("facts", FACTS, ids=range(len(FACTS)))
def test_facts_that_are_wrong_leave_a_vault_that_opens(desk: Desk, facts: dict[str, object]) -> None:
    desk.put("a/one", b"first")
    desk.held()
    change = {"name": "a/two", "value": "second", "facts": facts, "expect": 0}

    reply = desk.ask("POST", "/v1/changes", body=json.dumps({"put": [change]}).encode())

    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, "invalid")
    assert desk.home.run("doctor", "--verify", **desk.key).status == 0
    assert desk.home.run("get", "a/one").stdout == b"first"


def test_half_a_request_ends_after_five_seconds_and_hinders_nobody(desk: Desk) -> None:
    desk.held()
    halves = [b"GET /health HT", desk.request("GET", "/health")[:-2], desk.request("PUT", "/x", body=b"12345")[:-1]]

    for _ in range(3):  # for a machine on which a list takes five seconds
        started = time.monotonic()
        connections = [desk.connect() for _ in halves]
        for connection, half in zip(connections, halves, strict=True):
            connection.sendall(half)
        listed = desk.home.run("list")
        ended_before = select.select(connections, [], [], 0)[0]
        ends = [connection.recv(100) for connection in connections]
        took = time.monotonic() - started
        for connection in connections:
            connection.close()
        if not ended_before:
            break

    assert listed.status == 0
    assert ended_before == []
    assert ends == [b"", b"", b""]
    assert took >= connection_module.REQUEST_SECONDS == 5


def test_request_byte_by_byte_is_answered(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()

    with desk.connect() as connection:
        for byte in desk.request("GET", "/v1/credentials/a/one"):
            connection.sendall(bytes([byte]))
        reply = read_reply(connection)

    assert (reply.status, json.loads(reply.body)["value"]) == (200, "first")


def test_requests_in_one_piece_are_answered_in_their_order(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()
    change = json.dumps({"put": [{"name": "a/two", "value": "second", "facts": {}, "expect": 0}]}).encode()
    wanted = [
        desk.request("GET", "/v1/credentials/a/one"),
        desk.request("POST", "/v1/changes", body=change),
        desk.request("GET", "/v1/credentials/a/two"),
        desk.request("HEAD", "/v1/credentials/a/three"),
        desk.request("GET", "/health", ("connection", "close")),
        desk.request("GET", "/health"),
    ]

    with desk.connect() as connection:
        connection.sendall(b"".join(wanted))
        data = b""
        while chunk := connection.recv(1 << 16):
            data += chunk

    answers = [answer.partition(b"\r\n\r\n") for answer in data.split(b"HTTP/1.1 ")[1:]]
    assert [head[:3] for head, _, _ in answers] == [b"200", b"200", b"200", b"404", b"200"]
    assert [json.loads(body).get("value") for _, _, body in (answers[0], answers[2])] == ["first", "second"]
    assert json.loads(answers[4][2]) == {"status": "ok", "backend": "agent"}


def test_who_does_not_take_an_answer_holds_up_nobody(desk: Desk) -> None:
    desk.put("a/large", b"x" * 1_000_000)
    agent = desk.held()
    with desk.connect() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.sendall(desk.request("GET", "/v1/credentials/a/large") * 20)

        listed = desk.home.run("list")
        size = agent.resident_kilobytes()

    assert listed.status == 0
    assert size < 40_000


def test_client_that_goes_away_before_its_answer_harms_nothing(desk: Desk) -> None:
    desk.held()
    change = {"name": "a/one", "value": "first", "facts": {}, "expect": 0}

    with desk.connect() as connection:
        connection.sendall(desk.request("POST", "/v1/changes", body=json.dumps({"put": [change]}).encode()))

    wait_until(lambda: desk.home.run("get", "a/one").status == 0)
    assert desk.home.run("get", "a/one").stdout == b"first"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_is_answered(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()
    # Without settings of its own it gets those of the agent.
    curl = ["curl", "-sS", "--max-time", "60", "--unix-socket", str(desk.socket), "-w", " %{http_code}"]

    def answer(*words: str) -> bytes:
        return subprocess.run([*curl, *words], capture_output=True, timeout=SECONDS, check=True).stdout

    health = answer("http://x/health")
    value = answer("http://x/v1/credentials/a/one", "http://x/v1/names")
    plain = answer("-H", "Accept: application/octet-stream", "http://x/v1/credentials/a/one")
    browser = answer("-H", "Origin: http://evil.example", "http://x/v1/credentials/a/one")

    assert health == b'{"status":"ok","backend":"agent"} 200'
    assert b'"value":"first"' in value
    assert value.endswith(b'{"names":["a/one"]} 200')
    assert plain == b"first 200"
    assert browser.endswith(b" 403")
    assert b"first" not in browser
