"""A canary through every way by the agent: it is where it was asked for and nowhere else; the trail has each access."""

import json
import subprocess

from tests.agent.desk import Desk
from tests.canary import files_with, is_in, watch_command_lines
from tests.home import PRINTED_KEY, PROGRAM
from tests.patience import SECONDS

CANARY = b"canary-3f9c1b77e2"
SECOND = b"canary-55d0a4c81f"
BOTH = [CANARY, SECOND]


def test_value_is_in_no_message_file_or_command_line(desk: Desk) -> None:
    agent = desk.held(detached=False)
    run = desk.home.command

    done = [
        run("add", "a/one", "--stdin", "--env", "ONE", stdin=CANARY),
        run("add", "a/one", "--stdin", stdin=CANARY),
        run("rotate", "a/one", "--stdin", stdin=SECOND),
        run("rotate", "a/one", "--undo"),
        run("edit", "a/one", "--note", "a note"),
        run("list", "--json"),
        run("history", "a/one", "--json"),
        run("get", "a/nothing"),
        run("exec", "--", "true"),
        run("exec", "--", "no-such-program"),
        run("exec", "--explain", "--", "env"),
        run("get", "a/one", "--field", "host"),
        run("-vv", "get", "-n", "b", "a/one"),
        run("delete", "a/one", "-y"),
        run("add", "a/one", "--stdin", stdin=SECOND),
        run("lock"),
    ]
    asked = [desk.ask("POST", "/v1/changes", body=b'{"put": [{"value": "%s"}]}' % CANARY)]
    asked += [desk.ask("PUT", "/v1/agent/vault", body=CANARY)]
    agent.process.terminate()
    stdout, stderr = agent.process.communicate(timeout=SECONDS)

    assert [ran.status for ran in done] == [0, 7, 0, 0, 0, 0, 0, 3, 0, 127, 0, 3, 2, 0, 0, 0], done
    assert not any(is_in(ran.stdout + ran.stderr.encode(), BOTH) for ran in done)
    assert not any(is_in(reply.body, BOTH) for reply in asked)
    assert (stdout, stderr) == (b"", b"")
    assert files_with(desk.home.root, BOTH) == []
    assert files_with(desk.runtime, BOTH) == []


def test_value_and_key_are_in_no_command_line_while_commands_run(desk: Desk) -> None:
    desk.put("a/one", CANARY, "--env", "ONE")
    words = [["unlock"], ["get", "a/one"], ["exec", "--", "sleep", "0.2"], ["lock"]]

    found = []
    for each in words:
        looks = 0
        while not looks:  # on a busy machine it ends before the first look
            process = desk.home.start(*each, **(desk.key if each == ["unlock"] else {}))
            looks, seen = watch_command_lines(process, [*BOTH, key_text()])
            process.communicate(timeout=SECONDS)
            found += seen

    assert found == []


def key_text() -> bytes:
    """Return the part of the printed key that is not in every key."""
    return PRINTED_KEY[5:48].encode()


def test_trail_has_one_line_for_each_access_and_none_of_the_client(desk: Desk) -> None:
    desk.put("a/one", b"first", "--env", "ONE")
    desk.held(detached=False)
    with desk.home.file().open() as vault:
        entry, missing = vault.key.entry_id("a", "one"), vault.key.entry_id("a", "nothing")
    before = len(desk.trail())

    fast = desk.home.command("get", "a/one")
    whole = desk.home.run("get", "a/one", "--json")
    desk.home.command("get", "a/nothing")
    desk.home.command("exec", "--", "true")
    desk.home.run("rotate", "a/one", "--stdin", stdin=b"second")
    desk.home.run("edit", "a/one", "--note", "x")
    desk.home.run("delete", "a/one", "-y")

    lines = [json.loads(line) for line in desk.trail()[before:]]
    told = [(line["command"], line["entry"], line["result"]) for line in lines if line["command"] != "list"]
    assert (fast.status, whole.status) == (0, 0)
    assert told == [
        ("get", entry, "ok"),
        ("get", entry, "ok"),
        ("get", missing, "not_found"),
        ("environment", entry, "ok"),
        ("rotate", entry, "ok"),  # its version was asked for
        ("rotate", entry, "ok"),
        ("edit", entry, "ok"),
        ("has", entry, "ok"),  # it is looked for before anybody would be asked
        ("delete", entry, "ok"),
    ]


def test_trail_tells_the_same_with_and_without_the_agent(desk: Desk) -> None:
    words = (
        (("add", "a/one", "--stdin", "--env", "ONE"), b"first"),
        (("get", "a/one"), b""),
        (("get", "a/one", "--version", "7"), b""),
        (("edit", "a/one", "--note", "x"), b""),
        (("history", "a/one"), b""),
        (("list",), b""),
        (("redact", "--past"), b"first"),
        (("exec", "--explain", "--", "true"), b""),
        (("get", "a/nothing"), b""),
        (("delete", "a/one", "-y"), b""),
    )

    def told(**environ: str) -> list[tuple[str, str, str]]:
        before = len(desk.trail())
        for argv, stdin in words:
            desk.home.run(*argv, stdin=stdin, **environ)
        lines = [json.loads(line) for line in desk.trail()[before:]]
        return [(line["command"], line["entry"], line["result"]) for line in lines]

    without = told(**desk.key)
    desk.held(detached=False)

    assert told() == without


def test_trail_that_cannot_be_written_fails_no_request(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held(detached=False)
    trail = desk.home.state / "trail.jsonl"
    trail.unlink()
    trail.mkdir()

    assert desk.home.command("get", "a/one") == (0, b"first", "")


def test_last_use_is_shown_of_what_the_agent_gave_out(desk: Desk) -> None:
    desk.put("a/one", b"first")
    desk.held()
    assert desk.home.command("get", "a/one").status == 0

    by_agent = desk.home.run("list", "--long")
    with_key = desk.home.run("list", "--long", **desk.key)

    assert by_agent == with_key
    assert by_agent.status == 0


def test_child_of_exec_gets_no_descriptor_of_the_agent_and_no_setting_of_ours(desk: Desk) -> None:
    desk.put("a/one", b"first", "--env", "ONE")
    desk.held()
    code = "ls -l /proc/self/fd; env"

    done = subprocess.run(
        [PROGRAM, "exec", "--", "sh", "-c", code],
        env={**desk.home.environ, "CREDVAULT_AGENT_SOCKET": str(desk.socket)},
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )

    assert b"ONE=first\n" in done.stdout
    assert b"socket:" not in done.stdout
    assert b"CREDVAULT_" not in done.stdout
