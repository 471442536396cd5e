"""OpenBao servers with Raft storage on the loopback interface: one that is sealed and unsealed, or a cluster of them.

Unlike a development server they start sealed, have no secrets engine, and keep what they hold on disk.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.lifecycle.servers import free_port
from tests.openbao import BAO, Bao, wait_for_server
from tests.patience import SECONDS

# Leaders are missed after 3 s, the least that the server allows.
_CONFIG = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "{node}"
  performance_multiplier = 1
  {joins}
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
"""


class Keys(NamedTuple):
    """What an initialised server is unsealed by, and the token that may do everything."""

    unseal: str
    token: str


def initialise(server: Bao) -> Keys:
    """Initialise a server, with one key that unseals it."""
    made = server.must("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    return Keys(made["keys_base64"][0], made["root_token"])


def unseal(server: Bao, keys: Keys) -> None:
    """Unseal a server and wait until it serves, as the active node or as a standby."""
    until = time.monotonic() + SECONDS
    # A node that joins a cluster does not take its key before it has heard of it.
    while server.ask("PUT", "sys/unseal", {"key": keys.unseal})[0] != 200 and time.monotonic() < until:
        time.sleep(0.1)
    wait_for_server(lambda: server.ask("GET", "sys/health?standbyok=true")[0] == 200, server.process)


def wait_until_active(server: Bao) -> None:
    """Wait until a server that is unsealed leads, as one without others does in a moment."""
    wait_for_server(lambda: server.ask("GET", "sys/health")[0] == 200, server.process)


@contextmanager
def raft_server(folder: Path) -> Iterator[Bao]:
    """Run one server that is not initialised yet."""
    with _node(folder, "one", free_port(), None) as server:
        yield server


class Cluster(NamedTuple):
    """Unsealed servers that hold the same, with KV v2 at `secret/`; any of them may be asked."""

    nodes: Sequence[Bao]
    keys: Keys

    def leader(self) -> Bao:
        """Return the active node, waiting for one."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            for node in self.nodes:
                if node.process.poll() is None and node.ask("GET", "sys/health")[0] == 200:
                    return node
            time.sleep(0.05)
        raise AssertionError("no node became active")

    def standby(self) -> Bao:
        """Return a node that is not the active one."""
        leader = self.leader()
        return next(node for node in self.nodes if node is not leader and node.process.poll() is None)


@contextmanager
def raft_cluster(folder: Path, size: int = 3) -> Iterator[Cluster]:
    """Run a cluster."""
    with ExitStack() as stack:
        first = stack.enter_context(_node(folder / "0", "0", free_port(), None))
        nodes, keys = [first], initialise(first)
        unseal(first, keys)
        wait_until_active(first)
        nodes += [
            stack.enter_context(_node(folder / str(place), str(place), free_port(), first)) for place in range(1, size)
        ]
        for node in nodes[1:]:
            unseal(node, keys)
        cluster = Cluster([node._replace(token=keys.token) for node in nodes], keys)
        leader = cluster.leader()
        leader.must("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        for node in cluster.nodes:
            # Each voter has its part in an election once it has caught up.
            wait_for_server(lambda node=node: node.ask("GET", "secret/config")[0] == 200, node.process)
        wait_for_server(lambda: _voters(leader) == size, leader.process)
        yield cluster


def _voters(leader: Bao) -> int:
    servers = leader.must("GET", "sys/storage/raft/configuration")["data"]["config"]["servers"]
    return sum(server["voter"] for server in servers)


@contextmanager
def _node(folder: Path, name: str, port: int, leader: Bao | None) -> Iterator[Bao]:
    (folder / "data").mkdir(parents=True)
    joins = "" if leader is None else f'retry_join {{ leader_api_addr = "{leader.address}" }}'
    config = folder / "config.hcl"
    text = _CONFIG.format(folder=folder, node=name, port=port, cluster_port=free_port(), joins=joins)
    config.write_text(text, encoding="utf-8")
    with (folder / "openbao.log").open("wb") as log:
        process = subprocess.Popen(
            [BAO, "server", f"-config={config}"],
            # A node has a vote when it joins, and not 20 s later, when the autopilot trusts it.
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "VAULT_RAFT_AUTOPILOT_DISABLE": "true"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        server = Bao(f"http://127.0.0.1:{port}", "", process, folder)
        wait_for_server(lambda: server.ask("GET", "sys/seal-status")[0] == 200, process)
        yield server
    finally:
        process.kill()
        process.wait()
