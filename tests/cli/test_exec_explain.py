"""`exec --explain` says what would be injected, and runs nothing and shows no value."""

import json

from tests.conftest import Cli

ENV: dict[str, str | bytes | None] = {"X": "shadowed", "TOKEN": "preserved", "VAULT_TOKEN": "canary-removed"}


def test_explain_says_what_from_where_what_it_shadows_and_what_is_skipped(stocked: Cli) -> None:
    (stocked.cwd / "a.env").write_text("PLAIN=canary-plain\nGONE=credvault://nosuch\n")
    chosen = ("-e", "X=prod/api_key", "--db", "dev/db", "--only", "*_KEY,TOKEN,CLOSED_L*", "--env-file", "a.env")
    options = ("--as", "other", "--preserve", "TOKEN", "--if-missing", "ignore", "--explain")

    done = stocked("--json", "exec", *chosen, *options, "--", "touch", "ran", env=ENV)

    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert [(i["variable"], i["name"], i["version"], i["source"], i["shadows"]) for i in facts["inject"]] == [
        ("X", "prod/api_key", 1, "-e", True),
        ("DATABASE_URL", "dev/db", 1, "--db", False),
        ("PLAIN", None, None, "a.env:1", False),
        ("DEV_KEY", "dev/api_key", 1, "--only", False),
        ("PROD_KEY", "prod/api_key", 1, "--only", False),
    ]
    assert {(skip["name"], skip["reason"]) for skip in facts["skip"]} == {
        ("bot/key", "not for other"),
        ("closed/login", "delivery is executor_only"),
        ("default/nosuch", "not there"),
        ("TOKEN", "the caller's value is preserved"),
    }
    assert facts["remove"] == ["CREDVAULT_KEY", "VAULT_TOKEN"]
    assert not (stocked.cwd / "ran").exists()
    assert b"canary" not in done.stdout + done.stderr


def test_explain_is_a_table_in_a_pipe(cli: Cli) -> None:
    cli("add", "OLD_KEY", "--expires", "2020-01-31", "--stdin", stdin=b"canary", check=True)
    cli("add", "closed/key", "--stdin", stdin=b"canary", check=True)

    done = cli("exec", "--explain", "--", "touch", "ran", env={"OLD_KEY": "x"})

    assert done.stdout.decode().splitlines() == [
        "OLD_KEY\tdefault/OLD_KEY\t1\tdefault\tshadows the caller's, expired",
        "-\tclosed/key\t-\t-\tskipped: delivery is executor_only",
        "CREDVAULT_KEY\t-\t-\t-\tremoved: it may unlock a vault",
    ]
    assert not (cli.cwd / "ran").exists()


def test_explain_needs_no_program_but_finds_the_one_that_is_given(stocked: Cli) -> None:
    without = stocked("exec", "--explain")
    missing = stocked("exec", "--explain", "--", "/no/such")
    stopped = stocked("exec", "--explain", "-e", "X=nosuch")

    assert (without.returncode, without.stderr) == (0, b"")
    assert without.stdout.startswith(b"TOKEN\t") or b"\nTOKEN\t" in without.stdout
    assert (missing.returncode, missing.stdout) == (127, b"")
    assert (stopped.returncode, stopped.stdout) == (125, b"")


def test_answer_that_nobody_reads_or_nothing_takes_has_its_own_status(stocked: Cli) -> None:
    unread = stocked.run(["bash", "-c", "credvault exec --explain | true; echo ${PIPESTATUS[0]}"])
    full = stocked.run(["sh", "-c", "credvault exec --explain >/dev/full"])
    closed = stocked.run(["sh", "-c", "credvault exec --explain >&-"])

    assert (unread.stdout, unread.stderr) == (b"141\n", b"")
    assert (full.returncode, closed.returncode) == (125, 125)
