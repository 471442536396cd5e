"""Large vaults and large values: what is read of them, what is kept, and that every byte comes back."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from credvault import open_vault
from credvault.backends.base import ABSENT, Change
from credvault.model.names import parse_name
from credvault.model.value import SecretValue
from credvault.sealing.head import read_head
from credvault.sealing.opened import FileImage, OpenVault
from credvault.testing import CHEAP_KDF
from credvault.vault import Vault
from tests.home import Home

SECRETS = 10_000
MIB = 1024 * 1024
TIME = "2026-11-22T01:02:03Z"


class CountingImage(FileImage):
    """A vault file that counts the bytes that are read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(os.open(path, os.O_RDONLY))
        self.reads: list[int] = []

    def read(self, offset: int, length: int) -> bytes:
        """Read, and count."""
        data = super().read(offset, length)
        self.reads.append(len(data))
        return data


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


@pytest.fixture
def open_here(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Vault]:
    for variable, value in home.environ.items():
        monkeypatch.setenv(variable, value)
    return open_vault


def test_ten_thousand_secrets_in_one_generation_and_one_read_of_head_and_bucket(
    home: Home, open_here: Callable[[], Vault]
) -> None:
    facts = {"updated_at": TIME, "value_changed_at": TIME, "updated_by": "test"}
    changes = [
        Change(parse_name(f"ns{n % 7}/key{n}"), SecretValue(b"value %d" % n), facts, ABSENT) for n in range(SECRETS)
    ]

    with open_here() as vault:
        vault.backend.put_many(changes)
        listed = vault.list()
        found = vault.get("ns3/key3").value.reveal()
    image = CountingImage(home.vault)
    head = read_head(image, CHEAP_KDF, "the vault")
    of_the_head = sum(image.reads)
    with home.file().open() as other:
        key = other.key
    with OpenVault(image, head, key) as opened:
        entry = opened.find(changes[-1].name)
        of_the_bucket = sum(image.reads) - of_the_head

    assert len(listed) == SECRETS
    assert found == b"value 3"
    assert head.generation == 2
    assert len(head.rows) == 64  # the least power of two with at most 256 entries each
    assert entry is not None
    assert of_the_head <= 64 * 1024
    assert of_the_bucket <= max(row.length for row in head.rows) + 4
    assert image.size > 20 * (of_the_head + of_the_bucket)


def test_add_to_a_large_vault_copies_the_other_buckets_as_they_are(home: Home, open_here: Callable[[], Vault]) -> None:
    facts = {"updated_at": TIME, "value_changed_at": TIME, "updated_by": "test"}
    changes = [Change(parse_name(f"ns/key{n}"), SecretValue(b"value"), facts, ABSENT) for n in range(1000)]
    with open_here() as vault:
        vault.backend.put_many(changes)
    before = home.vault.read_bytes()

    done = home.run("add", "ns/one-more", "--generate")

    assert done.status == 0
    after = home.vault.read_bytes().split(b"\n")
    changed = [line for line in before.split(b"\n")[5:] if line not in after]
    assert len(changed) == 1
    assert home.backup.read_bytes() == before


@pytest.mark.parametrize(
    "value",
    [os.urandom(MIB), bytes(range(256)) * 4096, b"x" * MIB, ("ü" * (MIB // 2)).encode(), b"\n", b"\0", b"a\r\n"],
    ids=["random", "every byte", "one letter", "text", "a newline", "NUL", "CRLF"],
)
def test_value_comes_back_byte_for_byte_from_the_program(home: Home, value: bytes) -> None:
    source = home.write("source", value)

    added = home.command("add", "large/one", "--from-file", str(source))
    from_stdin = home.command("add", "large/two", "--stdin-raw", stdin=value)
    written = home.command("get", "large/one", "-o", "copy")

    assert (added.status, from_stdin.status, written.status) == (0, 0, 0)
    assert home.command("get", "large/one").stdout == value
    assert home.command("get", "large/two").stdout == value
    assert (home.root / "copy").read_bytes() == value


def test_value_of_a_byte_over_1_mib_is_refused(home: Home) -> None:
    source = home.write("source", bytes(MIB + 1))
    before = home.vault.read_bytes()

    done = [
        home.run("add", "large/one", "--from-file", str(source)),
        home.run("add", "large/one", "--stdin-raw", stdin=bytes(MIB + 1)),
        home.run("add", "large/one", "--stdin", stdin=b"x" * MIB + b"\n\n"),
    ]

    assert [(ran.status, ran.stdout) for ran in done] == [(2, b"")] * 3
    assert home.vault.read_bytes() == before


def test_ten_versions_are_kept_and_the_oldest_go_first(home: Home) -> None:
    home.run("add", "a/b", "--stdin", stdin=b"value 1")

    for version in range(2, 13):
        assert home.run("rotate", "a/b", "--stdin", stdin=b"value %d" % version).status == 0

    after = home.snapshot()
    assert after is not None
    assert after.secrets["a/b"][0] == [(version, b"value %d" % version) for version in range(12, 2, -1)]
    assert home.run("get", "a/b", "--version", "3").stdout == b"value 3"
    assert home.run("get", "a/b", "--version", "2").status == 3


def test_versions_of_more_than_4_mib_together_are_not_kept(home: Home) -> None:
    values = [os.urandom(MIB) for _ in range(6)]
    home.run("add", "a/b", "--stdin-raw", stdin=values[0])

    for value in values[1:]:
        assert home.run("rotate", "a/b", "--stdin-raw", stdin=value).status == 0
    home.run("rotate", "a/b", "--stdin-raw", stdin=b"a small one")

    after = home.snapshot()
    assert after is not None
    # Four of 1 MiB and the small one are over 4 MiB.
    assert [version for version, _ in after.secrets["a/b"][0]] == [7, 6, 5, 4]
    assert [value for _, value in after.secrets["a/b"][0]] == [b"a small one", values[5], values[4], values[3]]


def test_backup_is_the_generation_before_and_no_more_is_kept(home: Home) -> None:
    home.run("add", "a/b", "--stdin-raw", stdin=os.urandom(MIB))
    generations = [home.vault.read_bytes()]

    for note in ("one", "two", "three"):
        assert home.run("edit", "a/b", "--note", note).status == 0
        assert home.backup.read_bytes() == generations[-1]
        generations.append(home.vault.read_bytes())

    names = sorted(path.name for path in home.vault.parent.iterdir())
    assert names == ["vault.json", "vault.json.bak", "vault.json.lock"]
