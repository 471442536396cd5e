"""Private files: what is never replaced or removed, the mode they get, the lock."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from credvault import files
from credvault.model.errors import AlreadyExists, LockTimeout, StorageError
from tests.faults import FAULTS, KILLS, FaultyCalls, in_child, install

DEAD = 2**22 + 1  # over the largest process id of Linux
FOREIGN = (
    "report.tmp-20240101",
    "report.tmp-important-notes",
    f"report.tmp-{DEAD}-final",
    f"report.tmp-{DEAD}-ABC",
    f"report.tmp-{DEAD}-",
    f"report.tmp-{DEAD}-abc.txt",
    f"report.tmp-{DEAD}-abc\n",
    f"report.tmp-x{DEAD}-abc",
)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o777)
    yield
    os.umask(before)


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_programs_with_a_like_name_stay(name: str, tmp_path: Path) -> None:
    other = tmp_path / name
    other.write_bytes(b"mine")

    files.create_file(str(tmp_path / "report"), [b"value"])
    files.replace_file(str(tmp_path / "report"), [b"value"])
    files.remove_stale(str(tmp_path / "report"))

    assert other.read_bytes() == b"mine"


@pytest.mark.parametrize("replace", [False, True])
def test_file_of_a_killed_writer_goes(replace: bool, tmp_path: Path) -> None:
    left = tmp_path / f"report.tmp-{DEAD}-1f"
    left.write_bytes(b"half")

    files.create_file(str(tmp_path / "report"), [b"value"], replace=replace)

    assert not left.exists()


@pytest.mark.parametrize("replace", [False, True])
def test_empty_path_is_no_file(replace: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(StorageError, match="no file is named"):
        files.create_file("", [b"value"], replace=replace)

    assert os.listdir() == []


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "link"])
def test_what_is_no_regular_file_is_not_replaced(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "there"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    before = path.lstat()

    with pytest.raises(StorageError, match="is not a regular file"):
        files.create_file(str(path), [b"value"], replace=True)

    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert os.listdir(tmp_path) == ["there"]


def test_link_stays_a_link_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("folder/file")

    files.create_file(str(link), [b"new"], replace=True)

    assert link.is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path / "folder") == ["file"]


def test_umask_takes_nothing_from_the_owner(umask: None, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    files.make_private_folder(str(folder))
    files.create_file(str(folder / "new"), [b"value"])
    files.replace_file(str(folder / "new"), [b"value"], backup=str(folder / "new.bak"), backup_is_new=True)
    files.append(b"line\n", str(folder / "trail"), limit=100, before_turn=lambda: None)
    with files.lock(str(folder / "lock")):
        pass

    assert [path.stat().st_mode & 0o777 for path in (folder.parent, folder)] == [0o700, 0o700]
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(("new", "new.bak", "trail", "lock"), 0o600)


def test_new_file_is_readable_before_it_has_content(
    umask: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    class Watched(files.Calls):
        @staticmethod
        def write(fd: int, data: Any) -> int:
            modes.append(os.fstat(fd).st_mode & 0o777)
            return os.write(fd, data)

    monkeypatch.setattr(files, "calls", Watched())
    files.create_file(str(tmp_path / "new"), [b"value"])

    assert modes == [0o600]


@pytest.mark.parametrize(
    ("before", "after"), [(b"", b"A\n"), (b"old\n", b"old\nA\n"), (b"old", b"old\nA\n"), (b"\n", b"\nA\n")]
)
def test_block_is_appended_on_a_line_of_its_own(before: bytes, after: bytes, tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.write_bytes(before)
    path.chmod(0o640)

    files.append_whole(str(path), b"A\n")

    assert path.read_bytes() == after
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("fault", ["short write", "ENOSPC", "EIO"])
def test_block_that_cannot_be_appended_whole_leaves_nothing(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "theirs"
    path.write_bytes(b"old\n")
    monkeypatch.setattr(files, "calls", FaultyCalls(2, fault))

    with pytest.raises(StorageError, match="cannot append to"):
        files.append_whole(str(path), b"some more\n")

    assert path.read_bytes() == b"old\n"


@pytest.mark.parametrize("place", ["nothing", "a folder", "a FIFO"])
def test_nothing_but_a_file_that_is_there_is_appended_to(place: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    if place == "a folder":
        path.mkdir()
    elif place == "a FIFO":
        os.mkfifo(path)

    with pytest.raises(StorageError, match="cannot append to"):
        files.append_whole(str(path), b"A\n")

    assert path.exists() == (place != "nothing")


def test_lock_names_its_holder_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows there is no pread(2)."""
    monkeypatch.delattr(os, "pread")
    path = str(tmp_path / "lock")
    program = "import sys; from credvault import files\nwith files.lock(sys.argv[1]): print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdout is not None
        held.stdout.readline()
        with pytest.raises(LockTimeout, match=rf"pid {held.pid}\)"), files.lock(path, patience=0.2):
            raise AssertionError("not locked")
        held.communicate(b"\n")

    for _ in range(2):
        with files.lock(path):
            text = Path(path).read_text()
    assert (text.split()[0], len(text)) == (str(os.getpid()), 48)


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "there").symlink_to("nowhere")

    with pytest.raises(AlreadyExists):
        files.create_file(str(tmp_path / "there"), [b"value"])


@pytest.mark.parametrize("fault", FAULTS)
def test_file_without_a_name_never_has_one_while_it_holds_anything(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    sound = FaultyCalls()
    monkeypatch.setattr(files, "calls", sound)
    os.close(files.open_unlinked(b"canary"))
    outcomes = set()

    for k, call in enumerate(sound.made, 1):
        if not call.is_hit_by(fault):
            continue

        def run(k: int = k) -> int:
            install(FaultyCalls(k, fault))
            try:
                data = os.read(files.open_unlinked(b"canary"), 10)
            except StorageError:
                return 6
            return 0 if data == b"canary" else 1

        status = in_child(run)
        left = list(tmp_path.iterdir())
        outcomes.add(status)
        assert [path.read_bytes() for path in left] == [b""] * len(left)
        assert not left or fault in KILLS or call.kind == "unlink", (k, left)
        for path in left:
            path.unlink()

    assert outcomes <= ({-9} if fault in KILLS else {0, 6})
    assert outcomes


def test_file_without_a_name_is_private_whatever_the_umask(umask: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")

    fd = files.open_unlinked(b"value")

    found = os.fstat(fd)
    content = os.read(fd, 10)
    os.close(fd)
    assert (found.st_mode & 0o777, found.st_nlink, content) == (0o600, 0, b"value")
