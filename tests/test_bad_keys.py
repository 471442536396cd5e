"""Keys that do not open: wrong, of the wrong kind, empty, missing, readable by others. Exit 5, and nothing changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from credvault.sealing.keys import print_key
from tests.home import PRINTED_KEY, Home, Ran, tree

OTHER_KEY = print_key(bytes(32))
PASSPHRASE = "a passphrase with words"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose vault opens by a key, with no key in the environment."""
    home = Home(tmp_path / "home").furnish()
    assert home.run("add", "a/one", "--stdin", stdin=b"value").status == 0
    del home.environ["CREDVAULT_KEY_FILE"]
    return home


@pytest.fixture
def passphrase_home(tmp_path: Path) -> Home:
    """A home whose vault opens by a passphrase only."""
    home = Home(tmp_path / "other")
    del home.environ["CREDVAULT_KEY_FILE"]
    assert home.run("init", CREDVAULT_PASSPHRASE=PASSPHRASE).status == 0
    assert home.run("add", "a/one", "--stdin", stdin=b"value", CREDVAULT_PASSPHRASE=PASSPHRASE).status == 0
    return home


def refused(home: Home, status: int, *options: str, **environ: str) -> list[str]:
    """Check that a read and two writes are refused without a trace, and return what they say."""
    before = _watched(home)
    said = []
    for argv in (("get", "a/one"), ("add", "b/new", "--generate"), ("delete", "a/one", "-y")):
        done: Ran = home.run(*argv, *options, stdin=b"", **environ)
        assert (done.status, done.stdout) == (status, b""), done
        assert done.stderr.startswith("credvault: error: ")
        assert "Traceback" not in done.stderr
        assert _watched(home) == before
        said.append(done.stderr)
    return said


def _watched(home: Home) -> dict[str, object]:
    return {path: facts for path, facts in tree(home.root).items() if not path.startswith(".local/state")}


def test_right_keys_open(home: Home, passphrase_home: Home) -> None:
    """What the others rely on."""
    assert home.run("get", "a/one", CREDVAULT_KEY=PRINTED_KEY).stdout == b"value"
    assert home.run("get", "a/one", "--key-file", "key").stdout == b"value"
    assert passphrase_home.run("get", "a/one", CREDVAULT_PASSPHRASE=PASSPHRASE).stdout == b"value"


def test_wrong_key_and_wrong_passphrase_are_exit_5_and_say_so(home: Home, passphrase_home: Home) -> None:
    wrong_key = refused(home, 5, CREDVAULT_KEY=OTHER_KEY)
    wrong_passphrase = refused(passphrase_home, 5, CREDVAULT_PASSPHRASE="not the passphrase")

    for said in (*wrong_key, *wrong_passphrase):
        assert "does not open this vault" in said
        assert "credvault: hint: " in said
        assert "damaged" not in said


def test_no_key_and_nobody_to_ask_is_exit_5_naming_the_ways(home: Home) -> None:
    said = refused(home, 5)

    assert all("CREDVAULT_KEY_FILE" in text and "credvault: hint: " in text for text in said)


def test_key_of_the_wrong_kind_is_exit_5_and_names_the_right_one(home: Home, passphrase_home: Home) -> None:
    passphrase_for_a_key = refused(home, 5, CREDVAULT_PASSPHRASE=PASSPHRASE)
    key_for_a_passphrase = refused(passphrase_home, 5, CREDVAULT_KEY=PRINTED_KEY)
    passphrase_as_a_key = refused(passphrase_home, 5, CREDVAULT_KEY=PASSPHRASE)

    assert all("this vault opens by: keyfile" in text for text in passphrase_for_a_key)
    assert all("this vault opens by: passphrase" in text for text in key_for_a_passphrase)
    assert all("CREDVAULT_KEY does not hold a credvault key" in text for text in passphrase_as_a_key)
    assert not [text for text in (*passphrase_as_a_key, *key_for_a_passphrase) if PASSPHRASE in text]


@pytest.mark.parametrize(
    "variable",
    [
        "CREDVAULT_KEY",
        "CREDVAULT_KEY_FILE",
        "CREDVAULT_PASSPHRASE",
        "CREDVAULT_PASSPHRASE_FILE",
        "CREDVAULT_PASSPHRASE_COMMAND",
    ],
)
def test_variable_that_is_set_but_empty_is_exit_5_and_nothing_else_is_tried(home: Home, variable: str) -> None:
    # The next way would open it: an empty variable is a CI secret that is missing, not a choice.
    environ = {"CREDVAULT_PASSPHRASE_COMMAND": f"echo {PASSPHRASE}", variable: ""}

    said = refused(home, 5, **environ)

    assert all(f"{variable} is set but empty" in text and "credvault: hint: " in text for text in said)


KEY_FILES: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "missing": (lambda path: None, 6, "there is no file"),
    "empty": (lambda path: path.write_text(""), 5, "is empty"),
    "a newline": (lambda path: path.write_text("\n"), 5, "is empty"),
    "garbage": (lambda path: path.write_bytes(b"\xff\xfe\0garbage"), 5, "does not hold text"),
    "text": (lambda path: path.write_text("hello\n"), 5, "does not hold a credvault key"),
    "mistyped": (lambda path: path.write_text(PRINTED_KEY.replace("AAEC", "AAED") + "\n"), 5, "mistyped"),
    "cut": (lambda path: path.write_text(PRINTED_KEY[:-1]), 5, "has 54 characters"),
    "two lines": (lambda path: path.write_text(f"{PRINTED_KEY}\n{PRINTED_KEY}\n"), 5, "characters"),
    "another": (lambda path: path.write_text(f"{OTHER_KEY}\n"), 5, "does not open this vault"),
    "huge": (lambda path: path.write_bytes(bytes(1 << 20)), 6, "too large"),
    "folder": (lambda path: path.mkdir(), 6, "not a regular file"),
    "fifo": (lambda path: os.mkfifo(path), 6, "not a regular file"),
}


@pytest.mark.parametrize("kind", KEY_FILES)
@pytest.mark.parametrize("by_flag", [True, False], ids=["flag", "variable"])
def test_bad_key_file_opens_nothing_and_does_not_hang(home: Home, kind: str, by_flag: bool) -> None:
    make, status, words = KEY_FILES[kind]
    path = home.root / "bad.key"
    make(path)
    if path.is_file():
        path.chmod(0o600)

    options, environ = (["--key-file", str(path)], {}) if by_flag else ([], {"CREDVAULT_KEY_FILE": str(path)})
    said = refused(home, status, *options, **environ)

    assert all(words in text and str(path) in text for text in said), said
    assert not [text for text in said if "cvk1_A" in text]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_key_file_that_others_may_read_is_refused_though_it_is_the_right_one(home: Home, mode: int) -> None:
    home.key_file.chmod(mode)

    said = refused(home, 5, "--key-file", str(home.key_file))

    assert all(f"(mode {mode:04o}), so it is refused" in text and "chmod 600" in text for text in said)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_key_file_of_somebody_else_is_refused(home: Home) -> None:
    os.chown(home.key_file, 65534, 65534)

    said = refused(home, 5, "--key-file", str(home.key_file))

    assert all("belongs to another user" in text for text in said)


def test_missing_key_never_makes_one(home: Home) -> None:
    """`init` with a key that is set but unusable makes no vault."""
    vault = home.root / "other.json"

    done = [
        home.run("init", "--vault", str(vault), CREDVAULT_KEY=""),
        home.run("init", "--vault", str(vault), CREDVAULT_KEY="not a key"),
        home.run("init", "--vault", str(vault), CREDVAULT_PASSPHRASE=""),
        home.run("init", "--vault", str(vault)),
    ]

    assert [ran.status for ran in done] == [5, 5, 5, 5]
    assert not vault.exists()


def test_wrong_key_in_the_real_program(home: Home) -> None:
    done = home.command("get", "a/one", CREDVAULT_KEY=OTHER_KEY)

    assert (done.status, done.stdout) == (5, b"")
    assert done.stderr.startswith("credvault: error: ")
