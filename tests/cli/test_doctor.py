"""The doctor: finds what it can although something is refused, and each mend can be run."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.home import PRINTED_KEY, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


def test_folder_that_cannot_be_listed_hides_no_other_finding(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    listdir = os.listdir

    def refused(path: str) -> list[str]:
        if str(path) == str(home.vault.parent):
            raise PermissionError(13, "Permission denied", path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refused)

    done = home.run("doctor")

    said = done.stdout.decode()
    assert (done.status, done.stderr) == (0, "")
    assert f"advice  vault file: cannot look at {home.vault.parent}: permission denied" in said
    assert "ok      vault file:" in said
    assert "ok      contents:" in said


def test_file_that_cannot_be_looked_at_hides_no_other_finding(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.stat

    def refused(path: Any, **options: Any) -> os.stat_result:
        if str(path) == str(home.vault):
            raise PermissionError(13, "Permission denied", path)
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refused)

    done = home.run("doctor")

    assert "cannot look at" in done.stdout.decode()
    assert "ok      contents:" in done.stdout.decode()


def test_mend_that_is_a_command_is_for_the_vault_that_an_option_chose(home: Home) -> None:
    assert home.run("--vault", "my other.json", "init").status == 0

    done = home.run("--vault", "my other.json", "doctor")
    (mend,) = (line.partition("mend: ")[2] for line in done.stdout.decode().splitlines() if "slot add" in line)
    mended = home.run(*shlex.split(mend)[1:], "--generate-key")

    assert mended.status == 0, mended
    assert home.run("--vault", "my other.json", "slot", "list").stdout.count(b"\n") == 2
    assert home.run("slot", "list").stdout.count(b"\n") == 1


@pytest.mark.parametrize("variable", ["CREDVAULT_KEY", "CREDVAULT_PASSPHRASE"])
def test_secret_in_the_environment_is_advised_against_and_is_not_wrong(variable: str, home: Home) -> None:
    done = home.run("doctor", stdin=b"", **{variable: PRINTED_KEY})

    said = done.stdout.decode()
    assert f"advice  settings: {variable} is in the environment of every program you start" in said
    assert f"mend: use {variable}_FILE" in said
    assert PRINTED_KEY not in said
    assert home.run("doctor", CREDVAULT_KEY=PRINTED_KEY).status == 0


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_settings_that_others_may_write_are_wrong_until_mended(mode: int, home: Home) -> None:
    """They say which server gets a token, and which programs run."""
    config = home.write(".config/credvault/config.toml", "[profiles.home]\n", mode)

    done = home.run("doctor")
    mend = next(line for line in done.stdout.decode().splitlines() if "chmod go-w" in line)
    subprocess.run(shlex.split(mend.partition("mend: ")[2]), check=True)

    assert done.status == 6
    assert f"wrong   settings: others may write {config} (mode {mode:04o})\n" in done.stdout.decode()
    assert home.run("doctor").status == 0


def test_command_for_the_passphrase_runs_once(home: Home) -> None:
    home.environ.pop("CREDVAULT_KEY_FILE")
    home.write("words", "some words\n")
    assert home.run("slot", "add", "--new-passphrase-file", "words", CREDVAULT_KEY=PRINTED_KEY).status == 0

    done = home.run("doctor", CREDVAULT_PASSPHRASE_COMMAND="sh -c 'echo ran >> runs; cat words'")

    assert done.status == 0
    assert (home.root / "runs").read_text() == "ran\n"


def test_key_that_is_no_key_hides_no_other_finding(home: Home) -> None:
    done = home.run("doctor", CREDVAULT_KEY="")

    said = done.stdout.decode()
    assert done.status == 5
    assert "ok      vault file:" in said
    assert "wrong   contents: CREDVAULT_KEY is set but empty" in said


def test_leftovers_are_those_of_writers_only(home: Home) -> None:
    home.vault.with_name("vault.json.tmp-important-notes").write_bytes(b"mine")
    assert "unfinished" not in home.run("doctor").stdout.decode()

    home.vault.with_name("vault.json.tmp-1-abc").write_bytes(b"half")
    assert "1 unfinished file" in home.run("doctor").stdout.decode()


def test_mend_of_a_mode_can_be_run_whatever_the_path(home: Home) -> None:
    folder = home.root / "my $(touch evil) 'vaults'"
    folder.mkdir(mode=0o700)
    vault = folder / "v.json"
    home.vault.rename(vault)
    vault.chmod(0o644)

    said = home.run("doctor", "--vault", str(vault)).stdout.decode()
    mend = next(line.partition("mend: ")[2] for line in said.splitlines() if "chmod" in line)
    subprocess.run(["sh", "-c", mend], check=True, cwd=home.root)

    assert vault.stat().st_mode & 0o777 == 0o600
    assert shlex.split(mend) == ["chmod", "600", str(vault)]
    assert not (home.root / "evil").exists()


def test_mend_of_a_key_file_can_be_run_whatever_the_path(home: Home) -> None:
    home.write("my key", PRINTED_KEY, 0o644)

    done = home.run("list", CREDVAULT_KEY_FILE="~/my key")

    mend = done.stderr.partition("hint: ")[2].partition(";")[0]
    assert shlex.split(mend) == ["chmod", "600", str(home.root / "my key")]


def test_hint_to_make_a_vault_can_be_run(home: Home) -> None:
    done = home.run("list", "--vault", "no vault.json")

    words = shlex.split(done.stderr.partition("hint: make one: ")[2])
    assert words == ["credvault", "--vault", str(home.root / "no vault.json"), "init"]
    assert home.run(*words[1:], "--generate-key").status == 0


@pytest.mark.parametrize("lost", ["gone", "empty"])
def test_hint_to_take_the_backup_can_be_run(lost: str, home: Home) -> None:
    for value in ("one", "two"):
        home.write("value", value)
        assert home.run("add", "a/one", "--from-file", "value", "--force").status == 0
    if lost == "gone":
        home.vault.unlink()
    else:
        home.vault.write_bytes(b"")

    done = home.run("get", "a/one")
    command = done.stderr.partition("hint: its backup is there: ")[2].partition(";")[0]
    subprocess.run(["sh", "-c", command], check=True, cwd=home.root)

    assert home.run("get", "a/one").status == 10
    assert home.run("get", "a/one", "--accept-rollback").stdout == b"one"
    assert home.run("get", "a/one").stdout == b"one"


def test_empty_file_without_a_backup_says_so(home: Home) -> None:
    home.vault.write_bytes(b"")

    assert "hint: no backup is beside it" in home.run("list").stderr
