"""The commands that keep a vault file: what they refuse before they make or show anything, and what they answer."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from credvault.lifecycle import custody
from credvault.model.errors import Conflict
from credvault.sealing.slots import MAX_SLOTS
from tests.home import Home, material


@pytest.fixture
def bare(tmp_path: Path) -> Home:
    """A home without a vault."""
    home = Home(tmp_path / "home")
    home.environ.pop("CREDVAULT_KEY_FILE")
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


def slots_of(home: Home) -> list[str]:
    return [slot["id"] for slot in home.file().read_head().slots]


def members(stdout: bytes) -> Any:
    lines = stdout.decode().splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


@pytest.mark.parametrize("way", [["--generate-key"], ["--key-file", "new.key"], []])
def test_init_leaves_the_backup_of_a_lost_vault_alone(way: Sequence[str], bare: Home) -> None:
    bare.write("passphrase", "words")
    bare.backup.parent.mkdir(parents=True)
    bare.backup.write_bytes(b"all that is left")

    done = bare.run("init", *way, CREDVAULT_PASSPHRASE_FILE=str(bare.root / "passphrase"))

    assert (done.status, done.stdout) == (7, b"")
    assert f"the backup of another vault is at {bare.backup}" in done.stderr
    assert "put it back in its place, or move it away first" in done.stderr
    assert bare.backup.read_bytes() == b"all that is left"
    assert not bare.vault.exists()
    assert not (bare.root / "new.key").exists()


def test_salvage_leaves_the_backup_of_another_vault_alone(home: Home) -> None:
    home.write("new.json.bak", "somebody's")

    done = home.run("salvage", "-o", "new.json")

    assert done.status == 7
    assert not (home.root / "new.json").exists()


def test_key_file_before_the_verb_is_the_one_of_init(bare: Home) -> None:
    done = bare.run("--key-file", "ik", "init")

    assert done.status == 0
    assert bare.run("--key-file", "ik", "list").status == 0
    assert bare.run("--key-file", "ik", "--vault", "v", "init", "--generate-key").status == 2


def test_tilde_in_the_name_of_a_key_file_is_the_home_folder(bare: Home) -> None:
    assert bare.run("init", "--key-file=~/ik").status == 0
    assert bare.run("slot", "add", "--new-key-file=~/second", CREDVAULT_KEY_FILE="~/ik").status == 0

    assert (bare.root / "ik").exists()
    assert (bare.root / "second").exists()
    assert not (bare.root / "~").exists()


@pytest.mark.parametrize(
    ("argv", "does"),
    [
        (["init", "--vault", "other.json", "--key-file", "new.key"], "create_vault"),
        (["slot", "add", "--new-key-file", "new.key"], "add_slot"),
    ],
)
def test_interrupt_leaves_no_key_file(
    argv: Sequence[str], does: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> None:
        assert (home.root / "new.key").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(custody, does, interrupted)

    assert home.run(*argv).status == 130
    assert not (home.root / "new.key").exists()


def test_interrupt_after_the_slot_is_in_place_keeps_its_key_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    add = custody.add_slot

    def interrupted(*args: Any) -> None:
        add(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(custody, "add_slot", interrupted)

    assert home.run("slot", "add", "--new-key-file", "new.key").status == 130
    assert home.run("list", CREDVAULT_KEY_FILE="new.key").status == 0


@pytest.mark.parametrize("label", ["", "x" * 101, "a\nb"])
@pytest.mark.parametrize("argv", [["slot", "add"], ["init", "--vault", "other.json"]])
def test_bad_label_is_refused_before_a_key_is_shown(argv: Sequence[str], label: str, home: Home) -> None:
    done = home.run(*argv, "--generate-key", "--label", label)

    assert (done.status, done.stdout) == (2, b"")
    assert "a label has 1 to 100 printable characters" in done.stderr


def test_slot_too_many_is_refused_before_a_key_is_shown(home: Home) -> None:
    for _ in range(MAX_SLOTS - 1):
        home.run("slot", "add", "--generate-key")

    done = home.run("slot", "add", "--generate-key")

    assert (done.status, done.stdout) == (2, b"")
    assert "at most 16 slots" in done.stderr
    assert len(slots_of(home)) == MAX_SLOTS


def test_folder_that_cannot_be_written_is_noticed_before_a_key_is_shown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(home.vault.parent))

    done = home.run("slot", "add", "--generate-key")

    assert (done.status, done.stdout) == (6, b"")
    assert "its folder cannot be written" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_vault_of_somebody_else_is_noticed_before_a_key_is_shown(home: Home) -> None:
    os.chown(home.vault, 12345, -1)

    done = home.run("slot", "add", "--generate-key")

    assert (done.status, done.stdout) == (6, b"")
    assert "it belongs to another user (uid 12345)" in done.stderr


@pytest.fixture
def three_slots(home: Home) -> Home:
    home.write("words", "some words")
    assert home.run("slot", "add", "--new-passphrase-file", "words").status == 0
    assert home.run("slot", "add", "--new-key-file", "third.key").status == 0
    return home


def test_yes_to_one_slot_is_no_yes_to_others(three_slots: Home) -> None:
    done = three_slots.run("slot", "remove", "3", "--rekey", "-y")

    assert done.status == 2
    assert "would be dropped: 2 (passphrase)" in done.stderr
    assert "--drop-others" in done.stderr
    assert slots_of(three_slots) == ["1", "2", "3"]


def test_slots_whose_keys_are_given_are_kept(three_slots: Home) -> None:
    done = three_slots.run("slot", "remove", "3", "--rekey", "-y", "--with-passphrase-file", "words", "--json")

    assert (done.status, members(done.stdout)) == (0, {"id": "3", "secrets": 0, "dropped": []})
    assert slots_of(three_slots) == ["1", "2"]
    three_slots.environ.pop("CREDVAULT_KEY_FILE")
    assert three_slots.run("list", CREDVAULT_PASSPHRASE_FILE="words").status == 0


def test_key_file_keeps_its_slot_too(three_slots: Home) -> None:
    assert three_slots.run("slot", "remove", "2", "--rekey", "-y", "--with-key-file", "third.key").status == 0

    assert slots_of(three_slots) == ["1", "3"]


def test_others_are_dropped_when_that_is_said(three_slots: Home) -> None:
    done = three_slots.run("slot", "remove", "3", "--rekey", "-y", "--drop-others", "--json")

    assert members(done.stdout) == {"id": "3", "secrets": 0, "dropped": ["2"]}
    assert slots_of(three_slots) == ["1"]


@pytest.mark.parametrize("option", [["--with-key-file", "key"], ["--with-passphrase-file", "words"], ["--drop-others"]])
def test_options_of_rekey_without_it_are_refused(option: Sequence[str], three_slots: Home) -> None:
    assert three_slots.run("slot", "remove", "3", "-y", *option).status == 2
    assert slots_of(three_slots) == ["1", "2", "3"]


def test_rekey_answers_with_an_object(three_slots: Home) -> None:
    done = three_slots.run("rekey", "-y", "--with-key-file", "third.key", "--json")

    assert members(done.stdout) == {"secrets": 0, "dropped": ["2"]}


def test_slot_commands_answer_with_an_object(home: Home) -> None:
    home.write("words", "some words")
    home.write("other", "other words")

    made = members(home.run("slot", "add", "--generate-key", "--json").stdout)
    assert {**made, "key": ""} == {"id": "2", "type": "raw", "key": ""}
    assert home.run("list", CREDVAULT_KEY=made["key"]).status == 0
    done = home.run("slot", "add", "--new-key-file", "new.key", "--json")
    assert members(done.stdout) == {"id": "3", "type": "keyfile"}
    done = home.run("slot", "add", "--new-passphrase-file", "words", "--json")
    assert members(done.stdout) == {"id": "4", "type": "passphrase"}
    done = home.run("slot", "change", "4", "--new-passphrase-file", "other", "--json")
    assert members(done.stdout) == {"id": "4", "type": "passphrase"}
    assert members(home.run("slot", "remove", "3", "-y", "--json").stdout) == {"id": "3"}


def test_init_answers_with_an_object(bare: Home) -> None:
    bare.write("words", "some words")
    made = members(bare.run("init", "--generate-key", "--json").stdout)
    assert {**made, "key": ""} == {"path": str(bare.vault), "key": ""}
    assert bare.run("list", CREDVAULT_KEY=made["key"]).status == 0

    done = bare.run("init", "--vault", "a", "--key-file", "new.key", "--json")
    assert members(done.stdout) == {"path": str(bare.root / "a")}
    done = bare.run("init", "--vault", "b", "--json", CREDVAULT_PASSPHRASE_FILE="words")
    assert members(done.stdout) == {"path": str(bare.root / "b")}


def test_salvage_answers_with_an_object(home: Home) -> None:
    home.write("value", "value")
    assert home.run("add", "a/one", "--from-file", "value").status == 0

    done = home.run("salvage", "-o", "new.json", "--json")

    assert members(done.stdout) == {"path": str(home.root / "new.json"), "rescued": ["a/one"], "lost": []}


def test_key_is_printed_before_the_vault_is_made(bare: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(custody, "create_vault", fails)

    done = bare.run("init", "--generate-key", "--json")

    assert done.status == 130
    assert members(done.stdout)["key"].startswith("cvk1_")


def test_slot_alone_asks_which_command(home: Home) -> None:
    done = home.run("slot")

    assert (done.status, done.stdout) == (2, b"")
    assert done.stderr == "credvault: error: which slot command?\ncredvault: hint: 'credvault slot --help' shows them\n"
    assert home.run("slot", "--help").status == 0


@pytest.mark.parametrize("argv", [["exec", "--", "cat"], ["add", "a/one", "--stdin"]])
def test_command_for_the_passphrase_does_not_eat_stdin(argv: Sequence[str], bare: Home) -> None:
    bare.write("words", "some words\n")
    assert bare.command("init", CREDVAULT_PASSPHRASE_FILE="words").status == 0

    done = bare.command(*argv, stdin=b"value", CREDVAULT_PASSPHRASE_COMMAND="sh -c 'cat >&2; cat words'")

    assert (done.status, done.stdout) == (0, b"value" if argv[0] == "exec" else b"")
    assert "value" not in done.stderr


def test_file_over_its_limit_is_a_storage_error_wherever_it_is_read(home: Home) -> None:
    home.write(".config/credvault/config.toml", "[limits]\nvault_bytes = 10\n")

    for argv in (["list"], ["salvage", "-o", "new.json"], ["doctor"]):
        done = home.run(*argv)
        said = done.stderr + done.stdout.decode()
        assert done.status == 6, argv
        assert "over the limit of 10" in said
        assert "the limit is [limits] vault_bytes in config.toml" in said


def test_backup_over_the_limit_does_not_stop_a_rescue(home: Home) -> None:
    home.write("value", "value")
    assert home.run("add", "a/one", "--from-file", "value").status == 0
    home.write(".config/credvault/config.toml", "[limits]\nvault_bytes = 100000\n")
    home.backup.write_bytes(b"x" * 100_001)

    assert home.run("salvage", "-o", "new.json").status == 0


def test_id_that_was_told_and_is_taken_is_a_conflict(home: Home) -> None:
    slot = custody.NewSlot("raw", material())

    with pytest.raises(Conflict, match="slot 1 appeared meanwhile"):
        custody.add_slot(home.file(), slot, 0, "1")

    assert slots_of(home) == ["1"]
