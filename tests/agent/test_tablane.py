"""`__complete`, by which the completions ask: it offers what is unlocked, or nothing, and is silent."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.agent.desk import Desk
from tests.home import PRINTED_KEY, PROGRAM, Ran
from tests.patience import PATIENT_AT_TAB, SECONDS

NAMES = ("bare", "openai/api_key", "openai/prod/token", "openai/prod/url", "team/key")


def ask(desk: Desk, *words: str, **environ: str) -> list[str]:
    """Return what is offered, however busy the machine; nothing else may be said, and it may not fail."""
    program = [sys.executable, "-I", "-c", PATIENT_AT_TAB]
    done = subprocess.run(
        [*program, "__complete", *words],
        env={**desk.home.environ, **environ},
        cwd=desk.home.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return offers_of(Ran(done.returncode, done.stdout, done.stderr.decode()))


def ask_in_a_hurry(desk: Desk, *words: str, **environ: str) -> list[str]:
    """Return what the installed program offers: on a busy machine it may be nothing."""
    return offers_of(desk.home.command("__complete", *words, stdin=b"", **environ))


def offers_of(done: Ran) -> list[str]:
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.decode().split("\n") if done.stdout else []


@pytest.fixture
def stocked(desk: Desk) -> Desk:
    """A desk with a vault of NAMES, locked."""
    for name in NAMES:
        desk.put(name)
    return desk


QUESTIONS = [
    (("name", ""), ["bare ", "openai/", "team/"]),
    (("name", "openai/prod/"), ["openai/prod/token ", "openai/prod/url "]),
    (("name", "", "namespace=openai"), ["api_key ", "openai/"]),
    (("namespace", ""), ["default ", "openai ", "team "]),
    (("namespace", "t"), ["team "]),
    (("name", "nothing"), []),
]


@pytest.mark.parametrize(("words", "expected"), QUESTIONS)
def test_agent_offers_what_it_holds(stocked: Desk, words: tuple[str, ...], expected: list[str]) -> None:
    stocked.held()

    assert ask(stocked, *words) == expected
    assert ask_in_a_hurry(stocked, *words) in (expected, [])


@pytest.mark.parametrize(("words", "expected"), QUESTIONS)
def test_raw_key_offers_the_same(stocked: Desk, words: tuple[str, ...], expected: list[str]) -> None:
    assert ask(stocked, *words, **stocked.key) == expected
    assert ask(stocked, *words, CREDVAULT_KEY_FILE="key") == expected
    assert ask(stocked, *words, f"key_file={stocked.home.key_file}") == expected


def test_key_at_hand_goes_before_the_agent(stocked: Desk) -> None:
    """As for every command: what an agent holds is not to be shown for another key."""
    stocked.held()
    stocked.home.write("wrong", PRINTED_KEY[::-1])

    assert ask(stocked, "name", "", CREDVAULT_KEY_FILE="wrong") == []
    assert ask(stocked, "name", "", "key_file=wrong") == []
    assert ask(stocked, "name", "", CREDVAULT_PASSPHRASE="not used") == []


LOCKED: dict[str, dict[str, str]] = {
    "no key": {},
    "an empty key": {"CREDVAULT_KEY": ""},
    "a passphrase": {"CREDVAULT_PASSPHRASE": "x"},
    "a passphrase in a file": {"CREDVAULT_PASSPHRASE_FILE": "key"},
    "a command": {"CREDVAULT_PASSPHRASE_COMMAND": "touch marker"},
    "an empty key before a command": {"CREDVAULT_KEY": "", "CREDVAULT_PASSPHRASE_COMMAND": "touch marker"},
    "a backend that is none": {"CREDVAULT_KEY": PRINTED_KEY, "CREDVAULT_BACKEND": "no-such-backend"},
    "no vault": {"CREDVAULT_KEY": PRINTED_KEY, "CREDVAULT_VAULT": "none.json"},
    "settings that are none": {"CREDVAULT_KEY": PRINTED_KEY, "CREDVAULT_CONFIG": "key"},
    "no home": {"HOME": ""},
}


@pytest.mark.parametrize("environ", LOCKED.values(), ids=LOCKED)
def test_where_nothing_is_unlocked_nothing_is_offered(stocked: Desk, environ: dict[str, str]) -> None:
    for kind in ("name", "namespace"):
        assert ask(stocked, kind, "", **environ) == []

    assert not (stocked.home.root / "marker").exists()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("name",),
        ("no-such-kind", ""),
        ("name", "", "no-equals-sign"),
        ("name", "", "no_such_option=1"),
        ("name", "", "vault=a", "profile=b"),
        ("name", "\x1b[31m\n", "namespace=//"),
        ("name", "a" * 5000),
        ("name", "ü😀"),
        ("profile", "x"),
        ("--help",),
    ],
)
def test_question_that_is_none_is_answered_by_nothing(stocked: Desk, words: tuple[str, ...]) -> None:
    stocked.held()

    assert ask(stocked, *words) == []
    assert ask(stocked, *words, **stocked.key) == []


def test_profiles_need_no_key(stocked: Desk) -> None:
    config = '[profiles.home]\n[profiles.work]\n[profiles."a b"]\n[profiles."$(touch marker)"]\n[profiles."x\\ny"]\n'
    stocked.home.write(".config/credvault/config.toml", config)
    all_of_them = ["home ", "work ", "a b ", "$(touch marker) "]

    assert ask(stocked, "profile", "") == all_of_them
    assert ask(stocked, "profile", "h") == ["home "]


def test_question_is_in_the_trail_as_a_list(stocked: Desk) -> None:
    stocked.held()
    before = stocked.trail()

    ask(stocked, "name", "o")
    ask(stocked, "namespace", "d")

    added = stocked.trail()[len(before) :]
    assert len(added) == 2
    assert all('"command":"list","entry":"-","result":"ok"' in line for line in added)
    assert not any("openai" in line for line in added)


def test_change_is_seen_by_the_next_question(stocked: Desk) -> None:
    stocked.held()
    assert ask(stocked, "name", "o") == ["openai/"]

    stocked.put("omega/new")
    assert ask(stocked, "name", "o") == ["omega/", "openai/"]
    stocked.home.run("delete", "omega/new", "-y", **stocked.key)
    assert ask(stocked, "name", "o") == ["openai/"]


def test_locked_again_nothing_is_offered(stocked: Desk) -> None:
    stocked.held()
    assert ask(stocked, "name", "o") == ["openai/"]

    assert stocked.home.run("lock").status == 0

    assert ask(stocked, "name", "o") == []


def test_key_file_that_never_ends_is_not_waited_for(stocked: Desk) -> None:
    """Else this would end by the limit of the test."""
    os.mkfifo(stocked.home.root / "fifo", 0o600)

    assert ask_in_a_hurry(stocked, "name", "", "key_file=fifo") == []


@contextmanager
def silent_agent(desk: Desk) -> Iterator[list[socket.socket]]:
    """Listen where the agent would, take connections, and say nothing."""
    desk.socket.parent.mkdir(mode=0o700)
    taken: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(desk.socket))
        listener.listen()

        def take() -> None:
            taken.append(listener.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield taken
        thread.join()
    for connection in taken:
        connection.close()


def test_agent_that_does_not_answer_is_not_waited_for(stocked: Desk) -> None:
    with silent_agent(stocked) as taken:
        # On a busy machine the time is over before it has called.
        while not taken:
            assert ask_in_a_hurry(stocked, "name", "") == []

    assert len(taken) == 1


def test_answer_goes_nowhere_where_stdout_is_closed(stocked: Desk) -> None:
    stocked.held()
    shell = ["sh", "-c", f"exec {PROGRAM} __complete name o >&-"]

    done = subprocess.run(shell, env=stocked.home.environ, cwd=stocked.home.root, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


def test_agent_answers_in_plain_bytes_and_in_json(stocked: Desk) -> None:
    stocked.held()

    plain = stocked.ask("GET", "/v1/names?name=openai/p", ("accept", "application/octet-stream"))
    wrong = stocked.ask("GET", "/v1/names?value=openai/p", ("accept", "application/octet-stream"))
    json = stocked.ask("GET", "/v1/names")

    assert (plain.status, plain.body) == (200, b"openai/prod/")
    assert wrong.status == 400
    assert b'"openai/prod/token"' in json.body
