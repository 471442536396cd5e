"""Where there is no /proc, what Python put into the environment is told from what the caller put there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from credvault.delivery import execute
from credvault.model.errors import CredvaultError, NotFound, Unsupported
from tests.patience import SECONDS

SHOW = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(k + b'=' + v for k, v in os.environb.items()))"


@pytest.mark.parametrize(
    "caller",
    [
        {},
        {b"LANG": b""},
        {b"LANG": b"C"},
        {b"LANG": b"POSIX"},
        {b"LANG": b"C.UTF-8"},
        {b"LANG": b"C.UTF-8", b"LC_CTYPE": b"C.UTF-8"},
        {b"LC_ALL": b"C"},
        {b"LC_ALL": b"C", b"LC_CTYPE": b"C.UTF-8"},
        {b"PYTHONCOERCECLOCALE": b"0", b"LANG": b"C"},
    ],
    ids=str,
)
def test_coerced_locale_is_taken_away_again(caller: dict[bytes, bytes]) -> None:
    python = subprocess.run(
        [sys.executable, "-S", "-c", SHOW], env=caller, capture_output=True, timeout=SECONDS, check=True
    )
    has = dict(entry.split(b"=", 1) for entry in python.stdout.split(b"\0") if entry)

    assert execute._without_coerced_locale(has) == caller


def test_original_environment_is_what_the_process_was_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET_LATER", "x")

    names = [name for name, _ in execute.original_environment()]

    assert b"SET_LATER" not in names
    assert b"PATH" in names


@pytest.mark.parametrize(
    ("program", "status", "error"),
    [
        ("nosuch", 127, NotFound),
        ("./nosuch", 127, NotFound),
        ("", 127, NotFound),
        ("plain", 126, Unsupported),
        ("folder", 126, Unsupported),
    ],
)
def test_finding_a_program_says_whether_it_is_missing_or_not_runnable(
    tmp_path: Path, program: str, status: int, error: type[CredvaultError]
) -> None:
    (tmp_path / "plain").touch(mode=0o644)
    (tmp_path / "folder").mkdir()

    with pytest.raises(error) as caught:
        execute.find_program(program, f"/nosuch{os.pathsep}{tmp_path}")

    assert caught.value.exit_status == status
    assert type(caught.value).exit_status != status  # set on this one, not on the class


def test_folder_that_may_not_be_looked_into_is_no_find(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(0o700)
    (tmp_path / "closed" / "prog").touch(mode=0o755)
    (tmp_path / "closed").chmod(0)
    me = os.geteuid()

    if me == 0:
        os.seteuid(65_534)
    try:
        with pytest.raises(NotFound):
            execute.find_program("prog", str(tmp_path / "closed"))
        with pytest.raises(Unsupported, match="permission denied"):
            execute.find_program(str(tmp_path / "closed" / "prog"), "/bin")
    finally:
        os.seteuid(me)


def test_path_that_cannot_be_followed_is_not_runnable(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(Unsupported, match="too many levels of symbolic links"):
        execute.find_program(str(tmp_path / "loop"), None)
    with pytest.raises(NotFound):
        execute.find_program("loop", str(tmp_path))
