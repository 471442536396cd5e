"""Testing secrets of a real vault against real servers and programs: results, order, limits, memory, and no leak."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credvault import state
from credvault.backends.base import Change
from credvault.lifecycle.trial import Trial, TrialOptions, exit_status, run_trials, verdict
from credvault.model.errors import Damaged, InvalidValue, Locked, NotFound, Rejected, RolledBack
from credvault.model.names import Name, parse_name
from credvault.model.value import SecretValue
from credvault.vault import Vault
from tests.lifecycle.conftest import NOW
from tests.lifecycle.servers import Answer, Seen, serving, talking
from tests.patience import LIMITS, SECONDS

CANARY = b"cAnArY-0123456789"
NOW_TEXT = "2027-01-15T08:00:00Z"


def name_of(text: str) -> Name:
    return parse_name(text)


def http(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "http", "url": url, "header": "Authorization: Bearer {value}", **more}


def options_in(folder: str, **more: Any) -> TrialOptions:
    return TrialOptions(folder, clock=lambda: NOW, **more)


def by_token(seen: Seen) -> Answer:
    """Answer by what the token says: `401-anything` gets 401."""
    return Answer(int(seen.headers["Authorization"].removeprefix("Bearer ")[:3]))


def test_each_secret_gets_its_result_in_the_order_asked(vault: Vault, state_folder: str) -> None:
    with serving(by_token) as service:
        for name, value in (("a/ok", b"200-x"), ("a/bad", b"401-x"), ("a/down", b"503-x"), ("a/odd", b"404-x")):
            vault.add(name, value, probe=http(service.url))
        vault.add("a/plain", CANARY)
        vault.add("a/newline", CANARY + b"\n", type="api_key", service="github")
        vault.add("a/unusable", CANARY, probe={"kind": "http", "url": "https://u@evil.example", "header": "X: {value}"})
        names = [name_of(f"a/{key}") for key in ("plain", "down", "ok", "newline", "odd", "bad", "unusable", "ok")]

        trials = run_trials(vault, names, options_in(state_folder, allow_hosts=[service.address]))

    assert [(str(trial.name), trial.result, trial.level) for trial in trials] == [
        ("a/plain", "untestable", "format"),
        ("a/down", "unreachable", "probe"),
        ("a/ok", "ok", "probe"),
        ("a/newline", "rejected", "format"),
        ("a/odd", "untestable", "probe"),
        ("a/bad", "rejected", "probe"),
        ("a/unusable", "untestable", "format"),
    ]
    details = {trial.name.key: trial.detail for trial in trials}
    assert details["plain"] == "decrypts and is well formed; there is no probe for it"
    assert details["newline"] == "format: it ends in a line break"
    assert details["unusable"] == "its probe cannot be used: url must not hold a user or password"
    assert exit_status(trials) == 11


def test_offline_contacts_nobody_and_asks_nobody(vault: Vault, state_folder: str) -> None:
    asked: list[str] = []

    def confirm(name: Name, host: str) -> bool:
        asked.append(host)
        return True

    with serving() as service:
        vault.add("a/ok", CANARY, probe=http(service.url))
        vault.add("a/bad", CANARY + b"\n", type="token", probe=http(service.url))

        trials = run_trials(
            vault,
            [name_of("a/ok"), name_of("a/bad")],
            options_in(state_folder, offline=True),
            confirm=confirm,
        )

    assert [(trial.result, trial.level) for trial in trials] == [("ok", "format"), ("rejected", "format")]
    assert service.seen == []
    assert asked == []


def test_a_host_of_a_record_needs_leave(vault: Vault, state_folder: str) -> None:
    asked: list[tuple[str, str]] = []

    def answering(answer: bool) -> Callable[[Name, str], bool]:
        def confirm(name: Name, host: str) -> bool:
            asked.append((str(name), host))
            return answer

        return confirm

    def result(**more: Any) -> Trial:
        confirm = more.pop("confirm", None)
        return run_trials(vault, [name_of("a/b")], options_in(state_folder, **more), confirm=confirm)[0]

    with serving() as service:
        vault.add("a/b", CANARY, probe=http(service.url))

        refused = [result(), result(confirm=answering(False)), result(allow_hosts=["127.0.0.2", "localhost"])]
        assert service.seen == []
        allowed = [result(allow_hosts=["127.0.0.1"]), result(confirm=answering(True)), result()]

    assert {trial.result for trial in refused} == {"untestable"}
    assert refused[0].detail == (
        f"its record would contact {service.address}, which was not allowed; give --allow-host {service.address}"
    )
    assert {trial.result for trial in allowed} == {"ok"}
    assert asked == [("a/b", service.address)] * 2
    assert len(service.seen) == 3


def test_tcp_hosts_need_leave_too(vault: Vault, state_folder: str) -> None:
    touched = threading.Event()
    with talking(lambda connection, over: touched.set()) as port:
        vault.add("a/b", CANARY, probe={"kind": "tcp", "host": "127.0.0.1", "port": port})

        (refused,) = run_trials(vault, [name_of("a/b")], options_in(state_folder))
        was_touched = touched.is_set()
        (allowed,) = run_trials(vault, [name_of("a/b")], options_in(state_folder, allow_hosts=["127.0.0.1"]))

    assert (refused.result, was_touched) == ("untestable", False)
    assert allowed.result == "ok"


def test_a_confirmation_holds_for_one_secret_alone(vault: Vault, state_folder: str) -> None:
    with serving() as service:
        vault.add("a/one", CANARY, probe=http(service.url))
        vault.add("a/two", CANARY, probe=http(service.url))
        run_trials(vault, [name_of("a/one")], options_in(state_folder), confirm=lambda name, host: True)

        trials = run_trials(vault, [name_of("a/one"), name_of("a/two")], options_in(state_folder))

    assert [trial.result for trial in trials] == ["ok", "untestable"]


def test_eight_probes_run_side_by_side_and_no_more(vault: Vault, state_folder: str) -> None:
    """The first eight answer only once all eight are there; a ninth beside them would be counted."""
    together = threading.Barrier(8, timeout=SECONDS)
    count, most, lock = 0, 0, threading.Lock()

    def script(seen: Seen) -> Answer:
        nonlocal count, most
        with lock:
            count += 1
            most = max(most, count)
        together.wait()
        with lock:
            count -= 1
        return Answer()

    with serving(script) as service:
        for number in range(16):
            vault.add(f"a/{number}", CANARY, probe=http(service.url))
        names = [name_of(f"a/{number}") for number in range(16)]

        trials = run_trials(vault, names, options_in(state_folder, allow_hosts=["127.0.0.1"], limit=SECONDS))

    assert {trial.result for trial in trials} == {"ok"}
    assert [trial.name for trial in trials] == names
    assert most == 8


def test_a_server_that_hangs_is_unreachable_at_the_limit_and_holds_up_nobody(vault: Vault, state_folder: str) -> None:
    def hang(connection: socket.socket, over: threading.Event) -> None:
        over.wait()

    with talking(hang) as port, serving() as service:
        for number in range(10):
            vault.add(f"a/hang{number}", CANARY, probe=http(f"http://127.0.0.1:{port}"))
        vault.add("a/quick", CANARY, probe=http(service.url))
        names = [*(name_of(f"a/hang{number}") for number in range(10)), name_of("a/quick")]

        for limit in LIMITS:
            trials = run_trials(vault, names, options_in(state_folder, allow_hosts=["127.0.0.1"], limit=limit))
            if trials[-1].result == "ok":
                break

    assert [trial.result for trial in trials] == ["unreachable"] * 10 + ["ok"]
    assert exit_status(trials) == 6


def test_bytes_that_trickle_in_do_not_stretch_the_limit(vault: Vault, state_folder: str) -> None:
    def trickle(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        while not over.wait(0.02):
            connection.sendall(b"H")

    with talking(trickle) as port:
        vault.add("a/b", CANARY, probe=http(f"http://127.0.0.1:{port}"))

        (trial,) = run_trials(vault, [name_of("a/b")], options_in(state_folder, allow_hosts=["127.0.0.1"], limit=1))

    assert trial == Trial(name_of("a/b"), "unreachable", "no answer within 1 s", "probe")


def test_results_are_remembered_under_references_that_name_nothing(vault: Vault, state_folder: str) -> None:
    with serving(by_token) as service:
        vault.add("a/ok", b"200-x", probe=http(service.url))
        vault.add("a/bad", b"401-x", probe=http(service.url))
        names = [name_of("a/ok"), name_of("a/bad")]

        run_trials(vault, names, options_in(state_folder, allow_hosts=["127.0.0.1"]))

    assert state.test_results(state_folder).read() == {
        vault.backend.reference(names[0]): {"at": NOW_TEXT, "result": "ok", "level": "probe"},
        vault.backend.reference(names[1]): {"at": NOW_TEXT, "result": "rejected", "level": "probe"},
    }


def test_being_well_formed_does_not_take_back_what_a_service_said(vault: Vault, state_folder: str) -> None:
    with serving(by_token) as service:
        vault.add("a/bad", b"401-x", probe=http(service.url))
        vault.add("a/new", b"x")
        names = [name_of("a/bad"), name_of("a/new")]
        run_trials(vault, names[:1], options_in(state_folder, allow_hosts=["127.0.0.1"]))

        run_trials(vault, names, options_in(state_folder, offline=True))

    results = state.test_results(state_folder).read()
    assert results[vault.backend.reference(names[0])]["result"] == "rejected"
    assert results[vault.backend.reference(names[1])] == {"at": NOW_TEXT, "result": "ok", "level": "format"}


def test_a_state_folder_that_cannot_be_written_is_no_failure(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    vault.add("a/b", CANARY)

    (trial,) = run_trials(vault, [name_of("a/b")], options_in(str(tmp_path / "file" / "state"), offline=True))

    assert trial.result == "ok"


def test_progress_is_told_each_secret_once_in_the_callers_thread(vault: Vault, state_folder: str) -> None:
    told: list[tuple[Name, int]] = []
    with serving() as service:
        for number in range(5):
            vault.add(f"a/{number}", CANARY, probe=http(service.url) if number else None)
        names = [name_of(f"a/{number}") for number in range(5)]

        run_trials(
            vault,
            names,
            options_in(state_folder, allow_hosts=["127.0.0.1"]),
            progress=lambda trial: told.append((trial.name, threading.get_ident())),
        )

    assert sorted(name for name, _ in told) == names
    assert {thread for _, thread in told} == {threading.get_ident()}


def test_a_damaged_secret_does_not_stop_the_others(vault: Vault, state_folder: str, tmp_path: Path) -> None:
    stamps = {"updated_at": NOW_TEXT, "updated_by": "tester", "value_changed_at": NOW_TEXT}
    changes = [Change(name_of(f"a/{number}"), SecretValue(CANARY), stamps) for number in range(300)]
    vault.backend.put_many(changes)  # more than 256 make two buckets
    lost, kept = (next(c.name for c in changes if _is_in_first_half(vault, c.name) is half) for half in (True, False))
    _spoil_first_bucket(tmp_path / "vault.json")

    trials = run_trials(vault, [lost, kept], options_in(state_folder, offline=True))

    assert (trials[0].result, trials[0].level) == ("untestable", "decrypt")
    assert trials[0].detail.startswith("damaged: ")
    assert isinstance(trials[0].error, Damaged)
    assert trials[1].result == "ok"
    assert exit_status(trials) == 10


def _is_in_first_half(vault: Vault, name: Name) -> bool:
    return int(vault.backend.reference(name)[0], 16) < 8


def _spoil_first_bucket(path: Path) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[5] = lines[5].replace(b"gAAAAA", b"gAAAAB", 1)
    path.write_bytes(b"\n".join(lines))


def test_a_name_that_is_not_there_stops_all_before_anything_is_sent(vault: Vault, state_folder: str) -> None:
    with serving() as service:
        vault.add("a/b", CANARY, probe=http(service.url))

        with pytest.raises(NotFound):
            run_trials(vault, [name_of("a/b"), name_of("a/typo")], options_in(state_folder, allow_hosts=["127.0.0.1"]))

    assert service.seen == []
    assert state.test_results(state_folder).read() == {}


def test_a_vault_that_was_rolled_back_stops_all(vault: Vault, state_folder: str, tmp_path: Path) -> None:
    vault.add("a/b", CANARY)
    old = (tmp_path / "vault.json").read_bytes()
    vault.add("a/c", CANARY)
    (tmp_path / "vault.json").write_bytes(old)

    with pytest.raises(RolledBack):
        run_trials(vault, [name_of("a/b")], options_in(state_folder, offline=True))


def test_an_allowance_that_is_no_host_stops_all(vault: Vault, state_folder: str) -> None:
    with pytest.raises(InvalidValue):
        run_trials(vault, [], options_in(state_folder, allow_hosts=["https://h.example"]))


@pytest.mark.parametrize(
    ("results", "error", "status"),
    [
        ([], None, 0),
        (["ok", "untestable"], None, 0),
        (["ok", "rejected", "unreachable"], None, 11),
        (["ok", "unreachable"], None, 6),
        (["rejected"], Damaged("x"), 11),
        (["unreachable"], Damaged("x"), 6),
        (["ok"], Damaged("x"), 10),
        (["ok"], Locked("x"), 5),
    ],
)
def test_the_exit_status_follows_the_gravest_answer(results: list[str], error: Any, status: int) -> None:
    trials = [Trial(name_of(f"a/{result}"), result, "", "probe") for result in results]
    if error is not None:
        trials.append(Trial(name_of("a/error"), "untestable", "", "decrypt", error))

    assert exit_status(trials) == status


def test_the_verdict_counts() -> None:
    trials = [Trial(name_of(f"a/{n}"), result, "", "probe") for n, result in enumerate(("ok", "rejected", "rejected"))]

    found = verdict(trials)

    assert isinstance(found, Rejected)
    assert found.message == "2 of 3 were rejected"


def test_a_command_runs_from_the_users_settings(vault: Vault, state_folder: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    vault.add("a/named", CANARY, probe={"kind": "command", "name": "check"})
    vault.add("a/carried", CANARY, probe={"kind": "command", "command": ["touch", str(marker)]})
    vault.add("a/both", CANARY, probe={"kind": "command", "name": "check", "command": ["touch", str(marker)]})
    check = [sys.executable, "-c", f"import sys; sys.exit(sys.stdin.buffer.read() != {CANARY!r})"]
    commands = {"check": {"command": check}}

    trials = run_trials(
        vault,
        [name_of("a/named"), name_of("a/carried"), name_of("a/both")],
        options_in(state_folder, commands=commands),
    )

    assert [trial.result for trial in trials] == ["ok", "untestable", "untestable"]
    assert not marker.exists()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to look for the value in")
def test_the_value_is_in_no_detail_log_output_state_or_argv(
    vault: Vault,
    state_folder: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    seen_argv = bytearray()

    def echo(seen: Seen) -> Answer:
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    seen_argv.extend(Path("/proc", entry, "cmdline").read_bytes())
                except OSError:
                    continue
        return Answer(int(seen.path.split("/")[1]), CANARY, {"Location": f"https://{CANARY.decode()}.evil.example/"})

    with serving(echo) as service:
        for status in (200, 302, 401, 404, 500):
            vault.add(f"a/{status}", CANARY, probe=http(f"{service.url}/{status}"))
        vault.add("a/slack", CANARY, probe={"kind": "http", "preset": "slack", "url": f"{service.url}/200"})
        vault.add("a/newline", CANARY + b"\n", type="api_key", probe=http(service.url))
        vault.add("a/break", CANARY + b"\r\nX: 1", probe=http(f"{service.url}/200"))
        vault.add("a/command", CANARY, probe={"kind": "command", "name": "cat"})
        names = [record.name for record in vault.list()]

        trials = run_trials(
            vault,
            names,
            options_in(state_folder, allow_hosts=["127.0.0.1"], commands={"cat": {"command": ["cat"]}}),
        )

    captured = capfd.readouterr()
    stored = b"".join(path.read_bytes() for path in Path(state_folder).rglob("*") if path.is_file())
    needle = CANARY.decode().lower()
    assert len(trials) == len(names)
    assert needle not in repr(trials).lower()
    assert needle not in (captured.out + captured.err).lower()
    assert CANARY not in stored
    assert CANARY not in seen_argv
    # At its most talkative, httpcore logs the headers of answers; what this server echoes there was its own to tell.
    requests = [r for r in caplog.records if not r.getMessage().startswith("receive_response_headers")]
    assert needle not in " ".join(r.getMessage() for r in requests).lower()


# As the installed program ends (`leave`): Python's own end depends on what the other threads are at.
INTERRUPTED = """
import os
import sys

folder, port, fifo = sys.argv[1:]

from credvault.__main__ import _end_on_interrupt
from credvault.access.identity import Identity
from credvault.access.policy import owner_policy
from credvault.audit import Trail
from credvault.backends.memory import MemoryBackend
from credvault.lifecycle.trial import TrialOptions, run_trials
from credvault.vault import Vault

owner = Identity("tester")
trail = Trail(folder, lambda: 0.0)
vault = Vault(MemoryBackend(), policy=owner_policy(owner), trail=trail, identity=owner, clock=lambda: 0.0)
vault.add("a/http", b"x", probe={"kind": "http", "url": f"http://127.0.0.1:{port}", "header": "X: {value}"})
vault.add("a/command", b"x", probe={"kind": "command", "name": "check"})
hang = f"import time; f = open({fifo!r}, 'w'); f.write('x'); f.flush(); time.sleep(600)"
commands = {"check": {"command": [sys.executable, "-c", hang], "timeout": 600}}
options = TrialOptions(folder, allow_hosts=["127.0.0.1"], commands=commands)
sys.unraisablehook = _end_on_interrupt
try:
    run_trials(vault, [record.name for record in vault.list()], options)
except KeyboardInterrupt:
    os._exit(130)
"""


def test_ctrl_c_ends_promptly_and_leaves_no_program_behind(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def hang(connection: socket.socket, over: threading.Event) -> None:
        over.wait()

    with talking(hang) as port:
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, str(tmp_path / "state"), str(port), str(fifo)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with open(fifo, "rb") as reader:
            assert reader.read(1) == b"x"  # both run by now, or are about to
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=SECONDS)
            assert reader.read() == b""  # the program of the probe is gone as well

    assert (process.returncode, output) == (130, b"")


def test_loading_the_command_loads_no_heavy_library() -> None:
    heavy = ("httpx", "ssl", "socket", "subprocess", "concurrent.futures", "asyncio")
    code = f"import sys, credvault.lifecycle.trial; print([m for m in {heavy} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
