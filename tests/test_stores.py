"""One command line on every store: the same transcript is played, unchanged, against each; and processes race on each.

CREDVAULT_RECORD=1 pytest tests/test_stores.py -k 'daily-file' rewrites what the transcript expects.
"""

import json
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import PROGRAM
from tests.home import Home
from tests.openbao import Bao
from tests.patience import SECONDS
from tests.resident import resident_memory
from tests.secretservice import SecretService
from tests.stage import Stage, play
from tests.transcript import ABILITIES

FOLDER = Path(__file__).with_name("transcripts")
OF_EVERY_STORE = sorted((FOLDER / "stores").glob("*.txt"))
OF_HASHICORP = sorted((FOLDER / "hashicorp").glob("*.txt"))
WRITERS = 4


class Store(NamedTuple):
    """A store that is empty: how to let the program find it from a stage, and what it can."""

    prepare: Callable[[Stage], None]
    abilities: Collection[str] = ABILITIES


@pytest.fixture(params=["file", "memory", "keyring", "hashicorp", "hashicorp-field"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "file":
        yield Store(use_vault_file)
    elif request.param == "memory":
        with resident_memory(tmp_path) as variables:
            yield Store(lambda stage: stage.env.update(variables))
    elif request.param == "keyring":
        service: SecretService = request.getfixturevalue("empty_keyring")
        variables = {**service.environ, "CREDVAULT_BACKEND": "keyring"}
        yield Store(lambda stage: stage.env.update(variables))
    else:
        bao: Bao = request.getfixturevalue("bao")
        layout = "field" if request.param.endswith("field") else "secret"
        yield Store(lambda stage: use_openbao(stage, bao, layout), ABILITIES if layout == "secret" else ())


@pytest.mark.parametrize("path", OF_EVERY_STORE, ids=lambda path: path.stem)
def test_every_store_does_what_is_written(path: Path, store: Store) -> None:
    check(path, store)


@pytest.mark.parametrize("path", OF_HASHICORP, ids=lambda path: path.stem)
def test_hashicorp_does_what_only_it_can(path: Path, bao: Bao) -> None:
    check(path, Store(lambda stage: use_openbao(stage, bao, "secret")))


def test_processes_that_write_at_once_lose_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    stage = Stage(tmp_path / "stage", False, SECONDS, SECONDS)
    store.prepare(stage)
    values = [f"value {number}".encode() for number in range(WRITERS)]
    facts = [("--note", "a note"), ("--service", "shop"), ("--tag", "prod"), ("--rotate-every", "90d")]

    adds = at_once(stage, [(["add", "race/one", "--stdin-raw"], value) for value in values])
    others = at_once(stage, [(["add", f"race/own{n}", "--stdin-raw"], value) for n, value in enumerate(values)])
    edits = at_once(stage, [(["edit", "race/one", *fact], b"") for fact in facts])
    added = at_once(stage, [(["--json", "get", "race/one"], b"")])[0]
    rotations = at_once(stage, [(["rotate", "race/one", "--stdin-raw"], value) for value in values])

    assert sorted(done.returncode for done in adds) == [0] + [7] * (WRITERS - 1), adds
    assert [done.returncode for done in (*others, *edits)] == [0] * (WRITERS + len(facts)), (others, edits)
    record = json.loads(added.stdout)
    winner = [done.returncode for done in adds].index(0)
    assert record["value"] == values[winner].decode()
    assert (record["note"], record["service"], record["tags"], record["rotate_every"]) == (
        "a note",
        "shop",
        ["prod"],
        "90d",
    )
    assert {done.returncode for done in rotations} <= {0, 7}, rotations
    kept = [value for value, done in zip(values, rotations, strict=True) if done.returncode == 0]
    listed, value, history = at_once(
        stage, [(["list"], b""), (["get", "race/one"], b""), (["history", "race/one"], b"")]
    )
    assert value.stdout in kept
    assert [line.split(b"\t")[0] for line in listed.stdout.splitlines()] == [
        b"race/one",
        *(f"race/own{number}".encode() for number in range(WRITERS)),
    ]
    if "versions" in store.abilities:
        assert len(history.stdout.splitlines()) == 1 + len(kept)


def at_once(stage: Stage, commands: Sequence[tuple[list[str], bytes]]) -> list["subprocess.CompletedProcess[bytes]"]:
    """Run commands of the program, all at the same time, and return how each ended."""
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(
            [PROGRAM, *words],
            env=stage.env,
            cwd=stage.cwd,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        for words, _ in commands
    ]
    ended = []
    for process, (_, stdin) in zip(started, commands, strict=True):
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()  # each has its value now, and waits for nothing
        process.stdin = None
    for process in started:
        stdout, stderr = process.communicate(timeout=SECONDS)
        ended.append(subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr))
    return ended


def check(path: Path, store: Store) -> None:
    """Play a transcript on a stage that is prepared for one store."""
    record = bool(os.environ.get("CREDVAULT_RECORD"))
    failures = play(path, record=record, prepare=store.prepare, abilities=store.abilities)

    if failures:
        pytest.fail("\n\n".join(failures), pytrace=False)


def use_vault_file(stage: Stage) -> None:
    """Make a vault file, and let the program open it by a key file."""
    stage.env["CREDVAULT_KEY_FILE"] = str(Home(stage.root / "home").furnish().key_file)


def use_openbao(stage: Stage, bao: Bao, layout: str) -> None:
    """Let the program find a new mount of a server, by a profile and by the server's variables."""
    config = stage.root / "home/.config/credvault/config.toml"
    config.parent.mkdir(parents=True, mode=0o700)
    lines = ['default_profile = "prod"', "[profiles.prod]", 'backend = "hashicorp"', f'layout = "{layout}"']
    config.write_text("\n".join([*lines, f'mount = "{bao.new_mount()}"\n']), encoding="utf-8")
    stage.env.update(bao.environ)
