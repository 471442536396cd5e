"""Looking for what is to be deleted: nothing is listed, and whatever its state, what is held can be removed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from credvault import errors
from credvault.access.identity import Identity
from credvault.access.policy import ALLOW, LIST, Policy, Rule, owner_policy
from credvault.audit import Trail
from credvault.backends.base import Backend
from credvault.backends.file import FileBackend
from credvault.backends.memory import MemoryBackend
from credvault.lifecycle.deletion import check_deletable
from credvault.model.names import Name, parse_name
from credvault.model.record import DELETED, PENDING, Record
from credvault.vault import Vault
from tests.sealing import vaults

ALICE = Identity("alice")
ONE, TWO, NONE = map(parse_name, ("a/one", "a/two", "a/none"))


class Unlistable(MemoryBackend):
    """A store where listing would take thousands of requests."""

    is_large = True

    def list(self) -> Sequence[Record]:
        raise AssertionError("it was listed")

    def names(self) -> Sequence[Name]:
        raise AssertionError("it was listed")


@pytest.fixture
def open_on(tmp_path: Path) -> Callable[..., Vault]:
    def build(backend: Backend, policy: Policy | None = None) -> Vault:
        trail = Trail(str(tmp_path / "state"), lambda: 1_800_000_000.0)
        return Vault(backend, policy=policy or owner_policy(ALICE), trail=trail, identity=ALICE, clock=lambda: 0.0)

    return build


def test_secrets_are_looked_for_without_a_list(open_on: Callable[..., Vault]) -> None:
    vault = open_on(Unlistable())
    vault.add(ONE, b"1")
    vault.add(TWO, b"2")

    check_deletable(vault, [ONE, TWO], softly=False)
    with pytest.raises(errors.NotFound, match="a/none; nothing was deleted") as refused:
        check_deletable(vault, [ONE, NONE, TWO], softly=False)

    assert refused.value.hint == "'credvault list' shows what there is"
    assert vault.has_many([ONE, TWO]) == {ONE, TWO}


def test_every_secret_that_is_not_there_is_named(open_on: Callable[..., Vault]) -> None:
    vault = open_on(MemoryBackend())
    vault.add(ONE, b"1")

    with pytest.raises(errors.NotFound, match="there is no secret a/none, a/two; nothing was deleted"):
        check_deletable(vault, [NONE, ONE, TWO], softly=False)


@pytest.mark.parametrize("state", [DELETED, PENDING])
def test_a_secret_without_a_version_in_force_can_be_removed(
    open_on: Callable[..., Vault], tmp_path: Path, state: str
) -> None:
    file = vaults.new_file(tmp_path / "vault.json")
    held = vaults.entry("a/one")
    vaults.put(file, held._replace(versions=(held.versions[0]._replace(state=state),)))
    vault = open_on(FileBackend(file))

    check_deletable(vault, [ONE], softly=False)
    vault.delete([ONE])

    with pytest.raises(errors.NotFound):
        vault.history(ONE)


@pytest.mark.parametrize("softly", [False, True])
def test_a_store_that_cannot_delete_says_so_before_it_looks(open_on: Callable[..., Vault], softly: bool) -> None:
    class ReadOnly(Unlistable):
        capabilities = MemoryBackend.capabilities & ~MemoryBackend.capabilities.DELETE

    with pytest.raises(errors.Unsupported):
        check_deletable(open_on(ReadOnly()), [NONE], softly=softly)


def test_who_may_not_delete_may_neither_delete_softly_nor_undelete(open_on: Callable[..., Vault]) -> None:
    store = MemoryBackend()
    open_on(store).add(ONE, b"1")
    reader = open_on(store, Policy({"alice": (Rule("look", ALLOW, frozenset({LIST})),)}))

    with pytest.raises(errors.Denied):
        reader.delete_softly([ONE])
    with pytest.raises(errors.Denied):
        reader.undelete(ONE)

    assert open_on(store).get(ONE).value.reveal() == b"1"


def test_a_vault_without_soft_deletion_keeps_the_secret(open_on: Callable[..., Vault]) -> None:
    vault = open_on(MemoryBackend())
    vault.add(ONE, b"1")

    with pytest.raises(errors.Unsupported):
        vault.delete_softly([ONE])
    with pytest.raises(errors.Unsupported):
        vault.undelete(ONE)

    assert vault.get(ONE).value.reveal() == b"1"
