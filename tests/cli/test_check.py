"""`check --require`: quiet where all is there, else everything that is not, and no value is given out."""

import json

import pytest

from tests.conftest import Cli


def test_all_there_is_silence(stocked: Cli) -> None:
    done = stocked("check", "--require", "TOKEN", "--require", "dev/db", "closed/password", "TOKEN")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_everything_that_is_missing_is_named_once(stocked: Cli) -> None:
    done = stocked("check", "--require", "no/a", "--require", "TOKEN", "NOT", "no/a", "no/b")

    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.splitlines()[0] == b"credvault: error: not there: no/a, default/NOT, no/b"


def test_one_that_is_missing_gets_near_names(stocked: Cli) -> None:
    done = stocked("check", "dev/apikey")

    assert done.returncode == 3
    assert b"did you mean dev/api_key or prod/api_key?" in done.stderr


def test_json_tells_both(stocked: Cli) -> None:
    there = stocked("--json", "check", "TOKEN", "dev/db")
    missing = stocked("check", "--json", "TOKEN", "no/a", "no/b")

    assert json.loads(there.stdout) == {"required": ["default/TOKEN", "dev/db"], "missing": []}
    assert json.loads(missing.stdout)["missing"] == ["no/a", "no/b"]
    assert json.loads(missing.stderr)["error"]["code"] == "not_found"
    assert (there.returncode, missing.returncode) == (0, 3)


@pytest.mark.parametrize(
    ("words", "env", "status"),
    [
        ([], {}, 2),
        (["a//b"], {}, 2),
        (["credvault://TOKEN#"], {}, 2),
        (["openbao://secret/a/*"], {}, 2),
        (["file://a/b"], {}, 8),
        (["-n", "dev", "prod/api_key"], {}, 2),
        (["TOKEN"], {"CREDVAULT_KEY": None}, 5),
        (["TOKEN"], {"CREDVAULT_KEY": "cvk1_wrong"}, 5),
        (["--vault", "/nowhere/vault.json", "TOKEN"], {}, 6),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_not_taken_for_missing(
    stocked: Cli, words: list[str], env: dict[str, str | bytes | None], status: int
) -> None:
    done = stocked("check", *words, env=env)

    assert (done.returncode, done.stdout) == (status, b"")
    assert done.stderr.startswith(b"credvault: error: ")


def test_namespace_holds_for_names_without_one(stocked: Cli) -> None:
    assert stocked("check", "-n", "dev", "api_key", "dev/db").returncode == 0
    assert stocked("check", "-n", "bot", "api_key").returncode == 3


def test_deleted_secret_is_missing(stocked: Cli) -> None:
    stocked("delete", "TOKEN", "-y", check=True)

    assert stocked("check", "TOKEN").returncode == 3


def test_service_starts_only_when_all_is_there(stocked: Cli) -> None:
    start = 'set -e; credvault check --require "$@"; touch started'

    stopped = stocked.run(["sh", "-c", start, "sh", "TOKEN", "no/such"])
    was_started = (stocked.cwd / "started").exists()
    stocked.run(["sh", "-c", start, "sh", "TOKEN", "dev/db"], check=True)

    assert (stopped.returncode, was_started) == (3, False)
    assert (stocked.cwd / "started").exists()


def test_trail_says_that_it_was_asked_and_no_value_counts_as_used(stocked: Cli) -> None:
    stocked("check", "TOKEN", "dev/db", "no/such")

    trail = (stocked.home / ".local/state/credvault/trail.jsonl").read_text().splitlines()

    assert {json.loads(line)["command"] for line in trail} == {"has"}
