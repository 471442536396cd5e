"""What `exec` injects: by default, by name, by variable, by namespace and by consumer."""

import pytest

from tests.conftest import Cli

DEFAULT = {
    "TOKEN": "canary-token",
    "DEV_KEY": "canary-dev",
    "PROD_KEY": "canary-prod",
    "BOT_KEY": "canary-bot",
    "DEV_DB_PASSWORD": "canary/:@#?",
}
DSN = "postgresql://us%20er:canary%2F%3A%40%23%3F@db.example.org:5433"


def injected(cli: Cli, *options: str, status: int = 0) -> dict[str, str]:
    """Return the variables of a child that it would not have without credvault."""
    done = cli(*options, "--", "env", "-0")
    assert done.returncode == status, done.stderr
    entries = (entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    return {name: value for name, value in entries if cli.env.get(name) != value}


def test_default_is_every_runtime_env_secret_of_every_namespace(stocked: Cli) -> None:
    assert injected(stocked, "exec") == DEFAULT


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (("exec", "-n", "dev"), ["DEV_KEY", "DEV_DB_PASSWORD"]),
        (("exec", "-n", "default"), ["TOKEN"]),
        (("exec", "-n", "dev", "-n", "prod"), ["DEV_KEY", "DEV_DB_PASSWORD", "PROD_KEY"]),
        (("-n", "dev", "exec"), ["DEV_KEY", "DEV_DB_PASSWORD"]),
        (("-n", "dev", "exec", "-n", "prod"), ["DEV_KEY", "DEV_DB_PASSWORD", "PROD_KEY"]),
        (("exec", "-n", "nosuch"), []),
        (("exec", "-n", "closed"), []),
        (("exec", "-n", "dev", "--only", "*_KEY"), ["DEV_KEY"]),
        (("exec", "--only", "TOKEN"), ["TOKEN"]),
        (("exec", "--only", "TOKEN,DEV_KEY", "--only", "PROD_KEY"), ["TOKEN", "DEV_KEY", "PROD_KEY"]),
        (("exec", "--only", "*_KEY"), ["DEV_KEY", "PROD_KEY", "BOT_KEY"]),
        (("exec", "--only", "*"), list(DEFAULT)),
        (("exec", "--only", "NO*SUCH"), []),
        (("exec", "--as", "bot"), list(DEFAULT)),
        (("exec", "--as", "other"), ["TOKEN", "DEV_KEY", "PROD_KEY", "DEV_DB_PASSWORD"]),
        (("exec", "--as", ""), ["TOKEN", "DEV_KEY", "PROD_KEY", "DEV_DB_PASSWORD"]),
        (("exec", "--as", "other", "--only", "*_KEY"), ["DEV_KEY", "PROD_KEY"]),
    ],
)
def test_choice_by_variable_namespace_or_consumer(stocked: Cli, words: tuple[str, ...], variables: list[str]) -> None:
    assert injected(stocked, *words) == {variable: DEFAULT[variable] for variable in variables}


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (("exec", "-e", "X=TOKEN"), {"X": "canary-token"}),
        (("exec", "-e", "X=dev/api_key", "-e", "Y=prod/api_key"), {"X": "canary-dev", "Y": "canary-prod"}),
        (("exec", "-n", "dev", "-e", "X=api_key"), {"X": "canary-dev"}),
        (("-n", "dev", "exec", "-e", "X=api_key"), {"X": "canary-dev"}),
        (("exec", "-n", "dev", "-n", "prod", "-e", "X=TOKEN"), {"X": "canary-token"}),
        (("exec", "-e", "X=credvault://dev/api_key"), {"X": "canary-dev"}),
        (("exec", "-e", "X=dev/api_key?version=1"), {"X": "canary-dev"}),
        (("exec", "-e", "X=dev/db#host", "-e", "Y=dev/db#port"), {"X": "db.example.org", "Y": "5433"}),
        (("exec", "-e", "X=TOKEN", "-e", "X=TOKEN"), {"X": "canary-token"}),
        (
            ("exec", "-e", "DEV_KEY=TOKEN", "--only", "DEV_KEY,PROD_KEY"),
            {"DEV_KEY": "canary-token", "PROD_KEY": "canary-prod"},
        ),
        (("exec", "-e", "VAULT_TOKEN=TOKEN"), {"VAULT_TOKEN": "canary-token"}),
        (("exec", "-e", "VAR=bot/key", "--as", "bot"), {"VAR": "canary-bot"}),
        (("exec", "--db", "dev/db"), {"DATABASE_URL": DSN}),
        (("exec", "-n", "dev", "--db", "db"), {"DATABASE_URL": DSN}),
        (("-n", "dev", "exec", "--db", "db"), {"DATABASE_URL": DSN}),
        (("exec", "--db", "dev/db", "--db", "dev/db"), {"DATABASE_URL": DSN}),
        (("exec", "--db", "dev/db", "-e", "DATABASE_URL=TOKEN"), {"DATABASE_URL": "canary-token"}),
        (("exec", "--db", "dev/db", "--only", "TOKEN"), {"DATABASE_URL": DSN, "TOKEN": "canary-token"}),
        (("exec", "--allow-env", "HTTP_PROXY", "-e", "HTTP_PROXY=TOKEN"), {"HTTP_PROXY": "canary-token"}),
    ],
)
def test_choice_by_name_replaces_the_default(stocked: Cli, words: tuple[str, ...], variables: dict[str, str]) -> None:
    assert injected(stocked, *words) == variables


def test_version_of_a_secret_can_be_chosen(stocked: Cli) -> None:
    stocked("rotate", "TOKEN", "--stdin", stdin=b"canary-newer", check=True)

    seen = injected(stocked, "exec", "-e", "OLD=TOKEN?version=1", "-e", "NEW=TOKEN", "-e", "TWO=TOKEN?version=2")

    assert seen == {"OLD": "canary-token", "NEW": "canary-newer", "TWO": "canary-newer"}


REFUSED = {
    "-e": ("-e", "X=closed/password"),
    "-e, as its own variable": ("-e", "CLOSED_LOGIN=closed/login"),
    "-e, a field": ("-e", "X=closed/db#host"),
    "-e, a version": ("-e", "X=closed/password?version=1"),
    "-e, with --allow-env": ("-e", "X=closed/password", "--allow-env", "X"),
    "-e, with --if-missing": ("-e", "X=closed/password", "--if-missing", "ignore"),
    "--only": ("--only", "CLOSED_LOGIN"),
    "--only, by its derived variable": ("--only", "CLOSED_PASSWORD", "--if-missing", "ignore"),
    "--db": ("--db", "closed/db"),
    "--env-file": ("--env-file", "refers.env"),
    "for another consumer": ("-e", "X=bot/key", "--as", "other"),
    "--only, for another consumer": ("--only", "BOT_KEY", "--as", "other"),
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED.keys())
def test_secret_that_may_not_become_a_variable_is_refused_even_by_name(stocked: Cli, options: tuple[str, ...]) -> None:
    (stocked.cwd / "refers.env").write_text("X=credvault://closed/password\n")

    done = stocked("--json", "exec", *options, "--", "touch", "ran")

    assert done.returncode == 125
    assert b'"code": "denied"' in done.stderr
    assert b"closed/" in done.stderr or b"bot/key" in done.stderr
    assert b"canary" not in done.stderr + done.stdout
    assert not (stocked.cwd / "ran").exists()


@pytest.mark.parametrize("options", [("--only", "*"), ("-n", "closed"), ()])
def test_secret_that_may_not_become_a_variable_is_in_no_child(stocked: Cli, options: tuple[str, ...]) -> None:
    done = stocked("exec", *options, "--", "cat", "/proc/self/environ", "/proc/self/cmdline")

    assert done.returncode == 0
    assert b"canary-closed" not in done.stdout
    assert b"canary-login" not in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ("-e", "X=nosuch"),
        ("-e", "X=dev/db#nosuch"),
        ("-e", "X=TOKEN?version=9"),
        ("--db", "nosuch"),
        ("--only", "NOSUCH"),
    ],
)
def test_missing_secret_stops_it_unless_told_otherwise(stocked: Cli, options: tuple[str, ...]) -> None:
    words = ("exec", *options, "-e", "Y=TOKEN")

    stops = stocked(*words, "--", "printenv", "Y")
    warns = stocked(*words, "--if-missing", "warn", "--", "printenv", "Y")

    assert (stops.returncode, stops.stdout) == (125, b"")
    assert b"credvault: error: not there: " in stops.stderr
    assert (warns.returncode, warns.stdout) == (0, b"canary-token\n")
    assert warns.stderr.startswith(b"credvault: warning: not there, so not set: ")
    assert warns.stderr.lower().count(b"nosuch") + warns.stderr.count(b"version=9") == 1


def test_missing_secret_can_be_ignored(stocked: Cli) -> None:
    words = ("exec", "-e", "X=nosuch", "-e", "Y=TOKEN")

    as_json = stocked("--json", *words, "--", "printenv", "Y")
    ignored = stocked(*words, "--if-missing", "ignore", "--", "printenv", "Y")
    quiet = stocked("-q", *words, "--if-missing", "warn", "--", "printenv", "Y")

    assert b'"code": "not_found"' in as_json.stderr
    assert ignored.stdout == quiet.stdout == b"canary-token\n"
    assert ignored.stderr == quiet.stderr == b""


def test_nothing_to_inject_is_said_and_the_child_runs(cli: Cli) -> None:
    done = cli("exec", "--", "echo", "ran")
    quiet = cli("exec", "-q", "--", "echo", "ran")

    assert (done.stdout, done.returncode) == (b"ran\n", 0)
    assert done.stderr == b"credvault: no secret is to be injected\n"
    assert (quiet.stdout, quiet.stderr) == (b"ran\n", b"")


def test_expired_secret_is_injected_with_a_warning(cli: Cli) -> None:
    cli("add", "OLD_KEY", "--expires", "2020-01-31", "--stdin", stdin=b"canary", check=True)

    done = cli("exec", "--", "printenv", "OLD_KEY")
    quiet = cli("exec", "-q", "--", "printenv", "OLD_KEY")

    assert (done.stdout, done.returncode) == (b"canary\n", 0)
    assert done.stderr == b"credvault: warning: default/OLD_KEY expired at 2020-01-31T00:00:00Z\n"
    assert (quiet.stdout, quiet.stderr) == (b"canary\n", b"")
