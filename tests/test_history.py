"""Secrets with all their history, as they are read from a vault, and what the trail says of that."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from credvault.access.identity import Identity
from credvault.access.policy import owner_policy
from credvault.audit import Trail
from credvault.backends.base import Backend, Capability
from credvault.backends.memory import MemoryBackend
from credvault.history import fetch_whole
from credvault.model.names import Name, parse_name
from credvault.model.record import Version
from credvault.vault import Vault

ALICE = Identity("alice")
NAME, OTHER = parse_name("a/b"), parse_name("a/c")


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[Backend], Vault]:
    def build(backend: Backend) -> Vault:
        trail = Trail(str(tmp_path), lambda: 1_800_000_000.0)
        return Vault(backend, policy=owner_policy(ALICE), trail=trail, identity=ALICE, clock=lambda: 1_800_000_000.0)

    return build


@pytest.fixture
def vault(open_store: Callable[[Backend], Vault]) -> Vault:
    """A vault of one secret with two versions and one with one."""
    vault = open_store(MemoryBackend())
    vault.add(NAME, b"first")
    vault.rotate(NAME, b"second")
    vault.add(OTHER, b"only")
    return vault


class Changing(MemoryBackend):
    """A store whose secrets are rotated whenever their versions are asked for."""

    def history(self, name: Name) -> Sequence[Version]:
        """Return one version more than there is."""
        current = super().history(name)[0]
        return [current._replace(version=current.version + 1), *super().history(name)]


class Versionless(MemoryBackend):
    """A store that keeps no versions, as far as it says."""

    capabilities = MemoryBackend.capabilities & ~Capability.VERSIONS


@pytest.mark.parametrize("past", [True, False])
def test_values_are_those_of_all_versions_or_of_the_newest_oldest_first(vault: Vault, past: bool) -> None:
    found = fetch_whole(vault, [OTHER, NAME, parse_name("not/there")], purpose="copy", past=past)

    assert list(found) == [OTHER, NAME]
    assert [value.reveal() for value in found[NAME].values] == ([b"first", b"second"] if past else [b"second"])
    assert [version.version for version, _ in found[NAME].versions] == ([1, 2] if past else [2])
    assert [value.reveal() for value in found[OTHER].values] == [b"only"]


def test_trail_says_for_what_each_value_was_read(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "trail.jsonl").unlink()

    fetch_whole(vault, [NAME], purpose="offline")

    commands = [json.loads(line)["command"] for line in (tmp_path / "trail.jsonl").read_text().splitlines()]
    assert commands == ["offline", "history", "offline"]


def test_what_is_written_meanwhile_is_not_of_it(open_store: Callable[[Backend], Vault]) -> None:
    vault = open_store(Changing())
    vault.add(NAME, b"first")

    found = fetch_whole(vault, [NAME], purpose="copy")

    assert [(version.version, value.reveal()) for version, value in found[NAME].versions] == [(1, b"first")]


def test_store_without_versions_has_the_current_one(open_store: Callable[[Backend], Vault]) -> None:
    vault = open_store(Versionless())
    vault.add(NAME, b"first")
    vault.rotate(NAME, b"second")

    found = fetch_whole(vault, [NAME], purpose="copy")

    assert [value.reveal() for value in found[NAME].values] == [b"second"]
