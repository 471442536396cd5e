"""`exec --env-file` and a project's `.credvault.toml`, as processes; their forms are tested in tests/delivery."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Cli


def variables(cli: Cli, *options: str, cwd: Path | None = None) -> dict[str, str]:
    done = cli("exec", *options, "--", "env", "-0", cwd=cwd)
    assert done.returncode == 0, done.stderr
    entries = (entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    return {name: value for name, value in entries if cli.env.get(name) != value}


def test_env_files_add_up_and_replace_the_default(stocked: Cli) -> None:
    (stocked.cwd / "a.env").write_text("A=credvault://TOKEN\nB=plain\n")
    (stocked.cwd / "b.env").write_text("C=credvault://dev/db#host?version=1\nB=plain")

    seen = variables(stocked, "--env-file", "a.env", "--env-file", "b.env", "-e", "D=prod/api_key")
    beaten = variables(stocked, "--env-file", "a.env", "-e", "A=dev/api_key")

    assert seen == {"A": "canary-token", "B": "plain", "C": "db.example.org", "D": "canary-prod"}
    assert beaten == {"A": "canary-dev", "B": "plain"}


def test_env_file_with_nothing_in_it_injects_nothing(stocked: Cli) -> None:
    """It replaces the default, which would be every secret there is."""
    (stocked.cwd / "empty.env").write_text("# nothing yet\n")

    assert variables(stocked, "--env-file", "empty.env") == {}


def test_two_files_that_differ_stop_it(stocked: Cli) -> None:
    (stocked.cwd / "a.env").write_text("A=canary-one\n")
    (stocked.cwd / "b.env").write_text("A=canary-two\n")

    done = stocked("exec", "--env-file", "a.env", "--env-file", "b.env", "--", "touch", "ran")

    assert done.returncode == 125
    assert b"A would be set twice: a text (a.env:1) and a text (b.env:1)" in done.stderr
    assert not (stocked.cwd / "ran").exists()
    assert b"canary" not in done.stderr


def test_names_in_files_are_in_the_namespace_that_holds(stocked: Cli) -> None:
    (stocked.cwd / "a.env").write_text("A=credvault://api_key\n")

    assert variables(stocked, "-n", "dev", "--env-file", "a.env") == {"A": "canary-dev"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nosuch.env", "not_found"),
        ("", "not_found"),
        (".", "storage"),
        ("pipe", "storage"),
        ("large.env", "storage"),
        ("bad.env", "invalid"),
    ],
)
def test_env_file_that_cannot_be_read_stops_it_and_nothing_hangs(stocked: Cli, name: str, code: str) -> None:
    os.mkfifo(stocked.cwd / "pipe")
    (stocked.cwd / "large.env").write_bytes(b"# canary\n" * 500_000)
    (stocked.cwd / "bad.env").write_bytes(b"FINE=1\ncanary\n")

    done = stocked("--json", "exec", "--env-file", name, "--", "touch", "ran")

    assert done.returncode == 125
    assert json.loads(done.stderr)["error"]["code"] == code
    assert b"canary" not in done.stderr
    assert not (stocked.cwd / "ran").exists()


def project(folder: Path, text: str) -> Path:
    path = folder / ".credvault.toml"
    path.write_text(text)
    path.chmod(0o644)
    return path


def test_projects_references_replace_the_default_in_its_folders(stocked: Cli) -> None:
    below = stocked.cwd / "a" / "b"
    below.mkdir(parents=True)
    project(stocked.cwd, 'namespace = "dev"\n[env]\nA = "api_key"\nB = "credvault://default/TOKEN"\n')

    here = variables(stocked)
    deeper = variables(stocked, "-e", "A=prod/api_key", "--only", "BOT_KEY", cwd=below)

    assert here == {"A": "canary-dev", "B": "canary-token"}
    assert deeper.pop("PWD", None) is None
    assert deeper == {"A": "canary-prod", "B": "canary-token", "BOT_KEY": "canary-bot"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[env]\nX = "closed/password"\n', "denied"),
        ('[env]\nX = "nosuch/secret"\n', "not_found"),
        ('[env]\nLD_PRELOAD = "TOKEN"\n', "config"),
        ('[env]\nX = "https://example.org/?"\n', "config"),
        ('url = "https://example.org"\n', "config"),
        ('[probes.x]\ncommand = ["touch", "ran"]\n', "config"),
    ],
)
def test_hostile_project_stops_it(stocked: Cli, text: str, code: str) -> None:
    project(stocked.cwd, text)

    done = stocked("--json", "exec", "--", "touch", "ran")

    assert done.returncode == 125
    assert json.loads(done.stderr)["error"]["code"] == code
    assert b"canary" not in done.stderr
    assert not (stocked.cwd / "ran").exists()


def test_projects_forbidden_variable_is_named_with_its_file_and_can_be_allowed(stocked: Cli) -> None:
    project(stocked.cwd, '[env]\nHTTPS_PROXY = "TOKEN"\n')

    stopped = stocked("exec", "--", "true")

    assert b".credvault.toml: env.HTTPS_PROXY: HTTPS_PROXY steers" in stopped.stderr
    assert variables(stocked, "--allow-env", "HTTPS_PROXY") == {"HTTPS_PROXY": "canary-token"}


def test_project_file_that_others_may_write_is_passed_over_with_a_warning(stocked: Cli) -> None:
    project(stocked.cwd, '[env]\nX = "dev/api_key"\n').chmod(0o666)

    done = stocked("exec", "--only", "TOKEN", "--", "printenv", "TOKEN")

    assert done.stdout == b"canary-token\n"
    assert done.stderr.startswith(b"credvault: warning: ")
    assert b".credvault.toml can be written by others, so it was passed over" in done.stderr


def test_project_cannot_send_the_key_to_a_vault_outside_its_folder(stocked: Cli) -> None:
    (stocked.cwd / "inside").mkdir()
    (stocked.cwd / "inside" / "link.json").symlink_to(stocked.home / ".local/share/credvault/vault.json")
    project(stocked.cwd / "inside", 'vault = "link.json"\n')

    done = stocked("exec", "--", "touch", "ran", cwd=stocked.cwd / "inside")

    assert done.returncode == 125
    assert b"vault must be a file inside the project's folder" in done.stderr
    assert not (stocked.cwd / "inside" / "ran").exists()
