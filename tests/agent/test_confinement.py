"""What is in the agent's memory and around it: the key only while it is held, no dump, nothing that unlocks."""

import base64
import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from credvault.agent.connection import Inbox
from tests.agent.desk import Desk
from tests.home import PRINTED_KEY, material
from tests.patience import wait_until


def data_key(desk: Desk) -> bytes:
    """Return the data key of the vault, another one in each test."""
    with desk.home.file().open() as vault:
        return vault.key.reveal()


def forms(key: bytes) -> list[bytes]:
    """Return a key as bytes, as hexadecimal digits and as base64."""
    return [key, key.hex().encode(), key.hex().upper().encode(), base64.b64encode(key), base64.urlsafe_b64encode(key)]


def found_in_memory(pid: int, wanted: list[bytes]) -> list[int]:
    """Return which of the texts are in the memory of a process, by number; an end of base64 may differ."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            words = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....).*?(\S*)$", line)
            assert words is not None
            if words[3][0] != "r" or words[4] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            content = read_memory(memory, int(words[1], 16), int(words[2], 16))
            found |= {number for number, text in enumerate(wanted) if text.rstrip(b"=")[:-1] in content}
    return sorted(found)


def read_memory(memory: IO[bytes], start: int, end: int) -> bytes:
    """Return what is between two addresses; less where the process has given it back since it was listed."""
    memory.seek(start)
    content = b""
    try:
        while len(content) < end - start and (chunk := memory.read(end - start - len(content))):
            content += chunk
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    return content


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into the agent's memory")
@pytest.mark.parametrize("end", ["lock", "time", "lock after work"])
def test_data_key_is_in_memory_while_it_is_held_and_not_after(desk: Desk, end: str) -> None:
    desk.put("a/one", b"first")
    wanted = forms(data_key(desk))
    agent = desk.start(detached=False)
    before = found_in_memory(agent.pid, wanted)
    # A look takes a while, on a busy machine more than a second.
    for seconds in (1, 5, 25) if end == "time" else (3600,):
        assert desk.hold(seconds=seconds).status == 200
        during = found_in_memory(agent.pid, wanted)
        if during:
            break
    if end == "lock after work":
        assert desk.home.run("list").status == 0
        assert desk.home.run("add", "a/two", "--stdin", stdin=b"second").status == 0
        assert desk.home.run("get", "a/two").status == 0
        during = found_in_memory(agent.pid, wanted)

    if end == "time":
        wait_until(lambda: desk.ask("GET", "/v1/agent").body.endswith(b'"vaults":[]}'))
    else:
        assert desk.home.run("lock").status == 0
    after = found_in_memory(agent.pid, wanted)

    assert before == []
    assert 0 in during
    assert after == []


def test_room_that_a_key_leaves_is_overwritten() -> None:
    inbox, key = Inbox(), os.urandom(32)
    rooms = []

    for piece in (b"head" + key[:9], key[9:], b"next"):
        inbox.add(memoryview(piece))
        rooms.append(memoryview(inbox._room))
    head, body = inbox.take(4), inbox.take(32)

    assert (bytes(head), bytes(body), len(inbox)) == (b"head", key, 4)
    assert [any(room) for room in rooms] == [False, False, False]
    assert bytes(inbox.take(4)) == b"next"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into the agent's memory")
def test_refused_key_does_not_stay_in_memory(desk: Desk) -> None:
    """Whatever the length of the head before it, by which the buffers go that it was in."""
    agent = desk.start(detached=False)
    wrong = [os.urandom(32) for _ in range(64)]
    vault_id = desk.home.file().read_head().vault_id
    headers = [("credvault-for", "60"), ("credvault-idle", "60"), ("credvault-vault", vault_id)]

    replies = [
        desk.ask("PUT", "/v1/agent/vault", *headers, ("more", 8 * number * "x"), body=key)
        for number, key in enumerate(wrong)
    ]

    assert {reply.status for reply in replies} == {401}
    assert found_in_memory(agent.pid, [*wrong, *forms(wrong[-1])]) == []


def test_no_core_is_dumped_and_no_debugger_of_the_user_gets_in(desk: Desk) -> None:
    agent = desk.held()

    limits = Path(f"/proc/{agent.pid}/limits").read_text()

    assert re.search(r"^Max core file size +0 +0 +bytes", limits, re.MULTILINE)
    assert is_dumpable_after("confine()") == b"0\n"
    assert is_dumpable_after("0") == b"1\n"


def is_dumpable_after(call: str) -> bytes:
    """Return what a process of its own says of itself: from outside, it does not show to root."""
    code = f"import ctypes; from credvault.agent.confinement import confine; {call}; print(ctypes.CDLL(None).prctl(3))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout


def test_page_of_the_key_is_locked_and_not_dumped(desk: Desk) -> None:
    agent = desk.held()

    locked = agent.status("VmLck")
    flags = Path(f"/proc/{agent.pid}/smaps").read_text().splitlines()

    assert locked == "4 kB"
    pages = [line.split()[1:] for line in flags if line.startswith("VmFlags:")]
    assert len([page for page in pages if "lo" in page and "dd" in page]) == 1


def test_keys_and_passphrases_are_not_in_its_environment_or_command_line(desk: Desk) -> None:
    secrets: dict[str, Any] = {
        "CREDVAULT_KEY": PRINTED_KEY,
        "CREDVAULT_PASSPHRASE": "canary-passphrase",
        "CREDVAULT_PASSPHRASE_COMMAND": "echo canary-command",
        "CREDVAULT_KEY_FILE": "/canary-file",
        "VAULT_TOKEN": "canary-token",
        "OPENAI_API_KEY": "canary-api",
    }

    done = desk.home.command("unlock", **secrets)
    pid = desk.pid()

    seen = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    assert done.status == 0, done
    assert b"canary" not in seen
    assert PRINTED_KEY.encode() not in seen
    assert not any(form in seen for form in forms(material().secret.reveal()))
    names = {entry.partition(b"=")[0] for entry in seen.split(b"\0")}
    assert b"HOME" in names
    assert not {name for name in names if name.startswith((b"CREDVAULT_KEY", b"CREDVAULT_PASS", b"PYTHON"))}


def test_agent_of_unlock_holds_no_terminal_no_pipe_and_no_folder(desk: Desk) -> None:
    done = desk.home.command("unlock", **desk.key)
    pid = desk.pid()

    assert done.status == 0
    assert [os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)] == [os.devnull] * 3
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    session = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[3])
    assert session == pid
