"""Every command through the agent gives the output and the exit status that it gives with a key."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from credvault import errors, open_vault
from tests.agent.desk import NOBODY, Desk
from tests.home import Ran

# In this order, on one vault: what one leaves the next one finds.
COMMANDS: Sequence[tuple[Sequence[str], bytes]] = [
    (("list",), b""),
    (("add", "a/one", "--stdin", "--note", "a note", "--tag", "x", "--expires", "2027-01-31"), b"first\n"),
    (("add", "a/one", "--stdin"), b"again"),
    (("add", "a/one", "--stdin", "--force"), b"forced"),
    (("add", "a/raw", "--stdin-raw"), bytes(range(256))),
    (("add", "a/env", "--stdin", "--env", "A_VARIABLE", "--consumer", "bot"), b"of a variable"),
    (("add", "a/bad", "--stdin", "--env", "LD_PRELOAD"), b"x"),
    (("add", "a/allowed", "--stdin", "--env", "LD_PRELOAD", "--allow-env", "LD_PRELOAD"), b"x"),
    (("add", "a/empty", "--stdin"), b""),
    (("add", "A B", "--stdin"), b"x"),
    (
        ("add", "a/db", "--stdin", "--type", "database", "--field", "engine=postgres", "--field", "host=db.example"),
        b"pw",
    ),
    (("add", "unicode/grüße", "--stdin", "--note", "😀"), "grüße".encode()),
    (("get", "a/one"), b""),
    (("get", "a/one", "--json"), b""),
    (("get", "a/raw"), b""),
    (("get", "a/raw", "--json"), b""),
    (("get", "a/one", "--version", "1"), b""),
    (("get", "a/one", "--version", "9"), b""),
    (("get", "a/one", "-o", "out"), b""),
    (("get", "a/one", "-o", "out"), b""),
    (("get", "a/db", "--field", "host"), b""),
    (("get", "a/db", "--dsn"), b""),
    (("get", "a/onne"), b""),
    (("get", "a/onne", "--json"), b""),
    (("exec", "--explain", "--file", "X=a/raw", "--fd", "Y=a/one?version=1", "--stdin", "a/db#host"), b""),
    (("exec", "--explain", "--file", "X=a/nothing", "--if-missing", "warn"), b""),
    (("check", "a/one", "a/raw", "a/env"), b""),
    (("check", "--require", "a/one", "--require", "a/onne", "a/nothing", "--json"), b""),
    (("check", "a/onne"), b""),
    (("inject",), b"{{ credvault://a/one }} {{ credvault://a/one?version=1 }} {{ credvault://a/db#host }} \xff"),
    (("inject",), b"{{ credvault://a/nothing }} {{ credvault://a/one?version=9 }}"),
    (("rotate", "a/one", "--stdin"), b"rotated"),
    (("rotate", "a/one", "--undo"), b""),
    (("rotate", "a/raw", "--undo"), b""),
    (("rotate", "a/nothing", "--stdin"), b"x"),
    (("rotate", "a/nothing", "--undo"), b""),
    (("edit", "a/one", "--note", "another"), b""),
    (("edit", "a/one", "--unset", "note", "--unset", "expires_at"), b""),
    (("edit", "a/one", "--env", "LD_PRELOAD"), b""),
    (("edit", "a/nothing", "--note", "x"), b""),
    (("history", "a/one"), b""),
    (("history", "a/one", "--json"), b""),
    (("history", "a/nothing"), b""),
    (("list", "--json"), b""),
    (("list", "--long"), b""),
    (("add", "a/old", "--stdin", "--expires", "2020-01-01T00:00:00Z"), b"old"),
    (("get", "a/old"), b""),
    (("list", "a/*", "--due", "14d"), b""),
    (("list", "--check"), b""),
    (("exec", "--explain", "--", "true"), b""),
    (("exec", "--explain", "--consumer", "bot", "--", "true"), b""),
    (("exec", "--explain", "-e", "X=a/one", "--", "true"), b""),
    (("exec", "--explain", "-e", "X=a/nothing", "--", "true"), b""),
    (("exec", "--explain", "--db", "a/db", "--", "true"), b""),
    (("redact",), b"what is it? it is one, or first\n"),
    (("redact", "a/one", "--past"), b"one"),
    (("redact", "a/nothing"), b"one"),
    (("test",), b""),
    (("test", "a/one", "--json"), b""),
    (("delete", "a/raw", "a/nothing", "-y"), b""),
    (("delete", "a/raw", "a/env", "-y"), b""),
    (("delete", "a/*", "-y"), b""),
    (("list", "--json"), b""),
]


def without_times(ran: Ran, folder: Path) -> Ran:
    """Return what a command printed with times and folders made equal."""

    def mended(text: str) -> str:
        words = text.replace(str(folder), "/home").split('"')
        return '"'.join("TIME" if len(word) == 20 and word.endswith("Z") and word[4] == "-" else word for word in words)

    text = ran.stdout.decode("utf-8", "surrogateescape")
    lines = ["\t".join("TIME" if c.endswith("Z") else c for c in line.split("\t")) for line in text.split("\n")]
    return Ran(ran.status, mended("\n".join(lines)).encode("utf-8", "surrogateescape"), mended(ran.stderr))


def test_every_command_says_and_does_the_same(desk: Desk, tmp_path: Path) -> None:
    with_key = Desk(tmp_path / "with-key", desk.runtime)
    desk.held(detached=False)

    said = {}
    for who, environ in ((desk, {}), (with_key, desk.key)):
        ran = [who.home.run(*argv, stdin=stdin, **environ) for argv, stdin in COMMANDS]
        said[who] = [without_times(each, who.home.root) for each in ran]

    for (argv, _), by_agent, by_key in zip(COMMANDS, said[desk], said[with_key], strict=True):
        assert (argv, by_agent) == (argv, by_key)
    one, other = desk.home.snapshot(), with_key.home.snapshot()
    assert one is not None
    assert other is not None
    assert one.secrets == other.secrets
    assert one.generation == other.generation
    assert {each.status for each in said[desk]} >= {0, 2, 3, 7, 12}


# What works on the file itself needs a key of its own: an agent has none to give.
NEEDS_A_KEY = [["slot", "add", "--generate-key"], ["rekey", "-y"], ["salvage", "-o", "rescued"], ["doctor", "--verify"]]


@pytest.mark.parametrize("words", NEEDS_A_KEY, ids=[words[0] for words in NEEDS_A_KEY])
def test_commands_on_the_file_itself_do_not_use_the_agent(desk: Desk, words: Sequence[str]) -> None:
    desk.put("a/one", b"first")
    without = desk.home.run(*words)
    desk.held(detached=False)
    before = desk.home.vault.read_bytes()

    done = desk.home.run(*words)

    assert done.status == without.status != 0
    assert desk.home.vault.read_bytes() == before


def test_library_uses_the_agent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put("a/one", b"first", "--env", "ONE")
    desk.held(detached=False)
    for name in ("CREDVAULT_KEY", "CREDVAULT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in desk.home.environ.items():
        monkeypatch.setenv(name, value)

    with open_vault() as vault:
        vault.add("a/two", b"\xff second")
        values = {name.key: secret.value.reveal() for name, secret in vault.get_many(["a/one", "a/two"]).items()}
        variables = list(vault.environment())
        with pytest.raises(errors.AlreadyExists):
            vault.add("a/two", b"again")
        with pytest.raises(errors.NotFound):
            vault.get("a/three")
        vault.delete(["a/two"])
        there = vault.has("a/two"), vault.has("a/one")

    assert values == {"one": b"first", "two": b"\xff second"}
    assert variables == ["ONE"]
    assert there == (False, True)


def test_rotation_of_two_at_once_is_a_conflict_for_one(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held(detached=False)
    change = b'{"put":[{"name":"a/one","value":"%s","facts":{},"expect":1}]}'

    first = desk.ask("POST", "/v1/changes", body=change % b"second")
    second = desk.ask("POST", "/v1/changes", body=change % b"third")

    assert (first.status, second.status) == (200, 409)
    assert desk.home.run("get", "a/one").stdout == b"second"


def test_changes_are_all_made_or_none(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held(detached=False)
    new = b'{"name":"a/two","value":"x","facts":{},"expect":0}'
    there = b'{"name":"a/one","value":"x","facts":{},"expect":0}'

    done = desk.ask("POST", "/v1/changes", body=b'{"put":[' + new + b"," + there + b"]}")
    deleted = desk.ask("POST", "/v1/changes", body=b'{"delete":["a/one","a/nothing"]}')

    assert (done.status, deleted.status) == (409, 404)
    assert desk.home.run("list").stdout.split(b"\t")[0] == b"a/one"
    assert desk.home.run("list").stdout.count(b"\n") == 1


@pytest.mark.parametrize("size", [1, 100_000, 1024 * 1024])
def test_values_of_any_size_go_both_ways(desk: Desk, size: int) -> None:
    value = os.urandom(size)
    desk.held(detached=False)

    added = desk.home.run("add", "a/one", "--stdin-raw", stdin=value)

    assert added.status == 0
    assert desk.home.command("get", "a/one") == (0, value, "")
    assert desk.home.run("get", "a/one").stdout == value


def test_value_over_the_limit_is_refused_with_and_without_the_client(desk: Desk) -> None:
    desk.held(detached=False)
    value = "x" * (1024 * 1024 + 1)
    body = json.dumps({"put": [{"name": "a/one", "value": value, "facts": {}, "expect": 0}]})

    by_client = desk.home.run("add", "a/one", "--stdin-raw", stdin=value.encode())
    by_hand = desk.ask("POST", "/v1/changes", body=body.encode())

    assert (by_client.status, by_hand.status) == (2, 400)
    assert desk.home.run("list").stdout == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_full_disk_leaves_the_old_vault_and_the_agent_goes_on(desk: Desk, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(small)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        vault = small / "vault.json"
        shutil.copyfile(desk.home.vault, vault)
        vault.chmod(0o600)
        desk.start()
        assert desk.hold(vault).status == 200
        at: Mapping[str, Any] = {"CREDVAULT_VAULT": str(vault)}
        assert desk.home.run("add", "a/one", "--stdin", stdin=b"first", **at).status == 0
        before = vault.read_bytes()

        full = desk.home.run("add", "a/two", "--stdin-raw", stdin=os.urandom(200_000), **at)
        after = vault.read_bytes()
        small_one = desk.home.run("add", "a/three", "--stdin", stdin=b"third", **at)

        assert (full.status, full.stdout) == (6, b"")
        assert "no space left on device" in full.stderr
        assert after == before
        assert small_one.status == 0
        assert desk.home.run("get", "a/one", **at).stdout == b"first"
        assert sorted(path.name for path in small.iterdir()) == ["vault.json", "vault.json.bak", "vault.json.lock"]
    finally:
        desk.close()
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_vault_of_another_user_is_read_and_not_written(desk: Desk) -> None:
    desk.put("a/one", b"first")
    os.chown(desk.home.vault, NOBODY, NOBODY)
    desk.held(detached=False)

    read = desk.home.run("get", "a/one")
    written = desk.home.run("rotate", "a/one", "--stdin", stdin=b"second")

    assert (read.status, read.stdout) == (0, b"first")
    assert (written.status, written.stdout) == (6, b"")
    assert "it belongs to another user" in written.stderr
