"""Buckets: where entries go, how their number grows, and that what is not touched is copied as it is."""

from pathlib import Path

import pytest

from credvault.model.errors import Damaged, StorageError
from credvault.model.names import parse_name
from credvault.sealing.buckets import ENTRIES_PER_BUCKET, bucket_number, find_token
from credvault.sealing.draft import Draft
from credvault.sealing.keys import DataKey, print_key
from credvault.sealing.opened import OpenVault
from tests.independent_reader import read
from tests.sealing.vaults import (
    CHEAP,
    KEY,
    RAW,
    entry,
    file_at,
    new_file,
    put,
    raw_slot,
    value_of,
    verify,
)


def names(count: int, start: int = 0) -> list[str]:
    return [f"default/k{number}" for number in range(start, start + count)]


def raw_buckets(vault: OpenVault) -> list[bytes]:
    return [vault.raw_bucket(number) for number in range(vault.bucket_count)]


def with_damage(path: Path, bucket: int) -> None:
    """Change a letter of an entry of a bucket on disk."""
    with file_at(path).open() as vault:
        row = vault.head.rows[bucket]
    data = bytearray(path.read_bytes())
    data[row.offset + row.length - 10] ^= 1
    path.write_bytes(data)


def name_in(bucket: int, count: int, key: DataKey = KEY) -> str:
    """Return a new name that belongs to one of `count` buckets."""
    fits = (f"new/n{n}" for n in range(1000) if bucket_number(key.entry_id("new", f"n{n}"), count) == bucket)
    return next(fits)


@pytest.mark.parametrize(
    ("entry_id", "count", "number"),
    [
        ("ffff" + "0" * 28, 1, 0),
        ("7fff" + "f" * 28, 2, 0),
        ("8000" + "0" * 28, 2, 1),
        ("bfff" + "f" * 28, 4, 2),
        ("1fff" + "f" * 28, 8, 0),
        ("2000" + "0" * 28, 8, 1),
        ("abcd" + "0" * 28, 65_536, 0xABCD),
    ],
)
def test_entry_is_in_the_bucket_of_its_first_bits(entry_id: str, count: int, number: int) -> None:
    assert bucket_number(entry_id, count) == number


def test_token_is_found_by_its_id_alone() -> None:
    first, second = "0" * 32, "1" * 32
    data = b'{"index":"abc","entries":{"%s":"def","%s":"gh=="}}' % (first.encode(), second.encode())

    assert find_token(data, first) == b"def"
    assert find_token(data, second) == b"gh=="
    assert find_token(data, "2" * 32) is None
    assert find_token(data[:-4], second) == b""


@pytest.mark.parametrize(("count", "buckets"), [(256, 1), (257, 2), (512, 2), (513, 4)])
def test_buckets_double_when_there_are_more_entries_than_they_hold(count: int, buckets: int, tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")

    put(file, *(entry(name) for name in names(count)))

    with file.open() as vault:
        assert vault.bucket_count == buckets
        assert {str(name) for name in verify(vault)} == set(names(count))
    assert ENTRIES_PER_BUCKET == 256


@pytest.mark.parametrize("full", [256, 512])
def test_one_entry_over_the_bound_doubles_the_buckets(full: int, tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, *(entry(name) for name in names(full)))
    with file.open() as vault:
        before = vault.bucket_count

    put(file, entry("default/one-more", b"more"))

    with file.open() as vault:
        assert vault.bucket_count == 2 * before
        assert len(verify(vault)) == full + 1
        assert value_of(vault, "default/one-more") == b"more"
        assert all(value_of(vault, name) == b"value" for name in names(full)[::50])


def test_replacing_entries_does_not_double_the_buckets(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, *(entry(name) for name in names(256)))

    put(file, *(entry(name, b"new") for name in names(256)))

    with file.open() as vault:
        assert vault.bucket_count == 1
        assert value_of(vault, "default/k255") == b"new"


def test_removing_entries_keeps_the_buckets(tmp_path: Path) -> None:
    """Only rekey lowers their number."""
    file = new_file(tmp_path / "vault.json")
    put(file, *(entry(name) for name in names(300)))

    def remove(draft: Draft) -> None:
        for name in names(299):
            draft.remove(parse_name(name))

    file.update(remove)

    with file.open() as vault:
        assert vault.bucket_count == 2
        assert [str(name) for name in verify(vault)] == ["default/k299"]
    file.update(lambda draft: draft.replace_all([entry("default/k299")], draft.key, draft.slots))
    assert len(file.read_head().rows) == 1


def test_three_thousand_entries_in_one_write_are_read_by_everybody(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")

    put(file, *(entry(name, name.encode()) for name in names(3000)))

    with file.open() as vault:
        assert (vault.bucket_count, vault.head.generation) == (16, 2)
        assert all(item.secret().value.reveal() == str(name).encode() for name, item in verify(vault).items())
        assert {str(record.name) for record in vault.records()} == set(names(3000))
    independent = read(tmp_path / "vault.json", key=print_key(RAW))
    assert independent["entries"].keys() == set(names(3000))


def test_growth_moves_tokens_as_bytes(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, *(entry(name) for name in names(256)))
    with file.open() as vault:
        before = dict(vault.bucket(0).tokens)

    put(file, entry("default/one-more"))

    with file.open() as vault:
        after = {**vault.bucket(0).tokens, **vault.bucket(1).tokens}
    assert {entry_id: token for entry_id, token in after.items() if entry_id in before} == before


def test_buckets_that_are_not_touched_are_copied_byte_for_byte(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, *(entry(name) for name in names(1000)))
    with file.open() as vault:
        before, rows = raw_buckets(vault), [row.sha256 for row in vault.head.rows]
        count = vault.bucket_count
    touched = 2

    put(file, entry(name_in(touched, count)))

    with file.open() as vault:
        after = raw_buckets(vault)
        assert [number for number in range(count) if after[number] != before[number]] == [touched]
        assert [row.sha256 for number, row in enumerate(vault.head.rows) if number != touched] == [
            digest for number, digest in enumerate(rows) if number != touched
        ]


def test_other_tokens_of_a_touched_bucket_are_copied_as_bytes(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, entry("default/a"), entry("default/b"))
    with file.open() as vault:
        before = dict(vault.bucket(0).tokens)

    put(file, entry("default/b", b"new"))

    a, b = KEY.entry_id("default", "a"), KEY.entry_id("default", "b")
    with file.open() as vault:
        tokens = vault.bucket(0).tokens
        assert tokens[a] == before[a]
        assert tokens[b] != before[b]


# Damage.


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A vault of four buckets, of which the second is damaged."""
    path = tmp_path / "vault.json"
    put(new_file(path), *(entry(name) for name in names(600)))
    with_damage(path, 1)
    return path


def test_damage_in_an_untouched_bucket_stays_visible_and_is_not_signed_anew(damaged: Path) -> None:
    file = file_at(damaged)
    with file.open() as vault:
        rows, before = vault.head.rows, raw_buckets(vault)

    put(file, entry(name_in(2, 4), b"new"))

    with file_at(damaged).open() as vault:
        assert vault.head.rows[1].sha256 == rows[1].sha256
        assert vault.raw_bucket(1) == before[1]
        assert value_of(vault, name_in(2, 4)) == b"new"
        with pytest.raises(Damaged, match="bucket 1"):
            list(vault.check_bucket(1))


@pytest.mark.parametrize("action", ["add", "remove", "replace"])
def test_writer_of_a_damaged_bucket_refuses(action: str, damaged: Path) -> None:
    there = next(name for name in names(600) if bucket_number(KEY.entry_id("default", name[8:]), 4) == 1)
    name = name_in(1, 4) if action == "add" else there
    before = damaged.read_bytes()

    def change(draft: Draft) -> None:
        if action == "remove":
            draft.remove(parse_name(name))
        else:
            draft.put(entry(name))

    with pytest.raises(Damaged, match="bucket 1"):
        file_at(damaged).update(change)

    assert damaged.read_bytes() == before
    assert not list(damaged.parent.glob("*.tmp-*"))


def test_growth_over_a_damaged_bucket_refuses(damaged: Path) -> None:
    """Every entry moves, so every bucket is read; nothing is moved unseen."""
    before = damaged.read_bytes()
    undamaged = [name for name in names(3000, 600) if bucket_number(KEY.entry_id("default", name[8:]), 4) != 1]

    with pytest.raises(Damaged, match="bucket 1"):
        put(file_at(damaged), *(entry(name) for name in undamaged))

    assert damaged.read_bytes() == before


def test_reads_of_other_buckets_go_on_beside_a_damaged_one(damaged: Path) -> None:
    values: list[bytes | None] = []

    with file_at(damaged).open() as vault:
        for name in names(600):
            try:
                values.append(value_of(vault, name))
            except Damaged:
                continue
        with pytest.raises(Damaged):
            list(vault.records())
        with pytest.raises(Damaged):
            vault.find_many([parse_name(name) for name in names(600)])

    in_bucket = sum(bucket_number(KEY.entry_id("default", name[8:]), 4) == 1 for name in names(600))
    assert values == [b"value"] * (600 - in_bucket)
    assert in_bucket > 100


# Bounds and small facts of a draft.


def test_write_over_the_size_cap_is_refused_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    file = new_file(path, limits=CHEAP._replace(file_bytes=4000))
    put(file, entry("default/a"))
    before = path.read_bytes()

    with pytest.raises(StorageError, match="over the limit of 4000"):
        put(file, entry("default/b", bytes(3000)))

    assert path.read_bytes() == before
    with file.open() as vault:
        assert value_of(vault, "default/a") == b"value"
    assert not list(tmp_path.glob("*.tmp-*"))


def test_file_over_the_size_cap_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    put(new_file(path), entry("default/a", bytes(3000)))

    with pytest.raises(StorageError, match="over the limit of 3000"):
        file_at(path, limits=CHEAP._replace(file_bytes=3000)).open()


def test_draft_sees_its_own_changes(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, entry("default/a", b"old"))

    def change(draft: Draft) -> list[bytes | None]:
        seen = [draft.find(parse_name("default/a")), draft.find(parse_name("default/b"))]
        draft.put(entry("default/a", b"new"))
        draft.put(entry("default/b", b"there"))
        seen += [draft.find(parse_name("default/a")), draft.find(parse_name("default/b"))]
        draft.remove(parse_name("default/b"))
        seen.append(draft.find(parse_name("default/b")))
        return [None if found is None else found.secret().value.reveal() for found in seen]

    assert file.update(change) == [b"old", None, b"new", b"there", None]
    with file.open() as vault:
        assert value_of(vault, "default/a") == b"new"
        assert vault.find(parse_name("default/b")) is None


def test_draft_without_changes_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    file = new_file(path)
    put(file, entry("default/a"))
    before, inode = path.read_bytes(), path.stat().st_ino

    found = file.update(lambda draft: draft.find(parse_name("default/a")))

    assert found is not None
    assert (path.read_bytes(), path.stat().st_ino) == (before, inode)


def test_removed_entry_lingers_in_no_backup(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, entry("default/a"), entry("default/b"))

    file.update(lambda draft: draft.remove(parse_name("default/a")))

    for path in ("vault.json", "vault.json.bak"):
        with file_at(tmp_path / path).open() as vault:
            assert [str(name) for name in verify(vault)] == ["default/b"]


def test_slots_alone_can_change(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")

    file.update(lambda draft: draft.slots.append(raw_slot("2")))

    assert (file.read_head().generation, len(file.read_head().slots)) == (2, 2)
