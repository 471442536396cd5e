"""What the backend `keyring` puts where, and what becomes of it: on a real Secret Service, by the installed program."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.canary import files_with, is_in
from tests.conftest import Cli
from tests.secretservice import Keyring, SecretService

PROJECT = Path(__file__).parent.parent.parent
CANARY, OTHER = b"canary-of-items-1", b"canary-of-items-2"
BINARY = bytes(range(256))


@pytest.fixture
def desk(cli: Cli, empty_keyring: SecretService) -> Cli:
    """The program with the backend `keyring`, which is empty."""
    cli.env.update(empty_keyring.environ, CREDVAULT_BACKEND="keyring")
    return cli


@pytest.fixture
def keyring(empty_keyring: SecretService) -> Keyring:
    """The keyring behind it."""
    return empty_keyring


def index_of(desk: Cli) -> Path:
    return desk.home / ".local/share/credvault/keyring.json"


def copy_of(desk: Cli, namespace: str, key: str) -> bytes:
    """Return what another program finds: the library's own command line."""
    return desk.run(["keyring", "get", f"com.credvault.{namespace}", key]).stdout


def test_another_program_finds_the_current_value(desk: Cli) -> None:
    found = []
    for words in (["add", "x/key", "--stdin"], ["rotate", "x/key", "--stdin"], ["rotate", "x/key", "--undo"]):
        desk(*words, stdin=OTHER if words[0] == "rotate" else CANARY, check=True)
        found.append(copy_of(desk, "x", "key"))
    desk("edit", "x/key", "--note", "a note", check=True)
    found.append(copy_of(desk, "x", "key"))
    desk("delete", "x/key", "-y", check=True)

    assert found == [CANARY + b"\n", OTHER + b"\n", CANARY + b"\n", CANARY + b"\n"]
    assert copy_of(desk, "x", "key") == b""


def test_a_value_that_is_no_text_has_no_copy_and_the_one_before_it_goes(desk: Cli, keyring: Keyring) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    desk("rotate", "x/key", "--stdin-raw", stdin=BINARY, check=True)

    assert ("com.credvault.x", "key") not in keyring.items()
    assert desk("get", "x/key").stdout == BINARY
    assert desk("get", "x/key", "--version", "1").stdout == CANARY


@pytest.mark.parametrize("value", ["\ufeffbom", "\ufffetwisted", "nul\0nul", "a\r\n", "\u202eevil", "ü" * 9], ids=ascii)
def test_texts_that_some_keyring_would_change_come_back_as_they_were(desk: Cli, value: str) -> None:
    desk("add", "x/key", "--stdin-raw", stdin=value.encode(), check=True)

    assert desk("get", "x/key").stdout == value.encode()


def test_index_is_private_and_holds_no_value(desk: Cli) -> None:
    desk("add", "x/key", "--stdin", "--note", "a note", stdin=CANARY, check=True)
    desk("rotate", "x/key", "--stdin", stdin=OTHER, check=True)

    assert stat.S_IMODE(index_of(desk).stat().st_mode) == 0o600
    assert b"a note" in index_of(desk).read_bytes()
    assert files_with(desk.home, [CANARY, OTHER]) == []


def test_doctor_says_who_may_read_the_index(desk: Cli) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    index_of(desk).chmod(0o644)

    done = desk("doctor")

    assert done.returncode == 6
    assert b"wrong   index: others may read it (mode 0644)" in done.stdout


def test_a_link_to_the_index_stays_a_link(desk: Cli) -> None:
    real = desk.home / "real.json"
    index_of(desk).parent.mkdir(parents=True, exist_ok=True)
    index_of(desk).symlink_to(real)

    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)

    assert index_of(desk).is_symlink()
    assert b"x" in real.read_bytes()


def test_versions_over_the_limit_leave_the_keyring(desk: Cli, keyring: Keyring) -> None:
    folder = desk.home / ".config/credvault"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[history]\nversions = 2\n", encoding="ascii")
    desk("add", "x/key", "--stdin", stdin=b"1", check=True)

    for value in (b"2", b"3", b"4"):
        desk("rotate", "x/key", "--stdin", stdin=value, check=True)

    assert sorted(keyring.items().values()) == [b"3", b"4", b"4"]  # and the copy
    assert desk("get", "x/key", "--version", "2").returncode == 3


def test_without_its_index_what_was_text_is_still_there(desk: Cli, keyring: Keyring) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    index_of(desk).unlink()
    keyring.remove_versions()

    read = desk("get", "x/key")
    added = desk("add", "x/key", "--stdin", stdin=OTHER)
    rotated = desk("rotate", "x/key", "--stdin", stdin=OTHER)

    assert (read.returncode, read.stdout) == (0, CANARY)
    assert (added.returncode, rotated.returncode) == (7, 0)
    assert desk("get", "x/key", "--version", "1").stdout == CANARY
    assert desk("delete", "x/key", "-y").returncode == 0
    assert desk("get", "x/key").returncode == 3


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b'{"format":"credvault-keyring"}', b"null", b"\xff"],
    ids=["empty", "cut", "list", "members", "null", "bytes"],
)
def test_damaged_index_is_said_so_and_never_written_over(desk: Cli, damage: bytes) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    index_of(desk).write_bytes(damage)

    done = [
        desk("get", "x/key"),
        desk("list"),
        desk("add", "x/other", "--stdin", stdin=OTHER),
        desk("delete", "x/key", "-y"),
        desk("doctor"),
    ]

    assert [each.returncode for each in done] == [10] * 5
    assert all(b"damaged" in each.stdout + each.stderr for each in done)
    assert index_of(desk).read_bytes() == damage


@pytest.mark.parametrize(
    ("member", "value"),
    [("key", "../x"), ("key", 1), ("record", []), ("versions", []), ("versions", None), ("id", ""), ("record", {})],
)
def test_row_that_nobody_wrote_is_damage(desk: Cli, member: str, value: object) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    index = json.loads(index_of(desk).read_bytes())
    index["secrets"][0][member] = value
    index_of(desk).write_text(json.dumps(index), encoding="ascii")

    done = desk("list")

    assert (done.returncode, done.stdout) == (10, b"")
    assert b"the index of the keyring" in done.stderr


def test_index_of_a_newer_program_is_not_read(desk: Cli) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    index = json.loads(index_of(desk).read_bytes())
    index_of(desk).write_text(json.dumps({**index, "v": 2}), encoding="ascii")

    done = desk("list")

    assert done.returncode == 10
    assert b"hint: a newer credvault wrote it: upgrade" in done.stderr


def test_value_that_somebody_removed_or_changed_is_said_so(desk: Cli, keyring: Keyring) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    desk("add", "x/bytes", "--stdin-raw", stdin=BINARY, check=True)
    users = {row["key"]: row["versions"][0]["user"] for row in json.loads(index_of(desk).read_bytes())["secrets"]}
    keyring.empty()
    keyring.put("com.credvault.x", users["bytes"], b"canary, not base64")

    removed, changed = desk("get", "x/key"), desk("get", "x/bytes")
    keyring.put("com.credvault.x", users["key"], b"")
    emptied = desk("exec", "-e", "A=x/key", "--", "true")
    again = desk("add", "x/key", "--force", "--stdin", stdin=OTHER)

    assert (removed.returncode, removed.stdout) == (10, b"")
    assert b"Secret Service has no value for version 1 of x/key" in removed.stderr
    assert b"'credvault add x/key --force' puts it in again" in removed.stderr
    assert (changed.returncode, changed.stdout) == (10, b"")
    assert not is_in(changed.stderr, [b"canary"])
    assert emptied.returncode == 125
    assert b"the keyring holds something other than what was stored as version 1 of x/key" in emptied.stderr
    assert b"'credvault add x/key --force'" in emptied.stderr
    assert again.returncode == 0
    assert desk("get", "x/key").stdout == OTHER
    keyring.remove_versions()
    past = desk("get", "x/key", "--version", "1")
    assert past.returncode == 10
    assert b"other versions may be there still ('credvault history x/key')" in past.stderr


def test_deleted_secret_is_gone_however_many_items_others_made_of_it(desk: Cli, keyring: Keyring) -> None:
    """The service takes items of one service and user, where they have other attributes besides."""
    keyring.put("com.credvault.x", "key", CANARY, application="one")
    keyring.put("com.credvault.x", "key", OTHER, application="another")
    keyring.put("com.credvault.x", "key2", OTHER, application="another")

    done = desk("delete", "x/key", "-y", check=True)

    assert b"deleted x/key" in done.stderr
    assert desk("get", "x/key").returncode == 3
    assert list(keyring.items()) == [("com.credvault.x", "key2")]


def test_item_of_another_program_that_is_no_text_is_said_to_be_in_the_way(desk: Cli, keyring: Keyring) -> None:
    desk("add", "x/text", "--stdin", stdin=OTHER, check=True)
    keyring.put("com.credvault.x", "key", b"canary\xff")

    done = [
        desk("get", "x/key"),
        desk("exec", "-e", "A=x/text", "-e", "B=x/key", "--", "true"),
        desk("add", "x/key", "--stdin", "--force", stdin=OTHER),
        desk("delete", "x/key", "-y"),
    ]

    assert [each.returncode for each in done] == [8, 125, 8, 8]
    for each in done:
        assert b"something that is not text under the service com.credvault.x and the user key" in each.stderr
        assert b"hint: another program put it there: keyring del com.credvault.x key removes it" in each.stderr
        assert not is_in(each.stderr, [b"canary"])


def test_no_other_keyring_is_used_than_the_one_that_has_the_values(desk: Cli, keyring: Keyring) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    index = json.loads(index_of(desk).read_bytes())
    before = keyring.items()
    elsewhere = json.dumps({**index, "holder": "KWallet"})
    index_of(desk).write_text(elsewhere, encoding="ascii")

    done = [
        desk("get", "x/key"),
        desk("add", "x/other", "--stdin", stdin=OTHER),
        desk("rotate", "x/key", "--stdin", stdin=OTHER),
        desk("delete", "x/key", "-y"),
    ]
    doctor = desk("doctor")
    named = desk("get", "x/key", env={"PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"})

    assert index["holder"] == "Secret Service"
    for each in done:
        assert (each.returncode, each.stdout) == (6, b"")
        assert b"KWallet cannot be used: " in each.stderr
    assert b"keyring: Secret Service is not used: the values are in KWallet" in doctor.stdout
    assert doctor.returncode == named.returncode == 6
    assert b"the values are in KWallet, which is none of this system, or not the one that is named" in named.stderr
    assert desk("list").stdout.startswith(b"x/key\t")
    assert (keyring.items(), index_of(desk).read_text(encoding="ascii")) == (before, elsewhere)


def test_an_index_without_secrets_leaves_the_choice_of_the_keyring(desk: Cli) -> None:
    desk("add", "x/key", "--stdin", stdin=CANARY, check=True)
    desk("delete", "x/key", "-y", check=True)

    assert "holder" not in json.loads(index_of(desk).read_bytes())


def test_what_intentframe_keeps_is_read_and_listed_with_its_facts(desk: Cli, keyring: Keyring) -> None:
    folder = desk.home / ".intentframe/data"
    folder.mkdir(parents=True)
    keyring.put("com.intentframe.vault.email.me@example.org", "password", CANARY)
    keyring.put("com.intentframe.vault.openai", "api_key", OTHER)
    with closing(sqlite3.connect(folder / "credentials.db")) as database:
        columns = "namespace, key, delivery_mode, allowed_consumers, env_name, created_at, updated_at"
        database.execute(f"CREATE TABLE credential_metadata ({columns}, PRIMARY KEY (namespace, key))")
        rows = [
            ("email.me@example.org", "password", "executor_only", '["edi"]', None, "2026-01-02T03:04:05.678+00:00", ""),
            ("openai", "api_key", "runtime_env", "[]", "OPENAI_API_KEY", "2026-01-02T03:04:05", "2026-02-02T03:04:05Z"),
            ("../evil", "api_key", "runtime_env", "not JSON", 7, 8, b"9"),
            ("odd", "key", "unknown", "not JSON", 7, 8, b"9"),
        ]
        database.executemany("INSERT INTO credential_metadata VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        database.commit()
    before = (folder / "credentials.db").read_bytes()

    listed = desk("--json", "list")
    read = desk("--json", "get", "openai/api_key")
    ran = desk("exec", "--", "printenv", "OPENAI_API_KEY")

    names = {f"{row['namespace']}/{row['key']}": row for row in json.loads(listed.stdout)}
    assert sorted(names) == ["email.me@example.org/password", "odd/key", "openai/api_key"]
    assert names["email.me@example.org/password"]["consumers"] == ["edi"]
    assert json.loads(read.stdout)["updated_at"] == "2026-02-02T03:04:05Z"
    assert ran.stdout == OTHER + b"\n"
    assert (folder / "credentials.db").read_bytes() == before


def test_database_that_cannot_be_read_is_said_so(desk: Cli) -> None:
    folder = desk.cwd / "data"
    folder.mkdir()
    (folder / "credentials.db").write_bytes(b"this is no database at all" * 100)

    done = desk("list", env={"INTENTFRAME_DATA_DIR": str(folder)})

    assert (done.returncode, done.stdout) == (6, b"")
    assert f"cannot read {folder}/credentials.db" in done.stderr.decode()
    assert "INTENTFRAME_DATA_DIR" in done.stderr.decode()


def test_new_database_without_a_table_has_no_facts(desk: Cli) -> None:
    folder = desk.cwd / "data"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "credentials.db")) as database:
        database.execute("CREATE TABLE other (x)")
        database.commit()
    env = {"INTENTFRAME_DATA_DIR": str(folder)}

    desk("add", "x/key", "--stdin", stdin=OTHER, env=env, check=True)
    done = desk("list", env=env)

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"x/key\t")


def test_name_that_is_listed_and_has_no_value_is_no_hint_for_itself(desk: Cli) -> None:
    folder = desk.home / ".intentframe/data"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "credentials.db")) as database:
        database.execute("CREATE TABLE credential_metadata (namespace, key)")
        database.execute("INSERT INTO credential_metadata VALUES ('lost', 'key')")
        database.commit()

    done = desk("get", "lost/key")

    assert desk("list").stdout.startswith(b"lost/key\t")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"there is no secret lost/key" in done.stderr
    assert b"did you mean" not in done.stderr


def test_ours_comes_first_and_theirs_is_never_changed(desk: Cli, keyring: Keyring) -> None:
    theirs = ("com.intentframe.vault.x", "key")
    keyring.put(*theirs, CANARY)
    desk("edit", "x/key", "--note", "taken over", check=True)
    desk("rotate", "x/key", "--stdin", stdin=OTHER, check=True)

    refused = desk("delete", "x/key", "-y")

    assert refused.returncode == 8
    assert f"keyring del {theirs[0]} {theirs[1]}" in refused.stderr.decode()
    assert desk("get", "x/key").stdout == OTHER
    assert keyring.items()[theirs] == CANARY


def test_two_writers_at_once_lose_nothing(desk: Cli, keyring: Keyring) -> None:
    script = "import sys\nfrom credvault import open_vault\nfor n in range(12):\n" + (
        "    with open_vault() as vault:\n"
        "        vault.add(f'race/{sys.argv[1]}{n}', b'value ' + str(n).encode())\n"
        "        vault.add('race/shared', b'by ' + sys.argv[1].encode(), replace=True)\n"
    )
    env = desk.environment()

    running = [subprocess.Popen([sys.executable, "-c", script, name], env=env, cwd=desk.cwd) for name in "ab"]
    statuses = [process.wait() for process in running]

    assert statuses == [0, 0]
    names = [line.split(b"\t")[0] for line in desk("list").stdout.splitlines()]
    assert len(names) == 25
    assert desk("history", "race/shared").stdout.count(b"active") == 10
    assert desk("get", "race/shared").stdout in (b"by a", b"by b")
    # Each value, 10 versions of the shared one, and a copy of each secret.
    assert len(keyring.items()) == 24 + 10 + 25


def test_writer_that_is_killed_at_any_step_leaves_the_old_or_the_new(keyring: Keyring, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.backends.keyringkills", keyring.address, str(tmp_path)],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["killed"] > 25


def test_no_canary_gets_out_of_any_command(desk: Cli) -> None:
    (desk.cwd / "binary").write_bytes(b"\0" + OTHER)
    commands = [
        ["add", "x/key", "--stdin"],
        ["add", "x/key", "--stdin"],
        ["rotate", "x/key", "--stdin"],
        ["add", "x/bytes", "--from-file", "binary", "--env", "X_BYTES"],
        ["list", "--long"],
        ["history", "x/key"],
        ["rotate", "x/key", "--undo"],
        ["edit", "x/key", "--note", "n"],
        ["get", "x/none"],
        ["doctor"],
        ["exec", "-e", "A=x/bytes", "--", "true"],
        ["delete", "x/key", "x/bytes", "-y"],
    ]

    for options in ([], ["-vv"], ["--json"]):
        for environ in ({}, {"DBUS_SESSION_BUS_ADDRESS": None}):
            for words in commands:
                done = desk(*options, *words, stdin=CANARY, env=environ)

                assert not is_in(done.stdout + done.stderr, [CANARY, OTHER]), words
                assert b"unexpected" not in done.stderr

    assert files_with(desk.home, [CANARY, OTHER]) == []
