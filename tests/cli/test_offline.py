"""The offline copy: saved on demand, read on demand, and never in silence or in the store's place."""

import json
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from credvault import errors, open_vault
from credvault.backends.offline import LABEL_NAME, Label, parse_label
from credvault.config import Flags, load_settings
from credvault.lifecycle import offline
from credvault.model.names import Name, parse_name
from credvault.model.record import Secret
from credvault.model.times import time_text
from credvault.sealing.keys import print_key
from tests.awaystore import AwayStore, home_of, install
from tests.home import Home
from tests.secretservice import SecretService

CONFIG = """\
[profiles.prod]
backend = "away"
offline = true
max_age = "8h"
[profiles.other]
backend = "away"
offline = true
options = { where = "elsewhere" }
[profiles.never]
backend = "away"
"""
OTHER_KEY = print_key(bytes(range(1, 33)))
READING: Sequence[tuple[str, ...]] = [
    ("get", "TOKEN"),
    ("list",),
    ("exec", "--", "true"),
    ("exec", "-e", "A=TOKEN", "--", "true"),
    ("export", "--format", "json"),
    ("inject",),
    ("check", "TOKEN"),
    ("history", "TOKEN"),
    ("redact",),
]
WRITING: Sequence[tuple[str, ...]] = [
    ("add", "NEW", "--stdin"),
    ("rotate", "TOKEN", "--stdin"),
    ("rotate", "TOKEN", "--undo"),
    ("edit", "TOKEN", "--note", "x"),
    ("delete", "TOKEN", "-y"),
    ("import", "dotenv", "in.env", "-y"),
    ("init", "--generate-key"),
    ("rekey",),
    ("slot", "add", "--generate-key"),
    ("salvage", "-o", "new"),
    ("offline", "save"),
    ("doctor",),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = home_of(tmp_path, "prod")
    home.write(".config/credvault/config.toml", CONFIG)
    return home


@pytest.fixture
def store(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AwayStore:
    """A store with a secret for programs, and one that is executor_only."""
    store = install(tmp_path, monkeypatch)
    assert home.run("add", "TOKEN", "--stdin", stdin=b"first").status == 0
    assert home.run("rotate", "TOKEN", "--stdin", stdin=b"second").status == 0
    assert home.run("add", "db/password", "--stdin", stdin=b"hunter22").status == 0
    store.reset()
    return store


def copy_of(home: Home, profile: str = "prod") -> Path:
    return home.state / "offline" / f"{profile}.json"


def label_of(home: Home) -> Label:
    with home.file(copy_of(home)).open() as vault:
        entry = vault.find(LABEL_NAME)
    assert entry is not None
    return parse_label(entry.secret().value.reveal())


def make_older(home: Home, seconds: int, **changes: object) -> None:
    """Save the copy anew, as it is, with another label; as of `seconds` before it was saved."""
    file, label = home.file(copy_of(home)), label_of(home)
    with file.open() as vault:
        entries = [e for n in range(vault.bucket_count) for e in vault.check_bucket(n) if e.name != LABEL_NAME]
    saved_at = time_text(os.stat(file.path).st_mtime - seconds)
    offline.save(file, None, label._replace(saved_at=saved_at, **changes), entries)  # type: ignore[arg-type]


def test_copy_answers_with_the_store_away_and_says_how_old_it_is(home: Home, store: AwayStore) -> None:
    assert home.run("offline", "save").status == 0
    store.reset()
    store.is_away = True

    done = home.run("get", "TOKEN", "--offline")

    assert (done.status, done.stdout) == (0, b"second")
    said = r"credvault: warning: from the offline copy of profile prod, saved \d+s ago \(\d{4}-.*Z\)\n"
    assert re.fullmatch(said, done.stderr)
    assert (store.opened, store.calls) == (0, {})


@pytest.mark.parametrize("argv", [argv for argv in READING if "exec" not in argv], ids=" ".join)
def test_reading_offline_never_touches_a_store_that_is_there(
    home: Home, store: AwayStore, argv: tuple[str, ...]
) -> None:
    assert home.run("offline", "save").status == 0
    store.reset()

    done = home.run(*argv, "--offline", stdin=b"{{ credvault://TOKEN }} second")

    assert done.status == 0, done
    assert "from the offline copy of profile prod, saved" in done.stderr
    assert (store.opened, store.calls) == (0, {})
    assert home.run("--offline", *argv, stdin=b"second").status == 0
    assert (store.opened, store.calls) == (0, {})


@pytest.mark.parametrize("argv", READING, ids=" ".join)
def test_store_that_is_away_is_an_error_that_names_the_copy_and_does_not_use_it(
    home: Home, store: AwayStore, argv: tuple[str, ...]
) -> None:
    assert home.run("offline", "save").status == 0
    store.is_away = True

    done = home.run(*argv, stdin=b"{{ credvault://TOKEN }} second")

    assert done.status == (125 if argv[0] == "exec" else 6)
    assert done.stdout == b""
    hint = r"hint: wait for it to come back; there is an offline copy of \d+s ago, which --offline reads\n$"
    assert re.search(hint, done.stderr)


def test_no_copy_is_offered_where_there_is_none_and_none_to_who_writes(home: Home, store: AwayStore) -> None:
    store.is_away = True
    without = home.run("get", "TOKEN")
    store.is_away = False
    assert home.run("offline", "save").status == 0
    store.is_away = True

    # Some of them read first; and --offline means something else after `test`.
    refusing: Sequence[tuple[str, ...]] = [
        ("add", "NEW", "--stdin"),
        ("rotate", "TOKEN", "--stdin"),
        ("delete", "TOKEN", "-y"),
        ("copy", "--to-vault", str(home.vault), "-y"),
        ("test", "TOKEN"),
        ("offline", "save"),
    ]
    for done in (without, *(home.run(*argv, stdin=b"x") for argv in refusing)):
        assert (done.status, done.stderr.splitlines()[-1]) == (6, "credvault: hint: wait for it to come back")


@pytest.mark.parametrize("argv", WRITING, ids=" ".join)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_writing_offline_is_refused_before_anything_happens(
    home: Home, store: AwayStore, argv: tuple[str, ...], before: bool
) -> None:
    assert home.run("offline", "save").status == 0
    store.reset()
    sound = copy_of(home).read_bytes()

    done = home.run("--offline", *argv, stdin=b"x") if before else home.run(*argv, "--offline", stdin=b"x")

    assert (done.status, done.stdout) == (8, b"")
    assert "is not done with an offline copy\ncredvault: hint: leave out --offline" in done.stderr
    assert (store.opened, store.calls) == (0, {})
    assert copy_of(home).read_bytes() == sound
    assert not (home.root / "new").exists()


def test_test_keeps_its_own_offline_and_tells_it_from_the_other(home: Home, store: AwayStore) -> None:
    own = home.run("test", "TOKEN", "--offline")
    store.reset()

    other = home.run("--offline", "test", "TOKEN")

    assert (own.status, own.stderr) == (0, "")
    assert (other.status, store.calls) == (8, {})


def test_executor_only_is_in_the_copy_only_where_asked_for(home: Home, store: AwayStore) -> None:
    without = home.run("offline", "save")
    refused = home.run("--offline", "get", "db/password")
    asked = home.run("offline", "save", "--executor-only")

    done = home.run("--offline", "get", "db/password")

    assert without.stderr == "credvault: saved 1 secret of profile prod, without 1 executor_only (--executor-only)\n"
    assert (refused.status, refused.stdout) == (3, b"")
    assert refused.stderr.endswith(
        "credvault: error: there is no secret db/password\n"
        "credvault: hint: the offline copy holds the newest version of every runtime_env secret\n"
    )
    assert asked.stderr == "credvault: saved 2 secrets of profile prod\n"
    assert done.stdout == b"hunter22"
    assert home.run("--offline", "exec", "-e", "A=db/password", "--", "true").status == 125


def test_save_takes_what_matches_and_refuses_what_matches_nothing(home: Home, store: AwayStore) -> None:
    home.run("add", "db/url", "--stdin", "--env", "DB_URL", stdin=b"postgres://")

    done = home.run("offline", "save", "db/**")
    sound = copy_of(home).read_bytes()
    nothing = home.run("offline", "save", "db/**", "mail/*")
    closed = home.run("offline", "save", "db/pass*")

    assert done.status == 0
    assert home.run("--offline", "list").stdout.split(b"\t")[0] == b"db/url"
    assert label_of(home).choice == "the newest version of every runtime_env secret that matches db/**"
    assert (nothing.status, closed.status) == (3, 3)
    assert "no secret matches mail/*" in nothing.stderr
    assert "nothing to copy: no secret is runtime_env\ncredvault: hint: --executor-only" in closed.stderr
    assert copy_of(home).read_bytes() == sound
    # What it was chosen to hold is said where all is asked for, and where something is not in it.
    assert re.search(r"Z\); it holds the newest .* that matches db/\*\*\n", home.run("--offline", "list").stderr)
    for words in (("exec", "-e", "A=TOKEN", "--", "true"), ("check", "TOKEN"), ("inject",)):
        missing = home.run("--offline", *words, stdin=b"{{ credvault://TOKEN }}")
        assert missing.status in (3, 125)
        assert "hint: the offline copy holds the newest version of every runtime_env secret that" in missing.stderr


def test_past_versions_are_there_where_asked_for(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    newest = home.run("--offline", "get", "TOKEN", "--version", "1")
    home.run("offline", "save", "--past")

    done = home.run("--offline", "get", "TOKEN", "--version", "1")

    assert (newest.status, newest.stdout) == (3, b"")
    assert "the offline copy holds the newest version of every runtime_env secret" in newest.stderr
    assert done.stdout == b"first"
    assert [line.split(b"\t")[0] for line in home.run("--offline", "history", "TOKEN").stdout.splitlines()] == [
        b"2",
        b"1",
    ]


def test_save_replaces_all_of_the_copy_in_one_generation(home: Home, store: AwayStore) -> None:
    home.run("add", "OLD", "--stdin", stdin=b"old-value")
    assert home.run("offline", "save").status == 0
    before = home.snapshot(copy_of(home))
    home.run("delete", "OLD", "-y")
    store.reset()

    assert home.run("offline", "save").status == 0

    after = home.snapshot(copy_of(home))
    assert before is not None
    assert after is not None
    assert after.generation == before.generation + 1
    assert (after.fingerprint, after.slots) == (before.fingerprint, before.slots)
    assert {str(name) for name in after.secrets} == {str(LABEL_NAME), "default/TOKEN"}
    # What is gone does not linger in a backup either.
    assert home.snapshot(copy_of(home).with_suffix(".json.bak")) == after
    assert store.calls == {"list": 1, "get_many": 1}


def test_versions_and_facts_of_a_copy_are_those_of_the_store(home: Home, store: AwayStore) -> None:
    home.run("edit", "TOKEN", "--note", "a note", "--tag", "t", "--expires", "2040-01-01")
    there = json.loads(home.run("get", "TOKEN", "--json").stdout)
    assert home.run("offline", "save").status == 0

    here = json.loads(home.run("get", "TOKEN", "--json", "--offline").stdout)

    assert here == there


@pytest.mark.parametrize("why", ["away", "denied", "no key", "wrong key", "disk"])
def test_copy_stays_as_it_was_where_saving_fails(
    home: Home, store: AwayStore, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.run("offline", "save").status == 0
    sound = copy_of(home).read_bytes()
    home.run("rotate", "TOKEN", "--stdin", stdin=b"third")
    store.is_away = why == "away"
    if why == "denied":
        store.closed.add(parse_name("TOKEN"))
    if why == "no key":
        home.environ["CREDVAULT_KEY_FILE"] = "/nowhere"
    if why == "wrong key":
        home.environ["CREDVAULT_KEY"] = OTHER_KEY
    if why == "disk":
        copy_of(home).parent.chmod(0o500)
    store.reset()

    done = home.run("offline", "save")

    copy_of(home).parent.chmod(0o700)
    if why == "disk" and os.geteuid() == 0:
        assert done.status == 0  # nothing keeps root out
        return
    assert done.status == {"away": 6, "denied": 4, "no key": 6, "wrong key": 5, "disk": 6}[why]
    assert copy_of(home).read_bytes() == sound
    assert bool(store.calls) is (why not in ("no key", "wrong key"))


def test_copy_is_private_and_holds_no_value_in_the_clear(home: Home, store: AwayStore) -> None:
    assert home.run("offline", "save", "--executor-only").status == 0

    content = copy_of(home).read_bytes()

    assert stat.S_IMODE(copy_of(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(copy_of(home).parent.stat().st_mode) == 0o700
    for word in (b"hunter22", b"second", b"password", b"away", b"prod"):
        assert word not in content


def test_copy_that_is_too_old_is_unavailable_unless_an_older_one_is_allowed(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    make_older(home, 9 * 3600)

    done = home.run("--offline", "get", "TOKEN")
    shorter = home.run("--offline", "--max-age", "30m", "exec", "--", "true")
    longer = home.run("--offline", "get", "TOKEN", "--max-age", "1d")

    assert (done.status, done.stdout) == (6, b"")
    assert re.fullmatch(
        r"credvault: error: the offline copy of profile prod was saved 9h( \d+s)? ago, more than the 8h that max_age"
        r" of its profile allows\n"
        r"credvault: hint: 'credvault offline save' makes it anew; --max-age D takes an older one\n",
        done.stderr,
    )
    assert shorter.status == 125
    assert re.search(r"more than the 30m that --max-age allows", shorter.stderr)
    assert (longer.status, longer.stdout) == (0, b"second")


def test_copy_from_the_future_is_not_taken_for_a_young_one(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    make_older(home, -3600)

    done = home.run("--offline", "get", "TOKEN")

    assert (done.status, done.stdout) == (6, b"")
    assert "which is in the future by this machine's clock" in done.stderr
    # Where any age will do, it is not said to be none.
    home.write(".config/credvault/config.toml", CONFIG.replace('max_age = "8h"\n', ""))
    anyway = home.run("--offline", "get", "TOKEN")
    shown = home.run("offline", "status").stdout.decode()
    assert (anyway.status, anyway.stdout) == (0, b"second")
    assert re.search(r"profile prod, saved at \S+Z, which is in the future by this machine's clock\n", anyway.stderr)
    assert "which is in the future by this machine's clock\n" in shown
    assert "0s ago" not in anyway.stderr + shown


@pytest.mark.parametrize("option", [("--max-age", "soon"), ("--max-age", "0h"), ("--max-age", "")])
def test_max_age_that_is_none_is_refused(home: Home, store: AwayStore, option: tuple[str, ...]) -> None:
    home.run("offline", "save")
    store.reset()

    done = home.run("--offline", "get", "TOKEN", *option)

    assert (done.status, done.stdout) == (2, b"")
    assert "is not a duration" in done.stderr


def test_max_age_without_offline_is_refused(home: Home, store: AwayStore) -> None:
    done = home.run("get", "TOKEN", "--max-age", "8h")

    assert (done.status, done.stdout) == (2, b"")
    assert store.calls == {}


def test_bad_max_age_of_a_profile_names_its_place(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    home.write(".config/credvault/config.toml", CONFIG.replace('"8h"', '"a day"'))

    store.is_away = True
    away = home.run("get", "TOKEN")
    done = home.run("--offline", "get", "TOKEN")

    # What is wrong with a setting of the copy does not stand before what is wrong with the store.
    assert (away.status, away.stderr.splitlines()[-1]) == (6, "credvault: hint: wait for it to come back")
    assert (done.status, done.stdout) == (9, b"")
    assert "profile prod in" in done.stderr
    assert "max_age: 'a day' is not a duration" in done.stderr


def test_missing_copy_is_an_error_that_says_how_to_make_one(home: Home, store: AwayStore) -> None:
    done = home.run("--offline", "get", "TOKEN")

    assert (done.status, done.stdout) == (6, b"")
    assert done.stderr == (
        "credvault: error: there is no offline copy of profile prod\n"
        "credvault: hint: 'credvault offline save' makes one, while the store can be reached\n"
    )
    assert store.opened == 0


def test_profile_that_does_not_allow_a_copy_has_none(home: Home, store: AwayStore) -> None:
    for argv in (("offline", "save"), ("--offline", "list"), ("offline", "status")):
        done = home.run("--profile", "never", *argv)

        assert (done.status, done.stdout) == (9, b"")
        assert "offline = true in [profiles.never]" in done.stderr
    assert not (home.state / "offline").exists()
    assert store.calls == {}


def test_vault_without_a_profile_has_no_copy(home: Home, store: AwayStore) -> None:
    del home.environ["CREDVAULT_PROFILE"]

    for argv in (
        ("offline", "save"),
        ("--offline", "list"),
        ("offline", "forget"),
        ("--backend", "away", "--offline", "list"),
    ):
        done = home.run(*argv)

        assert done.status == 2
        assert "an offline copy belongs to a profile" in done.stderr
    assert store.calls == {}


def test_copy_of_another_profile_is_not_taken_for_this_one(home: Home, store: AwayStore) -> None:
    assert home.run("--profile", "other", "offline", "save").status == 0
    copy_of(home, "other").rename(copy_of(home))

    done = home.run("--offline", "get", "TOKEN")

    assert (done.status, done.stdout) == (6, b"")
    assert "is one of profile other, and not of prod" in done.stderr


def test_copy_of_another_store_is_not_taken_for_the_one_that_the_profile_names(home: Home, store: AwayStore) -> None:
    assert home.run("--profile", "other", "offline", "save").status == 0
    moved = CONFIG.replace("elsewhere", "here")
    home.write(".config/credvault/config.toml", moved)

    done = home.run("--profile", "other", "--offline", "get", "TOKEN")

    assert (done.status, done.stdout) == (6, b"")
    assert "was made of another store than the profile names now" in done.stderr
    assert re.search("it was away by settings [0-9a-f]{16};", done.stderr)
    assert home.run("--profile", "other", "offline", "save").status == 0
    assert home.run("--profile", "other", "--offline", "get", "TOKEN").stdout == b"second"


def test_older_copy_that_is_put_back_is_rolled_back(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    older = copy_of(home).read_bytes()
    home.run("offline", "save")
    copy_of(home).write_bytes(older)

    done = home.run("--offline", "get", "TOKEN")

    assert (done.status, done.stdout) == (10, b"")
    assert re.search(r"is older \(generation \d\) than when it was last seen \(\d\)", done.stderr)
    assert home.run("--offline", "get", "TOKEN", "--accept-rollback").stdout == b"second"


def test_wrong_key_says_that_the_copy_has_its_own(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")

    done = home.run("--offline", "get", "TOKEN", CREDVAULT_KEY=OTHER_KEY)

    assert (done.status, done.stdout) == (5, b"")
    assert "the copy opens by the key that it was made with; 'credvault offline forget' removes it" in done.stderr


def test_no_key_is_locked(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    del home.environ["CREDVAULT_KEY_FILE"]

    done = home.run("--offline", "get", "TOKEN")
    new = home.run("--profile", "other", "offline", "save")

    chosen = home.run("--profile", "prod", "--offline", "get", "TOKEN")

    assert (done.status, new.status) == (5, 5)
    # Another command would unlock another vault.
    assert "hint: run 'credvault --offline unlock' on a terminal, set " in done.stderr
    assert "hint: run 'credvault --profile prod --offline unlock' on a terminal, set " in chosen.stderr
    assert "there is no key for the new copy" in new.stderr
    assert not copy_of(home, "other").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"not a vault"])
def test_damaged_copy_is_damaged(home: Home, store: AwayStore, content: bytes) -> None:
    home.run("offline", "save")
    copy_of(home).write_bytes(content)

    done = home.run("--offline", "get", "TOKEN")

    assert (done.status, done.stdout) == (10, b"")
    assert "'credvault offline forget' removes it, and 'credvault offline" in done.stderr


def test_vault_file_that_is_no_copy_is_not_taken_for_one(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    copy_of(home).unlink()
    copy_of(home).write_bytes(home.vault.read_bytes())

    done = home.run("--offline", "get", "TOKEN")

    assert (done.status, done.stdout) == (10, b"")
    assert "is not an offline copy" in done.stderr


def test_save_never_replaces_a_vault_file_that_is_no_copy(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    copy_of(home).unlink()
    copy_of(home).symlink_to(home.vault)
    before = home.vault.read_bytes()

    done = home.run("offline", "save")

    assert (done.status, done.stdout) == (10, b"")
    assert "is not an offline copy" in done.stderr
    assert home.vault.read_bytes() == before


def test_forget_removes_a_link_and_not_the_vault_that_it_leads_to(home: Home, store: AwayStore) -> None:
    copy_of(home).parent.mkdir(mode=0o700, parents=True)
    copy_of(home).symlink_to(home.vault)
    before = home.vault.read_bytes()

    done = home.run("offline", "forget")

    assert done.status == 0
    assert f"what it led to is there still: {home.vault}" in done.stderr
    assert not copy_of(home).is_symlink()
    assert home.vault.read_bytes() == before


def test_label_is_nowhere_to_be_seen(home: Home, store: AwayStore) -> None:
    home.run("offline", "save", "--executor-only")

    listed = home.run("--offline", "list")
    asked = [home.run("--offline", *argv, str(LABEL_NAME)) for argv in (("get",), ("history",), ("check",))]

    assert str(LABEL_NAME).encode() not in listed.stdout
    assert [(done.status, done.stdout) for done in asked] == [(3, b"")] * 3


def test_label_is_not_copied_where_the_copy_is_read_as_a_vault_file(home: Home, store: AwayStore) -> None:
    assert home.run("offline", "save", "--executor-only").status == 0
    assert home.run("--vault", "other.json", "init").status == 0
    places = ("--from-vault", str(copy_of(home)), "--to-vault", "other.json", "-y")

    everything = home.run("copy", *places)
    pattern = home.run("copy", *places, f"{LABEL_NAME.namespace}/*")
    named = home.run("copy", *places, str(LABEL_NAME))

    assert (everything.status, pattern.status, named.status) == (0, 3, 3), (everything, pattern, named)
    assert home.run("--vault", "other.json", "list").stdout.count(b"\n") == 2
    assert home.run("--vault", "other.json", "get", str(LABEL_NAME)).status == 3


def test_store_that_calls_a_secret_otherwise_cannot_take_the_label_away(
    home: Home, store: AwayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.get_many

    def get_many(names: Sequence[Name]) -> dict[Name, Secret]:
        (secret,) = real(names).values()
        posing = secret._replace(record=secret.record._replace(namespace=LABEL_NAME.namespace, key=LABEL_NAME.key))
        return {names[0]: posing, LABEL_NAME: posing}

    monkeypatch.setattr(store, "get_many", get_many)

    assert home.run("offline", "save").status == 0
    assert label_of(home).profile == "prod"
    assert home.run("--offline", "get", "TOKEN").stdout == b"second"


def test_copy_keeps_a_name_that_no_file_may_have(home: Home, store: AwayStore) -> None:
    home.write(
        ".config/credvault/config.toml", CONFIG + '[profiles."../../a/b%\\u0000"]\nbackend = "away"\noffline = true\n'
    )

    done = home.run("--profile", "../../a/b%\0", "offline", "save")

    assert done.status == 0
    assert [path.name for path in (home.state / "offline").glob("*.json")] == ["..%2F..%2Fa%2Fb%25%00.json"]


def test_status_shows_what_the_copy_is_and_says_when_it_is_too_old(home: Home, store: AwayStore) -> None:
    home.run("offline", "save", "TOKEN")
    store.reset()
    facts = json.loads(home.run("offline", "status", "--json").stdout)
    make_older(home, 9 * 3600)

    done = home.run("offline", "status")

    assert facts["profile"] == "prod"
    assert (facts["secrets"], facts["globs"], facts["max_age_seconds"]) == (1, ["TOKEN"], 8 * 3600)
    assert 2_000 < facts["bytes"] < 10_000
    assert b"allowed\t8h, so it is too old\n" in done.stdout
    assert b"TOKEN" in done.stdout
    assert store.calls == {}


def test_forget_removes_all_of_it(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    home.run("offline", "save")
    home.write(".config/credvault/config.toml", CONFIG.replace("offline = true\n", ""))

    done = home.run("offline", "forget")
    again = home.run("offline", "forget")

    assert (done.status, done.stderr) == (0, "credvault: forgot the offline copy of profile prod\n")
    assert again.status == 3
    assert [path.name for path in (home.state / "offline").iterdir()] == ["prod.json.lock"]


def test_copy_that_was_removed_by_hand_is_made_anew(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    home.run("offline", "save")
    copy_of(home).unlink()

    done = home.run("offline", "save", CREDVAULT_KEY=OTHER_KEY)

    assert done.status == 0
    assert home.run("--offline", "get", "TOKEN", CREDVAULT_KEY=OTHER_KEY).stdout == b"second"
    assert home.run("--offline", "get", "TOKEN").status == 5


def test_doctor_names_the_copy_its_age_and_size(home: Home, store: AwayStore) -> None:
    none = home.run("doctor")
    chosen = home.run("--profile", "prod", "doctor")
    home.run("offline", "save")
    size = copy_of(home).stat().st_size

    done = home.run("doctor")

    assert "offline copy: there is none yet, although the profile says offline = true" in none.stdout.decode()
    assert "mend: credvault offline save\n" in none.stdout.decode()
    assert "mend: credvault --profile prod offline save\n" in chosen.stdout.decode()
    assert re.search(rf"ok      offline copy: \S+/offline/prod.json, \d+s old, {size} bytes\n", done.stdout.decode())
    copy_of(home).chmod(0o644)
    os.utime(copy_of(home), (1, 1))
    worse = home.run("doctor")
    assert worse.status == 6
    assert "older than 8h" in worse.stdout.decode()
    assert "offline copy: others may read it (mode 0644)" in worse.stdout.decode()


def test_doctor_says_that_an_age_is_none_before_there_is_a_copy(home: Home, store: AwayStore) -> None:
    home.write(".config/credvault/config.toml", CONFIG.replace('"8h"', '"a day"'))

    done = home.run("doctor")

    assert done.status == 9
    assert "max_age: 'a day' is not a duration" in done.stdout.decode()


def test_program_reads_the_copy_and_is_told_its_age(
    home: Home, store: AwayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.run("offline", "save")
    store.reset()
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []

    with open_vault(profile="prod", offline=True, max_age=3600, warn=said.append) as vault:
        secret = vault.get("TOKEN")
        environment = vault.environment()
        with pytest.raises(errors.Unsupported, match="an offline copy cannot be written"):
            vault.add("NEW", b"x")

    assert (secret.value.reveal(), set(environment)) == (b"second", {"TOKEN"})
    assert len(said) == 1
    assert re.match(r"from the offline copy of profile prod, saved \d+s ago", said[0])
    assert (store.opened, store.calls) == (0, {})


def test_settings_that_a_program_gives_lead_to_the_copy_too(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    store.reset()
    settings = load_settings(Flags(profile="prod"), home.environ)

    for given in (settings, load_settings(Flags(profile="prod", offline=True), home.environ)):
        with open_vault(given, offline=True, max_age=3600) as vault:
            assert vault.get("TOKEN").value.reveal() == b"second"

    assert (store.opened, store.calls) == (0, {})


def test_program_that_stays_is_refused_once_the_copy_is_too_old(
    home: Home, store: AwayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.run("offline", "save")
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    now = [copy_of(home).stat().st_mtime]

    with open_vault(profile="prod", offline=True, max_age=3600, clock=lambda: now[0]) as vault:
        assert vault.get("TOKEN").value.reveal() == b"second"
        now[0] += 3700
        with pytest.raises(
            errors.BackendUnavailable, match=r"was saved 1h 1m ago, more than the 1h that --max-age allows"
        ):
            vault.get("TOKEN")


def test_key_of_a_copy_may_be_in_the_os_keyring(home: Home, store: AwayStore, keyring_service: SecretService) -> None:
    del home.environ["CREDVAULT_KEY_FILE"]
    home.environ |= keyring_service.environ

    saved = home.run("offline", "save", "--keyring")
    again = home.run("offline", "save")
    twice = home.run("offline", "save", "--keyring")
    vault_id = json.loads(copy_of(home).read_text())["header"]["vault_id"]
    kept = keyring_service.items().get(("credvault", f"{vault_id}:1"))

    assert (saved.status, again.status) == (0, 0)
    assert (twice.status, twice.stdout) == (2, b"")
    assert kept is not None
    assert home.run("--offline", "get", "TOKEN").stdout == b"second"
    assert home.run("offline", "forget").status == 0
    assert keyring_service.items().get(("credvault", f"{vault_id}:1")) is None


def test_forgetting_a_copied_copy_leaves_the_key_that_the_other_one_opens_by(
    home: Home, store: AwayStore, keyring_service: SecretService
) -> None:
    del home.environ["CREDVAULT_KEY_FILE"]
    home.environ |= keyring_service.environ
    home.write(".config/credvault/config.toml", CONFIG + '[profiles.third]\nbackend = "file"\n')
    assert home.run("offline", "save", "--keyring").status == 0
    mine = copy_of(home)
    mine.with_name("third.json").write_bytes(mine.read_bytes())

    done = home.run("--profile", "third", "offline", "forget")

    assert done.status == 0
    assert f"stays in the OS keyring: {mine} opens by it" in done.stderr
    assert not mine.with_name("third.json").exists()
    assert home.run("--offline", "get", "TOKEN").stdout == b"second"
    assert home.run("offline", "forget").status == 0


def test_key_in_the_os_keyring_goes_again_where_saving_fails(
    home: Home, store: AwayStore, keyring_service: SecretService
) -> None:
    home.environ |= keyring_service.environ
    store.is_away = True
    before = keyring_service.items()

    done = home.run("offline", "save", "--keyring")

    assert done.status == 6
    assert not copy_of(home).exists()
    assert keyring_service.items() == before


def test_copy_takes_another_key_like_any_vault_file(home: Home, store: AwayStore) -> None:
    home.run("offline", "save")
    added = home.run("--vault", str(copy_of(home)), "slot", "add", "--generate-key")

    done = home.run("--offline", "get", "TOKEN", CREDVAULT_KEY=added.stdout.decode().strip())

    assert added.status == 0
    assert (done.status, done.stdout) == (0, b"second")
    assert home.run("offline", "save").status == 0
    assert home.run("--offline", "get", "TOKEN", CREDVAULT_KEY=added.stdout.decode().strip()).stdout == b"second"
