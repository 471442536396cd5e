"""What is not a vault file, or may not be touched: the right status, a hint, no answer, and nothing changed."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from credvault.sealing.crypto import sha256
from credvault.sealing.jsontext import canonical, parse_strict
from tests.home import Home, Ran, quick_folder, tree

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process of another user")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with two secrets, and a clean state folder, so that whatever appears there is seen."""
    home = Home(tmp_path / "home").furnish()
    for name in ("a/one", "a/two"):
        assert home.run("add", name, "--stdin", stdin=b"value").status == 0
    return home


@contextmanager
def nobody() -> Iterator[None]:
    """Be another user than root for a while; for another process Python itself may be out of reach."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def common_home() -> Iterator[Home]:
    """A home that another user can reach: the folders of pytest are closed to them."""
    with quick_folder() as folder:
        folder.chmod(0o777)
        home = Home(folder / "home").furnish()
        for name in ("a/one", "a/two"):  # all that is loaded for it may be out of reach later
            assert home.run("add", name, "--stdin", stdin=b"value").status == 0
            home.run("rotate", name, "--undo")
        assert home.run("get", "a/one").status == 0
        for path in folder.glob("home.std*"):
            path.unlink()
        yield home


READS = (("get", "a/one"), ("list",), ("history", "a/one"))
WRITES = (
    ("add", "b/new", "--generate"),
    ("add", "a/one", "--force", "--generate"),
    ("rotate", "a/one", "--generate"),
    ("rotate", "a/one", "--undo"),
    ("edit", "a/one", "--note", "text"),
    ("delete", "a/one", "-y"),
    ("slot", "remove", "1", "-y"),
    ("rekey", "-y"),
)


def check_refused(
    home: Home, status: int, *argvs: tuple[str, ...], hint: bool | None = True, **environ: str
) -> list[str]:
    """Check that command lines are refused alike, and that they leave everything as it was; return what they say."""
    before = _watched(home)
    said = []
    for argv in argvs:
        done = home.run(*argv)
        _check_error(done, status, hint=hint)
        assert _watched(home) == before, argv
        said.append(done.stderr)
    return said


def _check_error(done: Ran, status: int, *, hint: bool | None = True) -> None:
    assert (done.status, done.stdout) == (status, b""), done
    assert "credvault: error: " in done.stderr
    assert hint is None or ("credvault: hint: " in done.stderr) is hint, done.stderr
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr


def _watched(home: Home) -> dict[str, object]:
    """Return everything in the home but what any access may leave: the trail and the lock beside the vault."""
    return {
        path: facts
        for path, facts in tree(home.root).items()
        if not path.startswith(".local/state") and not path.endswith(".json.lock")
    }


def _newer(content: bytes) -> bytes:
    """Return a vault file whose header asks for a newer reader, its hash in order."""
    line, _, rest = content.partition(b",\n")
    header = parse_strict(line.removeprefix(b'{"header":'))
    assert isinstance(header, dict)
    text = canonical({**header, "min_reader": 2})
    after = rest.partition(b",\n")[2]
    return b'{"header":%s,\n"header_sha256":"%s",\n' % (text, sha256(text).hex().encode()) + after


FOREIGN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "text": lambda content: b"OPENAI_API_KEY=sk-not-a-vault\n",
    "a PNG": lambda content: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\10\6\0\0\0",
    "other JSON": lambda content: b'{"header":{"format":"other"}}\n',
    "zeros": lambda content: bytes(4096),
    "cut in the head": lambda content: content[:200],
    "cut in half": lambda content: content[: len(content) // 2],
    "without its last byte": lambda content: content[:-1],
    "with a byte more": lambda content: content + b"\n",
    "a flipped bit in the header": lambda content: content.replace(b'"gen":3', b'"gen":2'),
    "a flipped bit in the table": lambda content: content.replace(b'"table":[[', b'"table":[[1'),
    "CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "newer": _newer,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_file_that_is_no_sound_vault_is_damaged_and_left_alone(home: Home, kind: str) -> None:
    home.vault.write_bytes(FOREIGN[kind](home.vault.read_bytes()))

    # What never was a vault cannot be mended.
    said = check_refused(home, 10, *READS, *WRITES, hint=None if kind in ("text", "a PNG", "zeros") else True)

    assert all(str(home.vault) in text for text in said)
    if kind == "newer":
        assert all("upgrade" in text for text in said)
    _check_error(home.run("init", "--generate-key"), 7)


def test_sqlite_database_is_no_vault(home: Home) -> None:
    home.vault.unlink()
    with sqlite3.connect(home.vault) as database:
        database.execute("create table secrets (name text, value blob)")
    database.close()

    check_refused(home, 10, *READS, *WRITES, hint=None)


def test_damage_in_a_bucket_is_said_by_whoever_reads_it(home: Home) -> None:
    content = home.vault.read_bytes()
    at = content.index(b'"entries"') + 60
    home.vault.write_bytes(content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :])

    said = check_refused(home, 10, *READS, *[argv for argv in WRITES if argv[0] != "slot"])

    assert all("damaged" in text for text in said)


def test_missing_vault_is_said_with_the_way_to_make_one(home: Home) -> None:
    home.vault.unlink()
    home.backup.rename(home.root / "moved.bak")

    said = check_refused(home, 6, *READS, *WRITES)

    assert all("make one: credvault init" in text for text in said)
    assert not home.vault.exists()


def test_missing_vault_with_a_backup_names_it(home: Home) -> None:
    home.vault.unlink()

    (said,) = check_refused(home, 6, ("get", "a/one"))

    assert str(home.backup) in said


def test_older_file_is_a_rollback_until_it_is_accepted(home: Home) -> None:
    old = home.vault.read_bytes()
    assert home.run("edit", "a/one", "--note", "newer").status == 0
    home.vault.write_bytes(old)

    said = check_refused(home, 10, *READS, *[argv for argv in WRITES if argv[0] != "slot"])

    assert all("--accept-rollback" in text for text in said)
    assert home.run("get", "a/one", "--accept-rollback").stdout == b"value"
    assert home.run("get", "a/one").stdout == b"value"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o777])
def test_loose_file_is_read_with_a_warning_and_made_private_by_a_write(home: Home, mode: int) -> None:
    home.vault.chmod(mode)

    read = home.run("get", "a/one")
    mode_after_read = home.vault.stat().st_mode & 0o7777
    written = home.run("edit", "a/one", "--note", "text")

    assert (read.status, read.stdout, mode_after_read) == (0, b"value", mode)
    assert read.stderr.count(f"others may read the vault file {home.vault} (mode {mode:04o})") == 1
    assert written.status == 0
    assert home.vault.stat().st_mode & 0o7777 == 0o600
    assert home.backup.stat().st_mode & 0o7777 == 0o600


def test_link_to_a_vault_is_followed_and_stays_a_link(home: Home) -> None:
    link = home.root / "link.json"
    link.symlink_to(home.vault)

    written = home.run("add", "b/linked", "--stdin", "--vault", str(link), stdin=b"by link")

    assert written.status == 0
    assert link.readlink() == home.vault
    assert home.run("get", "b/linked").stdout == b"by link"
    assert [path.name for path in home.root.iterdir() if "link.json" in path.name] == ["link.json"]


def test_rollback_behind_a_link_is_seen_by_the_real_path(home: Home) -> None:
    old = home.vault.read_bytes()
    assert home.run("edit", "a/one", "--note", "newer").status == 0
    home.vault.write_bytes(old)
    link = home.root / "link.json"
    link.symlink_to(home.vault)

    check_refused(home, 10, ("get", "a/one", "--vault", str(link)))


def test_dangling_link_is_no_vault_and_a_loop_of_links_cannot_be_read(home: Home) -> None:
    (home.root / "dangling").symlink_to(home.root / "nowhere")
    (home.root / "loop").symlink_to(home.root / "loop")

    check_refused(home, 6, ("get", "a/one", "--vault", "dangling"), ("add", "a/b", "--generate", "--vault", "dangling"))
    loops = check_refused(home, 6, ("get", "a/one", "--vault", "loop"), hint=False)
    assert "too many levels of symbolic links" in loops[0]


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "socket"])
def test_what_is_no_file_is_no_vault_and_does_not_hang(home: Home, kind: str) -> None:
    place = home.root / "place"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "device":
        place = Path("/dev/zero")
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(place))

    for argv in (*READS, *WRITES):
        done = home.run(*argv, "--vault", str(place))
        assert (done.status, done.stdout) == (6, b""), done
        assert "Traceback" not in done.stderr

    assert home.command("get", "a/one", "--vault", str(place)).status == 6


@needs_root
def test_read_only_vault_is_read_and_not_written(common_home: Home) -> None:
    home = common_home
    _give_away(home, but=())
    home.vault.chmod(0o400)
    home.vault.with_name("vault.json.lock").unlink()
    home.vault.parent.chmod(0o500)
    before = tree(home.vault.parent)

    with nobody():
        read = home.run("get", "a/one")
        written = [home.run(*argv) for argv in WRITES[:3]]

    assert (read.status, read.stdout, read.stderr) == (0, b"value", "")
    for done in written:
        _check_error(done, 6)
        assert "permission denied" in done.stderr
    assert tree(home.vault.parent) == before


@needs_root
def test_vault_of_somebody_else_is_read_and_not_written(common_home: Home) -> None:
    home = common_home
    _give_away(home, but=(home.vault, home.backup))
    home.vault.chmod(0o644)
    before = _watched(home)

    with nobody():
        read = home.run("get", "a/one")
        written = [home.run(*argv) for argv in WRITES[:3]]

    assert (read.status, read.stdout) == (0, b"value")
    assert "others may read" in read.stderr
    for done in written:
        _check_error(done, 6)
        assert "belongs to another user (uid 0)" in done.stderr
    assert _watched(home) == before


@needs_root
def test_vault_that_may_not_be_read_is_a_storage_error(common_home: Home) -> None:
    _give_away(common_home, but=(common_home.vault, common_home.backup))

    with nobody():
        done = common_home.run("get", "a/one")

    _check_error(done, 6)
    assert "permission denied" in done.stderr


@needs_root
def test_state_folder_that_may_not_be_written_fails_nothing(common_home: Home) -> None:
    home = common_home
    _give_away(home, but=())
    for path in (home.state, *home.state.rglob("*")):
        path.chmod(0o500 if path.is_dir() else 0o400)

    with nobody():
        read, written = home.run("get", "a/one"), home.run("add", "b/new", "--stdin", stdin=b"new")

    assert (read.status, read.stdout, written.status) == (0, b"value", 0)
    assert "credvault: warning: the state of the vault was not remembered" in written.stderr


def _give_away(home: Home, but: tuple[Path, ...]) -> None:
    for path in [home.root, *home.root.rglob("*")]:
        if path not in but:
            os.chown(path, NOBODY, NOBODY)
