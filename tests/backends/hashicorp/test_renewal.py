"""A token is kept alive for a caller that goes on, on a real OpenBao with tokens that live for seconds.

With CREDVAULT_SLOW=1 the tokens live as long as those of S0's walkthrough, and the reader works for 80 s.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from credvault.backends.hashicorp import login as logins
from credvault.backends.hashicorp import renewal
from credvault.backends.hashicorp.address import find_address
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.renewal import pause_before_renewal
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import Unauthenticated
from tests.backends.hashicorp.peers import answer, answering
from tests.backends.hashicorp.profiles import make_settings
from tests.openbao import Bao, Role
from tests.patience import SECONDS, wait_until
from tests.raft import initialise, raft_server, unseal, wait_until_active

RULES = 'path "secret/data/credvault/*" { capabilities = ["read"] }'
SECRET = Request("GET", "secret/data/credvault/renewal")
# How long a token lives, how long at most however often it is renewed, and how long the readers work, seconds: each
# renewal has four to be late in, on a busy machine, and half of that may go by between two reads.
LIFE, LONGEST, WORK = (20, 60, 80) if os.environ.get("CREDVAULT_SLOW") else (9, 14, 16)
STILL = 2.0


class Read(NamedTuple):
    """A read: how long after the first it began, how long it took until the next, its status and its token."""

    after: float
    took: float
    status: int
    token: bytes


class Lived(NamedTuple):
    """What became of a reader: its reads, what it was told, and whether its token was no longer known in the end."""

    reads: list[Read]
    warned: list[str]
    told: list[str]
    is_unknown: bool


@pytest.fixture(scope="module")
def reader(bao: Bao) -> str:
    """A policy that lets read one secret, which is there."""
    bao.must("POST", "secret/data/credvault/renewal", {"data": {"value": "v"}})
    return bao.new_policy(RULES)


@pytest.fixture(autouse=True)
def _takes_its_time_to_revoke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "REVOKING_SECONDS", SECONDS)


class Reader:
    """Reads with the token of a login; `warned` is what a person is told on the way."""

    def __init__(
        self, bao: Bao, folder: Path, environ: Mapping[str, str], profile: Mapping[str, Any], stays: bool
    ) -> None:
        settings = make_settings(folder, environ, {"address": bao.address, **profile})._replace(stays=stays)
        self.warned: list[str] = []
        self.told: list[str] = []
        self.transport = Transport(find_address(settings, self.warned.append, self.told.append))
        self.login = Login(settings, self.transport, warn=self.warned.append, detail=self.told.append)

    def read(self) -> tuple[int, bytes]:
        """Return the status of a read, and the token that it was made with."""
        token = self.login.token()
        return self.transport.ask(SECRET, token).status, token.reveal()

    def work(self, seconds: float) -> list[Read]:
        """Read four times a second for so long."""
        began, done, after = time.monotonic(), [], 0.0
        while after < seconds:
            status, token = self.read()
            time.sleep(0.25)
            over = time.monotonic() - began
            done.append(Read(after, over - after, status, token))
            after = over
        return done

    @property
    def is_refused(self) -> bool:
        """Whether the server knows the token no longer, and there is no other."""
        try:
            self.login.token_was_refused()
        except Unauthenticated:
            return True
        return False


@contextmanager
def reading(
    bao: Bao, folder: Path, environ: Mapping[str, str], profile: Mapping[str, Any] | None = None, *, stays: bool = True
) -> Iterator[Reader]:
    reader = Reader(bao, folder, environ, profile or {}, stays)
    try:
        yield reader
    finally:
        reader.login.close()
        reader.transport.close()


def by_approle(role: Role) -> tuple[dict[str, str], dict[str, str]]:
    return {"VAULT_SECRET_ID": role.secret_id}, role.profile


def renewals() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "credvault-renewal"]


@pytest.mark.parametrize(
    ("seconds", "pause"), [(1, 0.5), (2, 1), (4, 2), (6, 4), (7, 5), (9, 5), (10, 5), (20, 10), (2_764_800, 1_382_400)]
)
def test_pause_is_half_of_a_life_and_leaves_time(seconds: float, pause: float) -> None:
    assert pause_before_renewal(seconds) == pause
    assert pause < seconds


@pytest.fixture(scope="module")
def lives(bao: Bao, reader: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Lived]:
    """Readers with tokens of each kind, side by side: what takes so long is the life of a token.

    Where a machine stood still for as long as a renewal may be late, it says nothing of renewals: they live again.
    """
    for _ in range(4):
        lives = live_side_by_side(bao, reader, tmp_path_factory)
        if max(read.took for lived in lives.values() for read in lived.reads) < STILL:
            break
    return lives


def live_side_by_side(bao: Bao, reader: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Lived]:
    role = bao.new_role(reader, token_ttl=f"{LIFE}s", token_max_ttl=f"{LONGEST}s")
    blind = bao.new_role(reader, token_ttl=f"{LIFE}s", token_no_default_policy=True)
    lives: dict[str, Lived] = {}

    def live(kind: str, environ: Mapping[str, str], profile: Mapping[str, Any] | None = None) -> None:
        with reading(bao, tmp_path_factory.mktemp(kind), environ, profile) as there:
            reads = there.work(WORK)
            lives[kind] = Lived(reads, there.warned, there.told, there.is_refused)

    kinds: list[tuple[Any, ...]] = [
        ("role", *by_approle(role)),
        ("blind role", *by_approle(blind)),
        ("renewable", {"VAULT_TOKEN": bao.new_token(reader, ttl=f"{LIFE}s", explicit_max_ttl=f"{LONGEST}s")}),
        ("not renewable", {"VAULT_TOKEN": bao.new_token(reader, ttl=f"{LIFE}s", renewable=False)}),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logins, "REVOKING_SECONDS", SECONDS)
        threads = [threading.Thread(target=live, args=kind) for kind in kinds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    wait_until(lambda: renewals() == [])
    return lives


def test_reader_works_on_beyond_the_longest_life_of_its_tokens(bao: Bao, lives: Mapping[str, Lived]) -> None:
    there = lives["role"]
    last = there.reads[-1].token.decode()

    assert {read.status for read in there.reads} == {200}
    assert there.reads[-1].after > LONGEST
    # Renewed first, got anew near the end of what it may live at all: not one for each life.
    assert 2 <= len({read.token for read in there.reads}) <= 1 + WORK // LIFE
    assert there.warned == []
    assert not any(read.token.decode() in text for read in there.reads for text in there.told)
    assert bao.ask("GET", "auth/token/lookup-self", token=last)[0] == 403


def test_token_of_somebody_else_is_renewed_until_it_may_live_no_longer(lives: Mapping[str, Lived]) -> None:
    there = lives["renewable"]
    statuses = [read.status for read in there.reads]
    good = statuses.count(200)

    assert statuses == [200] * good + [403] * (len(statuses) - good)
    assert there.reads[good - 1].after > LIFE
    assert there.is_unknown
    assert there.warned == ["the token from VAULT_TOKEN cannot be renewed any longer, and ends soon"]


def test_token_that_cannot_be_renewed_is_warned_of_once(lives: Mapping[str, Lived]) -> None:
    there = lives["not renewable"]

    assert there.reads[0].status == 200
    assert there.is_unknown
    assert there.warned == ["the token from VAULT_TOKEN cannot be renewed any longer, and ends soon"]


def test_role_whose_tokens_may_not_look_at_themselves_gets_new_ones_in_time(lives: Mapping[str, Lived]) -> None:
    there = lives["blind role"]

    assert {read.status for read in there.reads} == {200}
    assert len({read.token for read in there.reads}) >= 3


def test_token_that_never_expires_needs_no_thread(bao: Bao, tmp_path: Path) -> None:
    with reading(bao, tmp_path, {"VAULT_TOKEN": bao.token}) as there:
        there.read()
        wait_until(lambda: renewals() == [])
        there.read()
        again = renewals()

    assert again == []
    assert there.warned == []


@pytest.mark.parametrize("stays", [False, True])
def test_thread_is_there_for_a_caller_that_stays_alone(
    bao: Bao, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    monkeypatch.setattr(logins, "STAYS_AFTER", SECONDS)

    with reading(bao, tmp_path, *by_approle(bao.new_role(reader)), stays=stays) as there:
        before = renewals()
        there.read()
        there.read()
        during = renewals()

    assert (before, len(during)) == ([], int(stays))
    wait_until(lambda: renewals() == [])


def test_command_that_takes_long_has_its_token_renewed_too(
    bao: Bao, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "STAYS_AFTER", SECONDS)

    with reading(bao, tmp_path, *by_approle(bao.new_role(reader)), stays=False) as there:
        there.read()
        early = renewals()
        monkeypatch.setattr(logins, "STAYS_AFTER", 0.0)
        there.read()
        late = renewals()

    assert (early, len(late)) == ([], 1)


@pytest.mark.parametrize(
    ("environ", "profile"), [({"VAULT_RENEW": "off"}, {}), ({"VAULT_RENEW": "true"}, {"renew": False})]
)
def test_renewal_can_be_switched_off(
    bao: Bao, reader: str, tmp_path: Path, environ: dict[str, str], profile: dict[str, Any]
) -> None:
    role = bao.new_role(reader)

    with reading(bao, tmp_path, {"VAULT_SECRET_ID": role.secret_id, **environ}, {**role.profile, **profile}) as there:
        there.read()
        running = renewals()

    assert running == []


def test_renewal_survives_a_server_that_is_away_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sealing is such a time: the token lives on, and nobody can use it meanwhile."""
    monkeypatch.setattr(renewal, "BACK_OFF_SECONDS", 0.1)
    monkeypatch.setattr(renewal, "pause_before_renewal", lambda seconds: 0.1)
    with raft_server(tmp_path) as sealed:
        keys = initialise(sealed)
        unseal(sealed, keys)
        wait_until_active(sealed)
        bao = sealed._replace(token=keys.token)
        wait_until(lambda: bao.ask("GET", "sys/leader")[1].get("is_self") is True)  # a standby until it leads
        bao.make_mount("secret")
        bao.must("POST", SECRET.path, {"data": {"value": "v"}})
        role = bao.new_role(bao.new_policy(RULES), token_ttl="1h")
        with reading(bao, tmp_path, *by_approle(role)) as there:
            first, token = there.read()
            bao.must("PUT", "sys/seal")
            wait_until(lambda: any("could not be renewed, and will be tried again" in text for text in there.told))
            unseal(bao, keys)
            wait_until_active(bao)
            unsealed = int(time.time())
            wait_until(lambda: last_renewal(bao, token) > unsealed)
            then, same = there.read()

    assert (first, then) == (200, 200)
    assert token == same
    assert there.warned == []


def last_renewal(bao: Bao, token: bytes) -> int:
    """Return when a token was last renewed, in whole seconds since the epoch."""
    answered = bao.must("POST", "auth/token/lookup", {"token": token.decode()})["data"]
    return int(answered.get("last_renewal_time") or 0)


@pytest.mark.parametrize("seconds", [10**400, 10**15])
def test_token_that_lives_longer_than_can_be_waited_for_is_looked_after(tmp_path: Path, seconds: int) -> None:
    told = {"ttl": seconds, "creation_ttl": seconds, "renewable": True, "expire_time": "9999-01-01T00:00:00Z"}
    login = {"client_token": "s.token", "lease_duration": seconds}
    environ = {"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "secret"}

    with answering([answer(200, {"auth": login, "data": told})]) as peer:
        server = Bao(f"http://127.0.0.1:{peer.port}", "", None, tmp_path)  # type: ignore[arg-type]  # no process of ours
        with reading(server, tmp_path, environ) as there:
            status, _ = there.read()
            wait_until(lambda: any(b"lookup-self" in request for request in peer.requests))
            time.sleep(0.1)
            alive = renewals()

    assert status == 200
    assert len(alive) == 1
    assert there.warned == []
