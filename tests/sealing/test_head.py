"""The head of a file: heads too large to commit, and files that change while they are read."""

import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import Damaged
from credvault.sealing.head import read_head
from credvault.sealing.jsontext import canonical
from credvault.sealing.opened import BytesImage, FileImage
from credvault.sealing.slots import KDF_LIMITS
from tests.sealing.vaults import KEY, new_file
from tests.vectors.parts import assemble, bucket, header, raw_slot

EMPTY = bucket({}, [])


def read(data: bytes) -> int:
    """Return the number of buckets that a head tells of."""
    return len(read_head(BytesImage(data), KDF_LIMITS, "vault.json").rows)


@pytest.mark.parametrize("count", [1, 1024, 4096, 65_536])
def test_head_of_many_buckets_is_read_in_steps(count: int) -> None:
    data = assemble(canonical(header()), [EMPTY] * count)

    assert read(data) == count


def test_more_buckets_than_there_may_be_are_refused() -> None:
    row = b'[%d,"%s"]' % (len(EMPTY), hashlib.sha256(EMPTY).hexdigest().encode())
    data = assemble(canonical(header()), [], table=b",".join([row] * 131_072))

    with pytest.raises(Damaged, match="its head is cut off"):
        read(data)


def test_head_that_does_not_end_is_read_no_further_than_a_head_can_be() -> None:
    class Endless(BytesImage):
        """A file that goes on for 512 MiB; counts how much of it is read."""

        read_bytes = 0

        def read(self, offset: int, length: int) -> bytes:
            self.read_bytes += length
            return super().read(offset, length).ljust(length, b"[")

    image = Endless(canonical(header()).join([b'{"header":', b',\n"header_sha256":"']))
    image.size = 512 * 1024 * 1024

    with pytest.raises(Damaged, match="its head is cut off"):
        read_head(image, KDF_LIMITS, "vault.json")

    assert image.read_bytes <= 16 * 1024 * 1024


def test_file_cut_while_it_is_read_is_damaged_and_no_endless_loop(tmp_path: Path) -> None:
    """Somebody copies over the file in place: its size was taken when it was opened."""
    path = tmp_path / "vault.json"
    path.write_bytes(assemble(canonical(header([raw_slot(), {"id": "2", "type": "later"}])), [EMPTY] * 4096))
    image = FileImage(os.open(path, os.O_RDONLY))

    os.truncate(path, 100_000)
    with pytest.raises(Damaged, match="its head is cut off"):
        read_head(image, KDF_LIMITS, "vault.json")

    image.close()


def test_bucket_cut_while_it_is_read_is_damaged(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")

    with file.open() as vault:
        os.truncate(tmp_path / "vault.json", vault.head.rows[0].offset + 10)
        with pytest.raises(Damaged, match="bucket 0"):
            vault.bucket(0)


def test_newer_file_is_told_apart_from_a_damaged_one() -> None:
    newer = assemble(canonical(header(min_reader=2, slots=None, later={})), [])

    with pytest.raises(Damaged, match="written by a newer credvault") as caught:
        read(newer.replace(b'"table"', b'"tables"'))

    assert caught.value.hint == "upgrade credvault to read it"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (b"", "is empty"),
        (b"-----BEGIN", "is not a credvault vault file"),
        (b'{"header":{"a":1}', "is not a credvault vault file"),
        (b'{"header":{"a":1', "its header is not as written"),
    ],
)
def test_file_of_something_else_says_so(edit: bytes, message: str) -> None:
    with pytest.raises(Damaged, match=message):
        read(edit)


def test_head_says_who_signed_it(tmp_path: Path) -> None:
    head = new_file(tmp_path / "vault.json").read_head()

    assert head.is_signed_by(KEY)
    assert not head._replace(mac="0" * 64).is_signed_by(KEY)
    assert not head._replace(signed=head.signed + b" ").is_signed_by(KEY)
    assert (head.vault_id, head.generation, len(head.slots)) == (KEY.vault_id, 1, 1)


# The table.

ROW = b'[%d,"%s"]' % (len(EMPTY), hashlib.sha256(EMPTY).hexdigest().encode())
TABLE = re.compile(rb'\[[1-9][0-9]{0,9},"[0-9a-f]{64}"\](,\[[1-9][0-9]{0,9},"[0-9a-f]{64}"\])*')


def fault_of(table: bytes) -> str:
    """Return what a head with these rows, and the buckets that they may tell of, is refused for, or nothing."""
    try:
        read(assemble(canonical(header()), [EMPTY] * 2, table=table))
    except Damaged as exc:
        return exc.message
    return ""


EDITS = st.tuples(
    st.integers(0, 2 * len(ROW)), st.integers(0, 3), st.sampled_from(list(b'[]",0123456789abcdefA _+-.\n'))
)


@given(EDITS)
def test_an_edited_table_is_read_where_its_pattern_fits_and_nowhere_else(edit: tuple[int, int, int]) -> None:
    place, cut, byte = edit
    text = ROW + b"," + ROW
    table = text[:place] + bytes([byte]) + text[place + cut :]

    fault = fault_of(table)

    # One that fits and tells of another size is refused for that.
    fits = TABLE.fullmatch(table) is not None
    assert ("is not as written" not in fault) is fits


@pytest.mark.parametrize(
    "table",
    [
        b"",
        ROW + b",",
        b"," + ROW,
        ROW + ROW,
        ROW + b",," + ROW,
        b"[" + ROW + b"]," + ROW,
        ROW + b"," + ROW + b"," + ROW,
        ROW.replace(b"[", b"[0") + b"," + ROW,
        ROW.replace(b"[", b"[+") + b"," + ROW,
        ROW.replace(b"[", b"[ ") + b"," + ROW,
        ROW.replace(b"[", b"[-") + b"," + ROW,
        b'[1_0,"%s"],' % (b"0" * 64) + ROW,
        b'[0,"%s"],' % (b"0" * 64) + ROW,
        b'[10000000000,"%s"],' % (b"0" * 64) + ROW,
        b'[%s,"%s"],' % (b"9" * 5000, b"0" * 64) + ROW,
        b'[1,"%s"],[1,"%s"]' % (b"0" * 62, b"0" * 66),
        b'[1,"%s"],[1,"%s"]' % (b"0" * 64, b"0" * 62),
        b'[1,"%s"],[1,""]' % (b"0" * 64),
        b'[1,"%s"],' % (b"A" * 64) + ROW,
        b'[1,"%s"],' % (b" " * 64) + ROW,
        b'[1,"%s"],' % ("é" * 32).encode() + ROW,
        b"[1,%s]," % (b"0" * 64) + ROW,
    ],
    ids=range(22),
)
def test_a_table_that_is_written_otherwise_is_refused(table: bytes) -> None:
    assert "its table of buckets is not as written" in fault_of(table)


def test_rows_of_the_table_say_where_each_bucket_is() -> None:
    buckets = [EMPTY, bucket({}, []) + b" ", EMPTY, EMPTY]
    data = assemble(canonical(header()), buckets)

    rows = read_head(BytesImage(data), KDF_LIMITS, "vault.json").rows

    assert [data[row.offset : row.offset + row.length] for row in rows] == buckets
    assert [row.sha256 for row in rows] == [hashlib.sha256(each).digest() for each in buckets]
    assert (len(rows), list(rows)[3], rows.end) == (4, rows[3], rows[3].offset + rows[3].length)
