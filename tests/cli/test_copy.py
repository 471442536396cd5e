"""`copy` as it is run: two places by their names, each with its key, and killed wherever it is."""

import json
import random
import re
import signal
import time
from pathlib import Path

import pytest

from credvault.backends.file import FileBackend
from credvault.sealing.keys import print_key
from tests.canary import files_with
from tests.faults import leftovers
from tests.home import Home, material, tree
from tests.transfer.mixed import MARK, Picture, mixed_changes, pictures_of

OTHER_KEY = print_key(bytes(range(50, 82)))
PROFILES = '[profiles.home]\n[profiles.other]\npath = "~/other.json"\nnamespace = "team2"\n'
KILLS = 8
COUNT = 900


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with two profiles: the vault of `home` holds secrets, that of `other` opens by the same key."""
    home = Home(tmp_path / "home").furnish()
    home.write(".config/credvault/config.toml", PROFILES)
    assert home.run("init", "--profile", "other").status == 0
    fill(home, 12)
    return home


def fill(home: Home, count: int) -> None:
    FileBackend(home.file()).put_many(list(mixed_changes(count)))


def pictures(home: Home, path: str | None = None, key: str | None = None) -> dict[str, Picture]:
    file = home.file(None if path is None else home.root / path, None if key is None else material(key))
    return {str(name): picture for name, picture in pictures_of(FileBackend(file)).items()}


@pytest.mark.parametrize(
    ("options", "back"),
    [
        (["--to", "other"], ["--from", "other"]),
        (["--from", "home", "--to", "other"], ["--to", "home", "--from", "other"]),
        (["--to-vault", "~/other.json"], ["--from-vault", "other.json", "--to-backend", "file"]),
    ],
)
def test_places_are_named_as_the_global_options_name_them(options: list[str], back: list[str], home: Home) -> None:
    before = pictures(home)

    done = home.run("copy", *options, "-y")
    for name in before:
        assert home.run("delete", name, "-y").status == 0
    returned = home.run("copy", *back, "-y")

    assert (done.status, returned.status) == (0, 0), (done, returned)
    assert "copied 12 secrets (30 versions) to " in done.stderr
    assert pictures(home) == pictures(home, "other.json") == before


def test_global_option_names_the_other_side(home: Home) -> None:
    done = home.run("--profile", "other", "copy", "--from", "home", "-y")

    assert done.status == 0, done
    assert pictures(home, "other.json") == pictures(home)


def test_each_place_may_have_a_key_of_its_own(home: Home) -> None:
    home.write("other.key", f"{OTHER_KEY}\n")
    assert home.run("--vault", "apart.json", "init", CREDVAULT_KEY_FILE="other.key").status == 0

    wrong = home.run("copy", "--to-vault", "apart.json", "-y")
    right = home.run("copy", "--to-vault", "apart.json", "--to-key-file", "other.key", "-y")
    back = home.run("--vault", "apart.json", "copy", "--from-key-file", "other.key", "--to", "home", "--dry-run")

    assert (wrong.status, right.status, back.status) == (5, 0, 0), (wrong, right, back)
    assert f"error: {home.root}/apart.json: " in wrong.stderr
    assert "--to-key-file F names a key for this one alone" in wrong.stderr
    assert pictures(home, "apart.json", OTHER_KEY) == pictures(home)
    assert "12 in the source: 12 unchanged" in back.stderr


def test_place_that_is_locked_is_named_with_the_command_that_unlocks_it(home: Home) -> None:
    home.write("spare.key", (home.key_file).read_text())
    del home.environ["CREDVAULT_KEY_FILE"]

    source = home.run("copy", "--to", "other", "-y")
    target = home.run("copy", "--to", "other", "--from-key-file", "spare.key", "-y")
    file = home.run("copy", "--to-vault", "other.json", "--from-key-file", "spare.key", "-y")

    assert (source.status, target.status, file.status) == (5, 5, 5)
    assert "hint: run 'credvault unlock' on a terminal, " in source.stderr
    assert "hint: run 'credvault --profile other unlock' on a terminal, " in target.stderr
    assert "hint: run 'credvault --vault other.json unlock' on a terminal, " in file.stderr


def test_patterns_are_those_of_the_source(home: Home) -> None:
    assert home.run("copy", "--to", "other", "-y").status == 0

    by_namespace = home.run("copy", "--from", "other", "--to", "home", "**", "--dry-run")
    named = home.run("copy", "--from", "other", "--to", "home", "secret9", "--dry-run")
    of_one = home.run("copy", "--from", "other", "--to", "home", "-n", "team2", "--dry-run")
    missing = home.run("copy", "--from", "other", "--to", "home", "secret2", "--dry-run")

    assert by_namespace.stdout.count(b"\n") == 12
    assert named.stdout.startswith(b"team2/secret9\tunchanged\t")
    assert [line.split(b"/")[0] for line in of_one.stdout.splitlines()] == [b"team2"] * 2
    assert missing.status == 3
    assert "there is no secret team2/secret2; nothing was copied" in missing.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "where to?"),
        (["--to", "home"], 2, "both places are the same"),
        (["--from", "home", "--to-vault", "linked.json"], 2, "both places are the same"),
        (["--from", "other", "--to", "other"], 2, "both places are the same"),
        (["--to", "other", "--to-vault", "x"], 2, "give one of --to, --to-vault and --to-backend"),
        (["--to", ""], 2, "--to is empty"),
        (["--to-vault", ""], 2, "--to-vault is empty"),
        (["--to", "other", "--to-key-file", ""], 2, "--to-key-file is empty"),
        (["--to", "nosuch"], 9, "there is no profile 'nosuch', which --to names"),
        (["--from-backend", "nosuch", "--to", "other"], 8, "there is no backend 'nosuch', which --from-backend names"),
        (["--to-backend", "nosuch"], 8, "there is no backend 'nosuch'"),
        (["--to-backend", "env"], 8, "the backend 'env' cannot be written"),
        (["--to-vault", "none.json", "-y"], 6, "there is no vault at"),
        (["--from-vault", "none.json", "-y"], 6, "there is no vault at"),
        (["--to", "other", "team9/*", "-y"], 3, "no secret matches team9/*"),
        (["--to", "other", "team1/**", "team9/", "-y"], 3, "no secret matches team9/"),
        (["--to", "other", "-n", "team9", "-y"], 3, "no secret matches team9/"),
        (["--to", "other", "team1/nosuch", "-y"], 3, "there is no secret team1/nosuch"),
        (["--to", "other", "te am"], 2, "is not allowed"),
        (["--to", "other"], 2, "this needs a yes"),
        (["--to", "other", "--on-conflict", "merge"], 2, "'merge' is not one of"),
    ],
)
def test_what_cannot_be_copied_is_said_and_changes_nothing(
    words: list[str], status: int, said: str, home: Home
) -> None:
    (home.root / "linked.json").symlink_to(home.vault)
    before = tree(home.root / ".local/share"), (home.root / "other.json").read_bytes()

    done = home.run("copy", *words)

    assert done.status == status, done
    assert said in done.stderr
    assert (tree(home.root / ".local/share"), (home.root / "other.json").read_bytes()) == before


def test_conflict_stops_all_of_it_before_anything_is_written(home: Home) -> None:
    assert home.run("add", "--profile", "other", "team1/deep/er/secret1", "--stdin", stdin=b"mine").status == 0
    before = (home.root / "other.json").read_bytes()

    failed = home.run("copy", "--to", "other", "-y")

    assert failed.status == 7
    assert "team1/deep/er/secret1 is there already with another value; nothing was copied" in failed.stderr
    assert "--on-conflict skip keeps it" in failed.stderr
    assert (home.root / "other.json").read_bytes() == before


@pytest.mark.parametrize(("policy", "value"), [("skip", [b"mine"]), ("overwrite", None)])
def test_conflict_policy_keeps_or_adds_a_version(policy: str, value: list[bytes] | None, home: Home) -> None:
    name = "team1/deep/er/secret1"
    assert home.run("add", "--profile", "other", name, "--stdin", stdin=b"mine").status == 0

    done = home.run("copy", "--to", "other", "-y", "--on-conflict", policy)

    there, here = pictures(home, "other.json"), pictures(home)
    assert done.status == 0, done
    assert there[name].values == (value or [b"mine", here[name].values[-1]])
    assert {**there, name: None} == {**here, name: None}
    if policy == "overwrite":
        assert there[name].facts == here[name].facts


def test_json_is_the_plan_and_what_was_done(home: Home) -> None:
    planned = home.run("copy", "--to", "other", "--dry-run", "--json")
    done = home.run("copy", "--to", "other", "-y", "--json", "--no-versions")
    again = home.run("copy", "--to", "other", "-y", "--json", "--no-versions")

    assert json.loads(planned.stdout)["plan"][0].keys() == {"name", "action", "versions"}
    answer = json.loads(done.stdout)
    assert (answer["copied"], answer["versions"], answer["shortened"], answer["restamped"]) == (12, 12, 0, 0)
    nothing = json.loads(again.stdout)
    assert {row["action"] for row in nothing["plan"]} == {"unchanged"}
    assert (nothing["copied"], nothing["versions"]) == (0, 0)
    assert "copied" not in again.stderr
    assert MARK.encode() not in planned.stdout + done.stdout + again.stdout
    assert {name: [p.values[-1]] for name, p in pictures(home).items()} == {
        name: p.values for name, p in pictures(home, "other.json").items()
    }


def test_place_that_is_full_is_said_with_how_far_it_came(home: Home) -> None:
    big = home.write("big", b"x" * 9_000)
    assert home.run("add", "--profile", "other", "own/one", "--from-file", str(big)).status == 0
    home.write(".config/credvault/config.toml", PROFILES + "[limits]\nvault_bytes = 30000\n")

    done = home.run("copy", "--to", "other", "-y")

    assert done.status == 6
    assert "over the limit of 30000; 0 of 12 are copied" in done.stderr
    assert "run it again: it goes on from there" in done.stderr
    assert set(pictures(home, "other.json")) == {"own/one"}


def test_copy_that_is_interrupted_by_a_person_says_how_far_it_came(home: Home) -> None:
    FileBackend(home.file()).delete(FileBackend(home.file()).names())
    fill(home, COUNT)
    other = home.root / "other.json"

    for _ in range(5):  # on a busy machine it may be done before we come to interrupt it
        before = other.stat().st_ino
        running = home.start("copy", "--to", "other", "-y")
        while running.poll() is None and other.stat().st_ino == before:
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate()
        if running.returncode != 0:
            break
        there = FileBackend(home.file(other))
        there.delete(there.names())

    said = re.search(rf"interrupted: (\d+) of {COUNT} are copied; run again, it goes on from there", stderr.decode())
    assert running.returncode == 130, stderr
    assert said is not None, stderr
    assert int(said[1]) <= len(pictures(home, "other.json")) < COUNT


def test_copy_that_is_killed_again_and_again_is_completed_by_another(home: Home) -> None:
    FileBackend(home.file()).delete(FileBackend(home.file()).names())
    fill(home, COUNT)
    here = pictures(home)
    other = home.root / "other.json"
    chance = random.SystemRandom()
    came_to = set()

    for number in range(KILLS):
        before = other.stat().st_ino
        running = home.start("copy", "--to", "other", "-y")
        # Half of them once a batch is there, the others wherever they are.
        while number % 2 and running.poll() is None and other.stat().st_ino == before:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1 if number % 2 else 1.2))
        running.kill()
        running.communicate()
        # Whatever is there is whole, and as it is here.
        there = pictures(home, "other.json")
        assert {name: here[name] for name in there} == there
        came_to.add(len(there))
        assert files_with(home.root, [MARK.encode()]) == []
    done = home.run("copy", "--to", "other", "-y")

    assert done.status == 0, done
    assert pictures(home, "other.json") == here
    assert leftovers(home.root) == []
    assert any(0 < count < COUNT for count in came_to), "no kill came between two batches"
