"""A full disk, and a state folder with anything in it: no read fails for it, and no write that can be done."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").furnish()
    for name in ("a/one", "a/two"):
        assert home.run("add", name, "--stdin", stdin=b"value").status == 0
    return home


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_full_disk_leaves_the_old_vault(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounting.returncode != 0:
        pytest.skip("no file system may be mounted here; tests/test_faults.py has full disks too")
    try:
        home = Home(small / "home").furnish()
        assert home.run("add", "a/one", "--stdin", stdin=b"value").status == 0
        before = home.vault.read_bytes()
        done = home.run("add", "b/large", "--stdin", stdin=os.urandom(100_000))

        assert (done.status, done.stdout) == (6, b"")
        assert "credvault: hint: free some space" in done.stderr
        assert "no space left on device" in done.stderr
        assert home.vault.read_bytes() == before
        assert not [path for path in home.root.rglob("*") if ".tmp-" in path.name or path.name.endswith(".new")]
        assert home.run("get", "a/one").stdout == b"value"
        assert home.run("add", "b/small", "--stdin", stdin=b"fits").status == 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_state_folder_that_cannot_be_made_fails_nothing(home: Home) -> None:
    shutil.rmtree(home.state)
    home.state.write_text("a file in its place")

    read, written = home.run("get", "a/one"), home.run("add", "b/new", "--stdin", stdin=b"new")

    assert (read.status, read.stdout) == (0, b"value")
    assert "credvault: warning: the state of the vault was not remembered" in read.stderr
    assert written.status == 0
    assert home.run("get", "b/new").stdout == b"new"
    assert home.state.read_text() == "a file in its place"


GARBAGE = [
    b"",
    b"\0\xff garbage",
    b"[" * 100_000,
    b"[]",
    b'"text"',
    b'{"%s": [[]]}',
    b'{"%s": [["x", 1, 2]]}',
    b'{"%s": [[Infinity, "a", "b"]]}',
    b'{"%s": {"0": 1}}',
    b'{"%s": [{"gen": 1}]}',
    b'{"%s": 5}',
    b'{"%s": [[1e400, "a", "b"]], "x": null}',
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_in_the_state_folder_fails_nothing(home: Home, garbage: bytes) -> None:
    vault_id = home.file().read_head().vault_id.encode()
    content = garbage.replace(b"%s", vault_id)
    for path in [*home.state.rglob("*.json"), *(home.state / name for name in ("last-used.json", "tests.json"))]:
        path.write_bytes(content)
    (home.state / "trail.jsonl").write_bytes(content)

    done = [home.run("get", "a/one"), home.run("list", "--long"), home.run("add", "b/new", "--stdin", stdin=b"new")]

    assert [ran.status for ran in done] == [0, 0, 0], done
    assert done[0].stdout == b"value"
    assert home.run("get", "b/new").stdout == b"new"


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_oddities_in_the_place_of_state_files_fail_nothing_and_do_not_hang(home: Home, kind: str) -> None:
    places = [path for path in home.state.rglob("*") if path.is_file()]
    for place in places:
        place.unlink()
        if kind == "fifo":
            os.mkfifo(place)
        else:
            place.mkdir()

    done = [home.command("get", "a/one"), home.command("add", "b/new", "--stdin", stdin=b"new")]

    assert [ran.status for ran in done] == [0, 0], done
    assert done[0].stdout == b"value"
    assert len(places) >= 3
