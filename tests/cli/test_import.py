"""`credvault import` on real vault files: whole or not at all, read back, and the way back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from credvault import files, open_vault
from credvault.config import Flags, load_settings
from credvault.model.errors import Conflict
from credvault.transfer import undo
from tests.faults import FaultyCalls
from tests.home import Home, quick_folder

ENV = "TOKEN=canary-token\nother=canary-other\nEMPTY=\n"


@pytest.fixture
def home() -> Iterator[Home]:
    with quick_folder() as folder:
        home = Home(folder / "home").furnish()
        home.write(".env", ENV)
        yield home


def values(home: Home) -> dict[str, list[tuple[int, bytes]]]:
    snapshot = home.snapshot()
    assert snapshot is not None
    return {name: list(versions) for name, (versions, _) in snapshot.secrets.items()}


def undo_files(home: Home) -> list[Path]:
    return sorted((home.state / "imports").glob("*")) if (home.state / "imports").exists() else []


def generation(home: Home) -> int:
    snapshot = home.snapshot()
    assert snapshot is not None
    return snapshot.generation


def test_plan_is_shown_and_everything_stored_in_one_generation(home: Home) -> None:
    before = generation(home)

    done = home.run("import", "dotenv", ".env", "-y")

    assert done.status == 0, done
    assert done.stdout.decode().splitlines() == [
        "TOKEN\tdefault/TOKEN\tadd\tsecret\tTOKEN\t-",
        "other\tdefault/other\tadd\tsecret\tother\t-",
        "EMPTY\t-\tskip\t-\t-\tits value is empty",
    ]
    assert "3 in the source: 2 to add, 1 skipped" in done.stderr
    assert values(home) == {"default/TOKEN": [(1, b"canary-token")], "default/other": [(1, b"canary-other")]}
    assert generation(home) == before + 1


@pytest.mark.parametrize("options", [["--dry-run"], ["--dry-run", "-y"], [], ["--json"], ["--json", "--dry-run"]])
def test_nothing_is_done_without_a_yes(home: Home, options: list[str]) -> None:
    before = home.vault.read_bytes()

    done = home.run("import", "dotenv", ".env", *options)

    assert done.status == (0 if "--dry-run" in options else 2)
    assert home.vault.read_bytes() == before
    assert undo_files(home) == []
    if options == ["--json", "--dry-run"]:
        assert [row["action"] for row in json.loads(done.stdout)["plan"]] == ["add", "add", "skip"]
    if options == []:
        assert "give -y" in done.stderr
        assert done.stdout.startswith(b"TOKEN\t")


def test_same_again_changes_nothing(home: Home) -> None:
    home.run("import", "dotenv", ".env", "-y")
    before = home.vault.read_bytes()

    done = home.run("import", "dotenv", ".env", "-y")

    assert done.status == 0
    assert "2 unchanged" in done.stderr
    assert home.vault.read_bytes() == before
    assert len(undo_files(home)) == 1


def test_conflict_stops_all_of_it(home: Home) -> None:
    home.run("add", "other", "--stdin", stdin=b"mine")
    before = home.vault.read_bytes()

    done = home.run("import", "dotenv", ".env", "-y")

    assert done.status == 7
    assert "default/other is there already with another value; nothing was imported" in done.stderr
    assert home.vault.read_bytes() == before
    assert undo_files(home) == []


def test_conflict_is_skipped_or_overwritten_as_chosen(home: Home) -> None:
    home.run("add", "other", "--stdin", "--note", "mine", stdin=b"mine")

    skipped = home.run("import", "dotenv", ".env", "-y", "--on-conflict", "skip")
    after_skip = values(home)
    overwritten = home.run("import", "dotenv", ".env", "-y", "--on-conflict", "overwrite")

    assert (skipped.status, overwritten.status) == (0, 0)
    assert after_skip["default/other"] == [(1, b"mine")]
    assert values(home)["default/other"] == [(2, b"canary-other"), (1, b"mine")]


def test_undo_takes_back_what_was_added_and_what_was_overwritten(home: Home) -> None:
    home.run("add", "other", "--stdin", stdin=b"mine")
    record = '[{"namespace": "default", "key": "other", "value": "canary", "note": "theirs", "service": "s"}]'
    home.write("in.json", record)
    home.run("import", "json", "in.json", "-y", "--on-conflict", "overwrite", "--undo-file", "way-back")
    home.run("import", "dotenv", ".env", "-y", "--on-conflict", "skip", "--undo-file", "second")
    filled = json.loads(home.run("get", "other", "--json").stdout)

    shown = home.run("import", "--undo", "second")
    second = home.run("import", "--undo", "second", "-y")
    first = home.run("import", "--undo", "way-back", "-y")

    assert (filled["note"], filled["service"]) == ("theirs", "s")
    assert (shown.status, shown.stdout) == (2, b"default/TOKEN\tremove\n")
    assert (second.status, first.status) == (0, 0), (second, first)
    assert values(home) == {"default/other": [(3, b"mine"), (2, b"canary"), (1, b"mine")]}
    record_after = json.loads(home.run("get", "other", "--json").stdout)
    assert "note" not in record_after
    assert "service" not in record_after
    assert not (home.root / "way-back").exists()


def test_undo_file_is_private_and_holds_names_and_versions_only(home: Home) -> None:
    home.run("import", "dotenv", ".env", "-y")

    (path,) = undo_files(home)

    assert path.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in path.read_bytes()
    steps = json.loads(path.read_bytes())["steps"]
    assert [(step["name"], step["before"], step["after"]) for step in steps] == [
        ("default/TOKEN", 0, 1),
        ("default/other", 0, 1),
    ]


@pytest.mark.parametrize(
    "change",
    [
        ["rotate", "other", "--stdin"],
        ["edit", "other", "--note", "mine"],
    ],
)
def test_undo_refuses_what_was_changed_since(home: Home, change: list[str]) -> None:
    home.run("import", "dotenv", ".env", "-y", "--undo-file", "way-back")
    stored = json.loads((home.root / "way-back").read_text())
    for step in stored["steps"]:  # times have whole seconds, and a test does not wait for one
        step["updated_at"] = "2026-01-01T00:00:00Z" if "edit" in change else step["updated_at"]
    (home.root / "way-back").write_text(json.dumps(stored))
    home.run(*change, stdin=b"changed")
    before = home.vault.read_bytes()

    done = home.run("import", "--undo", "way-back", "-y")

    assert done.status == 7
    assert "changed since the import" in done.stderr
    assert home.vault.read_bytes() == before
    assert (home.root / "way-back").exists()


def test_undo_refuses_what_was_changed_after_its_plan_was_shown(home: Home) -> None:
    """Somebody may think about the question for long, and what is removed is removed with every version."""
    home.run("import", "dotenv", ".env", "-y", "--undo-file", "way-back")
    settings = load_settings(Flags(), home.environ, str(home.root))
    steps = undo.read_undo(str(home.root / "way-back"), settings)

    with open_vault(settings) as vault:
        shown = undo.plan_undoing(vault, steps)
        home.run("rotate", "other", "--stdin", stdin=b"mine")
        with pytest.raises(Conflict, match="changed since the import: default/other"):
            undo.undo(vault, steps, shown)

    assert values(home)["default/other"] == [(2, b"mine"), (1, b"canary-other")]
    assert "default/TOKEN" in values(home)


@pytest.mark.parametrize(
    ("lie", "status", "said"),
    [
        ({"before": 0, "after": 3}, 7, "changed since the import: default/mine"),
        ({"before": 2, "after": 3, "filled": ["consumers"]}, 2, "is not an undo file"),
        ({"before": 10**30, "after": 3}, 3, "10000"),
        ({"before": -1, "after": 3}, 3, "-1"),
        ({"name": "../mine", "before": 0, "after": 3}, 2, "is not an undo file"),
    ],
)
def test_undo_file_that_lies_takes_nothing(home: Home, lie: dict[str, object], status: int, said: str) -> None:
    home.run("import", "dotenv", ".env", "-y", "--undo-file", "way-back")
    home.run("add", "mine", "--stdin", "--consumer", "bot", stdin=b"one")
    for value in (b"two", b"three"):
        home.run("rotate", "mine", "--stdin", stdin=value)
    content = json.loads((home.root / "way-back").read_text())
    content["steps"] = [{"name": "default/mine", "filled": [], "since": "2020-01-01T00:00:00Z", **lie}]
    (home.root / "way-back").write_text(json.dumps(content))
    before = home.vault.read_bytes()

    done = home.run("import", "--undo", "way-back", "-y")

    assert (done.status, said in done.stderr) == (status, True), done
    assert home.vault.read_bytes() == before


def test_way_back_is_said_as_a_shell_takes_it(home: Home) -> None:
    done = home.run("import", "dotenv", ".env", "-y", "--undo-file=~/way back")

    assert done.status == 0, done
    assert f"credvault import --undo '{home.root}/way back'" in done.stderr
    assert home.run("import", "--undo", "~/way back", "-y").status == 0


def test_way_back_is_said_where_the_answer_cannot_be_written(home: Home) -> None:
    err = home.root / "err"

    status = home.run_into(Path("/dev/full"), err, ["import", "dotenv", ".env", "-y", "--json"], b"", {})

    assert status == 6
    assert "imported 2 secrets; to take it back: credvault import --undo " in err.read_text()
    assert len(values(home)) == 2
    assert len(undo_files(home)) == 1


def test_undo_of_another_vault_or_another_file_is_refused(home: Home) -> None:
    home.run("import", "dotenv", ".env", "-y", "--undo-file", "way-back")
    home.run("--vault", "other.json", "init")

    other = home.run("--vault", "other.json", "import", "--undo", "way-back", "-y")
    foreign = home.run("import", "--undo", ".env", "-y")
    missing = home.run("import", "--undo", "nosuch", "-y")
    both = home.run("import", "dotenv", ".env", "--undo", "way-back")

    assert [done.status for done in (other, foreign, missing, both)] == [2, 2, 3, 2]
    assert "is of another vault" in other.stderr
    assert len(values(home)) == 2


def test_undo_file_that_is_there_already_stops_it_before_anything_is_stored(home: Home) -> None:
    before = home.vault.read_bytes()

    done = home.run("import", "dotenv", ".env", "-y", "--undo-file", ".env")

    assert done.status == 7
    assert (home.root / ".env").read_text() == ENV
    assert home.vault.read_bytes() == before


def test_failing_disk_leaves_the_old_vault_or_the_new_one_with_its_way_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file call fails, all or nothing is imported; where it is all, an undo file is there."""
    sound = home.vault.read_bytes()
    outcomes = set()

    for k in range(1, 60):
        home.vault.write_bytes(sound)
        for path in undo_files(home):
            path.unlink()
        faulty = FaultyCalls(k, "ENOSPC from here on")
        monkeypatch.setattr(files, "calls", faulty)
        done = home.run("--accept-rollback", "import", "dotenv", ".env", "-y")
        monkeypatch.undo()

        assert done.status in (0, 6), done
        assert "canary" not in done.stderr + done.stdout.decode()
        stored = values(home)
        assert len(stored) in (0, 2)
        assert len(undo_files(home)) >= (1 if stored else 0)
        outcomes.add((done.status, len(stored)))
        if done.status == 0:
            break

    assert {(0, 2), (6, 0)} <= outcomes


def test_undo_of_an_import_that_was_stopped_leaves_what_was_there_before_it(home: Home) -> None:
    """Its undo file is there, and does not say when it wrote: it never did, and another had added the same name."""
    home.run("import", "dotenv", ".env", "-y", "--undo-file", "way-back")
    stored = json.loads((home.root / "way-back").read_text())
    for step in stored["steps"]:
        del step["updated_at"]
        step["since"] = "2999-01-01T00:00:00Z" if step["name"] == "default/TOKEN" else step["since"]
    (home.root / "way-back").write_text(json.dumps(stored))

    refused = home.run("import", "--undo", "way-back", "-y")
    home.run("delete", "TOKEN", "-y")
    done = home.run("import", "--undo", "way-back", "-y")

    assert (refused.status, done.status) == (7, 0)
    assert "changed since the import: default/TOKEN" in refused.stderr
    assert values(home) == {}


def test_variable_that_a_secret_of_the_vault_has_is_said_in_the_plan(home: Home) -> None:
    home.run("import", "dotenv", ".env", "-y")

    done = home.run("import", "dotenv", ".env", "--prefix", "copy/", "--dry-run")

    assert b"TOKEN is the variable of default/TOKEN, too: exec needs -n or -e to choose" in done.stdout


def test_mapping_file_made_of_the_plan_renames(home: Home) -> None:
    plan = home.run("import", "dotenv", ".env", "--dry-run").stdout
    home.write("map", plan.replace(b"default/other", b"team/other/one"))

    done = home.run("import", "dotenv", ".env", "-y", "--map-file", "map", "--map", "TOKEN=x/t", "-n", "work")

    assert done.status == 0, done
    assert set(values(home)) == {"x/t", "team/other/one"}


def test_plan_is_a_mapping_file_whatever_the_source_calls_its_secrets(home: Home) -> None:
    home.write("in.json", json.dumps({"a\tb": "1", "a\\tb": "2", "\u202er": "3", "#c": "4", "é x": "5", "n\nl": "6"}))
    plan = home.run("import", "json", "in.json", "--dry-run").stdout
    home.write("map", b"# mine\n#not\tthere/now\n" + plan.replace(b"default/", b"team/"))

    done = home.run("import", "json", "in.json", "-y", "--map-file", "map")

    assert done.status == 0, done
    assert set(values(home)) == {"team/a_b", "team/a_tb", "team/r", "team/c", "team/e_x", "team/n_l"}


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["nosuch", ".env"], 2, "sources are dotenv, json, pass,"),
        (["dotenv"], 2, "which source, and where is it?"),
        (["dotenv", "nosuch"], 3, "there is no file nosuch"),
        (["dotenv", "."], 6, "it is not a regular file"),
        (["dotenv", ".env", "--map", "x"], 2, "is not OLD=NEW"),
        (["dotenv", ".env", "--map", "nosuch=x"], 2, "a mapping names 'nosuch'"),
        (["dotenv", ".env", "--map", "TOKEN=x y"], 2, "is not allowed"),
        (["dotenv", ".env", "--map-file", "nosuch"], 3, "there is no file nosuch"),
        (["dotenv", ".env", "-n", "a/b"], 2, "is not allowed"),
        (["dotenv", ".env", "--prefix", "a b/"], 2, "is not allowed"),
        (["dotenv", ".env", "--on-conflict", "guess"], 2, "guess"),
    ],
)
def test_bad_asking_says_what_to_do_and_does_nothing(home: Home, argv: list[str], status: int, said: str) -> None:
    before = home.vault.read_bytes()

    done = home.run("import", *argv, "-y")

    assert (done.status, said in done.stderr) == (status, True), done
    assert home.vault.read_bytes() == before
    assert undo_files(home) == []


def test_source_may_be_stdin(home: Home) -> None:
    done = home.run("import", "json", "-", "-y", stdin=b'{"a": "1", "b": {"c": "2"}}')

    assert done.status == 0, done
    assert values(home) == {"default/a": [(1, b"1")], "b/c": [(1, b"2")]}


def test_what_one_vault_lists_another_takes(home: Home) -> None:
    home.run(
        "add", "db/main", "--stdin-raw", "--type", "database", "--field", "port=5432", "--tag", "t", stdin=b"\xff\0"
    )
    shown = home.run("get", "db/main", "--json").stdout
    home.run("--vault", "other.json", "init")

    done = home.run("--vault", "other.json", "import", "json", "-", "-y", stdin=shown)
    again = json.loads(home.run("--vault", "other.json", "get", "db/main", "--json").stdout)

    assert done.status == 0, done
    changed = {"updated_at", "value_changed_at", "version"}
    assert {k: v for k, v in again.items() if k not in changed} == {
        k: v for k, v in json.loads(shown).items() if k not in changed
    }
