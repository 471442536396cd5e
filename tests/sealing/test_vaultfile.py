"""A vault file on disk: what is in the file's place, its mode, and what is left when something is refused."""

import errno
import os
from pathlib import Path

import pytest

from credvault import files
from credvault.model.errors import AlreadyExists, Damaged, Locked, NoVault, StorageError, WrongKey
from credvault.model.names import parse_name
from credvault.sealing.draft import Draft
from credvault.sealing.head import Head
from credvault.sealing.keys import DataKey
from credvault.sealing.slots import KeyMaterial, Slot
from credvault.sealing.vaultfile import Limits, VaultFile
from credvault.state import PinStore
from tests.sealing.vaults import (
    CHEAP,
    KEY,
    entry,
    file_at,
    new_file,
    put,
    raw_material,
    raw_slot,
    value_of,
)


def test_new_file_is_private_and_empty(tmp_path: Path) -> None:
    file = new_file(tmp_path / "deep" / "down" / "vault.json")

    path = tmp_path / "deep" / "down" / "vault.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with file.open() as vault:
        assert (vault.head.generation, vault.bucket_count) == (1, 1)
        assert list(vault.records()) == []


def test_new_file_can_have_secrets_from_the_start(tmp_path: Path) -> None:
    file = file_at(tmp_path / "vault.json")

    file.create(KEY, [raw_slot()], lambda draft: draft.put(entry("default/a")))

    vault = file.open()
    assert value_of(vault, "default/a") == b"value"
    vault.close()


def test_material_is_what_unlocked_the_file(tmp_path: Path) -> None:
    new_file(tmp_path / "vault.json")
    file = file_at(tmp_path / "vault.json")
    with pytest.raises(Locked):
        _ = file.material

    file.open().close()

    assert file.material.source == "the test"


def test_file_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    before = (tmp_path / "vault.json").read_bytes()

    with pytest.raises(AlreadyExists):
        file.create(KEY, [raw_slot()])

    assert (tmp_path / "vault.json").read_bytes() == before


def test_backup_of_another_vault_is_not_taken_over(tmp_path: Path) -> None:
    put(new_file(tmp_path / "vault.json"), entry("default/a"))
    (tmp_path / "vault.json").unlink()
    before = (tmp_path / "vault.json.bak").read_bytes()

    with pytest.raises(AlreadyExists, match="the backup of another vault is at") as caught:
        file_at(tmp_path / "vault.json").create(KEY, [raw_slot()])

    assert caught.value.hint == "put it back in its place, or move it away first"
    assert (tmp_path / "vault.json.bak").read_bytes() == before
    assert not (tmp_path / "vault.json").exists()


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NoVault) as caught:
        file_at(tmp_path / "vault.json").open()

    assert caught.value.hint == f"make one: credvault --vault {tmp_path / 'vault.json'} init"
    assert os.listdir(tmp_path) == []


def test_missing_file_with_a_backup_names_the_backup(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, entry("default/a"))
    (tmp_path / "vault.json").unlink()

    with pytest.raises(NoVault) as caught:
        file.open()

    assert caught.value.hint is not None
    assert str(tmp_path / "vault.json.bak") in caught.value.hint


def test_folder_and_fifo_are_no_vault_and_do_not_hang(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(NoVault, match="it is a folder"):
        file_at(tmp_path / "folder").open()
    with pytest.raises(NoVault, match="not a regular file"):
        file_at(tmp_path / "fifo").open()
    with pytest.raises(NoVault):
        file_at(tmp_path / "fifo" / "vault.json").open()


def test_file_that_cannot_be_opened_is_a_storage_error(tmp_path: Path) -> None:
    # A loop of links is refused by the system whoever asks, root too.
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.raises(StorageError, match="too many"):
        file_at(tmp_path / "loop").open()


def test_file_that_others_may_read_is_a_warning_and_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    put(new_file(path), entry("default/a"))
    path.chmod(0o640)
    warnings: list[str] = []

    with file_at(path, warn=warnings.append).open() as vault:
        assert value_of(vault, "default/a") == b"value"

    assert len(warnings) == 1
    assert "mode 0640" in warnings[0]
    assert path.stat().st_mode & 0o777 == 0o640


def test_writing_makes_a_loose_file_and_its_backup_private(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    file = new_file(path)
    path.chmod(0o644)

    put(file, entry("default/a"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "vault.json.bak").stat().st_mode & 0o777 == 0o600


def test_file_of_another_user_is_read_and_not_written(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = tmp_path / "vault.json"
    put(new_file(path), entry("default/a"))
    os.chown(path, 12345, -1)
    before = path.read_bytes()

    with file_at(path).open() as vault:
        assert value_of(vault, "default/a") == b"value"
    with pytest.raises(StorageError, match="belongs to another user"):
        put(file_at(path), entry("default/b"))

    assert path.read_bytes() == before


def test_head_is_read_without_a_key(tmp_path: Path) -> None:
    new_file(tmp_path / "vault.json")

    def never(slots: object) -> KeyMaterial:
        raise AssertionError("nobody is to be asked")

    file = VaultFile(str(tmp_path / "vault.json"), never, pins=PinStore(str(tmp_path / "state")), limits=CHEAP)

    assert [slot["type"] for slot in file.read_head().slots] == ["raw"]


def test_key_is_asked_for_once_and_an_id_is_known_from_then_on(tmp_path: Path) -> None:
    new_file(tmp_path / "vault.json")
    asked: list[int] = []

    def unlock(slots: object) -> KeyMaterial:
        asked.append(1)
        return raw_material()

    file = VaultFile(str(tmp_path / "vault.json"), unlock, pins=PinStore(str(tmp_path / "state")), limits=CHEAP)
    assert file.entry_id(parse_name("a")) is None
    put(file, entry("default/a"))
    for _ in range(3):
        file.open().close()

    assert asked == [1]
    assert file.entry_id(parse_name("a")) == KEY.entry_id("default", "a")


def test_refusal_to_unlock_comes_before_the_lock(tmp_path: Path) -> None:
    """Nobody waits for the lock while somebody else types a passphrase."""
    path = tmp_path / "vault.json"
    new_file(path)

    def refuse(slots: object) -> KeyMaterial:
        raise Locked("no key at hand")

    file = VaultFile(str(path), refuse, pins=PinStore(str(tmp_path / "state")), limits=CHEAP)
    with pytest.raises(Locked):
        file.update(lambda draft: draft.put(entry("default/a")))

    assert not Path(f"{file.path}.lock").exists()


def test_wrong_key_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    new_file(path)
    before = sorted(os.listdir(tmp_path)), path.read_bytes()

    with pytest.raises(WrongKey):
        put(file_at(path, key=raw_material(bytes(32))), entry("default/a"))

    assert (sorted(os.listdir(tmp_path)), path.read_bytes()) == before


def test_another_vault_in_the_files_place_is_unlocked_anew(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    file = new_file(path)
    put(file, entry("default/a"))
    other_key = DataKey(bytes(32), "a" * 32)
    path.unlink()
    (tmp_path / "vault.json.bak").unlink()
    file_at(path).create(other_key, [raw_slot(key=other_key)])

    with file.open() as vault:
        assert vault.key.fingerprint == other_key.fingerprint
        assert vault.find(parse_name("default/a")) is None


def test_change_that_fails_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    file = new_file(path)
    before = path.read_bytes()

    def change(draft: Draft) -> None:
        draft.put(entry("default/a"))
        raise RuntimeError("the caller thought better of it")

    with pytest.raises(RuntimeError):
        file.update(change)

    assert path.read_bytes() == before
    put(file, entry("default/b"))


def test_entry_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    """Nothing is put in place that the loader does not take: here a record without its delivery."""
    path = tmp_path / "vault.json"
    file = new_file(path)
    before = path.read_bytes()
    good = entry("default/a")
    broken = good._replace(facts={**good.facts, "expires_at": "never"})

    with pytest.raises(Damaged):
        put(file, broken)

    assert path.read_bytes() == before


def test_stale_files_of_killed_writers_are_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    file = new_file(path)
    (tmp_path / "vault.json.tmp-1-abc").write_bytes(b"half a vault")
    (tmp_path / "other.json.tmp-1-abc").write_bytes(b"somebody else's")

    put(file, entry("default/a"))

    assert not (tmp_path / "vault.json.tmp-1-abc").exists()
    assert (tmp_path / "other.json.tmp-1-abc").exists()


def test_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vault.json"
    file = new_file(path)
    before = path.read_bytes()

    class Full(files.Calls):
        @staticmethod
        def fsync(fd: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "calls", Full())
    with pytest.raises(StorageError, match="no space left"):
        put(file, entry("default/a"))
    monkeypatch.undo()

    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.tmp-*"))
    put(file, entry("default/a"))


def test_limits_of_a_file_are_those_of_the_format_page() -> None:
    assert Limits().file_bytes == 512 * 1024 * 1024
    assert (Limits().history.versions, Limits().history.bytes) == (10, 4 * 1024 * 1024)


def test_slots_reach_whoever_unlocks(tmp_path: Path) -> None:
    new_file(tmp_path / "vault.json", slots=[raw_slot("a"), raw_slot("b")])
    seen: list[Slot] = []

    def unlock(head: Head) -> KeyMaterial:
        seen.extend(head.slots)
        return raw_material()

    pins = PinStore(str(tmp_path / "state"))
    VaultFile(str(tmp_path / "vault.json"), unlock, pins=pins, limits=CHEAP).open().close()

    assert [slot["id"] for slot in seen] == ["a", "b"]
