"""Processes that add secrets to one vault at once, all there is of them forked here: `python -m tests.adders MODE …`.

`api P N` and `cli P N`: P processes make N adds each, through the library or the command line. `killed KILLS`: some
add without end, and one after the other is killed at a random moment. The vault is that of the environment. A
program of its own, because what forks must have one thread.
"""

import json
import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from credvault import open_vault
from credvault.cli.main import run
from credvault.model.errors import CredvaultError
from tests.faults import leftovers
from tests.home import Home

AT_ONCE = 3  # processes that add while others are killed
LONGEST_PAUSE = 0.06  # seconds between two kills, where each adder has come to an add by then


def value_of(name: str) -> bytes:
    """Return the value that an adder stores under a name."""
    return f"the value of {name}".encode()


def main(mode: str, *numbers: str) -> None:
    """Do what the mode says, and print a report as JSON."""
    warm_up()
    if mode == "killed":
        report: object = Killing(int(numbers[0])).run()
    else:
        processes, adds = map(int, numbers)
        report = together(processes, adds, by_command_line if mode == "cli" else by_library)
    sys.stdout.write(json.dumps(report))


def warm_up() -> None:
    """Load what an add needs, once for all."""
    by_library("warm/up")
    by_command_line("warm/again")


def by_library(name: str) -> None:
    """Add a secret with a vault of its own, as a program does that adds one now and then."""
    with open_vault() as vault:
        vault.add(name, value_of(name))


def by_command_line(name: str) -> None:
    """Add a secret by a command line; raises AssertionError where that fails."""
    os.environ["CREDVAULT_TEST_VALUE"] = value_of(name).decode()
    assert run(["add", name, "--from-env", "CREDVAULT_TEST_VALUE", "-q"]) == 0


def together(processes: int, adds: int, add: Callable[[str], None]) -> dict[str, object]:
    """Let processes add at once; return the status of each."""
    start, go = os.pipe()
    pids = []
    for worker in range(processes):
        names = [f"w{worker}/s{number}" for number in range(adds)]
        pids.append(_forked(lambda names=names: _add_when_told(start, go, names, add)))  # type: ignore[misc]
    os.close(start)
    began = time.monotonic()
    os.close(go)  # all at once
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    return {"statuses": statuses, "seconds": round(time.monotonic() - began, 1)}


def _add_when_told(start: int, go: int, names: list[str], add: Callable[[str], None]) -> None:
    os.close(go)
    os.read(start, 1)  # until every writer's end is closed
    for name in names:
        add(name)


class Killing:
    """Adders that are killed one after the other, until there were `kills` kills and as many acknowledged adds."""

    def __init__(self, kills: int) -> None:
        self._kills = kills
        self._home = Home(Path(os.environ["HOME"]))
        self._heard, self._tell = os.pipe()
        self._text = b""
        self._adders: dict[int, int] = {}
        self._born = self._killed = self._temporaries = 0
        self.wrong: list[str] = []

    def run(self) -> dict[str, object]:
        """Return the names that were acknowledged, and what was wrong."""
        chance = random.SystemRandom()
        while (self._killed < self._kills or self._text.count(b"\n") < self._kills) and not self.wrong:
            while len(self._adders) < AT_ONCE:
                self._begin()
            kills_for_an_add = self._killed / (1 + self._text.count(b"\n"))
            self._listen(chance.uniform(0, LONGEST_PAUSE * max(1.0, kills_for_an_add)))
            self._kill(chance.choice(list(self._adders)))
            self._look()
        for pid in list(self._adders):
            self._kill(pid)
        self._listen(0)
        acknowledged = self._text.decode().split()
        seen = {"kills": self._killed, "left_temporary": self._temporaries}
        return {"acknowledged": acknowledged, "wrong": self.wrong, **seen}

    def _begin(self) -> None:
        self._born += 1
        self._adders[_forked(lambda: self._add_for_ever(self._born))] = self._born

    def _add_for_ever(self, born: int) -> None:
        number = 0
        with open_vault() as vault:
            while True:
                name = f"k{born}/s{number}"
                vault.add(name, value_of(name))
                os.write(self._tell, f"{name}\n".encode())
                number += 1

    def _listen(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while select.select([self._heard], [], [], max(0, until - time.monotonic()))[0]:
            self._text += os.read(self._heard, 1 << 16)

    def _kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        born = self._adders.pop(pid)
        if status != -signal.SIGKILL:
            self.wrong.append(f"adder {born} ended by itself with status {status}")
        self._killed += 1

    def _look(self) -> None:
        """Open the file as it is now: MAC over the head, and the hash of every bucket, so every byte."""
        self._temporaries += bool(leftovers(self._home.vault.parent))
        try:
            with self._home.file().open() as vault:
                for number in range(vault.bucket_count):
                    vault.bucket_bytes(number)
        except CredvaultError as error:
            self.wrong.append(f"after {self._killed} kills: {error}")


def _forked(do: Callable[[], None]) -> int:
    """Return the number of a new process that does something and ends."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(240)
            do()
            status = 0
        except BaseException:  # noqa: BLE001 - said, and told by the status
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


if __name__ == "__main__":
    main(*sys.argv[1:])
