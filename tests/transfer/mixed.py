"""Secrets of every kind, as many as a test wants: text in many scripts, bytes, facts of all kinds, several versions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from credvault.access.identity import Identity
from credvault.access.policy import owner_policy
from credvault.audit import Trail
from credvault.backends.base import ABSENT, Backend, Change
from credvault.history import Whole, fetch_whole
from credvault.model.names import Name, parse_name
from credvault.model.times import time_text
from credvault.model.value import SecretValue
from credvault.vault import Vault

# A canary in each, so that a test may look for it wherever values must not be.
MARK = "canary-of-copies"
_START = 1_700_000_000

_VALUES = (
    lambda n: f"{MARK} {n} plain".encode(),
    lambda n: f"{MARK} {n} «Größe» ключ 鍵 🔑\u202e\n".encode(),
    lambda n: b"\xff\x00\x80" + f"{MARK} {n}".encode() + bytes(range(256)),
    lambda n: f"-----BEGIN X-----\n{MARK} {n}\n".encode() * 20,
    lambda n: f'{{"{MARK}": "{n}", "quote": "\'\\""}}'.encode(),
    lambda n: b"\n",
)
_FACTS: Sequence[Mapping[str, Any]] = (
    {},
    {"env_name": "SHOP_TOKEN", "delivery": "runtime_env", "type": "api_key", "service": "shop – грузы"},
    {"note": 'two\nlines\t"quoted" {"a": 1} 鍵', "tags": ["prod", "team:a,b", "ü"], "consumers": ["billing", "x y"]},
    {"metadata": {"owner": "ann", "port": 5432, "share": 0.25, "is_shared": True, "ключ": "значение"}},
    {
        "type": "database",
        "fields": {"engine": "postgresql", "host": "db.example.org", "port": 5432, "username": "shop"},
        "expires_at": "2020-01-31T12:00:00Z",  # long ago: it is copied all the same
        "rotate_every": "90d",
    },
    {"probe": {"kind": "http", "url": "https://example.org/me", "expect": [200, 204], "headers": {"X-A": "b"}}},
    {"type": "certificate", "expires_at": "2030-01-31T12:00:00.5Z", "delivery": "executor_only"},
)


class Picture(NamedTuple):
    """What is to be the same of a secret here and there: every fact, and each version with its value."""

    facts: Mapping[str, Any]
    versions: Sequence[tuple[str, str, bytes]]

    @property
    def values(self) -> Sequence[bytes]:
        """The values alone, oldest first."""
        return [value for _, _, value in self.versions]


def mixed_changes(count: int) -> Iterator[Change]:
    """Yield the changes that make `count` secrets, of one to four versions by several writers."""
    for number in range(count):
        name = parse_name(f"team{number % 7}/{'deep/er/' * (number % 3)}secret{number}")
        for version in range(1 + number % 4):
            at = _START + 60 * number + 3600 * version
            stamps = {
                "updated_at": time_text(at),
                "value_changed_at": time_text(at),
                "updated_by": ("ann", "bob", "uid 1000")[(number + version) % 3],
            }
            facts = {**_FACTS[number % len(_FACTS)], **stamps} if version == 0 else stamps
            # Some come back to an earlier value.
            which = 0 if version == 2 and number % 5 == 0 else version
            value = _VALUES[(number + which) % len(_VALUES)](1000 * number + which)
            yield Change(name, SecretValue(value), facts, ABSENT if version == 0 else version)
        if number % 6 == 0:
            edited = {"updated_at": time_text(at + 600), "updated_by": "carol", "service": f"edited {number}"}
            yield Change(name, None, edited)


def names_of(changes: Iterator[Change]) -> list[Name]:
    """Return the names that changes are about, each once, sorted."""
    return sorted({change.name for change in changes})


def picture_of(whole: Whole) -> Picture:
    """Return what is to be the same of a secret."""
    versions = [(version.created_at, version.updated_by, value.reveal()) for version, value in whole.versions]
    return Picture(whole.record.facts(), versions)


def pictures_of(backend: Backend) -> dict[Name, Picture]:
    """Return what is to be the same of every secret of a store."""
    return {
        name: picture_of(whole)
        for name, whole in fetch_whole(vault_of(backend), backend.names(), purpose="copy").items()
    }


def vault_of(backend: Backend, folder: str | None = None) -> Vault:
    """Return the vault of a store as its owner has it; with a trail where there is a `folder` for it."""
    me = Identity("me")
    trail = Trail(folder or "", lambda: 1_800_000_000.0, enabled=folder is not None)
    return Vault(backend, policy=owner_policy(me), trail=trail, identity=me, clock=lambda: 1_800_000_000.0)
