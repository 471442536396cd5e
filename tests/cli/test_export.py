"""`export`: what is chosen and refused as by exec, where it goes, and that nothing is written when anything fails."""

import json
import os

import pytest

from credvault.delivery.formats import FORMATS
from tests.cli.test_exec_choosing import DEFAULT, DSN
from tests.conftest import Cli
from tests.delivery.formats.proof import need
from tests.delivery.formats.test_github import read_environment_file, read_masks

CANARY = b"canary"


def exported(cli: Cli, *options: str) -> dict[str, str]:
    """Return the variables that `export --format json` writes."""
    variables: dict[str, str] = json.loads(cli("export", "--format", "json", *options, check=True).stdout)
    return variables


def test_default_is_what_exec_injects(stocked: Cli) -> None:
    assert exported(stocked) == DEFAULT


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (["-n", "dev"], ["DEV_KEY", "DEV_DB_PASSWORD"]),
        (["--only", "*_KEY", "-n", "prod"], ["PROD_KEY"]),
        (["-e", "A=prod/api_key"], ["A"]),
        (["--as", "nobody"], ["TOKEN", "DEV_KEY", "PROD_KEY", "DEV_DB_PASSWORD"]),
        (["-e", "A=TOKEN", "--only", "BOT_KEY"], ["A", "BOT_KEY"]),
        (["-e", "PATH=TOKEN", "--allow-env", "PATH"], ["PATH"]),
        (["--only", "NOSUCH", "--if-missing", "ignore"], []),
    ],
)
def test_choice_is_that_of_exec(stocked: Cli, options: list[str], variables: list[str]) -> None:
    assert sorted(exported(stocked, *options)) == sorted(variables)


def test_file_of_variables_project_and_database_are_chosen_as_by_exec(stocked: Cli) -> None:
    (stocked.cwd / "vars").write_text("A=credvault://dev/api_key\nB=text\n")
    (stocked.cwd / ".credvault.toml").write_text('[env]\nC = "prod/api_key"\n')

    variables = exported(stocked, "--env-file", "vars", "--db", "dev/db")

    assert variables == {"A": "canary-dev", "B": "text", "C": "canary-prod", "DATABASE_URL": DSN}


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("choice", [["-e", "A=closed/password"], ["--only", "CLOSED_LOGIN"]])
def test_executor_only_secret_is_refused_in_every_format(stocked: Cli, format_name: str, choice: list[str]) -> None:
    runner_file = stocked.cwd / "runner"
    runner_file.touch()

    done = stocked("export", "--format", format_name, *choice, env={"GITHUB_ENV": str(runner_file)})

    assert (done.returncode, done.stdout) == (4, b"")
    assert b"executor_only" in done.stderr
    assert CANARY not in done.stderr
    assert runner_file.read_bytes() == b""


NASTY = {
    "QUOTES": b'it\'s "$(touch marker)" `touch marker` \\',
    "LINES": b"-----BEGIN-----\r\na\n\n-----END-----\n\n",
    "CODE": b"';touch marker;'\n$(touch marker)\n\\';touch marker;\\'",
    "HISTORY": b"!! !touch !$ ^a^b",
    "BLANKS": b" \t ~ * # = \t ",
    "MARKS": "\u202e\u200f\u2066 é 中 😀 ’;touch marker;’".encode(),
    "BYTES": bytes(range(1, 256)),
    "LARGE": b"'\n" * 65_000,
}
IN_SHELLS = [
    (["dash", "-c"], 'eval "$(credvault export --format shell)"'),
    (["bash", "--norc", "-i", "-c"], 'set -o history -H; eval "$(credvault export --format shell)"'),
    (["bash", "-c"], ". <(credvault export --format shell)"),
    (["zsh", "-f", "-i", "-c"], 'eval "$(credvault export --format shell)"'),
    (["fish", "--no-config", "-i", "-c"], "credvault export --format fish | source"),
]


@pytest.mark.parametrize(("words", "script"), IN_SHELLS, ids=[f"{words[0]}: {script}" for words, script in IN_SHELLS])
def test_every_value_arrives_in_a_shell_that_asks_for_it(cli: Cli, words: list[str], script: str) -> None:
    need(words[0])
    # LINES is one that zsh keeps for itself.
    values = {f"A_{variable}": value for variable, value in NASTY.items()}
    for variable, value in values.items():
        cli("add", variable, "--stdin-raw", stdin=value, check=True)

    done = cli.run([*words, f"{script}\nenv -0"])

    entries = [entry.partition(b"=") for entry in done.stdout.split(b"\0")]
    environment = {name.decode("utf-8", "replace"): value for name, _, value in entries}
    assert {variable: environment.get(variable) for variable in values} == values
    assert os.listdir(cli.cwd) == []


def test_format_is_asked_for_even_where_a_file_name_suggests_one(stocked: Cli) -> None:
    done = stocked("export", "-o", "x.json")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"which format?" in done.stderr
    assert all(name.encode() in done.stderr for name in FORMATS)
    assert os.listdir(stocked.cwd) == []


@pytest.mark.parametrize("format_name", ["env", "", "JSON", "../json"])
def test_unknown_format_is_refused_before_anything_is_unlocked(stocked: Cli, format_name: str) -> None:
    done = stocked("export", "--format", format_name, env={"CREDVAULT_KEY": None})

    assert (done.returncode, done.stdout) == (2, b"")
    assert f"invalid value for '--format': '{format_name}' is not one of 'shell'".encode() in done.stderr


def test_file_is_new_private_and_whole(stocked: Cli) -> None:
    done = stocked("export", "--format", "json", "-o", "out", check=True)

    out = stocked.cwd / "out"
    assert done.stdout == b""
    assert json.loads(out.read_bytes()) == DEFAULT
    assert out.stat().st_mode & 0o777 == 0o600
    assert f"wrote out ({out.stat().st_size} bytes)".encode() in done.stderr


def test_file_that_is_there_is_replaced_only_by_force(stocked: Cli) -> None:
    out = stocked.cwd / "out"
    out.write_bytes(b"mine")

    refused = stocked("export", "--format", "json", "-o", "out")
    kept = out.read_bytes()
    stocked("export", "--format", "json", "-o", "out", "--force", check=True)

    assert (refused.returncode, refused.stdout, kept) == (7, b"", b"mine")
    assert b"--force replaces it" in refused.stderr
    assert json.loads(out.read_bytes()) == DEFAULT


@pytest.mark.parametrize("end", ["", ".bak", ".lock"])
def test_file_of_the_vault_is_never_the_output(stocked: Cli, end: str) -> None:
    vault = stocked.home / ".local/share/credvault/vault.json"
    path = f"{vault}{end}"
    before = vault.read_bytes()

    done = stocked("export", "--format", "json", "--force", "-o", path)
    to_runner = stocked("export", "--format", "github-actions", env={"GITHUB_ENV": path})

    assert (done.returncode, to_runner.returncode) == (2, 2)
    assert b"belongs to the vault itself" in done.stderr
    assert vault.read_bytes() == before


def test_vault_by_another_name_is_never_the_output(stocked: Cli) -> None:
    vault = stocked.home / ".local/share/credvault/vault.json"
    other = stocked.cwd / "runner"
    other.hardlink_to(vault)
    before = vault.read_bytes()

    done = stocked("export", "--format", "json", "--force", "-o", str(other))
    to_runner = stocked("export", "--format", "github-actions", env={"GITHUB_ENV": str(other)})

    assert (done.returncode, to_runner.returncode) == (2, 2)
    assert to_runner.stdout == b""
    assert vault.read_bytes() == other.read_bytes() == before
    assert (done.stdout, to_runner.stdout) == (b"", b"")


def test_nothing_is_written_where_one_value_cannot_be_carried(stocked: Cli) -> None:
    stocked("add", "tls", "--stdin-raw", "--env", "TLS", stdin=b"canary\nkey\n", check=True)

    done = stocked("export", "--format", "docker", "-o", "out")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"TLS (default/tls) cannot be exported as docker: the value has a newline" in done.stderr
    assert b"shell, fish, powershell, dotenv, json, yaml, systemd" in done.stderr
    assert b"with --file TLS=default/tls in a file" in done.stderr
    assert CANARY not in done.stderr
    assert os.listdir(stocked.cwd) == []


@pytest.mark.parametrize("value", [b"canary\0", b"c" * 131_072], ids=["NUL", "more than a variable holds"])
@pytest.mark.parametrize("format_name", ["shell", "json"])
def test_what_no_variable_can_carry_is_refused(stocked: Cli, value: bytes, format_name: str) -> None:
    stocked("add", "big", "--stdin-raw", "--env", "BIG", stdin=value, check=True)

    done = stocked("export", "--format", format_name)

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"the value for BIG" in done.stderr
    assert b": default/big (default)\n" in done.stderr
    assert b"credvault exec --file VAR=NAME" in done.stderr
    assert value[:6] not in done.stderr


@pytest.mark.parametrize(
    ("format_name", "empty"), [("shell", b""), ("json", b"{}\n"), ("yaml", b"{}\n"), ("dotenv", b""), ("gitlab", b"")]
)
def test_nothing_to_export_is_said_and_is_an_empty_answer(cli: Cli, format_name: str, empty: bytes) -> None:
    done = cli("export", "--format", format_name, check=True)

    assert done.stdout == empty
    assert done.stderr == b"credvault: there is no secret to export\n"


def test_missing_secret_is_an_error_unless_it_is_said_otherwise(stocked: Cli) -> None:
    words = ["export", "--format", "json", "-e", "A=TOKEN", "-e", "B=no/such"]

    refused = stocked(*words)
    warned = stocked(*words, "--if-missing", "warn", check=True)

    assert (refused.returncode, refused.stdout) == (3, b"")
    assert b"no/such" in refused.stderr
    assert json.loads(warned.stdout) == {"A": "canary-token"}
    assert b"warning: not there, so not set: no/such (-e)" in warned.stderr


def test_expired_secret_is_exported_with_a_warning(stocked: Cli) -> None:
    stocked("edit", "TOKEN", "--expires", "2020-01-01", check=True)

    done = stocked("export", "--format", "json", "--only", "TOKEN", check=True)

    assert json.loads(done.stdout) == {"TOKEN": "canary-token"}
    assert b"warning: default/TOKEN expired at 2020-01-01" in done.stderr


def test_json_option_is_the_json_format_and_no_other(stocked: Cli) -> None:
    same = stocked("--json", "export", "--format", "json", check=True)
    other = stocked("export", "--json", "--format", "shell")
    none = stocked("export", "--json")

    assert json.loads(same.stdout) == DEFAULT
    assert (other.returncode, other.stdout, none.returncode, none.stdout) == (2, b"", 2, b"")
    assert json.loads(other.stderr)["error"]["message"] == "--json goes with --format json, and with no other"
    assert "--format" in json.loads(none.stderr)["error"]["hint"]


class TestGithubActions:
    """`--format github-actions`: to the file of the runner, and masks to its log."""

    def test_variables_are_appended_and_every_line_is_masked(self, stocked: Cli) -> None:
        stocked("add", "tls", "--stdin-raw", "--env", "TLS", stdin=b"canary 1\r\n%25\n\ncanary 2\n", check=True)
        runner_file = stocked.cwd / "runner"
        runner_file.write_bytes(b"BEFORE=1")  # not ended by a newline
        runner_file.chmod(0o644)

        done = stocked(
            "export", "--format", "github-actions", "--only", "TLS,TOKEN", env={"GITHUB_ENV": str(runner_file)}
        )

        assert done.returncode == 0
        assert done.stderr == b"credvault: set 2 variables for later steps\n"
        assert sorted(read_masks(done.stdout)) == ["%25", "canary 1", "canary 2", "canary-token"]
        assert read_environment_file(runner_file.read_bytes()) == {
            "BEFORE": b"1",
            "TLS": b"canary 1\r\n%25\n\ncanary 2\n",
            "TOKEN": b"canary-token",
        }
        assert runner_file.stat().st_mode & 0o777 == 0o644

    def test_variables_of_a_second_time_are_added(self, stocked: Cli) -> None:
        runner_file = stocked.cwd / "runner"
        runner_file.touch()
        words = ["export", "--format", "github-actions", "--only"]

        for variable in ("TOKEN", "DEV_KEY"):
            stocked(*words, variable, env={"GITHUB_ENV": str(runner_file)}, check=True)

        assert sorted(read_environment_file(runner_file.read_bytes())) == ["DEV_KEY", "TOKEN"]

    @pytest.mark.parametrize("name", [None, "", "nosuch", "."], ids=["unset", "empty", "not there", "a folder"])
    def test_without_a_file_of_a_runner_nothing_is_unlocked_or_made(self, stocked: Cli, name: str | None) -> None:
        done = stocked("export", "--format", "github-actions", env={"GITHUB_ENV": name, "CREDVAULT_KEY": None})

        assert (done.returncode, done.stdout) == (2, b"")
        assert b"GITHUB_ENV" in done.stderr
        assert os.listdir(stocked.cwd) == []

    def test_output_file_is_refused(self, stocked: Cli) -> None:
        runner_file = stocked.cwd / "runner"
        runner_file.touch()

        done = stocked("export", "--format", "github-actions", "-o", "x", env={"GITHUB_ENV": str(runner_file)})

        assert (done.returncode, done.stdout) == (2, b"")
        assert b"leave out -o" in done.stderr
        assert os.listdir(stocked.cwd) == ["runner"]

    def test_file_stays_as_it_was_where_a_variable_is_refused(self, stocked: Cli) -> None:
        runner_file = stocked.cwd / "runner"
        runner_file.write_bytes(b"BEFORE=1\n")

        done = stocked(
            *("export", "--format", "github-actions", "-e", "A=TOKEN", "-e", "GITHUB_SHA=TOKEN"),
            env={"GITHUB_ENV": str(runner_file)},
        )

        assert (done.returncode, done.stdout) == (2, b"")
        assert b"GITHUB_SHA (default/TOKEN) cannot be exported as github-actions" in done.stderr
        assert runner_file.read_bytes() == b"BEFORE=1\n"

    def test_file_stays_as_it_was_where_masks_cannot_be_printed(self, stocked: Cli) -> None:
        runner_file = stocked.cwd / "runner"
        runner_file.touch()

        done = stocked.run(
            ["sh", "-c", "exec credvault export --format github-actions >&-"], env={"GITHUB_ENV": str(runner_file)}
        )

        assert done.returncode == 6
        assert runner_file.read_bytes() == b""

    def test_with_nothing_to_export_the_file_stays_as_it_was(self, cli: Cli) -> None:
        runner_file = cli.cwd / "runner"
        runner_file.touch()

        done = cli("export", "--format", "github-actions", env={"GITHUB_ENV": str(runner_file)}, check=True)

        assert (done.stdout, runner_file.read_bytes()) == (b"", b"")
        assert done.stderr == b"credvault: there is no secret to export\n"
