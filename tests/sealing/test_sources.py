"""Where a key comes from: the first way that is set, in the order of spec.md 6, and what each refuses."""

import os
import sys
from pathlib import Path

import pytest

from credvault import programs
from credvault.model.errors import CredvaultError, Locked, StorageError, WrongKey
from credvault.model.unlocking import names_a_key
from credvault.sealing.keys import print_key
from credvault.sealing.slots import KeyMaterial, Slot
from credvault.sealing.sources import (
    explicit_key,
    key_from_file,
    key_material,
    passphrase_from_file,
    passphrase_material,
)

KEY, OTHER = bytes(range(32)), bytes(32)
SLOTS: list[Slot] = [{"type": "raw"}, {"type": "passphrase"}]
CANARY = "canary phrase"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A private file with a key."""
    path = tmp_path / "key"
    path.write_text(print_key(KEY) + "\n")
    path.chmod(0o600)
    return path


def every_way(folder: Path) -> dict[str, str]:
    """Return an environment in which every way is set, each to another secret; earlier ones come first."""
    (folder / "file").write_text(print_key(bytes([2]) * 32) + "\n")
    (folder / "file").chmod(0o600)
    (folder / "words").write_text("from a file\n")
    return {
        "CREDVAULT_KEY": print_key(bytes([1]) * 32),
        "CREDVAULT_KEY_FILE": str(folder / "file"),
        "CREDVAULT_PASSPHRASE": "from the environment",
        "CREDVAULT_PASSPHRASE_FILE": str(folder / "words"),
        "CREDVAULT_PASSPHRASE_COMMAND": "printf 'from a command\\n'",
    }


def test_first_way_that_is_set_is_taken(key_file: Path, tmp_path: Path) -> None:
    environ = every_way(tmp_path)
    found = [key_material(str(key_file), environ, SLOTS, None)]

    for variable in list(environ):
        found.append(key_material(None, environ, SLOTS, None))
        del environ[variable]

    assert [(material.kind, material.secret.reveal()) for material in found] == [
        ("raw", KEY),
        ("raw", bytes([1]) * 32),
        ("raw", bytes([2]) * 32),
        ("passphrase", b"from the environment"),
        ("passphrase", b"from a file"),
        ("passphrase", b"from a command"),
    ]
    assert explicit_key(None, environ) is None


WAYS = "KEY KEY_FILE PASSPHRASE PASSPHRASE_FILE PASSPHRASE_COMMAND".split()


@pytest.mark.parametrize("variable", [f"CREDVAULT_{way}" for way in WAYS])
def test_way_that_is_set_and_empty_is_not_passed_over(variable: str) -> None:
    """Likely a CI secret that is missing: the next way would hide it."""
    with pytest.raises(Locked, match=f"{variable} is set but empty"):
        explicit_key(None, {"CREDVAULT_PASSPHRASE_COMMAND": "printf x", variable: ""})


@pytest.mark.parametrize("way", WAYS)
def test_naming_a_key_reads_and_runs_nothing(way: str, tmp_path: Path) -> None:
    environ = {f"CREDVAULT_{way}": f"touch {tmp_path}/ran"}

    assert names_a_key(None, environ)
    assert names_a_key("no/such/file", {})
    assert not names_a_key(None, {"CREDVAULT_NO_INPUT": "1"})
    assert not (tmp_path / "ran").exists()


def test_key_file_may_end_as_an_editor_on_windows_ends_it(key_file: Path) -> None:
    key_file.write_bytes(print_key(KEY).encode() + b"\r\n")

    assert key_from_file(str(key_file)).secret.reveal() == KEY


def test_person_is_asked_last_and_only_where_a_passphrase_opens() -> None:
    asked = passphrase_material(CANARY, "the prompt")

    assert key_material(None, {}, SLOTS, lambda: asked) is asked
    with pytest.raises(Locked, match="opens by a key only"):
        key_material(None, {}, SLOTS[:1], lambda: asked)
    with pytest.raises(Locked, match="no key is set"):
        key_material(None, {}, SLOTS, None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_key_file_that_others_may_use_is_refused(mode: int, key_file: Path) -> None:
    key_file.chmod(mode)

    with pytest.raises(WrongKey, match=f"mode {mode:04o}") as caught:
        key_from_file(str(key_file))

    assert print_key(KEY) not in f"{caught.value.message}{caught.value.hint}"
    assert key_file.stat().st_mode & 0o777 == mode


def test_key_file_of_another_user_is_refused(key_file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(key_file, 12345, -1)

    with pytest.raises(WrongKey, match="belongs to another user"):
        key_from_file(str(key_file))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", Locked),
        (b"\n", Locked),
        (b"\xff\xfe", WrongKey),
        (CANARY.encode(), WrongKey),
        (b"x" * 70_000, StorageError),
    ],
)
def test_key_file_with_anything_else_is_refused_unquoted(
    content: bytes, error: type[CredvaultError], key_file: Path
) -> None:
    key_file.write_bytes(content)

    with pytest.raises(error) as caught:
        key_from_file(str(key_file))

    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


def test_missing_files_are_storage_errors(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no file"):
        key_from_file(str(tmp_path / "none"))
    with pytest.raises(StorageError, match="there is no file"):
        passphrase_from_file(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"a b\n", b"a b"),
        (b"a b\r\n", b"a b\r"),
        (b" a \n\n", b" a \n"),
        (b"a", b"a"),
        ("e\u0301".encode(), "é".encode()),
    ],
)
def test_passphrase_file_loses_one_line_end_and_nothing_else(content: bytes, secret: bytes, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(content)

    assert passphrase_from_file(str(tmp_path / "words")).secret.reveal() == secret


def test_passphrase_that_is_empty_or_no_text_is_refused() -> None:
    with pytest.raises(Locked, match="is empty"):
        passphrase_material("", "the prompt")
    with pytest.raises(WrongKey, match="is not text"):
        passphrase_material("\ud800", "the prompt")


def run(command: str, **environ: str) -> KeyMaterial | None:
    """Return what a passphrase command gives."""
    path = {"PATH": os.environ["PATH"], "CREDVAULT_PASSPHRASE_COMMAND": command}
    return explicit_key(None, {**path, **environ})


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("false", "failed with status 1"),
        ("/nonexistent/program", "could not be run: no such file"),
        ("'unclosed", "could not be run: it is not a command line"),
        (" ", "could not be run: it is not a command line"),
        ("true", "is empty"),
    ],
)
def test_command_that_gives_no_passphrase_is_refused(command: str, message: str) -> None:
    with pytest.raises(Locked, match=message):
        run(command)


def test_command_sees_nothing_that_unlocks_and_needs_no_shell() -> None:
    show = f"{sys.executable} -c \"import os; print(sorted(k for k in os.environ if 'CREDVAULT' in k), '$HOME;')\""

    given = run(show, CREDVAULT_TOKEN="x")

    assert given is not None
    assert given.secret.reveal() == b"[] $HOME;"


def test_command_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PROGRAM_SECONDS", 0.2)

    with pytest.raises(Locked, match="gave no answer"):
        run("sleep 30")
