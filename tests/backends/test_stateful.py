"""The same random operations on every store come to the same as on a plain dictionary, errors included.

CREDVAULT_STATEFUL=200x50 is how many runs of how many steps; by default there are few, for `make test`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from credvault.access.identity import Identity
from credvault.access.policy import owner_policy
from credvault.audit import Trail
from credvault.backends.base import ABSENT, ANY, Backend, Change
from credvault.backends.file import FileBackend
from credvault.backends.keyring import KeyringBackend
from credvault.backends.memory import MemoryBackend
from credvault.model.errors import CredvaultError
from credvault.model.names import Name, parse_name
from credvault.model.record import Record, Secret, Version
from credvault.model.times import time_text
from credvault.model.value import SecretValue
from credvault.vault import Vault
from tests.backends.hashicorp.test_secretlayout import backend_on
from tests.backends.model import ModelStore, Outcome
from tests.home import Home, quick_folder
from tests.openbao import Bao
from tests.secretservice import SecretService

RUNS, STEPS = (int(number) for number in os.environ.get("CREDVAULT_STATEFUL", "12x40").split("x"))
TESTER = Identity("tester")
# What an index need not hold of a record, so that `list` may leave it out.
NOT_LISTED = ("created_at", "note", "metadata", "fields", "probe", "updated_by")

KEYS = ("a/one", "a/one/two", "a/OTHER_KEY", "b/one")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
VALUES = st.one_of(st.binary(min_size=1, max_size=40), TEXTS.map(str.encode))
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["secret", "api_key", "password"]),
        "service": st.none() | TEXTS,
        "note": st.none() | TEXTS,
        "tags": st.lists(TEXTS, max_size=3),
        "consumers": st.lists(TEXTS, max_size=2),
        "metadata": st.dictionaries(TEXTS, TEXTS | st.integers(-(10**12), 10**12) | st.booleans(), max_size=3),
        "fields": st.dictionaries(TEXTS, TEXTS | st.integers(0, 65535), max_size=2),
        "env_name": st.none() | st.sampled_from(["TOKEN", "OTHER_TOKEN"]),
        "delivery": st.sampled_from(["executor_only", "runtime_env"]),
        "expires_at": st.none() | st.just("2030-01-31T12:00:00Z"),
        "rotate_every": st.none() | st.sampled_from(["7d", "12w"]),
        "probe": st.none() | st.just({"kind": "tcp", "host": "db.example.org", "port": 5432}),
    },
)
VERSIONS = st.integers(1, 14)
EXPECTED = st.sampled_from([ANY, ANY, ABSENT]) | st.integers(1, 6)
SOME_KEYS = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)

Opener = Callable[[], Backend]


class Stores(RuleBasedStateMachine):
    """One run: a model, and a vault on each store, which is empty below the namespaces of the run."""

    openers: Mapping[str, Opener] = {}
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).runs += 1
        self.namespace = f"run{self.runs}"
        self.seconds = 1_800_000_000.0
        self.model = ModelStore()
        self.vaults = {
            name: Vault(
                opener(),
                policy=owner_policy(TESTER),
                trail=Trail("/nowhere", self.clock, enabled=False),
                identity=TESTER,
                clock=self.clock,
            )
            for name, opener in self.openers.items()
        }

    def teardown(self) -> None:
        try:
            self.look()
        finally:
            for vault in self.vaults.values():
                there = vault.names()
                if there:
                    vault.delete(there)
                vault.close()

    def clock(self) -> float:
        return self.seconds

    @rule(key=st.sampled_from(KEYS), value=VALUES, facts=FACTS, replace=st.booleans())
    def add(self, key: str, value: bytes, facts: dict[str, Any], replace: bool) -> None:
        self.step(
            lambda model: model.add(key, value, facts, replace=replace),
            lambda vault: _members(vault.add(self.name(key), value, replace=replace, **facts)),
        )

    @rule(key=st.sampled_from(KEYS), value=VALUES)
    def rotate(self, key: str, value: bytes) -> None:
        self.step(lambda model: model.rotate(key, value), lambda vault: _members(vault.rotate(self.name(key), value)))

    @rule(key=st.sampled_from(KEYS))
    def undo(self, key: str) -> None:
        self.step(lambda model: model.undo(key), lambda vault: _members(vault.undo(self.name(key))))

    @rule(key=st.sampled_from(KEYS), facts=FACTS)
    def edit(self, key: str, facts: dict[str, Any]) -> None:
        self.step(lambda model: model.edit(key, facts), lambda vault: _members(vault.edit(self.name(key), **facts)))

    @rule(key=st.sampled_from(KEYS), value=VALUES, facts=FACTS, expect=EXPECTED)
    def put(self, key: str, value: bytes, facts: dict[str, Any], expect: int) -> None:
        change = Change(self.name(key), SecretValue(value), facts, expect)
        self.step(
            lambda model: model.put(key, value, facts, expect),
            lambda vault: _members(vault.put_many([change], purpose="put")[0]),
        )

    @rule(key=st.sampled_from(KEYS), facts=FACTS, expect=st.integers(1, 6))
    def put_facts(self, key: str, facts: dict[str, Any], expect: int) -> None:
        change = Change(self.name(key), None, facts, expect)
        self.step(
            lambda model: model.put(key, None, facts, expect),
            lambda vault: _members(vault.put_many([change], purpose="put")[0]),
        )

    @rule(keys=SOME_KEYS)
    def delete(self, keys: list[str]) -> None:
        self.step(lambda model: model.delete(keys), lambda vault: vault.delete(map(self.name, keys)))

    @rule(key=st.sampled_from(KEYS), version=st.none() | VERSIONS)
    def get(self, key: str, version: int | None) -> None:
        self.step(lambda model: model.get(key, version), lambda vault: _shown(vault.get(self.name(key), version)))

    @rule(keys=SOME_KEYS)
    def get_many(self, keys: list[str]) -> None:
        self.step(
            lambda model: model.get_many(keys),
            lambda vault: {self.key(n): _shown(s) for n, s in vault.get_many(map(self.name, keys)).items()},
        )
        self.step(
            lambda model: model.has_many(keys),
            lambda vault: {self.key(name) for name in vault.has_many(list(map(self.name, keys)))},
        )

    @rule(wanted=st.lists(st.tuples(st.sampled_from(KEYS), VERSIONS), min_size=1, max_size=4))
    def get_versions(self, wanted: list[tuple[str, int]]) -> None:
        self.step(
            lambda model: model.get_versions(wanted),
            lambda vault: {
                (self.key(name), version): secret.value.reveal()
                for (name, version), secret in vault.release(
                    [(self.name(key), version) for key, version in wanted], purpose="get"
                ).items()
            },
        )

    @rule(key=st.sampled_from(KEYS))
    def history(self, key: str) -> None:
        self.step(
            lambda model: model.history(key),
            lambda vault: [(v.version, v.state) for v in vault.history(self.name(key))],
        )

    @rule()
    def look(self) -> None:
        """Compare all that there is."""
        self.step(
            lambda model: [_listed(record) for record in model.records()],
            lambda vault: [_listed(_members(record)) for record in vault.list([f"{self.namespace}*/**"])],
        )
        self.step(
            lambda model: sorted(record["key"] for record in model.records()),
            lambda vault: sorted(name.key for name in vault.names()),
        )

    def step(self, on_model: Callable[[ModelStore], object], on_vault: Callable[[Vault], object]) -> None:
        """Do the same on the model and on each store; all must come to the same."""
        self.seconds += 1
        self.model.now = time_text(self.seconds)
        expected = _exact(self._own(_outcome(lambda: on_model(self.model))))
        for store, vault in self.vaults.items():
            seen = _exact(_outcome(lambda vault=vault: on_vault(vault)))  # type: ignore[misc]
            assert seen == expected, store

    def name(self, key: str) -> Name:
        """Return the name that a key of the model has in this run: no other run has it."""
        return parse_name(f"{self.namespace}{key}")

    def key(self, name: Name) -> str:
        """Return the key of the model for a name of this run."""
        return str(name).removeprefix(self.namespace)

    def _own(self, outcome: Any) -> Any:
        """Return an outcome of the model with the namespaces of this run in its records."""
        if isinstance(outcome, dict) and "namespace" in outcome:
            return {**outcome, "namespace": self.namespace + outcome["namespace"]}
        if isinstance(outcome, dict):
            return {key: self._own(value) for key, value in outcome.items()}
        return type(outcome)(map(self._own, outcome)) if isinstance(outcome, list | tuple) else outcome


def _outcome(act: Callable[[], object]) -> Outcome:
    try:
        return act()
    except CredvaultError as error:
        return type(error)


def _exact(outcome: Any) -> Any:
    """Return an outcome in a form in which True is not 1."""
    if isinstance(outcome, Mapping):
        return {key: _exact(value) for key, value in outcome.items()}
    if isinstance(outcome, list | tuple):
        return [_exact(value) for value in outcome]
    return type(outcome), outcome


def _members(record: Record) -> dict[str, Any]:
    return record.members()


def _shown(secret: Secret) -> tuple[dict[str, Any], bytes]:
    return _members(secret.record), secret.value.reveal()


def _listed(members: Mapping[str, Any]) -> dict[str, Any]:
    return {member: fact for member, fact in members.items() if member not in NOT_LISTED}


class ForgetsTheOldest(MemoryBackend):
    """A store with a fault that takes several steps to be seen."""

    def history(self, name: Name) -> Sequence[Version]:
        return super().history(name)[:1]


@pytest.mark.timeout(3600)
def test_every_store_agrees_with_a_dictionary(
    bao: Bao, keyring_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = bao.new_mount()
    with quick_folder() as folder:
        home = Home(folder / "home").furnish()
        for variable, value in {"HOME": str(folder), **keyring_service.environ}.items():
            monkeypatch.setenv(variable, value)

        run(
            {
                "memory": MemoryBackend,
                "file": lambda: FileBackend(home.file()),
                "keyring": lambda: KeyringBackend(str(folder / "keyring.json"), {"HOME": str(folder)}),
                "hashicorp": lambda: backend_on(bao, mount),
            }
        )


def test_a_store_that_differs_is_found() -> None:
    with pytest.raises(AssertionError, match="forgetful"):
        run(
            {"memory": MemoryBackend, "forgetful": ForgetsTheOldest},
            runs=200,
            steps=40,
            phases=[Phase.generate],
            derandomize=True,
        )


def run(openers: Mapping[str, Opener], runs: int = RUNS, steps: int = STEPS, **options: Any) -> None:
    """Run the machine on stores that are empty at first, and are again in the end."""
    machine = type("Stores", (Stores,), {"openers": openers})
    run_state_machine_as_test(machine, settings=settings(max_examples=runs, stateful_step_count=steps, **options))
