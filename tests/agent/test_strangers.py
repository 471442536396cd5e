"""Another user at the other end: nothing is read from them, and nothing is told them."""

import os
import socket
from collections.abc import Iterator

import pytest

from credvault import peer
from tests.agent.desk import NOBODY, Desk, as_nobody
from tests.patience import SECONDS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def squatter(desk: Desk) -> Iterator[socket.socket]:
    """A socket of another user in the agent's place."""
    desk.runtime.chmod(0o755)
    desk.socket.parent.mkdir()
    os.chown(desk.socket.parent, NOBODY, NOBODY)
    with socket.socket(socket.AF_UNIX) as listener:
        with as_nobody():
            listener.bind(str(desk.socket))
            listener.listen()
        listener.settimeout(SECONDS)
        yield listener


def heard_by(squatter: socket.socket) -> bytes:
    """Return everything that came in over the connections so far, which have all ended; there was one at least."""
    heard, count = b"", 0
    squatter.setblocking(False)
    while True:
        try:
            client, _ = squatter.accept()
        except BlockingIOError:
            assert count > 0
            return heard
        with client:
            count += 1
            client.settimeout(SECONDS)
            while chunk := client.recv(4096):
                heard += chunk


def test_squatter_learns_nothing_and_the_client_warns_and_goes_on(desk: Desk, squatter: socket.socket) -> None:
    desk.put("a/one", b"first")
    warning = f"credvault: warning: the agent's socket {desk.socket} belongs to another user, so it is not used\n"

    fast = desk.home.command("get", "a/one")
    whole = desk.home.run("list", "--json")
    heard = heard_by(squatter)

    assert heard == b""
    assert (fast.status, fast.stdout, fast.stderr.startswith(warning)) == (5, b"", True)
    assert (whole.status, whole.stdout, whole.stderr.startswith(warning)) == (5, b"", True)


def test_squatter_is_not_asked_where_a_key_is_at_hand(desk: Desk, squatter: socket.socket) -> None:
    desk.put("a/one", b"first")

    got = desk.home.command("get", "a/one", **desk.key)

    assert got == (0, b"first", "")
    squatter.setblocking(False)
    with pytest.raises(BlockingIOError):
        squatter.accept()


def test_squatter_gets_no_key_by_unlock(desk: Desk, squatter: socket.socket) -> None:
    done = desk.home.run("unlock", **desk.key)

    assert (done.status, done.stdout) == (6, b"")
    assert "belongs to another user" in done.stderr
    assert heard_by(squatter) == b""


def test_agent_closes_a_stranger_before_it_reads_a_byte(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()
    for path, mode in ((desk.runtime, 0o755), (desk.socket.parent, 0o755), (desk.socket, 0o777)):
        path.chmod(mode)

    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(SECONDS)
        with as_nobody():
            stranger.connect(str(desk.socket))
        answer = stranger.recv(4096)
        with pytest.raises(BrokenPipeError):
            stranger.sendall(desk.request("GET", "/health"))

    assert answer == b""
    assert desk.home.run("get", "a/one").stdout == b"first"


def test_client_tells_a_stranger_from_nobody(desk: Desk, squatter: socket.socket) -> None:
    with pytest.raises(peer.Stranger):
        peer.connect(str(desk.socket), os.geteuid())

    assert peer.connect(str(desk.socket) + ".not", os.geteuid()) is None
    connection = peer.connect(str(desk.socket), NOBODY)
    assert connection is not None
    connection.close()
