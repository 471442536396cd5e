"""A generation in the making: the bytes that the loader reads of it are those that are written."""

import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import Damaged
from credvault.sealing.draft import Draft
from credvault.sealing.opened import OpenVault
from credvault.sealing.output import Copied, Output
from tests.sealing.vaults import KEY, entry, file_at, new_file, put


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.integers(0, 130), st.integers(0, 130))
def test_any_part_of_an_output_is_that_of_its_pieces(pieces: list[bytes], offset: int, length: int) -> None:
    output = Output(pieces)

    assert output.read(offset, length) == b"".join(pieces)[offset : offset + length]
    assert b"".join(output) == b"".join(pieces)
    assert output.size == len(b"".join(pieces))


def test_output_is_written_in_blocks_of_a_mebibyte() -> None:
    pieces = [bytes([number]) * 300_000 for number in range(10)]

    blocks = list(Output(pieces))

    assert [len(block) for block in blocks] == [1_200_000, 1_200_000, 600_000]
    assert b"".join(blocks) == b"".join(pieces)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A vault of 16 buckets."""
    file = new_file(tmp_path / "vault.json")
    put(file, *(entry(f"default/k{number}", b"x" * 1000) for number in range(3000)))
    return tmp_path / "vault.json"


def test_buckets_that_are_copied_are_written_as_they_are(path: Path) -> None:
    with file_at(path).open() as vault:
        lines = [Copied(vault, number, len(vault.line(number))) for number in range(vault.bucket_count)]
        output = Output([b"head", *lines])
        written = b"".join(output)
        first = vault.head.rows[0].offset

        assert written == b"head" + path.read_bytes()[first:]
        assert output.read(2, 1000) == written[2:1002]
        assert output.read(100_000, 900_000) == written[100_000:1_000_000]


def test_a_write_holds_a_few_buckets_of_a_large_vault_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    put(new_file(path), *(entry(f"default/k{number}", b"x" * 1000) for number in range(8200)))
    size = path.stat().st_size
    file = file_at(path)
    with file.open() as vault:
        assert vault.bucket_count == 64

    tracemalloc.start()
    put(file, entry("default/one-more"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > 16_000_000
    assert most < size / 3


def test_what_stands_between_the_buckets_is_looked_at_before_it_is_copied(path: Path) -> None:
    before = bytearray(path.read_bytes())
    with file_at(path).open() as vault:
        row = vault.head.rows[3]
    before[row.offset + row.length] = ord(";")
    path.write_bytes(before)

    def change(draft: Draft) -> None:
        draft.slots.append({"id": "2", "type": "later"})  # nothing that reads a bucket

    with pytest.raises(Damaged, match="bucket 3"):
        file_at(path).update(change)

    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.tmp-*"))


def test_file_cut_while_it_is_copied_leaves_no_half_of_a_new_one(path: Path) -> None:
    """Somebody copies over the file in place."""

    def change(draft: Draft) -> None:
        draft.slots.append({"id": "2", "type": "later"})
        with open(path, "r+b") as stream:
            stream.truncate(3_000_000)

    with pytest.raises(Damaged, match="bucket"):
        file_at(path).update(change)

    assert path.stat().st_size == 3_000_000
    assert not list(path.parent.glob("*.tmp-*"))


def test_two_threads_read_one_open_vault(path: Path) -> None:
    with file_at(path).open() as vault:
        faults: list[BaseException] = []

        def read(vault: OpenVault, start: int) -> None:
            try:
                for number in range(200):
                    vault.bucket_bytes((start + 7 * number) % vault.bucket_count)
            except BaseException as exc:  # noqa: BLE001 - told to the test
                faults.append(exc)

        threads = [threading.Thread(target=read, args=(vault, start)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert faults == []
    assert KEY.vault_id == vault.head.vault_id
