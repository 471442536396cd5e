"""The hall: what each method of Vault promises, on the memory backend and on a vault file."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from credvault import SecretValue, errors
from credvault.access.identity import Identity, local_identity
from credvault.access.policy import ALLOW, DENY, LIST, READ, WRITE, Policy, Rule, owner_policy
from credvault.audit import Trail
from credvault.backends.base import Backend
from credvault.backends.file import FileBackend
from credvault.backends.memory import MemoryBackend
from credvault.model.names import NO_REFERENCE, parse_name
from credvault.model.record import Record
from credvault.model.value import MAX_VALUE_BYTES
from credvault.sealing.crypto import random_bytes
from credvault.sealing.keys import DataKey, new_key
from credvault.sealing.slots import RAW, KeyMaterial, make_slot
from credvault.sealing.vaultfile import VaultFile
from credvault.state import PinStore
from credvault.vault import Vault

ALICE = Identity("alice")


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "file"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "memory":
        return MemoryBackend()
    raw, key = new_key(), DataKey(new_key(), random_bytes(16).hex())
    material = KeyMaterial(RAW, SecretValue(raw), "the test")
    file = VaultFile(str(tmp_path / "vault.json"), lambda slots: material, pins=PinStore(str(tmp_path / "state")))
    file.create(key, [make_slot("1", RAW, raw, key, created_at="2026-11-22T00:00:00Z")])
    return FileBackend(file)


@pytest.fixture
def open_as(backend: Backend, tmp_path: Path, clock: Clock) -> Iterator[Callable[[Policy], Vault]]:
    def build(policy: Policy) -> Vault:
        trail = Trail(str(tmp_path / "state"), clock)
        return Vault(backend, policy=policy, trail=trail, identity=ALICE, clock=clock)

    yield build
    backend.close()


@pytest.fixture
def vault(open_as: Callable[[Policy], Vault]) -> Vault:
    return open_as(owner_policy(ALICE))


def test_add_stores_value_and_facts(vault: Vault) -> None:
    record = vault.add("openai/api_key", b"sk-test", env_name="OPENAI_API_KEY", tags=["ci"])

    secret = vault.get("openai/api_key")
    assert secret.value.reveal() == b"sk-test"
    assert secret.record == record
    assert (record.version, record.delivery, record.tags) == (1, "runtime_env", ("ci",))
    assert record.created_at == record.updated_at == record.value_changed_at == "2027-01-15T08:00:00Z"
    assert record.updated_by == "alice"


def test_last_uses_are_those_of_secrets_that_can_be_told_apart(vault: Vault) -> None:
    vault.add("k", b"1")
    vault.get("k")

    reference = vault.backend.reference(vault.list()[0].name)
    assert vault.last_uses() == ({} if reference == NO_REFERENCE else {reference: "2027-01-15T08:00:00Z"})


def test_add_refuses_an_existing_name_and_keeps_its_value(vault: Vault) -> None:
    vault.add("k", b"one")

    with pytest.raises(errors.AlreadyExists):
        vault.add("k", b"two")

    assert vault.get("k").value.reveal() == b"one"


def test_add_with_replace_keeps_what_is_not_given(vault: Vault, clock: Clock) -> None:
    vault.add("k", b"one", note="keep me", tags=["old"])
    clock.now += 60

    record = vault.add("k", b"two", replace=True, tags=["new"])

    assert (record.version, record.note, record.tags) == (2, "keep me", ("new",))
    assert record.created_at == "2027-01-15T08:00:00Z"
    assert record.value_changed_at == "2027-01-15T08:01:00Z"


@pytest.mark.parametrize("value", [b"", bytes(MAX_VALUE_BYTES + 1)], ids=["empty", "too long"])
def test_add_refuses_a_value_out_of_bounds(vault: Vault, value: bytes) -> None:
    with pytest.raises(errors.InvalidValue):
        vault.add("k", value)

    assert vault.list() == []


def test_rotate_changes_the_value_and_nothing_else(vault: Vault, clock: Clock) -> None:
    before = vault.add("k", b"one", note="a note", expires_at="2030-01-01T00:00:00Z")
    clock.now += 60

    after = vault.rotate("k", b"two")

    assert vault.get("k").value.reveal() == b"two"
    assert vault.get("k", 1).value.reveal() == b"one"
    later = "2027-01-15T08:01:00Z"
    assert after == before._replace(version=2, updated_at=later, value_changed_at=later)


def test_rotate_of_what_is_not_there_stores_nothing(vault: Vault) -> None:
    with pytest.raises(errors.NotFound):
        vault.rotate("k", b"one")

    assert vault.list() == []


def test_edit_leaves_value_version_and_the_time_of_the_value(vault: Vault, clock: Clock) -> None:
    vault.add("k", b"one", note="a note")
    clock.now += 60

    record = vault.edit("k", note=None, service="shop")

    assert (record.version, record.note, record.service) == (1, None, "shop")
    assert record.value_changed_at == "2027-01-15T08:00:00Z"
    assert record.updated_at == "2027-01-15T08:01:00Z"
    assert vault.get("k").value.reveal() == b"one"


def test_undo_puts_the_previous_value_in_as_a_new_version(vault: Vault) -> None:
    vault.add("k", b"one")
    vault.rotate("k", b"two")

    record = vault.undo("k")

    assert record.version == 3
    assert vault.get("k").value.reveal() == b"one"
    assert [version.version for version in vault.history("k")] == [3, 2, 1]


def test_undo_without_a_previous_version_changes_nothing(vault: Vault) -> None:
    vault.add("k", b"one")

    with pytest.raises(errors.NotFound):
        vault.undo("k")

    assert vault.get("k").record.version == 1


def test_delete_of_several_removes_none_if_one_is_not_there(vault: Vault) -> None:
    vault.add("a", b"one")
    vault.add("b", b"two")

    with pytest.raises(errors.NotFound):
        vault.delete(["a", "nosuch", "b"])

    assert [record.key for record in vault.list()] == ["a", "b"]


def test_delete_removes_every_version(vault: Vault) -> None:
    vault.add("a", b"one")
    vault.rotate("a", b"two")

    vault.delete(["a", "a"])

    with pytest.raises(errors.NotFound):
        vault.get("a", 1)
    assert vault.add("a", b"three").version == 1


def test_old_versions_go_when_there_are_more_than_ten(vault: Vault) -> None:
    vault.add("k", b"1")

    for number in range(2, 13):
        vault.rotate("k", b"%d" % number)

    assert [version.version for version in vault.history("k")] == list(range(12, 2, -1))


def test_get_of_a_near_name_hints_at_the_right_one(vault: Vault) -> None:
    vault.add("openai/api_key", b"x")

    with pytest.raises(errors.NotFound) as caught:
        vault.get("openai/api_kye")

    assert caught.value.hint == "did you mean openai/api_key?"


def test_list_gives_no_value_and_is_sorted(vault: Vault) -> None:
    for name in ("b/x", "a/y", "a/x"):
        vault.add(name, b"canary")

    records = vault.list(["a/*", "b/**"])

    assert [str(record.name) for record in records] == ["a/x", "a/y", "b/x"]
    assert "canary" not in repr(records)


def test_environment_gives_each_runtime_env_secret_by_its_variable(vault: Vault) -> None:
    vault.add("a/token", b"1", env_name="TOKEN")
    vault.add("b/OTHER", b"2")
    vault.add("b/hidden", b"3")

    everything = vault.environment()
    of_a = vault.environment(namespaces=["a"])

    assert {variable: secret.value.reveal() for variable, secret in everything.items()} == {
        "TOKEN": b"1",
        "OTHER": b"2",
    }
    assert set(of_a) == {"TOKEN"}


def test_environment_refuses_two_secrets_for_one_variable(vault: Vault) -> None:
    vault.add("a/token", b"1", env_name="TOKEN")
    vault.add("b/token", b"2", env_name="TOKEN")

    with pytest.raises(errors.InvalidValue, match="TOKEN"):
        vault.environment()


def test_environment_leaves_out_what_is_for_other_consumers(vault: Vault) -> None:
    vault.add("all", b"1", env_name="ALL")
    vault.add("web", b"2", env_name="WEB", consumers=["web"])

    assert set(vault.environment(consumer="web")) == {"ALL", "WEB"}
    assert set(vault.environment(consumer="cron")) == {"ALL"}


def test_release_for_environment_refuses_executor_only(vault: Vault) -> None:
    name = vault.add("k", b"1").name

    with pytest.raises(errors.Denied, match="executor_only"):
        vault.release([(name, None)], purpose="environment")


class Telling(MemoryBackend):
    """A store that can look at some namespaces alone, and tells at which it did."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Collection[str]] = []

    def list_within(self, namespaces: Collection[str]) -> Sequence[Record]:
        """Return the records of some namespaces."""
        self.asked.append(namespaces)
        return super().list_within(namespaces)


def test_store_is_asked_for_the_namespaces_that_can_be_meant_and_no_others(tmp_path: Path, clock: Clock) -> None:
    backend = Telling()
    trail = Trail(str(tmp_path), clock)
    vault = Vault(backend, policy=owner_policy(ALICE), trail=trail, identity=ALICE, clock=clock, namespace="here")
    for name in ("here/A", "team/A", "team/B", "other/C"):
        vault.add(name, b"x", env_name="X")
    (tmp_path / "trail.jsonl").unlink()

    found = [
        vault.list(["A", "team/*"]),
        vault.list(namespaces=["team"]),
        vault.list(["**/A"], namespaces=["team", "other"]),
        vault.list(["team/**"], namespaces=["other"]),
        vault.runtime_records(namespaces=["other"]),
    ]
    assert [[str(record.name) for record in records] for records in found] == [
        ["here/A", "team/A", "team/B"],
        ["team/A", "team/B"],
        ["team/A"],
        [],
        ["other/C"],
    ]
    assert backend.asked == [{"here", "team"}, {"team"}, {"team", "other"}, set(), {"other"}]
    assert [record.name.namespace for record in vault.list(["**"])] == ["here", "other", "team", "team"]
    assert len(backend.asked) == 5
    lines = [json.loads(line) for line in (tmp_path / "trail.jsonl").read_text().splitlines()]
    assert [(line["command"], line["entry"], line["result"]) for line in lines] == [("list", NO_REFERENCE, "ok")] * 6
    with pytest.raises(errors.InvalidName):
        vault.environment(namespaces=["../other"])


def test_has_many_names_those_that_are_there_and_needs_leave_to_list(open_as: Callable[[Policy], Vault]) -> None:
    names = [parse_name(text) for text in ("a/one", "b/two", "a/none")]
    owner = open_as(owner_policy(ALICE))
    for name in names[:2]:
        owner.add(name, b"value")
    reader = open_as(Policy({"alice": (Rule("reader", ALLOW, frozenset({READ})),)}))

    found = owner.has_many(names)

    assert set(found) == set(names[:2])
    assert not owner.has_many([])
    with pytest.raises(errors.Denied):
        reader.has_many(names)


def test_release_for_another_purpose_gives_what_never_becomes_a_variable(vault: Vault) -> None:
    name = vault.add("closed/key", b"value", consumers=["bot"]).name

    found = vault.release([(name, None), (name, 1), (name, 2)], purpose="deliver", consumer="bot")

    assert {version: secret.value.reveal() for (_, version), secret in found.items()} == {None: b"value", 1: b"value"}
    with pytest.raises(errors.Denied, match="is not for other"):
        vault.release([(name, None)], purpose="deliver", consumer="other")


def test_denied_read_gives_nothing_and_names_the_rule(open_as: Callable[[Policy], Vault]) -> None:
    rules = (
        Rule("all", ALLOW, frozenset({READ, WRITE, LIST})),
        Rule("no-prod", DENY, frozenset({READ}), "prod"),
    )
    vault = open_as(Policy({"alice": rules}))
    vault.add("prod/k", b"1", env_name="K")

    with pytest.raises(errors.Denied, match="no-prod"):
        vault.get("prod/k")

    assert vault.environment() == {}


def test_another_identity_is_denied_by_default(vault: Vault) -> None:
    vault.add("k", b"1")

    stranger = vault.acting_as(Identity("mallory"))

    with pytest.raises(errors.Denied, match="no rule allows it"):
        stranger.get("k")
    assert stranger.list() == []


def test_trail_says_of_what_was_not_there_that_nothing_was_released(tmp_path: Path, clock: Clock) -> None:
    backend = MemoryBackend()
    backend.refers = str
    trail = Trail(str(tmp_path), clock)
    vault = Vault(backend, policy=owner_policy(ALICE), trail=trail, identity=ALICE, clock=clock)
    vault.add("a/there", b"x")
    there, absent = parse_name("a/there"), parse_name("a/absent")
    (tmp_path / "trail.jsonl").unlink()

    vault.get_many([absent, there])
    vault.release([(there, 1), (there, 7), (absent, None)], purpose="deliver")

    lines = [json.loads(line) for line in (tmp_path / "trail.jsonl").read_text().splitlines()]
    assert [(line["command"], line["entry"], line["result"]) for line in lines] == [
        ("get", "a/absent", "not_found"),
        ("get", "a/there", "ok"),
        ("deliver", "a/absent", "not_found"),
        ("deliver", "a/there", "ok"),
    ]
    assert vault.last_uses().keys() == {"a/there"}


def test_trail_records_accesses_denials_and_failures_without_names(vault: Vault, tmp_path: Path) -> None:
    vault.add("namespace-canary/key-canary", b"value-canary")
    vault.get("namespace-canary/key-canary")
    with pytest.raises(errors.NotFound):
        vault.get("namespace-canary/other-canary")
    with pytest.raises(errors.Denied):
        vault.acting_as(Identity("mallory")).get("namespace-canary/key-canary")

    text = (tmp_path / "state" / "trail.jsonl").read_text()

    assert "canary" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["command"], line["result"]) for line in lines] == [
        ("add", "ok"),
        ("get", "ok"),
        ("get", "not_found"),
        ("get", "denied"),
    ]
    assert all(line.keys() == {"time", "command", "entry", "result"} for line in lines)


def test_local_identity_is_the_user_of_the_process() -> None:
    identity = local_identity()

    assert identity.subject
    assert identity == local_identity()


@pytest.mark.parametrize(
    "facts",
    [
        {"tag": ["x"]},
        {"version": 9},
        {"namespace": "zz"},
        {"metadata": {"a": float("nan")}},
        {"metadata": {"a": 10**30}},
        {"note": "\ud800"},
        {"tags": ["\ud800"]},
        {"fields": {"host": "\udcff"}},
        {"probe": {"kind": "tcp", "deep": [[[[[[[[[[1]]]]]]]]]]}},
        {"note": "x" * 20_000},
        {"type": "nosuch"},
        {"delivery": "nosuch"},
        {"expires_at": "soon"},
        {"rotate_every": "3x"},
        {"consumers": [1]},
        {"env_name": "LD_PRELOAD"},
        {"type": "database", "fields": {"colour": "red"}},
    ],
    ids=str,
)
def test_add_and_edit_refuse_facts_that_cannot_be_kept(vault: Vault, facts: dict[str, Any]) -> None:
    vault.add("there", b"1")

    with pytest.raises(errors.InvalidValue):
        vault.add("k", b"value", **facts)
    with pytest.raises(errors.InvalidValue):
        vault.edit("there", **facts)

    assert [record.key for record in vault.list()] == ["there"]
    assert vault.get("there").value.reveal() == b"1"


def test_value_that_is_no_bytes_is_refused(vault: Vault) -> None:
    """bytes(1234) would be 1,234 zeros."""
    with pytest.raises(TypeError):
        vault.add("k", 1234)  # type: ignore[arg-type]

    assert vault.list() == []
