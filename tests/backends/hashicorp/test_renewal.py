"""A token is kept alive for a caller that goes on, on a real OpenBao with tokens that live for seconds.

With CREDVAULT_SLOW=1 the tokens live as long as those of S0's walkthrough, and the reader works for 80 s.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from credvault.backends.hashicorp import login as logins
from credvault.backends.hashicorp import renewal
from credvault.backends.hashicorp.address import find_address
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.renewal import pause_before_renewal
from credvault.backends.hashicorp.transport import Request, Transport
from credvault.model.errors import Unauthenticated
from tests.backends.hashicorp.peers import answer, answering
from tests.backends.hashicorp.profiles import make_settings
from tests.openbao import Bao, Role, development_server

RULES = 'path "secret/data/credvault/*" { capabilities = ["read"] }'
SECRET = Request("GET", "secret/data/credvault/renewal")
# How long a token lives, how long at most however often it is renewed, and how long the reader works, seconds.
LIFE, LONGEST, WORK = (20, 60, 80) if os.environ.get("CREDVAULT_SLOW") else (4, 10, 14)


@pytest.fixture(scope="module")
def reader(bao: Bao) -> str:
    """A policy that lets read one secret, which is there."""
    bao.must("POST", "secret/data/credvault/renewal", {"data": {"value": "v"}})
    return bao.new_policy(RULES)


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

    def work(self, seconds: float) -> list[tuple[int, bytes]]:
        """Read four times a second for so long."""
        until, done = time.monotonic() + seconds, []
        while time.monotonic() < until:
            done.append(self.read())
            time.sleep(0.25)
        return done


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


def test_reader_works_on_beyond_the_longest_life_of_its_tokens(bao: Bao, reader: str, tmp_path: Path) -> None:
    role = bao.new_role(reader, token_ttl=f"{LIFE}s", token_max_ttl=f"{LONGEST}s")

    with reading(bao, tmp_path, *by_approle(role)) as there:
        done = there.work(WORK)
        last = there.login.token().reveal().decode()

    assert {status for status, _ in done} == {200}
    assert len(done) > WORK * 2
    # Renewed first, got anew near the end of what it may live at all: not one for each life.
    assert 2 <= len({token for _, token in done}) <= WORK // LIFE
    assert there.warned == []
    assert not any(token.decode() in text for _, token in done for text in there.told)
    assert bao.ask("GET", "auth/token/lookup-self", token=last)[0] == 403
    assert renewals() == []


def test_token_of_somebody_else_is_renewed_until_it_may_live_no_longer(bao: Bao, reader: str, tmp_path: Path) -> None:
    token = bao.new_token(reader, ttl="4s", explicit_max_ttl="8s")

    with reading(bao, tmp_path, {"VAULT_TOKEN": token}) as there:
        alive = there.work(5)
        while renewals():
            time.sleep(0.05)
        time.sleep(0.5)
        ended = there.read()[0]
        with pytest.raises(Unauthenticated):
            there.login.token_was_refused()

    assert {status for status, _ in alive} == {200}
    assert ended == 403
    assert there.warned == ["the token from VAULT_TOKEN cannot be renewed any longer, and ends soon"]


def test_token_that_cannot_be_renewed_is_warned_of_once(bao: Bao, reader: str, tmp_path: Path) -> None:
    token = bao.new_token(reader, ttl="2s", renewable=False)

    with reading(bao, tmp_path, {"VAULT_TOKEN": token}) as there:
        there.work(2.5)

    assert there.warned == ["the token from VAULT_TOKEN cannot be renewed any longer, and ends soon"]
    assert renewals() == []


def test_token_that_never_expires_needs_no_thread(bao: Bao, tmp_path: Path) -> None:
    with reading(bao, tmp_path, {"VAULT_TOKEN": bao.token}) as there:
        there.read()
        until = time.monotonic() + 5
        while renewals() and time.monotonic() < until:
            time.sleep(0.02)
        left = renewals()
        there.read()

    assert left == []
    assert there.warned == []


@pytest.mark.parametrize("stays", [False, True])
def test_thread_is_there_for_a_caller_that_stays_alone(bao: Bao, reader: str, tmp_path: Path, stays: bool) -> None:
    with reading(bao, tmp_path, *by_approle(bao.new_role(reader)), stays=stays) as there:
        before = renewals()
        there.read()
        there.read()
        during = renewals()

    assert (before, len(during), renewals()) == ([], int(stays), [])


def test_command_that_takes_long_has_its_token_renewed_too(
    bao: Bao, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "STAYS_AFTER", 0.1)

    with reading(bao, tmp_path, *by_approle(bao.new_role(reader)), stays=False) as there:
        there.read()
        early = renewals()
        time.sleep(0.2)
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
    monkeypatch.setattr(renewal, "BACK_OFF_SECONDS", 0.2)
    with development_server(tmp_path) as bao:
        bao.must("POST", "secret/data/credvault/renewal", {"data": {"value": "v"}})
        role = bao.new_role(bao.new_policy(RULES), token_ttl="4s", token_max_ttl="60s")
        with reading(bao, tmp_path, *by_approle(role)) as there:
            first = there.read()
            bao.process.send_signal(19)  # SIGSTOP
            time.sleep(2.2)  # over the time of a renewal, but not of the token
            bao.process.send_signal(18)  # SIGCONT
            done = there.work(3)

    assert first[0] == 200
    assert {status for status, _ in done} == {200}


def test_role_whose_tokens_may_not_look_at_themselves_gets_new_ones_in_time(
    bao: Bao, reader: str, tmp_path: Path
) -> None:
    role = bao.new_role(reader, token_ttl="4s", token_no_default_policy=True)

    with reading(bao, tmp_path, *by_approle(role)) as there:
        done = there.work(5.5)

    assert {status for status, _ in done} == {200}
    assert len({token for _, token in done}) >= 3


@pytest.mark.parametrize("seconds", [10**400, 10**15])
def test_token_that_lives_longer_than_can_be_waited_for_is_looked_after(tmp_path: Path, seconds: int) -> None:
    told = {"ttl": seconds, "creation_ttl": seconds, "renewable": True, "expire_time": "9999-01-01T00:00:00Z"}
    login = {"client_token": "s.token", "lease_duration": seconds}
    environ = {"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "secret"}

    with answering([answer(200, {"auth": login, "data": told})]) as peer:
        server = Bao(f"http://127.0.0.1:{peer.port}", "", None, tmp_path)  # type: ignore[arg-type]  # no process of ours
        with reading(server, tmp_path, environ) as there:
            status, _ = there.read()
            while not any(b"lookup-self" in request for request in peer.requests):
                time.sleep(0.01)
            time.sleep(0.1)
            alive = renewals()

    assert status == 200
    assert len(alive) == 1
    assert there.warned == []
