"""Databases made by the real keepassxc-cli, read and compared value by value."""

import os
import shutil
import struct
import subprocess
import sys
import zlib
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pykeepass.kdbx_parsing.common as kdbx_parsing  # type: ignore[import-untyped]
import pytest
from lxml import etree  # type: ignore[import-untyped]
from pykeepass import PyKeePass, create_database

from credvault.model.errors import CredvaultError, Damaged, InvalidValue, Locked, WrongKey
from credvault.transfer.importers import keepass
from credvault.transfer.importers.base import Item, Skipped, Source
from tests.home import Home
from tests.patience import SECONDS

PASSWORD = "the password of the tests é"

XML = """<?xml version="1.0" encoding="UTF-8"?>
<KeePassFile><Meta><RecycleBinEnabled>True</RecycleBinEnabled>
<RecycleBinUUID>AAAAAAAAAAAAAAAAAAAAAg==</RecycleBinUUID></Meta><Root><Group>
<UUID>AAAAAAAAAAAAAAAAAAAAAQ==</UUID><Name>Root</Name>
<Entry><UUID>AAAAAAAAAAAAAAAAAAAAEA==</UUID><Tags>one;two</Tags>
<Times><CreationTime>2020-01-02T03:04:05Z</CreationTime><LastModificationTime>2021-01-02T03:04:05Z</LastModificationTime>
<Expires>True</Expires><ExpiryTime>2030-01-02T03:04:05Z</ExpiryTime></Times>
<String><Key>Title</Key><Value>Web "mail" (old)</Value></String>
<String><Key>UserName</Key><Value>alice</Value></String>
<String><Key>Password</Key><Value ProtectInMemory="True">p&lt;4&gt;ss é</Value></String>
<String><Key>URL</Key><Value>https://www.example.org/x</Value></String>
<String><Key>Notes</Key><Value>two
lines</Value></String>
<String><Key>otp</Key><Value ProtectInMemory="True">otpauth://totp/x?secret=JBSWY3DPEHPK3PXP</Value></String>
<String><Key>API "key"</Key><Value ProtectInMemory="True">hidden-value</Value></String>
<String><Key>room</Key><Value>12</Value></String>
<History><Entry><UUID>AAAAAAAAAAAAAAAAAAAAEA==</UUID>
<String><Key>Title</Key><Value>Web mail</Value></String><String><Key>Password</Key><Value>older</Value></String>
</Entry></History></Entry>
<Group><UUID>AAAAAAAAAAAAAAAAAAAAAg==</UUID><Name>Recycle Bin</Name>
<Entry><UUID>AAAAAAAAAAAAAAAAAAAAEQ==</UUID><String><Key>Title</Key><Value>thrown away</Value></String>
<String><Key>Password</Key><Value>gone</Value></String></Entry></Group>
</Group></Root></KeePassFile>
"""


def keepassxc(*words: str | Path, stdin: str = "") -> bytes:
    done = subprocess.run(
        ["keepassxc-cli", *words],
        input=stdin.encode(),
        capture_output=True,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent", "QT_QPA_PLATFORM": "offscreen"},
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with databases that keepassxc-cli made: `db.kdbx` bit by bit, `xml.kdbx` from XML, `keyed.kdbx`."""
    if shutil.which("keepassxc-cli") is None and os.environ.get("CI") != "true":
        pytest.skip("no keepassxc-cli here")
    folder = tmp_path_factory.mktemp("keepass")
    twice, once = f"{PASSWORD}\n{PASSWORD}\n", f"{PASSWORD}\n"
    database = folder / "db.kdbx"
    keepassxc("db-create", "-q", "-p", "-t", "100", database, stdin=twice)
    keepassxc("mkdir", "-q", database, "Email", stdin=once)
    keepassxc("mkdir", "-q", database, "Email/Work", stdin=once)
    (folder / "file.bin").write_bytes(b"\x00\xffattached")
    for entry, password in {"plain": "canary-plain", "Email/Work/gmail": "p4ss\\word 'é\" $x"}.items():
        options = ["-q", "-u", "alice", "--url", "https://example.org", "--notes", "a note", "-p"]
        keepassxc("add", *options, database, entry, stdin=f"{PASSWORD}\n{password}\n")
    keepassxc("attachment-import", "-q", database, "plain", "the file.bin", folder / "file.bin", stdin=once)
    (folder / "in.xml").write_text(XML)
    keepassxc("import", "-q", "-p", "-t", "100", folder / "in.xml", folder / "xml.kdbx", stdin=twice)
    keepassxc("db-create", "-q", "--set-key-file", folder / "key", "-t", "100", folder / "keyed.kdbx")
    keyed = folder / "keyed.kdbx"
    keepassxc("add", "-q", "-k", folder / "key", "--no-password", "-p", keyed, "e", stdin="by key\n")
    (folder / "password").write_text(f"{PASSWORD}\n")
    return folder


@pytest.fixture(scope="module")
def cheap_3(made: Path) -> Path:
    """`db.kdbx` with few rounds: it is opened and saved by Python, where each is a call."""
    path = made / "cheap.kdbx"
    database = PyKeePass(str(made / "db.kdbx"), password=PASSWORD)
    database.kdbx.header.value.dynamic_header.transform_rounds.data = 1000
    database.kdbx.header.pop("data", None)
    database.save(str(path))
    return path


@pytest.fixture(scope="module")
def cheap_4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of version 4 whose Argon2 costs next to nothing."""
    path = tmp_path_factory.mktemp("cheap") / "db.kdbx"
    database = create_database(str(path), password=PASSWORD)
    parameters = database.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
    parameters["I"].value, parameters["M"].value, parameters["P"].value = 1, 1 << 20, 1
    database.kdbx.header.pop("data", None)
    database.save()
    return path


def copy_of(database: Path, path: Path) -> Any:
    """Return a database to be changed, as a copy of another one."""
    shutil.copyfile(database, path)
    return PyKeePass(str(path), password=PASSWORD)


@pytest.fixture(scope="module")
def version_4(tmp_path_factory: pytest.TempPathFactory, cheap_4: Path) -> Path:
    """A folder with a database of version 4, under Argon2: keepassxc-cli makes version 3 unless it must."""
    folder = tmp_path_factory.mktemp("keepass4")
    (folder / "password").write_text(f"{PASSWORD}\n")
    database = copy_of(cheap_4, folder / "db.kdbx")
    entry = database.add_entry(database.root_group, "entry", "bob", "canary-four")
    entry.add_attachment(database.add_binary(b"\x00attached"), "a.bin")
    database.save()
    return folder


def source(made: Path, name: str, **choices: str | None) -> Source:
    return Source(str(made / name), {}, **{"password_file": str(made / "password"), **choices})  # type: ignore[arg-type]


def read(made: Path, name: str, **choices: str | None) -> dict[str, Item]:
    found = keepass.read(source(made, name, **choices))
    return {"/".join((*item.path, *item.below)): item for item in found if isinstance(item, Item)}


def test_database_of_keepassxc_is_imported_and_compared_value_by_value(made: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home").furnish()

    done = home.run("import", "keepass", str(made / "db.kdbx"), "-y", "--password-file", str(made / "password"))

    assert done.status == 0, done
    snapshot = home.snapshot()
    assert snapshot is not None
    stored = {name: versions[0][1] for name, (versions, _) in snapshot.secrets.items()}
    assert set(stored) == {"default/plain", "default/plain/attachment/the_file.bin", "Email/Work/gmail"}
    assert stored["default/plain/attachment/the_file.bin"] == b"\x00\xffattached"
    # What KeePassXC itself shows is the oracle.
    for entry, name in (("plain", "default/plain"), ("Email/Work/gmail", "Email/Work/gmail")):
        shown = keepassxc("show", "-q", "-s", "-a", "Password", made / "db.kdbx", entry, stdin=f"{PASSWORD}\n")
        assert stored[name] + b"\n" == shown
    assert snapshot.secrets["Email/Work/gmail"][1] == "a note"


def test_facts_protected_fields_seed_and_times_are_carried_over(made: Path) -> None:
    found = read(made, "xml.kdbx")

    title = 'Web "mail" (old)'
    assert {name: item.value.reveal().decode() for name, item in found.items()} == {
        title: "p<4>ss é",
        f'{title}/API "key"': "hidden-value",
        f"{title}/totp": "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP",
    }
    facts = found[title].facts
    assert facts["fields"] == {"username": "alice", "url": "https://www.example.org/x", "room": "12"}
    assert (facts["note"], facts["service"], facts["type"]) == ("two\nlines", "example.org", "password")
    assert sorted(facts["tags"]) == ["one", "two"]
    assert (facts["created_at"], facts["expires_at"]) == ("2020-01-02T03:04:05Z", "2030-01-02T03:04:05Z")
    assert facts["metadata"] == {"source_updated_at": "2021-01-02T03:04:05Z"}
    assert found[title].remark == "without its history of 1"


def test_what_was_thrown_away_is_skipped_and_said(made: Path) -> None:
    skipped = [part for part in keepass.read(source(made, "xml.kdbx")) if isinstance(part, Skipped)]

    assert skipped == [Skipped(("Recycle Bin", "thrown away"), "it is in the recycle bin")]


def test_key_file_opens_without_a_password(made: Path) -> None:
    found = read(made, "keyed.kdbx", password_file=None, key_file=str(made / "key"))

    assert found["e"].value.reveal() == b"by key"


def test_version_4_under_argon2_is_read(version_4: Path) -> None:
    found = read(version_4, "db.kdbx")

    assert {name: item.value.reveal() for name, item in found.items()} == {
        "entry": b"canary-four",
        "entry/attachment/a.bin": b"\x00attached",
    }
    created = found["entry"].facts["created_at"]
    assert created.startswith("20")
    assert created.endswith("Z")


def test_wrong_password_and_wrong_key_file_are_told(made: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("canary-wrong")

    for name, choices in (
        ("db.kdbx", {"password_file": str(tmp_path / "wrong")}),
        ("keyed.kdbx", {"password_file": None, "key_file": str(tmp_path / "wrong")}),
        ("keyed.kdbx", {"key_file": str(made / "key")}),
    ):
        with pytest.raises(WrongKey) as failure:
            read(made, name, **choices)
        assert "canary" not in failure.value.message


def test_no_password_and_nobody_to_ask_is_locked_with_the_way_out(made: Path) -> None:
    with pytest.raises(Locked) as failure:
        read(made, "db.kdbx", password_file=None)

    assert failure.value.hint == "--password-file F"


def test_cut_and_changed_files_are_typed_errors_and_never_a_wrong_value(
    made: Path, version_4: Path, tmp_path: Path
) -> None:
    sound = (version_4 / "db.kdbx").read_bytes()
    true = {name: item.value.reveal() for name, item in read(version_4, "db.kdbx").items()}
    outcomes, messages = set(), []

    for at in [0, 4, 8, 12, 40, 100, 160, 200, 230, 260, 300, len(sound) // 2, len(sound) - 40, len(sound) - 1]:
        for content in (sound[:at], sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :]):
            path = tmp_path / "db.kdbx"
            path.write_bytes(content)
            try:
                found = read(tmp_path, "db.kdbx", password_file=str(made / "password"))
                assert {name: item.value.reveal() for name, item in found.items()} == true
            except CredvaultError as exc:
                outcomes.add(type(exc))
                messages.append(exc.message)

    assert "canary" not in "".join(messages)
    assert outcomes <= {Damaged, WrongKey, InvalidValue}
    assert Damaged in outcomes


@pytest.mark.parametrize("content", [b"", b"canary", b"PK\x03\x04" + bytes(100), bytes(1000)])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.kdbx").write_bytes(content)

    with pytest.raises(InvalidValue, match="is not a KeePass database"):
        list(keepass.read(Source(str(tmp_path / "x.kdbx"), {})))


def altered_costs(folder: Path, **costs: int) -> bytes:
    """Return a database whose head asks for other costs. Its hash fits: anybody can make one."""
    data = (folder / "db.kdbx").read_bytes()
    length = next(n for n in range(len(data)) if sha256(data[:n]).digest() == data[n : n + 32])
    head = data[:length]
    for name, cost in costs.items():
        # Kind of number, length and letter of its name, its own length, the number (VariantDictionary of KDBX 4).
        kind, form = (0x04, "<I") if name == "P" else (0x05, "<Q")
        mark = struct.pack("<BI1sI", kind, 1, name.encode(), struct.calcsize(form))
        at = head.index(mark) + len(mark)
        head = head[:at] + struct.pack(form, cost) + head[at + struct.calcsize(form) :]
    return head + sha256(head).digest() + data[length + 32 :]


@pytest.mark.parametrize("costs", [{"M": 1 << 40}, {"I": 1 << 40}, {"P": 1 << 20}, {"M": 1 << 29, "I": 200}])
def test_file_that_asks_for_the_machine_is_refused_before_anything_is_derived(
    version_4: Path, tmp_path: Path, costs: dict[str, int]
) -> None:
    (tmp_path / "x.kdbx").write_bytes(altered_costs(version_4, **costs))
    asked: list[str] = []

    with pytest.raises(InvalidValue, match="costs too much"):
        list(keepass.read(Source(str(tmp_path / "x.kdbx"), {}, asked.append)))  # type: ignore[arg-type]

    assert asked == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there a process knows how much memory it has")
def test_file_that_unpacks_to_more_than_there_may_be_is_damaged(
    version_4: Path, cheap_4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepass, "_MAX_UNPACKED", 128 << 20)
    database = copy_of(cheap_4, tmp_path / "bomb.kdbx")
    database.add_binary(bytes(256 << 20))
    database.save()
    assert (tmp_path / "bomb.kdbx").stat().st_size < 4 << 20

    with pytest.raises(Damaged, match="unpacks to more"):
        read(tmp_path, "bomb.kdbx", password_file=str(version_4 / "password"))
    # What the limit was is no limit of the process afterwards.
    assert len(bytes(256 << 20)) == 256 << 20


def with_attachments(cheap_3: Path, path: Path, contents: dict[str, str], references: list[str]) -> None:
    """Write a database of version 3 with `contents` by their numbers, in that order, and an entry that names some."""
    database = copy_of(cheap_3, path)
    assert database.version < (4, 0)
    entry = database.add_entry(database.root_group, "with files", "bob", "canary")
    meta = database.tree.find("Meta")
    for old in meta.findall("Binaries"):
        meta.remove(old)
    binaries = etree.SubElement(meta, "Binaries")
    for number, content in contents.items():
        etree.SubElement(binaries, "Binary", ID=number, Compressed="True").text = content
    for reference in references:
        binary = etree.SubElement(entry._element, "Binary")
        etree.SubElement(binary, "Key").text = f"file{reference}"
        etree.SubElement(binary, "Value", Ref=reference)
    database.save()
    (path.parent / "password").write_text(PASSWORD)


def packed(content: bytes) -> str:
    return b64encode(zlib.compress(content)).decode()


def test_attachments_are_found_by_their_numbers_and_not_by_their_places(cheap_3: Path, tmp_path: Path) -> None:
    contents = {"2": packed(b"two"), "1": packed(b"one"), "9": packed(b"nine")}
    with_attachments(cheap_3, tmp_path / "x.kdbx", contents, ["1", "2", "9", "5"])

    found = [part for part in keepass.read(source(tmp_path, "x.kdbx")) if part.path[0] == "with files"]

    files = {item.below: item.value.reveal() for item in found if isinstance(item, Item)}
    assert {below[1]: content for below, content in files.items() if below} == {
        "file1": b"one",
        "file2": b"two",
        "file9": b"nine",
    }
    skipped = [(part.path[-1], part.reason) for part in found if isinstance(part, Skipped)]
    assert skipped == [("file5", "the database does not hold it")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("!", "cannot be unpacked"),
        (packed(b"canary")[:12], "cannot be unpacked"),
        (b64encode(b"canary").decode(), "cannot be unpacked"),
        (packed(bytes(2 << 20)), "unpacks to more"),
    ],
    ids=["no base64", "cut off", "not packed", "a bomb"],
)
def test_attachment_that_cannot_be_unpacked_is_damage(
    cheap_3: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    monkeypatch.setattr(keepass, "MAX_SOURCE_BYTES", 1 << 20)
    with_attachments(cheap_3, tmp_path / "x.kdbx", {"0": content}, ["0"])

    with pytest.raises(Damaged, match=said):
        list(keepass.read(source(tmp_path, "x.kdbx")))


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ('<!ENTITY x0 "ha">' + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 12)), "&x11;"),
        (f'<!ENTITY x "{"A" * 100_000}">', "&x;" * 20_000),
        ('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;"),
        ("", "<Group>" * 10_000),
    ],
    ids=["entities of entities", "a large entity, often", "an entity elsewhere", "deep nesting"],
)
def test_hostile_xml_in_a_database_is_damage(
    cheap_4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str, text: str
) -> None:
    """Whoever makes a file can put any text in it: here pykeepass writes one that is not from its tree."""
    groups = f"<Root><Group><Name>{text}</Name></Group></Root>"
    document = f"<!DOCTYPE KeePassFile [{declared}]><KeePassFile>{groups}</KeePassFile>"
    database = copy_of(cheap_4, tmp_path / "db.kdbx")
    with monkeypatch.context() as writing:
        writing.setattr(kdbx_parsing.XML, "_encode", lambda *arguments: document.encode())
        database.save()
    (tmp_path / "password").write_text(PASSWORD)

    with pytest.raises(Damaged, match="cannot be read"):
        read(tmp_path, "db.kdbx")


def test_extra_that_is_not_installed_is_said_with_the_line_that_installs_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").furnish()
    code = (
        "import sys; sys.modules['pykeepass'] = None; from credvault.cli.main import run;"
        " sys.exit(run(['import', 'keepass', 'x.kdbx']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env=home.environ, capture_output=True, timeout=SECONDS, check=False
    )

    assert (done.returncode, done.stdout) == (8, b"")
    assert b"hint: pip install 'credvault[keepass]'" in done.stderr
