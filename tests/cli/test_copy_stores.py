"""`copy` between a vault file and other stores: what each can hold arrives, and what it cannot is said before."""

import json
import os
import random
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from credvault.backends.file import FileBackend
from credvault.model.names import Name
from tests.canary import files_with, is_in
from tests.home import Home
from tests.openbao import Bao
from tests.secretservice import SecretService
from tests.transfer.mixed import MARK, Picture, mixed_changes, pictures_of

# 5,000 take about a minute, for a release: CREDVAULT_COPIED=5000.
COUNT = int(os.environ.get("CREDVAULT_COPIED", "120"))
KILLS = 6
FEW = 14


@pytest.fixture
def mount(bao: Bao) -> str:
    return bao.new_mount()


@pytest.fixture
def home(tmp_path: Path, bao: Bao, mount: str) -> Home:
    """A home with a vault, an empty one beside it, and profiles of other stores."""
    home = Home(tmp_path / "home").furnish()
    server = f'backend = "hashicorp"\naddress = "{bao.address}"\nmount = "{mount}"\n'
    home.write(
        ".config/credvault/config.toml",
        f'[profiles.bao]\n{server}[profiles.field]\n{server}layout = "field"\n[profiles.keyring]\nbackend = "keyring"\n'
        '[profiles.back]\npath = "~/back.json"\n[profiles.away]\nbackend = "hashicorp"\naddress = "http://127.0.0.1:1"\n',
    )
    home.environ["VAULT_TOKEN"] = bao.token
    assert home.run("init", "--profile", "back").status == 0
    return home


def test_the_same_place_on_a_server_under_another_profile_is_refused(home: Home, bao: Bao, mount: str) -> None:
    config = home.root / ".config/credvault/config.toml"
    twin = f'[profiles.twin]\nbackend = "hashicorp"\naddress = "{bao.address}/"\nmount = "{mount}"\nlayout = "secret"\n'
    config.write_text(config.read_text() + twin)

    done = home.run("copy", "--from", "bao", "--to", "twin", "-y")
    other = home.run("copy", "--from", "bao", "--to", "field", "-y")

    assert (done.status, done.stdout) == (2, b"")
    assert "both places are the same, the profile bao" in done.stderr
    assert other.status == 0  # another layout is another place


def fill(home: Home, count: int) -> None:
    FileBackend(home.file()).put_many(list(mixed_changes(count)))


def pictures(home: Home, path: str | None = None) -> Mapping[Name, Picture]:
    return pictures_of(FileBackend(home.file(None if path is None else home.root / path)))


def without_times(found: Mapping[Name, Picture]) -> Mapping[Name, object]:
    """Return pictures without the times of versions, which a server keeps by itself: those of the record are there."""
    return {name: (p.facts, [(writer, value) for _, writer, value in p.versions]) for name, p in found.items()}


@pytest.mark.timeout(300 + COUNT)
def test_copies_to_openbao_and_back_are_the_same_although_they_were_killed_half_way(
    home: Home, bao: Bao, mount: str
) -> None:
    fill(home, COUNT)
    chance = random.SystemRandom()
    back_json = home.root / "back.json"
    empty = back_json.stat().st_ino
    ways: list[tuple[list[str], str, Callable[[], bool]]] = [
        # In the order of names; those of team6 are the last.
        (["--to", "bao"], "bao", lambda: bao.ask("GET", f"{mount}/metadata/credvault/team3?list=true")[0] == 200),
        (["--from", "bao", "--to", "back"], "back", lambda: back_json.stat().st_ino != empty),
    ]

    for words, target, is_half_way in ways:
        for number in range(KILLS):
            for _ in range(5 if number == 0 else 1):
                running = home.start("copy", *words, "-y")
                # A plan of 5,000 lines does not fit into a pipe that nobody reads.
                reader = threading.Thread(target=running.communicate)
                reader.start()
                while number == 0 and running.poll() is None and not is_half_way():
                    time.sleep(0.002)
                with suppress(subprocess.TimeoutExpired):
                    running.wait(chance.uniform(0.3, 0.6 + COUNT / 400) if number else 0.001)
                running.kill()
                reader.join()
                if number or running.returncode != 0:
                    break
                # On a busy machine it was done before we came to kill it.
                listed = home.run("list", "--profile", target).stdout.decode().splitlines()
                names = [line.partition("\t")[0] for line in listed]
                assert home.run("delete", *names, "-y", "--profile", target).status == 0
                empty = back_json.stat().st_ino
            if number == 0:
                planned = home.command("copy", *words, "--dry-run").stderr
                assert running.returncode == -9
                assert re.search(r" \d+ to (add|continue)", planned), planned
                assert " unchanged" in planned or " to continue" in planned, planned
            assert files_with(home.root, [MARK.encode()]) == []
        _complete(home, *words)
        _complete(home, *words, unchanged=COUNT)

    here, back = pictures(home), pictures(home, "back.json")
    # Who wrote an older version is noted by the server after its value, and so is lost where a kill came between.
    assert {name: (p.facts, p.values) for name, p in back.items()} == {
        name: (p.facts, p.values) for name, p in here.items()
    }


def _complete(home: Home, *words: str, unchanged: int | None = None) -> None:
    started = time.monotonic()
    running = home.start("copy", *words, "-y")
    stdout, stderr = running.communicate(timeout=900)
    print(" ".join(words), f"{time.monotonic() - started:.1f} s", stderr.decode().splitlines()[-1:])  # noqa: T201
    assert running.returncode == 0, stderr
    assert MARK.encode() not in stdout + stderr
    if unchanged is not None:
        assert f"{unchanged} in the source: {unchanged} unchanged" in stderr.decode()


def test_copies_to_openbao_and_back_know_who_wrote_each_version(home: Home) -> None:
    fill(home, FEW)

    there = home.run("copy", "--to", "bao", "-y")
    back = home.run("copy", "--from", "bao", "--to", "back", "-y")

    assert (there.status, back.status) == (0, 0), (there, back)
    assert "keeps its own times or writers" not in there.stderr
    assert without_times(pictures(home, "back.json")) == without_times(pictures(home))


def test_copies_to_the_keyring_and_back_are_the_same(home: Home, keyring_service: SecretService) -> None:
    home.environ.update(keyring_service.environ)
    fill(home, FEW)

    there = home.run("copy", "--to", "keyring", "-y")
    again = home.run("copy", "--to", "keyring", "-y")
    back = home.run("copy", "--from", "keyring", "--to", "back", "-y", "team*/**")

    assert (there.status, again.status, back.status) == (0, 0, 0), (there, again, back)
    assert f"{FEW} in the source: {FEW} unchanged" in again.stderr
    assert pictures(home, "back.json") == pictures(home)
    assert files_with(home.root, [MARK.encode()]) == []


def test_field_layout_gets_what_is_text_with_its_facts_and_says_what_it_cannot(home: Home) -> None:
    fill(home, FEW)

    refused = home.run("copy", "--to", "field", "-y")
    done = home.run("copy", "--to", "field", "-y", "--skip-unreadable")
    again = home.run("copy", "--to", "field", "-y", "--skip-unreadable")
    back = home.run("copy", "--from", "field", "--to", "back", "-y")

    here, there = pictures(home), pictures(home, "back.json")
    assert (refused.status, done.status, again.status, back.status) == (2, 0, 0, 0), (refused, done, back)
    assert "is not text (UTF-8), and a field holds text" in refused.stderr
    assert "--skip-unreadable copies the rest" in refused.stderr
    assert "the profile field keeps no versions: the current one of each is copied" in done.stderr
    assert " to add" not in again.stderr
    assert there.keys() == {name for name, p in here.items() if b"\xff" not in p.values[-1]}
    for name, picture in there.items():
        assert picture.values == here[name].values[-1:]
        stamps = ("created_at", "updated_at", "value_changed_at", "updated_by")
        assert {k: v for k, v in picture.facts.items() if k not in stamps} == {
            k: v for k, v in here[name].facts.items() if k not in stamps
        }


def test_facts_that_a_server_cannot_hold_are_in_the_plan_and_nothing_is_written(
    home: Home, bao: Bao, mount: str
) -> None:
    assert home.run("add", "a/long", "--stdin", "--note", "x" * 600, stdin=b"one").status == 0
    assert home.run("add", "a/short", "--stdin", stdin=b"two").status == 0

    planned = home.run("copy", "--to", "bao", "--dry-run", "--json")
    refused = home.run("copy", "--to", "bao", "-y")
    nothing = bao.ask("GET", f"{mount}/metadata/credvault?list=true")[0]
    done = home.run("copy", "--to", "bao", "-y", "--skip-unreadable")

    assert (planned.status, refused.status, nothing, done.status) == (2, 2, 404, 0), (planned, refused, done)
    row = json.loads(planned.stdout)["plan"][0]
    assert row["action"] == "invalid"
    assert "note takes 600 bytes, and the server holds at most 512 of each fact" in row["reason"]
    assert "a/long cannot be stored there: note takes 600 bytes" in refused.stderr
    assert bao.cli("kv", "get", f"-mount={mount}", "-field=value", "credvault/a/short") == "two"


def test_facts_that_a_namespace_has_no_room_for_are_in_the_plan_and_nothing_is_written(
    home: Home, bao: Bao, mount: str
) -> None:
    """The 64 texts of a KV secret are shared by its fields, each of which may fit alone."""
    noted = [f"full/k{number:02}" for number in range(17)]
    for name in (*noted, "other/noted"):
        assert home.run("add", name, "--stdin", "--note", "n", "--tag", "t", stdin=b"one").status == 0
    assert home.run("add", "full/plain", "--stdin", stdin=b"two").status == 0

    planned = home.run("copy", "--to", "field", "--dry-run", "--json")
    refused = home.run("copy", "--to", "field", "-y")
    nothing = bao.ask("GET", f"{mount}/metadata/intentframe?list=true")[0]
    done = home.run("copy", "--to", "field", "-y", "--skip-unreadable")
    # What is there already counts.
    some = home.run("copy", *noted[:16], "--to", "field", "-y")
    last = home.run("copy", noted[16], "--to", "field", "--dry-run")

    assert (planned.status, refused.status, nothing, done.status) == (2, 2, 404, 0), (planned, refused, done)
    rows = json.loads(planned.stdout)["plan"]
    assert [row["action"] for row in rows] == ["invalid"] * 17 + ["add"] * 2
    assert "the facts of namespace full are 68, and the server holds at most 64" in rows[0]["reason"]
    assert "full/k00 cannot be stored there: the facts of namespace full are 68" in refused.stderr
    assert "(and 16 more like it); nothing was copied" in refused.stderr
    assert bao.cli("kv", "list", f"-mount={mount}", "intentframe").split()[2:] == ["full", "other"]
    assert bao.cli("kv", "get", f"-mount={mount}", "-field=plain", "intentframe/full") == "two"
    assert (some.status, last.status) == (0, 2), (some, last)
    assert "the facts of namespace full are 68" in last.stderr


def test_secret_that_is_deleted_there_is_a_conflict_that_says_the_way_out(home: Home) -> None:
    assert home.run("add", "a/b", "--stdin", "--note", "kept", stdin=b"one").status == 0
    assert home.run("copy", "--to", "bao", "-y").status == 0
    assert home.run("--profile", "bao", "edit", "a/b", "--tag", "gone").status == 0
    assert home.run("--profile", "bao", "delete", "--soft", "a/b", "-y").status == 0

    refused = home.run("copy", "--to", "bao", "-y")
    skipped = home.run("copy", "--to", "bao", "-y", "--on-conflict", "skip")
    source = home.run("copy", "--from", "bao", "--to", "back", "-y")
    named = home.run("copy", "a/b", "--from", "bao", "--to", "back", "-y")

    assert (refused.status, skipped.status, source.status, named.status) == (7, 0, 0, 3), (refused, skipped, source)
    assert "a/b is there already, deleted; nothing was copied" in refused.stderr
    assert "'credvault undelete a/b' brings it back" in refused.stderr
    assert "there is nothing to copy" in source.stderr
    assert "version 1 of a/b is deleted; nothing was copied" in named.stderr
    assert "hint: 'credvault undelete a/b'" in named.stderr
    assert home.run("--profile", "bao", "get", "a/b").status == 3
    planned = home.run("copy", "--to", "bao", "--on-conflict", "overwrite", "--dry-run")
    overwritten = home.run("copy", "--to", "bao", "-y", "--on-conflict", "overwrite")
    assert planned.stdout == b"a/b\toverwrite\t1\tit is there already, deleted\n"
    assert overwritten.status == 0, overwritten
    there = json.loads(home.run("--profile", "bao", "--json", "get", "a/b").stdout)
    assert (there["value"], there["version"], there["note"], "tags" in there) == ("one", 2, "kept", False)
    assert " 1 unchanged" in home.run("copy", "--to", "bao", "-y").stderr


def test_server_that_keeps_fewer_versions_keeps_the_newest_and_it_is_said(home: Home, bao: Bao, mount: str) -> None:
    bao.must("POST", f"{mount}/config", {"max_versions": 2})
    for number in range(5):
        assert home.run("add", "a/b", "--stdin", "--force", stdin=b"%d" % number).status == 0

    done = home.run("copy", "--to", "bao", "-y")
    again = home.run("copy", "--to", "bao", "-y")

    assert (done.status, again.status) == (0, 0), done
    assert "of 1 secret it keeps fewer versions than there are" in done.stderr
    assert "1 unchanged" in again.stderr
    assert home.run("--profile", "bao", "history", "a/b").stdout.count(b"\n") == 2


def test_value_whose_facts_did_not_come_after_it_gets_them_by_another_run(home: Home, bao: Bao, mount: str) -> None:
    for value in (b"one", b"two"):
        assert home.run("add", "a/b", "--stdin", "--force", "--note", "of mine", stdin=value).status == 0
    assert home.run("copy", "--to", "bao", "-y").status == 0
    home.run("add", "a/b", "--stdin", "--force", stdin=b"three")
    # As a copy leaves it that is killed between the two.
    bao.must("POST", f"{mount}/data/credvault/a/b", {"data": {"value": "three"}, "options": {"cas": 2}})

    mended = home.run("copy", "--to", "bao", "-y")
    again = home.run("copy", "--to", "bao", "-y")

    assert (mended.status, again.status) == (0, 0), mended
    assert "1 in the source: 1 to continue" in mended.stderr
    assert "1 in the source: 1 unchanged" in again.stderr
    assert home.run("copy", "--from", "bao", "--to", "back", "-y").status == 0
    assert without_times(pictures(home, "back.json")) == without_times(pictures(home))


def test_token_that_may_not_write_ends_with_how_far_it_came(home: Home, bao: Bao, mount: str) -> None:
    fill(home, 3)
    rules = f'path "{mount}/*" {{ capabilities = ["read", "list"] }}'
    bao.must("POST", f"sys/policies/acl/reader-{mount}", {"policy": rules})
    token = bao.must("POST", "auth/token/create", {"policies": [f"reader-{mount}"]})["auth"]["client_token"]

    done = home.run("copy", "--to", "bao", "-y", VAULT_TOKEN=token)

    assert done.status == 4, done
    assert "; 0 of 3 are copied" in done.stderr
    assert "run it again: it goes on from there" in done.stderr
    assert bao.ask("GET", f"{mount}/metadata/credvault?list=true")[0] == 404


@pytest.mark.parametrize("words", [["--to", "away"], ["--from", "away", "--to", "back"]])
def test_server_that_is_away_is_said_before_anything_is_written(words: list[str], home: Home) -> None:
    fill(home, 3)
    before = (home.root / "back.json").read_bytes()

    done = home.run("copy", *words, "-y")

    assert done.status == 6, done
    assert MARK not in done.stderr
    assert (home.root / "back.json").read_bytes() == before


def test_variables_are_copied_by_their_names(home: Home) -> None:
    home.environ["DB_PASSWORD"] = "from the environment"

    listed = home.run("copy", "--from-backend", "env", "--to", "back", "-y")
    missing = home.run("copy", "--from-backend", "env", "--to", "back", "-y", "db/none")
    done = home.run("copy", "--from-backend", "env", "--to", "back", "-y", "db/password")

    assert (listed.status, missing.status, done.status) == (8, 3, 0), (listed, missing, done)
    assert "cannot list" in listed.stderr
    assert home.run("--profile", "back", "get", "db/password").stdout == b"from the environment"


def test_secret_that_is_no_value_is_named_and_hides_no_other(home: Home, bao: Bao, mount: str) -> None:
    for name in ("a/one", "a/two"):
        assert home.run("add", name, "--profile", "bao", "--stdin", stdin=b"value").status == 0
    bao.must("POST", f"{mount}/data/credvault/a/odd", {"data": {"user": "u", "password": "canary"}})
    home.run("add", "b/odd", "--stdin", stdin=b"mine")
    bao.must("POST", f"{mount}/data/credvault/b/odd", {"data": {"user": "u", "password": "canary"}})

    refused = home.run("copy", "--from", "bao", "--to", "back", "a/*", "-y")
    done = home.run("copy", "--from", "bao", "--to", "back", "a/*", "-y", "--skip-unreadable")
    in_the_way = home.run("copy", "--to", "bao", "b/odd", "-y")

    assert (refused.status, done.status, in_the_way.status) == (8, 0, 8), (refused, done, in_the_way)
    assert "a/odd is not a single value" in refused.stderr
    assert "--skip-unreadable copies the rest" in refused.stderr
    assert "3 in the source: 1 that cannot be read, 2 to add" in done.stderr
    assert [str(name) for name in pictures(home, "back.json")] == ["a/one", "a/two"]
    assert "it is there already, but cannot be read: b/odd is not a single value" in in_the_way.stderr
    assert "canary" not in refused.stderr + done.stderr + in_the_way.stderr


@pytest.mark.parametrize("options", [["-vv"], ["--json"], ["-q"]], ids=lambda options: " ".join(options))
def test_no_value_gets_out_of_a_copy_whatever_becomes_of_it(
    options: list[str], home: Home, bao: Bao, mount: str
) -> None:
    fill(home, FEW)
    name = str(sorted(pictures(home))[0])
    canary = f"{MARK} of the other side".encode()
    bao.must("POST", f"{mount}/data/credvault/odd/one", {"data": {"user": canary.decode()}})
    cases: list[tuple[list[str], int]] = [
        (["--to", "away", "-y"], 6),
        (["--to", "bao", "--dry-run"], 0),
        (["--to", "bao"], 2),
        (["--to", "bao", "-y", name], 0),
        (["--to", "bao", "-y", "--on-conflict", "skip"], 0),
        (["--to", "field", "-y"], 2),
        (["--to", "field", "-y", "--skip-unreadable"], 0),
        (["--from", "bao", "--to", "back", "-y"], 8),
        (["--from", "bao", "--to", "back", "-y", "--skip-unreadable"], 0),
        (["--to-backend", "keyring", "-y"], 6),
    ]

    for words, status in cases:
        done = home.run("copy", *words, *options)
        assert done.status == status, (words, done)
        assert not is_in(done.stdout + done.stderr.encode(), [MARK.encode()]), words
        assert "unexpected" not in done.stderr
    assert home.run("rotate", name, "--stdin", "--profile", "back", stdin=canary).status == 0
    conflict = home.run("copy", "--to", "back", "-y", *options)

    assert conflict.status == 7, conflict
    assert not is_in(conflict.stdout + conflict.stderr.encode(), [MARK.encode()])
    assert files_with(home.root, [MARK.encode()]) == []
