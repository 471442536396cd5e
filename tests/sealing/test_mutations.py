"""An edited file is never read as true: every byte of golden files changed in ten ways, and every truncation.

Each mutant is a file on disk, read by the code that reads every vault: a whole verification (what
`doctor --verify` does) must end in a typed error, and a `get` of each name in that or in the true value.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from credvault.model.errors import CredvaultError
from credvault.sealing.head import TAIL
from credvault.sealing.slots import KDF_LIMITS, KeyMaterial
from credvault.sealing.vaultfile import Limits, VaultFile
from tests.sealing.vaults import VECTORS, file_at, raw_material
from tests.vectors.parts import KEYFILE, KEYRING, RAW

REAL = Limits(kdf=KDF_LIMITS)
HEAD_END = b'\n"buckets":[\n'

# One bucket behind a passphrase and a raw slot, two behind a keyring and a keyfile slot, eight behind a raw one; opened
# by keys that need no slow derivation, which is not what is tested here.
GOLDEN = {
    "one-bucket": raw_material(RAW),
    "two-buckets": raw_material(KEYRING, "keyring"),
    "eight-buckets": raw_material(RAW),
}
EVERY = [pytest.param(file, id=file) for file in GOLDEN]


class Target:
    """A golden file in a place where it is overwritten again and again, and what it says while it is true."""

    def __init__(self, folder: Path, file: str, material: KeyMaterial | None = None) -> None:
        self.data = (VECTORS / f"{file}.vault").read_bytes()
        self.head_end = self.data.index(HEAD_END) + len(HEAD_END)
        self._path = folder / "vault.json"
        self._path.write_bytes(self.data)
        self._path.chmod(0o600)
        self._material = material or GOLDEN[file]
        # Unlocked once and kept, as an agent keeps it: the data key is not derived again for each mutant.
        self._unlocked = self._locked()
        with self._unlocked.open() as vault:
            self._rows = vault.head.rows
            self._truth = {
                entry.name: entry.secret().value.reveal()
                for number in range(vault.bucket_count)
                for entry in vault.check_bucket(number)
            }
        assert self._truth

    def fault_of(self, mutant: bytes, *, first_bucket: int = 0, unlock: bool = False) -> str | None:
        """Return what is wrong with how a mutant is read, or None; the verification starts at `first_bucket`."""
        # In place: this is the one writer that does not rename, because a hundred thousand renames take too long.
        with open(self._path, "r+b", buffering=0) as stream:
            stream.write(mutant)
            stream.truncate()
        try:
            vault = (self._locked() if unlock else self._unlocked).open()
        except CredvaultError:
            return None
        with vault:
            for name, value in self._truth.items():
                try:
                    found = vault.find(name)
                except CredvaultError:
                    continue
                if found is None or found.secret().value.reveal() != value:
                    return f"{name} is not what it was"
            try:
                for number in range(vault.bucket_count):
                    for _ in vault.check_bucket((first_bucket + number) % vault.bucket_count):
                        pass
            except CredvaultError:
                return None
        return "it passed the verification"

    def bucket_at(self, position: int) -> int:
        """Return the number of the bucket that a byte of the file belongs to; a separator is the bucket's before it."""
        return max(number for number, row in enumerate(self._rows) if row.offset <= position)

    def _locked(self) -> VaultFile:
        return file_at(self._path, key=self._material, limits=REAL)


def mutations_at(data: bytes, position: int) -> Iterator[bytes]:
    """Yield ten files that differ from `data` at one byte: changed in eight ways, left out, and doubled."""
    before, byte, after = data[:position], data[position], data[position + 1 :]
    # Each bit; among them the case of a letter, another character of base64, and what is not ASCII.
    for bit in range(8):
        yield before + bytes([byte ^ 1 << bit]) + after
    yield before + after
    yield before + bytes([byte, byte]) + after


@pytest.mark.parametrize("file", EVERY)
def test_no_mutation_of_a_head_is_read_as_true(file: str, tmp_path: Path) -> None:
    target = Target(tmp_path, file)
    faults: list[str] = []
    count = 0

    for position in range(target.head_end):
        for mutant in mutations_at(target.data, position):
            fault = target.fault_of(mutant, unlock=True)
            faults += [f"byte {position}: {fault}"] if fault else []
            count += 1

    assert faults == []
    assert count == 10 * target.head_end > 7_500


@pytest.mark.parametrize("file", EVERY)
def test_no_mutation_of_a_bucket_is_read_as_true(file: str, tmp_path: Path) -> None:
    target = Target(tmp_path, file)
    faults: list[str] = []
    count = 0

    for position in range(target.head_end, len(target.data)):
        number = target.bucket_at(position)
        for mutant in mutations_at(target.data, position):
            fault = target.fault_of(mutant, first_bucket=number)
            faults += [f"byte {position}: {fault}"] if fault else []
            count += 1

    assert faults == []
    assert count == 10 * (len(target.data) - target.head_end) > 20_000


@pytest.mark.parametrize("file", EVERY)
def test_no_truncation_is_read_as_true(file: str, tmp_path: Path) -> None:
    target = Target(tmp_path, file)

    faults = [length for length in range(len(target.data)) if target.fault_of(target.data[:length], unlock=True)]

    assert faults == []


@pytest.mark.parametrize(
    ("file", "material"),
    [
        ("one-bucket", raw_material(RAW)),
        ("two-buckets", raw_material(KEYRING, "keyring")),
        ("two-buckets", raw_material(KEYFILE)),
        ("eight-buckets", raw_material(RAW)),
    ],
    ids=["raw", "keyring", "keyfile", "raw-of-eight"],
)
def test_no_mutation_of_a_header_is_read_as_true_with_its_hash_made_anew(
    file: str, material: KeyMaterial, tmp_path: Path
) -> None:
    """Anybody can make the hash of the header: what holds then are the wraps of the slots and the MAC."""
    target = Target(tmp_path, file, material)
    end = target.data.index(b",\n")
    faults: list[str] = []

    for position in range(len(b'{"header":'), end):
        for bit in (0, 1, 2, 5):
            data = bytearray(target.data)
            data[position] ^= 1 << bit
            digest = hashlib.sha256(data[len(b'{"header":') : end]).hexdigest().encode()
            start = end + len(b',\n"header_sha256":"')
            data[start : start + 64] = digest
            fault = target.fault_of(bytes(data), unlock=True)
            faults += [f"byte {position}: {fault}"] if fault else []

    assert faults == []


@pytest.mark.parametrize("file", EVERY)
def test_no_mutation_of_a_bucket_is_read_as_true_with_its_hash_made_anew(file: str, tmp_path: Path) -> None:
    """Anybody can make the hash of a bucket and write it to the table: what holds then is the MAC."""
    target = Target(tmp_path, file)
    faults: list[str] = []

    for position in range(target.head_end, len(target.data) - len(TAIL), 3):
        data = bytearray(target.data)
        data[position] ^= 1
        fault = target.fault_of(with_table_made_anew(bytes(data), target.data))
        faults += [f"byte {position}: {fault}"] if fault else []

    assert faults == []


def with_table_made_anew(data: bytes, original: bytes) -> bytes:
    """Return `data` with a table that fits its buckets, which have the lengths of the original's; its MAC is old."""
    head, end, rest = data.partition(HEAD_END)
    old = original.partition(b'"table":[')[2].partition(b"],\n")[0]
    rows, offset = [], 0
    for row in old.removeprefix(b"[").removesuffix(b"]").split(b"],["):
        length = int(row.partition(b",")[0])
        rows.append(b'[%d,"%s"]' % (length, hashlib.sha256(rest[offset : offset + length]).hexdigest().encode()))
        offset += length + len(b",\n")
    return head.replace(old, b",".join(rows)) + end + rest


def test_mutations_are_ten_and_none_is_the_file_itself() -> None:
    data = b"abc"

    mutants = [mutant for position in range(len(data)) for mutant in mutations_at(data, position)]

    assert len(mutants) == 30
    assert data not in mutants
    assert all(len(set(mutations_at(data, position))) == 10 for position in range(len(data)))


def test_target_tells_a_mutant_that_is_read_as_true(tmp_path: Path) -> None:
    """The check itself can fail: the file as it is passes, and another one of the same names is seen."""
    target = Target(tmp_path, "one-bucket")
    other = (VECTORS / "gen-3-other.vault").read_bytes()

    assert target.fault_of(target.data) == "it passed the verification"
    assert target.fault_of(other) == "default/DB_PASSWORD is not what it was"
    assert os.listdir(tmp_path / "state" / "pins") != []
