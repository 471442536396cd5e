"""The command probe with real programs: the value on stdin alone, the program from the user's settings alone."""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from credvault.lifecycle.probes.base import Attempt, Outcome
from credvault.lifecycle.probes.command import CommandProbe, command_probe
from credvault.model.errors import InvalidValue
from credvault.model.unlocking import SECRETS_OF_SERVERS
from credvault.model.value import SecretValue
from tests.patience import SECONDS

CANARY = b"cAnArY-0123456789"

# Writes down all that it can know: its stdin, and the argv and environment that others on the machine may see.
SPY = """
import json, os, sys
seen = {
    "stdin": sys.stdin.buffer.read().hex(),
    "argv": open("/proc/self/cmdline", "rb").read().hex(),
    "environ": dict(os.environ),
    "group": os.getpgrp() == os.getpid(),
}
json.dump(seen, open(sys.argv[1], "w"))
print("CANARY", seen)
"""


def probe(*command: str, environ: dict[str, str] | None = None) -> CommandProbe:
    return CommandProbe("check", command, 10, os.environ if environ is None else environ)


def python(code: str, *arguments: str) -> CommandProbe:
    return probe(sys.executable, "-c", code, *arguments)


def run(candidate: CommandProbe, value: bytes = CANARY, seconds: float = SECONDS) -> Outcome:
    return candidate.run(SecretValue(value), Attempt(seconds))


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("", Outcome("ok", "command 'check' accepts it")),
        ("raise SystemExit(1)", Outcome("rejected", "command 'check' rejects it")),
        ("raise SystemExit(2)", Outcome("unreachable", "command 'check' ended with status 2")),
        ("import os; os.kill(os.getpid(), 9)", Outcome("unreachable", "command 'check' was ended by signal 9")),
    ],
)
def test_each_status_has_its_meaning(code: str, outcome: Outcome) -> None:
    assert run(python(code)) == outcome


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to look for the value in")
def test_the_value_is_on_stdin_and_nowhere_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    value = CANARY + b"\n\0\xff\n"

    outcome = run(python(SPY, str(tmp_path / "seen")), value)

    seen = json.loads((tmp_path / "seen").read_text())
    assert outcome.result == "ok"
    assert bytes.fromhex(seen["stdin"]) == value
    assert CANARY not in bytes.fromhex(seen["argv"])
    assert CANARY.decode() not in json.dumps(seen["environ"])
    assert seen["group"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to look for the value in")
def test_what_unlocks_vaults_is_not_inherited(tmp_path: Path) -> None:
    environ = {
        **dict.fromkeys(("CREDVAULT_PASSPHRASE", "CREDVAULT_X", *SECRETS_OF_SERVERS), "key"),
        "PATH": os.environ["PATH"],
        "KEPT": "yes",
    }

    run(probe(sys.executable, "-c", SPY, str(tmp_path / "seen"), environ=environ))

    seen = json.loads((tmp_path / "seen").read_text())
    assert seen["environ"]["KEPT"] == "yes"
    assert "key" not in seen["environ"].values()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["/no/such/program"], "no such file or directory"),
        (["/etc/passwd"], "permission denied"),
        (["/"], "permission denied"),
        (["a\0b"], "it is not runnable"),
    ],
)
def test_a_program_that_cannot_be_started_is_no_rejection(command: list[str], reason: str) -> None:
    assert run(probe(*command)) == Outcome("unreachable", f"command 'check' cannot be started: {reason}")


def test_a_program_that_does_not_read_is_judged_all_the_same() -> None:
    assert run(python("import os; os.close(0); raise SystemExit(1)"), b"x" * 1024 * 1024).result == "rejected"


def test_a_program_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # Both hold the fifo open for writing; its reader sees the end only when both are gone.
    hang = f"import os, time; os.open({str(fifo)!r}, os.O_WRONLY); os.fork(); time.sleep(600)"
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)

    outcome = run(python(hang), seconds=1)

    with os.fdopen(reader, "rb") as file:
        assert file.read() == b""
    assert outcome == Outcome("unreachable", "command 'check' did not end within 1 s")


def test_a_program_ends_when_its_attempt_is_broken_off(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    attempt = Attempt(600)
    candidate = python(f"import time; open({str(fifo)!r}, 'w').close(); time.sleep(600)")
    thread = threading.Thread(target=candidate.run, args=(SecretValue(CANARY), attempt))
    thread.start()
    fifo.read_bytes()  # it runs now

    attempt.break_off()
    thread.join(SECONDS)

    assert not thread.is_alive()


@pytest.mark.parametrize("name", [None, "", 7, True, ["ldap"], {"command": ["id"]}, "other", "no command", "at once"])
def test_a_record_can_name_only_a_command_that_the_user_wrote_down(name: Any) -> None:
    commands = {
        "ldap": {"command": ["true"]},
        "no command": {"timeout": 3},
        "at once": {"command": ["true"], "timeout": 0},
    }

    with pytest.raises(InvalidValue):
        command_probe(name, commands, {})


def test_a_command_has_ten_seconds_or_what_the_user_says() -> None:
    commands = {"ldap": {"command": ["true"]}, "slow": {"command": ["true"], "timeout": 120}}

    assert command_probe("ldap", commands, {}).limit == 10
    assert command_probe("slow", commands, {}).limit == 120
    assert command_probe("ldap", commands, {}).target is None
    assert not command_probe("ldap", commands, {}).asks_leave
