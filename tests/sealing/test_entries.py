"""Entries: which version is given out, which are kept, and names that no writer makes."""

from pathlib import Path

import pytest

from credvault.model.errors import Damaged, NotFound, VersionDeleted, VersionDestroyed
from credvault.model.value import SecretValue
from credvault.sealing.entries import (
    Entry,
    HistoryLimits,
    StoredVersion,
    seal_entry,
    unseal_entry,
    with_new_version,
)
from tests.sealing.vaults import KEY, TIME, entry, new_file, put
from tests.vectors import parts


def stored(number: int, state: str = "active", value: bytes | None = b"value") -> StoredVersion:
    return StoredVersion(number, state, TIME, "tester", None if value is None else SecretValue(value))


def entry_of(*versions: StoredVersion) -> Entry:
    return entry("default/a")._replace(versions=versions)


def test_current_version_is_the_first_active_one() -> None:
    secret = entry_of(stored(3, "pending", b"3"), stored(2, "active", b"2"), stored(1, "active", b"1"))

    assert secret.secret().value.reveal() == b"2"
    assert secret.index_row()["version"] == secret.record().version == 2
    assert secret.secret(3).value.reveal() == b"3"
    assert secret.secret(1).record.version == 1


def test_version_that_is_not_there_or_gone_says_which() -> None:
    secret = entry_of(stored(4, "active"), stored(3, "deleted"), stored(2, "destroyed", None), stored(1, "later"))

    with pytest.raises(VersionDeleted, match="version 3"):
        secret.secret(3)
    with pytest.raises(VersionDestroyed, match="version 2"):
        secret.secret(2)
    with pytest.raises(NotFound, match="does not know"):
        secret.secret(1)
    with pytest.raises(NotFound, match="no version 5"):
        secret.secret(5)


def test_secret_without_an_active_version_is_as_its_newest() -> None:
    with pytest.raises(VersionDeleted):
        entry_of(stored(2, "deleted"), stored(1, "deleted")).secret()


def test_history_shows_no_values() -> None:
    shown = entry_of(stored(2, "active", b"canary"), stored(1, "destroyed", None)).history()

    assert [(version.version, version.state) for version in shown] == [(2, "active"), (1, "destroyed")]
    assert "canary" not in repr(shown)


def test_oldest_versions_are_dropped_over_their_number() -> None:
    secret = entry_of(stored(1))

    for number in range(2, 15):
        secret = with_new_version(secret, stored(number), HistoryLimits())

    assert [version.version for version in secret.versions] == list(range(14, 4, -1))


def test_oldest_versions_are_dropped_over_their_bytes() -> None:
    secret = entry_of(stored(2, value=b"x" * 40), stored(1, value=b"x" * 40))

    kept = with_new_version(secret, stored(3, value=b"x" * 40), HistoryLimits(versions=10, bytes=100))

    assert [version.version for version in kept.versions] == [3, 2]


def test_new_version_is_kept_whatever_its_size() -> None:
    kept = with_new_version(entry_of(stored(1)), stored(2, value=bytes(200)), HistoryLimits(versions=10, bytes=100))

    assert [version.version for version in kept.versions] == [2]


@pytest.mark.parametrize("value", [b"", b"text", "é\U0001f511\0".encode(), b"\xff", b"\xed\xa0\x80", bytes(range(256))])
def test_value_comes_back_byte_for_byte(value: bytes) -> None:
    secret = entry_of(stored(1, value=value))
    entry_id = KEY.entry_id(*secret.name)

    read = unseal_entry(seal_entry(secret, entry_id, KEY), entry_id, KEY)

    assert read.secret().value.reveal() == value
    assert read.name == secret.name


def test_history_comes_back_state_by_state() -> None:
    secret = entry_of(stored(3, "pending"), stored(2, "deleted", b"\xff"), stored(1, "destroyed", None))
    entry_id = KEY.entry_id(*secret.name)

    read = unseal_entry(seal_entry(secret, entry_id, KEY), entry_id, KEY)

    assert read == secret


def test_entry_opens_under_its_own_id_alone() -> None:
    secret = entry("default/a", b"canary")
    entry_id, other_id = KEY.entry_id("default", "a"), KEY.entry_id("default", "b")
    token = seal_entry(secret, entry_id, KEY)

    with pytest.raises(Damaged) as caught:
        unseal_entry(token, other_id, KEY)

    assert other_id in caught.value.message
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["default/..", "default/a//b", "default/é", "/a", "default/", "default/a b", "a b/c"])
def test_name_that_no_writer_makes_is_damage(name: str) -> None:
    """Whoever holds the key could store it: it must not reach a path, a variable or a terminal."""
    hostile = parts.entry(name)
    entry_id = parts.entry_id(hostile)

    with pytest.raises(Damaged):
        unseal_entry(parts.entry_token(hostile, entry_id), entry_id, parts.KEY)


def test_unknown_members_of_a_record_are_kept_by_a_writer(tmp_path: Path) -> None:
    secret = entry("default/a")
    extended = secret._replace(facts={**secret.facts, "x_later": {"a": [1, "é", None]}})
    file = new_file(tmp_path / "vault.json")

    put(file, extended)

    with file.open() as vault:
        found = vault.find(extended.name)
        assert found is not None
        assert found.facts == extended.facts
        assert found.record().extra == {"x_later": {"a": [1, "é", None]}}
