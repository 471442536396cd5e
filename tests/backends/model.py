"""A store as a plain dictionary, and the rules of the vault in few words: what every real one must agree with."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from credvault.model.errors import AlreadyExists, Conflict, CredvaultError, InvalidValue, NotFound

ABSENT, ANY = 0, -1
KEPT_VERSIONS = 10


class Held(NamedTuple):
    """One secret: its facts, and its versions oldest first."""

    facts: dict[str, Any]
    versions: list[tuple[int, bytes]]


class ModelStore:
    """Secrets by name. Each method returns what a vault shows, or raises what it raises; `now` is the time as text."""

    def __init__(self) -> None:
        self.secrets: dict[str, Held] = {}
        self.now = ""

    def get(self, name: str, version: int | None = None) -> tuple[dict[str, Any], bytes]:
        held = self._held(name)
        number = held.versions[-1][0] if version is None else version
        values = dict(held.versions)
        if number not in values:
            raise NotFound(name)
        return self._record(name, number), values[number]

    def get_many(self, names: Collection[str]) -> dict[str, tuple[dict[str, Any], bytes]]:
        return {name: self.get(name) for name in names if name in self.secrets}

    def get_versions(self, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        return {
            (name, version): dict(self.secrets[name].versions)[version]
            for name, version in wanted
            if name in self.secrets and version in dict(self.secrets[name].versions)
        }

    def has_many(self, names: Collection[str]) -> set[str]:
        return {name for name in names if name in self.secrets}

    def records(self) -> list[dict[str, Any]]:
        return [self._record(name, self.secrets[name].versions[-1][0]) for name in sorted(self.secrets, key=_parts)]

    def history(self, name: str) -> list[tuple[int, str]]:
        return [(number, "active") for number, _ in reversed(self._held(name).versions)]

    def put(self, name: str, value: bytes | None, facts: Mapping[str, Any], expect: int = ANY) -> dict[str, Any]:
        there = self.secrets.get(name)
        if there is None and (value is None or expect > 0):
            raise NotFound(name)
        if there is not None and expect == ABSENT:
            raise AlreadyExists(name)
        if there is not None and expect not in (ANY, there.versions[-1][0]):
            raise Conflict(name)
        merged = self._first_facts(name, facts) if there is None else {**there.facts, **facts}
        merged = {member: fact for member, fact in merged.items() if fact not in (None, [], {}, "")}
        if merged["delivery"] == "runtime_env" and "env_name" not in merged:
            raise InvalidValue(name)
        merged |= {"updated_at": self.now, "updated_by": "tester"}
        if value is not None:
            merged["value_changed_at"] = self.now
        versions = [] if there is None else list(there.versions)
        if value is not None:
            versions.append((versions[-1][0] + 1 if versions else 1, value))
        self.secrets[name] = Held(merged, versions[-KEPT_VERSIONS:])
        return self._record(name, versions[-1][0])

    def add(self, name: str, value: bytes, facts: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
        return self.put(name, value, _with_delivery(facts), ANY if replace else ABSENT)

    def rotate(self, name: str, value: bytes) -> dict[str, Any]:
        self._held(name)
        return self.put(name, value, {})

    def undo(self, name: str) -> dict[str, Any]:
        versions = self._held(name).versions
        if len(versions) < 2:
            raise NotFound(name)
        return self.put(name, versions[-2][1], {})

    def edit(self, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        return self.put(name, None, _with_delivery(facts))

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            self._held(name)
        for name in set(names):
            del self.secrets[name]

    def _held(self, name: str) -> Held:
        if name not in self.secrets:
            raise NotFound(name)
        return self.secrets[name]

    def _record(self, name: str, version: int) -> dict[str, Any]:
        namespace, key = _parts(name)
        return {"namespace": namespace, "key": key, "version": version, **self.secrets[name].facts}

    def _first_facts(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        key = _parts(name)[1]
        is_variable = key.isupper() and key.isidentifier()
        facts = {
            "type": "secret",
            "created_at": self.now,
            **{m: f for m, f in given.items() if f not in (None, [], {})},
        }
        if "delivery" not in facts:
            facts["delivery"] = "runtime_env" if is_variable or "env_name" in facts else "executor_only"
        if facts["delivery"] == "runtime_env" and "env_name" not in facts and is_variable:
            facts["env_name"] = key
        return facts


def _with_delivery(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as a person gives them: whoever names a variable means it to be one."""
    if facts.get("env_name") and facts.get("delivery") is None:
        return {**facts, "delivery": "runtime_env"}
    return dict(facts)


def _parts(name: str) -> tuple[str, str]:
    namespace, _, key = name.partition("/")
    return namespace, key


Outcome = type[CredvaultError] | object
"""What an operation came to: what it returned, or the class of the error it raised."""
