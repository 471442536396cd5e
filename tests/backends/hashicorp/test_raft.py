"""A cluster of three that loses its leader: programs that run in a loop do not notice, or wait for the next one."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from credvault.backends.hashicorp.address import Address, parse_address
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.transport import Transport
from credvault.model.value import SecretValue
from tests.conftest import PROGRAM, Cli
from tests.lifecycle.servers import Answer, Seen, serving
from tests.openbao import Bao
from tests.patience import SECONDS, wait_until
from tests.raft import Cluster, raft_cluster

SECRETS = {"ALPHA": "a", "BETA": "b", "GAMMA": "c", "DELTA": "d"}
SHOW = 'printf %s "$ALPHA$BETA$GAMMA$DELTA"'


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes with a namespace of secrets that `exec` injects."""
    with raft_cluster(tmp_path_factory.mktemp("raft")) as cluster:
        for name, value in SECRETS.items():
            cluster.leader().must("POST", f"secret/data/credvault/raft/{name}", {"data": {"value": value}})
        yield cluster


def transport_to(server: Bao) -> Transport:
    return Transport(Address(*parse_address(server.address, "the test"), "the test"))


class Loop(threading.Thread):
    """Runs `exec` again and again until it is told to stop; keeps how each run ended."""

    def __init__(self, cli: Cli, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._environment = cli.environment({"CREDVAULT_BACKEND": "hashicorp", "CREDVAULT_KEY": None, **environ})
        self._is_over = threading.Event()
        self.runs: list[tuple[int, bytes, bytes]] = []

    def run(self) -> None:
        words = [PROGRAM, "exec", "-n", "raft", "--", "sh", "-c", SHOW]
        while not self._is_over.is_set():
            done = subprocess.run(words, env=self._environment, capture_output=True, timeout=SECONDS, check=False)
            self.runs.append((done.returncode, done.stdout, done.stderr))

    def stop(self) -> None:
        self._is_over.set()
        self.join()


def test_what_is_written_through_a_standby_is_read_there_at_once(cluster: Cluster) -> None:
    """A standby answers reads by itself, a moment behind: 199 of 200 reads after a write were stale without this."""
    token = SecretValue(cluster.keys.token.encode())
    transport = transport_to(cluster.standby())
    read = []

    for number in range(50):
        transport.ask(Request("POST", "secret/data/other/fresh", {"data": {"value": str(number)}}), token)
        read.append(transport.ask(Request("GET", "secret/data/other/fresh"), token).body["data"]["data"]["value"])
    transport.close()

    assert read == [str(number) for number in range(50)]


def test_standby_that_sends_to_a_leader_that_is_gone_is_asked_again_and_its_word_is_checked() -> None:
    """The node itself is asked, without token and index: a standby that is behind would pass that on, too."""
    path, token = "secret/data/a", SecretValue(b"s.canary-token")
    sends_away = [Answer(307, b"", {"Location": f"http://10.9.9.9:8200/v1/{path}"})]

    def script(seen: Seen) -> Answer:
        if seen.path == "/v1/sys/leader":
            return Answer(200, b'{"ha_enabled": true, "is_self": false}')
        if seen.method == "GET" and sends_away:
            return sends_away.pop()
        return Answer(200, b'{"data": {}}', {"X-Vault-Index": "index-4711"})

    with serving(script) as peer:
        slept: list[float] = []
        transport = Transport(Address(*parse_address(peer.url, "the test"), "the test"), sleep=slept.append)
        transport.ask(Request("POST", path, {"data": {}}), token)
        answer = transport.ask(Request("GET", path), token)
        transport.close()

    sent = [(seen.method, seen.path, seen.headers.get("x-vault-index")) for seen in peer.seen]
    about_itself = peer.seen[2].headers
    assert answer.status == 200
    assert sent == [
        ("POST", f"/v1/{path}", None),
        ("GET", f"/v1/{path}", "index-4711"),
        ("GET", "/v1/sys/leader", None),
        ("GET", f"/v1/{path}", "index-4711"),
    ]
    assert "x-vault-token" not in about_itself
    assert len(slept) == 1


def test_exec_in_a_loop_survives_the_loss_of_the_leader(cluster: Cluster, cli: Cli, tmp_path: Path) -> None:
    leader, standby = cluster.leader(), cluster.standby()
    policy = leader.new_policy('path "secret/*" { capabilities = ["read", "list"] }')
    role = leader.new_role(policy)
    profile = f"[profiles.p]\nbackend = 'hashicorp'\nauth_mount = '{role.mount}'\n"
    (cli.home / "config.toml").write_text(profile, encoding="utf-8")
    by_token = {"VAULT_ADDR": standby.address, "VAULT_TOKEN": leader.new_token(policy)}
    by_approle = {"VAULT_ADDR": standby.address, "VAULT_ROLE_ID": role.role_id, "VAULT_SECRET_ID": role.secret_id}
    by_approle |= {"CREDVAULT_CONFIG": str(cli.home / "config.toml"), "CREDVAULT_PROFILE": "p"}
    by_approle["CREDVAULT_BACKEND"] = ""
    loops = [Loop(cli, by_token), Loop(cli, by_approle)]

    for loop in loops:
        loop.start()
    wait_until(lambda: all(loop.runs for loop in loops))
    leader.process.kill()
    leader.process.wait()
    next_leader = cluster.leader()
    during = [len(loop.runs) for loop in loops]
    wait_until(lambda: all(len(loop.runs) >= count + 5 for loop, count in zip(loops, during, strict=True)))
    for loop in loops:
        loop.stop()

    assert next_leader.address != leader.address
    for loop in loops:
        # Each has all of its secrets: none is run with half of them, and none is refused.
        assert [run for run in loop.runs if run != (0, b"abcd", b"")] == []
