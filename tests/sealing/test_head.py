"""The head of a file: heads too large to commit, and files that change while they are read."""

import hashlib
import os
from pathlib import Path

import pytest

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
