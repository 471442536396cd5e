"""OpenBao: a server in development mode on the loopback interface, in memory, asked by its own client."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.peers.peer import KEY, SECRETS, Missing, Peer, environ, ready, said
from tests.openbao import Bao, development_server

PLAIN, TLS = "bao kv get", "bao kv get, TLS"


@contextmanager
def peers(folder: Path, bao: str) -> Iterator[list[Peer]]:
    """Have `bao kv get` ready, over plain http and over TLS by a CA of its own; raises Missing."""
    with ExitStack() as stack:
        yield [_peer(folder / name, bao, tls, stack) for name, tls in ((PLAIN, False), (TLS, True))]


def _peer(folder: Path, bao: str, tls: bool, stack: ExitStack) -> Peer:
    folder.mkdir()
    try:
        server = stack.enter_context(development_server(folder, tls=tls, program=bao))
        _fill(server)
    except AssertionError as exc:
        raise Missing("bao server -dev did not start, or does not store a secret") from exc
    env = environ(folder, **server.environ)
    version = " ".join(said([bao, "version"], env).split()[:2])
    return ready(folder.name, [bao, "kv", "get", "-field=value", f"secret/bench/{KEY}"], env, version)


def _fill(server: Bao) -> None:
    for name, value in SECRETS.items():
        server.must("POST", f"secret/data/bench/{name}", {"data": {"value": value}})
