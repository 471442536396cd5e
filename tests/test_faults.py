"""Every writing command, every file call that it makes, every fault at each: the vault is the old or the new one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credvault import files
from credvault.model.errors import StorageError
from tests.faults import FAULTS, Call, FaultyCalls
from tests.home import Home, quick_folder
from tests.writers import WRITERS

SECONDS = 240  # for one writer; the slowest takes 15 on a busy machine
PROJECT = Path(__file__).parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> FaultyCalls:
    """File calls that are written down, and never fail unless told to."""
    calls = FaultyCalls()
    monkeypatch.setattr(files, "calls", calls)
    return calls


@pytest.mark.parametrize("name", WRITERS)
def test_a_fault_at_any_file_call_leaves_the_old_vault_or_the_new_one(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    with quick_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.sweep", str(folder), name],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    report = json.loads(done.stdout or "{}")
    record_property("sweep", report)
    assert (done.returncode, done.stderr) == (0, "")
    assert report["failures"] == []
    # Every call met each kill and each error number; writes and what takes space met more.
    assert report["calls"] >= 10
    assert report["cases"] >= report["calls"] * (len(FAULTS) - 3) + report["kinds"].count("write")


def test_a_write_is_on_disk_before_it_takes_its_name_and_its_name_before_it_is_acknowledged(
    home: Home, faulty: FaultyCalls
) -> None:
    home.run("get", "no/such")
    faulty.made.clear()

    done = home.run("add", "new/one", "--stdin", stdin=b"value")

    assert done.status == 0
    assert sum(call.kind == "rename" and "/pins/" in call.path for call in faulty.made) == 1
    temporary = next(call.path for call in faulty.made if call.kind == "rename" and _is_temporary(call, home))
    of_the_vault = [
        call.kind for call in faulty.made if call.path in (temporary, str(home.vault.parent)) and call.kind != "write"
    ]
    assert of_the_vault == ["open", "fsync", "close", "rename", "open", "fsync", "close"]
    # A pin that came first would make the old file a rollback, if the new one were lost.
    pinned = next(n for n, call in enumerate(faulty.made) if call.kind == "rename" and "/pins/" in call.path)
    assert pinned > faulty.made.index(Call("fsync", str(home.vault.parent)))


def test_the_backup_after_a_delete_shares_no_bytes_with_the_vault(home: Home) -> None:
    """What befalls the vault in its place, such as `> vault.json`, must not befall its backup."""
    home.run("add", "a/one", "--stdin", stdin=b"one")
    home.run("delete", "a/one", "-y")

    assert home.vault.stat().st_ino != home.backup.stat().st_ino
    assert home.vault.read_bytes() == home.backup.read_bytes()


def test_a_vault_over_its_limit_is_refused_before_anything_is_written(home: Home, faulty: FaultyCalls) -> None:
    home.write(".config/credvault/config.toml", "[limits]\nvault_bytes = 4096\n")
    before = home.vault.read_bytes()

    done = home.run("add", "too/large", "--stdin", stdin=b"x" * 5000)

    assert (done.status, done.stdout) == (6, b"")
    assert "over the limit of 4096" in done.stderr
    assert home.vault.read_bytes() == before
    assert not [call for call in faulty.made if ".tmp-" in call.path and "/pins/" not in call.path]


def test_a_file_of_the_living_is_left_to_them(home: Home) -> None:
    others = home.write(f"value.tmp-{os.getppid()}-1", b"another writer is at work on it")

    files.create_file(str(home.root / "value"), [b"mine"])

    assert others.exists()


def test_a_lock_file_that_cannot_be_made_is_a_storage_error(home: Home, faulty: FaultyCalls) -> None:
    with pytest.raises(StorageError, match="cannot open lock"), files.lock(str(home.root / "no" / "lock")):
        raise AssertionError("not locked")


def _is_temporary(call: Call, home: Home) -> bool:
    return call.path.startswith(f"{home.vault}.tmp-")
