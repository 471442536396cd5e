"""Stores made by the real `pass` with the real gpg, read and compared value by value."""

import errno
import json
import os
from pathlib import Path

import pytest

from credvault.model.errors import Damaged, Locked, NotFound, StorageError, Unsupported, WrongKey
from credvault.transfer.gpg import Gpg
from credvault.transfer.importers import gopass, passstore
from credvault.transfer.importers.base import Item, Skipped, Source
from tests.agent.desk import is_running
from tests.home import Home
from tests.patience import LIMITS, wait_until
from tests.transfer.conftest import LOCKED, Keyring, Store

KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA: BBBB\n-----END OPENSSH PRIVATE KEY-----\n"
ENTRIES = {
    "simple": b"canary-simple\n",
    "Email/work/gmail": (
        b"p4ss: word \xc3\xa9\nuser: alice@example.org\nurl: https://www.example.org/login\n"
        b"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP\na line of a note\nuser: second\n"
    ),
    "ssh/id": KEY,
    "binary": b"\xff\xfe\x00\n",
    "no newline": b"bare",
    "empty first": b"\nonly below\n",
}


def read(store: Store, **choices: bool) -> dict[str, Item]:
    source = Source(str(store.folder), store.keyring.env, **choices)  # type: ignore[arg-type]
    return {"/".join((*item.path, *item.below)): item for item in passstore.read(source) if isinstance(item, Item)}


@pytest.fixture
def stocked(store: Store) -> Store:
    for name, text in ENTRIES.items():
        store.insert(name, text)
    return store


def test_store_of_the_real_pass_is_imported_and_compared_value_by_value(stocked: Store, tmp_path: Path) -> None:
    home = Home(tmp_path / "home").furnish()
    home.environ |= {"GNUPGHOME": str(stocked.keyring.folder)}

    done = home.run("import", "pass", str(stocked.folder), "-y")

    assert done.status == 0, done
    snapshot = home.snapshot()
    assert snapshot is not None
    assert {name: versions for name, (versions, _) in snapshot.secrets.items()} == {
        "default/simple": [(1, b"canary-simple")],
        "Email/work/gmail": [(1, "p4ss: word é".encode())],
        "Email/work/gmail/totp": [(1, b"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP")],
        "ssh/id": [(1, KEY)],
        "default/binary": [(1, b"\xff\xfe\x00\n")],
        "default/no_newline": [(1, b"bare")],
        "default/empty_first": [(1, b"\nonly below\n")],
    }
    # What `pass` itself shows is the oracle.
    for name in ("simple", "Email/work/gmail", "no newline"):
        shown = stocked.keyring.run("pass", "show", name, PASSWORD_STORE_DIR=str(stocked.folder))
        stored = snapshot.secrets[{"simple": "default/simple", "no newline": "default/no_newline"}.get(name, name)]
        assert stored[0][0][1] == shown.split(b"\n")[0]


def test_lines_below_the_first_become_fields_and_the_note(stocked: Store) -> None:
    facts = read(stocked)["Email/work/gmail"].facts

    assert facts["fields"] == {"user": "alice@example.org", "url": "https://www.example.org/login"}
    assert facts["note"] == "a line of a note\nuser: second"
    assert facts["service"] == "example.org"


def test_whole_text_is_the_value_where_that_is_chosen(stocked: Store) -> None:
    found = read(stocked, whole=True)

    assert {name: item.value.reveal() for name, item in found.items()} == ENTRIES


def test_links_out_of_the_store_and_what_is_no_entry_are_skipped_with_a_reason(store: Store, tmp_path: Path) -> None:
    store.insert("inside", b"canary\n")
    outside = tmp_path / "outside.gpg"
    outside.write_bytes(store.keyring.encrypt(b"outside"))
    (store.folder / "out.gpg").symlink_to(outside)
    (store.folder / "alias.gpg").symlink_to("inside.gpg")
    (store.folder / "folder").symlink_to(tmp_path)
    (store.folder / "README.md").write_text("hello")
    (store.folder / ".gpg-id.sig").write_bytes(b"")
    (store.folder / "dir.gpg").mkdir()
    os.mkfifo(store.folder / "pipe.gpg")

    found = {"/".join(part.path): part for part in passstore.read(Source(str(store.folder), store.keyring.env))}

    assert sorted(found) == ["README.md", "alias", "folder", "inside", "out", "pipe"]
    reasons = {name: part.reason for name, part in found.items() if isinstance(part, Skipped)}
    assert reasons == {
        "README.md": "it is not an entry of the store: its name does not end in .gpg",
        "folder": "it is a link to a folder, which is not followed",
        "out": "it is a link that leads out of the store",
        "pipe": "it is not a regular file",
    }
    assert isinstance(found["alias"], Item)


def test_entries_whose_names_start_with_a_dot_are_entries(store: Store) -> None:
    for name in (".top", "app/.env", ".folder/entry"):
        store.insert(name, b"canary\n")
    (store.folder / ".git").mkdir()
    (store.folder / ".git/branch.gpg").write_bytes(b"of git")

    found = read(store)

    assert sorted(found) == [".folder/entry", ".top", "app/.env"]


def test_folder_that_cannot_be_read_is_not_passed_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.insert("open", b"canary\n")
    store.insert("shut/entry", b"canary\n")
    shut, scandir = str(store.folder / "shut"), os.scandir

    def refuse(path: str) -> object:  # a mode would not keep root out
        if path == shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = {"/".join(part.path): part for part in passstore.read(Source(str(store.folder), store.keyring.env))}

    assert sorted(found) == ["open", "shut"]
    assert isinstance(found["open"], Item)
    assert isinstance(found["shut"], Skipped)
    assert isinstance(found["shut"].error, StorageError)


def test_damaged_and_foreign_entries_are_named_and_the_rest_read(store: Store, keyring: Keyring) -> None:
    sound = keyring.encrypt(b"canary")
    store.insert("fine", b"canary\n")
    for name, content in {
        "cut": sound[:-20],
        "flipped": sound[:-15] + bytes([sound[-15] ^ 1]) + sound[-14:],
        "junk": b"junk",
        "empty": b"",
        "bomb": keyring.encrypt(bytes(50_000_000)),
        "large": b"x" * 5_000_000,
    }.items():
        (store.folder / f"{name}.gpg").write_bytes(content)

    found = {part.path[0]: part for part in passstore.read(Source(str(store.folder), keyring.env))}

    assert isinstance(found.pop("fine"), Item)
    assert len(found) == 6
    errors = {name: type(part.error) for name, part in found.items() if isinstance(part, Skipped)}
    assert {errors.pop(name) for name in ("cut", "flipped", "junk", "empty", "bomb")} == {Damaged}
    assert "more than a secret may have" in str(found["bomb"])
    assert "too large" in str(found["large"])


def test_unreadable_entry_stops_the_import_unless_that_is_lifted(store: Store, tmp_path: Path) -> None:
    store.insert("fine", b"canary\n")
    (store.folder / "junk.gpg").write_bytes(b"junk")
    home = Home(tmp_path / "home").furnish()
    home.environ |= {"GNUPGHOME": str(store.keyring.folder)}
    before = home.vault.read_bytes()

    refused = home.run("import", "pass", str(store.folder), "-y")
    unchanged = home.vault.read_bytes() == before
    done = home.run("import", "pass", str(store.folder), "-y", "--skip-unreadable", "--json")

    assert (refused.status, unchanged, done.status) == (10, True, 0), (refused, done)
    assert "'junk' is not a whole message of gpg; nothing was imported" in refused.stderr
    assert "--skip-unreadable" in refused.stderr
    assert [row["action"] for row in json.loads(done.stdout)["plan"]] == ["add", "unreadable"]


def test_key_that_asks_for_its_passphrase_does_not_hang(store: Store, keyring: Keyring) -> None:
    (store.folder / "locked.gpg").write_bytes(keyring.encrypt(b"canary", LOCKED))

    with pytest.raises(Locked, match="passphrase was not given"):
        list(passstore.read(Source(str(store.folder), keyring.env)))


def test_key_that_is_not_there_is_a_wrong_key(store: Store, tmp_path: Path) -> None:
    store.insert("entry", b"canary\n")
    empty = tmp_path / "gnupg"
    empty.mkdir(mode=0o700)

    (part,) = passstore.read(Source(str(store.folder), {**store.keyring.env, "GNUPGHOME": str(empty)}))

    assert isinstance(part, Skipped)
    assert isinstance(part.error, WrongKey)


def test_gpg_that_hangs_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text('#!/bin/sh\nsleep 600 & echo $! > "$0.new"; mv "$0.new" "$0.pid"; wait\n')
    program.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    for patience in LIMITS:
        with pytest.raises(Locked, match=r"gpg gave no answer for 'x'"):
            Gpg(environ, attended=False, max_bytes=10, patience=patience).decrypt(b"x", "x")
        if (tmp_path / "gpg.pid").exists():
            break

    sleeper = int((tmp_path / "gpg.pid").read_text())
    wait_until(lambda: not is_running(sleeper))


def test_gpg_is_told_nothing_that_unlocks_the_vault_and_has_the_options_of_pass(tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text('#!/bin/sh\nenv > "$0.env"; echo "$@" > "$0.args"; exit 1\n')
    program.chmod(0o755)
    (tmp_path / "a.gpg").write_bytes(b"x")
    environ = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CREDVAULT_KEY": "canary",
        "PASSWORD_STORE_GPG_OPTS": "--homedir /nosuch",
    }

    part = next(iter(passstore.read(Source(str(tmp_path), environ))))

    assert isinstance(part, Skipped)
    assert "canary" not in (tmp_path / "gpg.env").read_text()
    assert (tmp_path / "gpg.args").read_text().startswith("--homedir /nosuch --quiet --batch --pinentry-mode error")


def test_no_store_no_gpg_and_age_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "aged").mkdir()
    (tmp_path / "aged/a.age").write_bytes(b"x")
    (tmp_path / "store").mkdir()
    (tmp_path / "store/a.gpg").write_bytes(b"x")

    def failure(folder: str, environ: dict[str, str]) -> Exception:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is asserted
            list(gopass.read(Source(str(tmp_path / folder), environ)))
        return raised.value

    path = {"PATH": os.environ["PATH"]}
    assert isinstance(failure("nosuch", path), NotFound)
    assert isinstance(failure("none", path), NotFound)
    assert isinstance(failure("aged", path), Unsupported)
    assert isinstance(failure("store", {"PATH": str(tmp_path)}), Unsupported)


def test_config_of_gopass_leads_to_all_its_stores(store: Store, keyring: Keyring, tmp_path: Path) -> None:
    store.insert("root/entry", b"one\n")
    mounted = Store(tmp_path / "mounted", keyring)
    keyring.run("pass", "init", "open@example.org", PASSWORD_STORE_DIR=str(mounted.folder))
    mounted.insert("entry", b"two\n---\nuser: 'quoted'\n")
    mounted.insert("old", b"GOPASS-SECRET-1.0\nPassword: three\nUser: bob\n\nbody\n")
    config = tmp_path / "config"
    config.write_text(
        f'[core]\n\tautosync = false\n\tpath = /nosuch\n[mounts]\n\tpath = {store.folder}\n[mounts "team/x"]\n'
        f"\tpath = {mounted.folder}\n"
    )

    found = list(gopass.read(Source(str(config), keyring.env)))

    assert all(isinstance(item, Item) for item in found)
    items = {"/".join(item.path): item for item in found if isinstance(item, Item)}
    assert {name: item.value.reveal() for name, item in items.items()} == {
        "root/entry": b"one",
        "team/x/entry": b"two",
        "team/x/old": b"three",
    }
    assert items["team/x/entry"].facts["note"] == "---\nuser: 'quoted'"
    assert items["team/x/old"].facts["fields"] == {"User": "bob"}
    assert items["team/x/old"].facts["note"] == "body"
