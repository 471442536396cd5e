"""Many processes at one vault: every add is there, locks go free or give up by name, readers never see an error."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from credvault import files, locking, open_vault
from credvault.model.errors import Conflict, LockTimeout
from credvault.model.pin import Pin
from credvault.sealing.vaultfile import VaultFile
from credvault.state import PinStore
from credvault.vault import Vault
from tests.adders import value_of
from tests.home import Home, material, quick_folder

SECONDS = 240
PROJECT = Path(__file__).parent.parent

# Takes the lock in argv[1], says so, and holds it for argv[2] seconds.
HOLDER = """
import sys, time
from credvault import files
with files.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


@pytest.fixture
def quick_home() -> Iterator[Home]:
    with quick_folder() as folder:
        yield Home(folder / "home").furnish()


@pytest.fixture
def open_here(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Vault]:
    """Opens the vault of the home as a program does, a vault object of its own each time."""
    for variable, value in home.environ.items():
        monkeypatch.setenv(variable, value)
    return open_vault


@contextmanager
def held(lock: Path, seconds: float = 600) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds a lock."""
    command = [sys.executable, "-c", HOLDER, str(lock), str(seconds)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


@pytest.mark.parametrize(("mode", "processes", "adds"), [("cli", 64, 10), ("api", 8, 200)])
def test_every_concurrent_add_is_there(quick_home: Home, mode: str, processes: int, adds: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.adders", mode, str(processes), str(adds)],
        env=quick_home.environ,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statuses"] == [0] * processes
    after = quick_home.snapshot()
    assert after is not None
    names = [f"w{worker}/s{number}" for worker in range(processes) for number in range(adds)]
    expected = {name: ([(1, value_of(name))], None) for name in [*names, "warm/up", "warm/again"]}
    assert after.secrets == expected
    assert after.generation == 1 + len(expected)


def test_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    with held(lock) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait(SECONDS)
        with files.lock(str(lock), patience=1):
            is_free = True

    assert is_free


def test_lock_timeout_names_the_holder_when_nothing_moved(tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    with held(lock) as holder:
        began = time.monotonic()
        with pytest.raises(LockTimeout) as caught, files.lock(str(lock), patience=0.5):
            raise AssertionError("two hold the lock")
        waited = time.monotonic() - began
        is_held_still = holder.poll() is None

    assert f"(pid {holder.pid})" in caught.value.message
    assert caught.value.hint is not None
    assert waited >= 0.5
    assert is_held_still


def test_patience_is_ten_seconds_and_the_vault_stays_as_it_was(home: Home) -> None:
    before = home.vault.read_bytes()

    with held(home.vault.with_name("vault.json.lock")) as holder:
        began = time.monotonic()
        done = home.command("add", "a/b", "--stdin", stdin=b"value")
        waited = time.monotonic() - began
        is_held_still = holder.poll() is None

    assert (done.status, done.stdout) == (6, b"")
    assert f"another process (pid {holder.pid}) has held the lock" in done.stderr
    assert "credvault: hint: " in done.stderr
    assert waited > 9.5
    assert is_held_still
    assert home.vault.read_bytes() == before


class Waiting(NamedTuple):
    """The clock of a waiter: its own pauses move it, so that it stands still while the machine does something else."""

    pauses: list[float]

    def monotonic(self) -> float:
        """Return how long it has waited."""
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        """Wait, and take note."""
        time.sleep(seconds)
        self.pauses.append(seconds)


def test_a_queue_that_moves_keeps_the_waiter_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock changes hands all the time, and for longer than the waiter is patient it is never free when it looks."""
    lock, patience, queue = tmp_path / "lock", 0.5, 10
    waiting = Waiting([])

    def hold_in_turn() -> None:
        with files.lock(str(lock)):
            for turn in range(queue):
                # As each holder does when it has got the lock.
                lock.write_bytes(b"%d %d" % (os.getpid(), turn))
                is_held.set()
                began = waiting.monotonic()
                while waiting.monotonic() - began < patience * 0.4:
                    time.sleep(0.001)

    is_held = threading.Event()
    holder = threading.Thread(target=hold_in_turn)
    holder.start()
    is_held.wait(SECONDS)
    monkeypatch.setattr(locking, "time", waiting)
    with files.lock(str(lock), patience=patience):
        waited = waiting.monotonic()
    holder.join(SECONDS)

    assert waited > patience


def test_one_of_two_rotates_wins_and_the_other_conflicts_or_follows(home: Home, open_here: Callable[[], Vault]) -> None:
    home.run("add", "a/b", "--stdin", stdin=b"first")
    outcomes: list[object] = []
    barrier = threading.Barrier(8)

    def rotate(number: int) -> None:
        with open_here() as vault:
            barrier.wait(SECONDS)
            try:
                outcomes.append(vault.rotate("a/b", b"by %d" % number).version)
            except Conflict as error:
                outcomes.append(error)

    _all_at_once([lambda n=n: rotate(n) for n in range(8)])  # type: ignore[misc]

    versions = sorted(outcome for outcome in outcomes if isinstance(outcome, int))
    assert len(outcomes) == 8
    assert versions == list(range(2, 2 + len(versions)))
    assert versions
    after = home.snapshot()
    assert after is not None
    stored = after.secrets["a/b"][0]
    # Each that said it was done is a version of its own: none replaced another unseen.
    assert [version for version, _ in stored] == [*reversed(versions), 1]
    assert len({value for _, value in stored}) == len(stored)


def test_edits_of_different_facts_are_both_kept(home: Home, open_here: Callable[[], Vault]) -> None:
    home.run("add", "a/b", "--stdin", stdin=b"value")
    changes: list[dict[str, Any]] = [
        {"note": "a note"},
        {"service": "a service"},
        {"tags": ["a", "b"]},
        {"env_name": "A_B"},
        {"consumers": ["ci"]},
        {"rotate_every": "12w"},
    ]
    barrier = threading.Barrier(len(changes))

    def edit(facts: dict[str, Any]) -> None:
        with open_here() as vault:
            barrier.wait(SECONDS)
            vault.edit("a/b", **facts)

    _all_at_once([lambda facts=facts: edit(facts) for facts in changes])  # type: ignore[misc]

    with open_here() as vault:
        record = vault.get("a/b").record
    assert (record.note, record.service, record.env_name) == ("a note", "a service", "A_B")
    assert (tuple(record.tags), tuple(record.consumers), record.rotate_every) == (("a", "b"), ("ci",), "12w")


def test_readers_beside_writers_and_rekeys_see_no_error(home: Home) -> None:
    home.run("add", "a/b", "--stdin", stdin=b"constant")
    # Each reads until its stdin ends, and says so of each time.
    reader = (
        "import os, select, sys\n"
        "from credvault import open_vault\n"
        "while not select.select([0], [], [], 0)[0]:\n"
        "    with open_vault(warn=sys.exit) as vault:\n"
        "        assert vault.get('a/b').value.reveal() == b'constant'\n"
        "        assert len(vault.list()) >= 1\n"
        "    os.write(1, b'.')\n"
    )
    env, pipe = {**os.environ, **home.environ}, subprocess.PIPE
    readers = [
        subprocess.Popen([sys.executable, "-c", reader], env=env, cwd=PROJECT, stdin=pipe, stdout=pipe, stderr=pipe)
        for _ in range(2)
    ]
    writes, until = 0, time.monotonic() + 6
    while time.monotonic() < until or writes < 10 or not all(_has_said(process, 10) for process in readers):
        assert time.monotonic() < until + SECONDS
        steps = (("add", f"w/s{writes}", "--generate"), ("rekey", "-y"), ("edit", "a/b", "--note", str(writes)))
        for argv in steps:
            done = home.run(*argv)
            assert done.status == 0, done
        writes += len(steps)

    for process in readers:
        _, stderr = process.communicate(timeout=SECONDS)
        assert (process.returncode, stderr) == (0, b"")


def _has_said(process: "subprocess.Popen[bytes]", count: int) -> bool:
    """Say whether so many bytes wait in the stdout of a process, or it has ended."""
    assert process.stdout is not None
    waiting = int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder)
    return waiting >= count or process.poll() is not None


class OvertakenPins(PinStore):
    """Pins of a reader that is overtaken by something right after it took them, once."""

    def __init__(self, folder: str, overtake: Callable[[], None]) -> None:
        super().__init__(folder)
        self._steps = [overtake]

    def take(self, path: str) -> Mapping[str, Sequence[Pin]]:
        """Return the pins, and let the other go ahead."""
        pins = super().take(path)
        while self._steps:
            self._steps.pop()()
        return pins


def test_reader_that_a_rekey_overtakes_sees_no_rollback(home: Home) -> None:
    home.run("add", "a/b", "--stdin", stdin=b"constant")
    steps: list[int] = []

    def overtake() -> None:
        steps.extend(home.run(*argv).status for argv in (("rekey", "-y"), ("add", "a/c", "--generate")))

    pins = OvertakenPins(str(home.state), overtake)
    file = VaultFile(str(home.vault), lambda slots: material(), pins=pins)
    with file.open() as vault:
        generation = vault.head.generation

    assert steps == [0, 0]
    assert generation == 4


def test_a_stuck_writer_of_pins_fails_no_read(home: Home) -> None:
    home.run("add", "a/b", "--stdin", stdin=b"value")
    pins = next(path for path in (home.state / "pins").iterdir() if path.suffix == ".json")
    pins.unlink()

    with held(pins.with_name(pins.name + ".lock")):
        done = home.run("get", "a/b")

    assert (done.status, done.stdout) == (0, b"value")
    assert "credvault: warning: the state of the vault was not remembered: another process" in done.stderr


def test_concurrent_pins_only_grow(home: Home, open_here: Callable[[], Vault]) -> None:
    def add(number: int) -> None:
        with open_here() as vault:
            vault.add(f"a/s{number}", b"value")

    _all_at_once([lambda n=n: add(n) for n in range(16)])  # type: ignore[misc]

    (pins,) = PinStore(str(home.state)).take(str(home.vault)).values()
    assert [pin.generation for pin in pins] == [17]


def _all_at_once(tasks: list[Callable[[], None]]) -> None:
    """Run each task in a thread of its own, and raise what any of them raised."""
    errors: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    if errors:
        raise errors[0]
