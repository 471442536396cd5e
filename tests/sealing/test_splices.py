"""Pieces of true files put together in another way: swapped, dropped, duplicated and older entries and buckets.

Done by somebody without the key, once with the table of buckets as it was and once with the table made to fit.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from credvault.model.errors import CredvaultError, Damaged
from credvault.model.names import parse_name
from credvault.sealing.slots import KDF_LIMITS
from credvault.sealing.vaultfile import Limits
from tests.sealing.vaults import VECTORS, file_at, raw_material, verify
from tests.vectors.parts import KEYFILE, RAW

Buckets = list[bytes]


def buckets_of(file: str) -> Buckets:
    """Return the bytes of the buckets of a golden file."""
    body = (VECTORS / f"{file}.vault").read_bytes().partition(b'"buckets":[\n')[2]
    return body.removesuffix(b"\n]}\n").split(b",\n")


def spliced(head_of: str, buckets: Buckets, *, new_table: bool) -> bytes:
    """Return the head of a golden file over other buckets; its MAC is as it was."""
    head = (VECTORS / f"{head_of}.vault").read_bytes().partition(b'"buckets":[\n')[0]
    if new_table:
        rows = [b'[%d,"%s"]' % (len(data), hashlib.sha256(data).hexdigest().encode()) for data in buckets]
        head = re.sub(rb'(?<="table":\[).*(?=\],\n)', b",".join(rows), head)
    return head + b'"buckets":[\n' + b",\n".join(buckets) + b"\n]}\n"


def entries_of(bucket: bytes) -> tuple[bytes, Buckets]:
    """Return what stands before the entries of a bucket, and the entries."""
    before, _, entries = bucket.removesuffix(b"}}").partition(b'"entries":{')
    return before + b'"entries":{', entries.split(b",")


def with_entries(bucket: bytes, entries: Buckets) -> Buckets:
    return [entries_of(bucket)[0] + b",".join(entries) + b"}}"]


def tokens_exchanged(entries: Buckets) -> Buckets:
    (id1, token1), (id2, token2) = (entry.split(b":") for entry in entries)
    return [id1 + b":" + token2, id2 + b":" + token1]


TWO, EIGHT = buckets_of("two-buckets"), buckets_of("eight-buckets")
BEFORE, NOW, OTHER = (buckets_of(file)[0] for file in ("gen-2", "gen-3", "gen-3-other"))
ENTRIES = entries_of(NOW)[1]

# The golden file that gives the head, and the buckets that go below it.
SPLICES: dict[str, tuple[str, Callable[[], Buckets]]] = {
    "buckets swapped": ("two-buckets", lambda: TWO[::-1]),
    "a bucket dropped": ("two-buckets", lambda: TWO[:1]),
    "the other bucket dropped": ("two-buckets", lambda: TWO[1:]),
    "all buckets dropped": ("two-buckets", lambda: [b""]),
    "a bucket twice": ("two-buckets", lambda: [TWO[0], TWO[0]]),
    "buckets doubled": ("two-buckets", lambda: [TWO[0], TWO[0], TWO[1], TWO[1]]),
    "buckets of eight swapped": ("eight-buckets", lambda: [*EIGHT[:3], EIGHT[7], *EIGHT[4:7], EIGHT[3]]),
    "empty buckets of eight swapped": ("eight-buckets", lambda: [EIGHT[1], EIGHT[0], *EIGHT[2:]]),
    "a bucket of eight emptied": ("eight-buckets", lambda: [*EIGHT[:3], EIGHT[0], *EIGHT[4:]]),
    "half of the buckets": ("eight-buckets", lambda: EIGHT[:4]),
    "an older bucket": ("gen-3", lambda: [BEFORE]),
    "a newer bucket": ("gen-2", lambda: [NOW]),
    "a bucket of another file": ("gen-3", lambda: [OTHER]),
    "a bucket of a foreign file": ("gen-3", lambda: buckets_of("gen-4-foreign")),
    "entries swapped": ("gen-3", lambda: with_entries(NOW, ENTRIES[::-1])),
    "tokens exchanged": ("gen-3", lambda: with_entries(NOW, tokens_exchanged(ENTRIES))),
    "an entry dropped": ("gen-3", lambda: with_entries(NOW, ENTRIES[:1])),
    "every entry dropped": ("gen-3", lambda: with_entries(NOW, [])),
    "an entry twice": ("gen-3", lambda: with_entries(NOW, [ENTRIES[0], *ENTRIES])),
    "an entry of another file": ("gen-3", lambda: with_entries(NOW, [entries_of(OTHER)[1][0], ENTRIES[1]])),
    "an older index over newer entries": ("gen-3", lambda: with_entries(BEFORE, ENTRIES)),
    "newer entries beside an older index": ("gen-3", lambda: with_entries(NOW, entries_of(BEFORE)[1])),
}


@pytest.mark.parametrize("new_table", [False, True], ids=["old-table", "table-made-to-fit"])
@pytest.mark.parametrize("splice", SPLICES)
def test_spliced_file_is_refused(splice: str, new_table: bool, tmp_path: Path) -> None:
    head_of, buckets = SPLICES[splice]
    path = tmp_path / "vault.json"
    path.write_bytes(spliced(head_of, buckets(), new_table=new_table))
    key = raw_material(KEYFILE if head_of == "two-buckets" else RAW)
    file = file_at(path, key=key, limits=Limits(kdf=KDF_LIMITS))

    with pytest.raises(Damaged) as caught, file.open() as vault:
        verify(vault)

    assert type(caught.value) is Damaged


@pytest.mark.parametrize("new_table", [False, True], ids=["old-table", "table-made-to-fit"])
@pytest.mark.parametrize("splice", SPLICES)
def test_get_from_a_spliced_file_gives_the_true_value_or_an_error(splice: str, new_table: bool, tmp_path: Path) -> None:
    head_of, buckets = SPLICES[splice]
    path = tmp_path / "vault.json"
    key = raw_material(KEYFILE if head_of == "two-buckets" else RAW)
    file = file_at(path, key=key, limits=Limits(kdf=KDF_LIMITS))
    path.write_bytes((VECTORS / f"{head_of}.vault").read_bytes())
    names = [parse_name(name) for name in ("default/a", "default/b", "default/DB_PASSWORD", "openai/api_key")]
    with file.open() as vault:
        truth = {name: entry.secret() for name in names if (entry := vault.find(name)) is not None}
    assert truth

    path.write_bytes(spliced(head_of, buckets(), new_table=new_table))
    read = {}
    for name in truth:
        try:
            with file.open() as vault:
                found = vault.find(name)
                read[name] = None if found is None else found.secret()
        except CredvaultError:
            continue

    assert read == {name: truth[name] for name in read}


def test_splice_of_what_is_there_is_the_file_itself() -> None:
    """So that the splices above are refused for what they change."""
    same = spliced("eight-buckets", EIGHT, new_table=True)
    again = spliced("gen-3", with_entries(NOW, ENTRIES), new_table=True)

    assert same == (VECTORS / "eight-buckets.vault").read_bytes()
    assert again == (VECTORS / "gen-3.vault").read_bytes()
