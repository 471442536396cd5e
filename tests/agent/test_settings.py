"""The agent finds the vault that the client means: by the client's folder and settings, as they are now."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.agent.desk import Desk
from tests.agent.test_changes_on_disk import got, other_vault
from tests.home import PROGRAM
from tests.patience import SECONDS

OTHER = b"of another vault"


@pytest.fixture
def two(desk: Desk) -> Desk:
    """A desk whose agent holds the vault of the home, and one in `projects/here/vault.json`."""
    desk.put("a/one", b"first")
    here = desk.home.root / "projects/here"
    here.mkdir(parents=True)
    other_vault(desk, here / "vault.json", OTHER)
    desk.held(detached=False)
    assert desk.hold(here / "vault.json").status == 200
    return desk


def got_in(desk: Desk, folder: Path, *options: str, **environ: str) -> tuple[int, bytes, str]:
    """Run `get a/one` in a folder."""
    done = subprocess.run(
        [PROGRAM, "get", *options, "a/one"],
        cwd=folder,
        env={**desk.home.environ, **environ},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("by", ["variable", "option"])
def test_relative_path_is_meant_in_the_folder_of_the_client(two: Desk, by: str) -> None:
    projects = two.home.root / "projects"
    options = ["--vault", "here/vault.json"] if by == "option" else []
    environ = {} if by == "option" else {"CREDVAULT_VAULT": "here/vault.json"}

    there = got_in(two, projects, *options, **environ)
    elsewhere = got_in(two, two.home.root, *options, **environ)

    assert there == (0, OTHER, "")
    assert elsewhere[:2] == (6, b"")
    assert f"there is no vault at {two.home.root}/here/vault.json" in elsewhere[2]


def test_tilde_is_the_home_of_the_client(two: Desk) -> None:
    assert got(two, CREDVAULT_VAULT="~/projects/here/vault.json").stdout == OTHER


def test_profiles_are_resolved_by_the_agent_as_they_are_now(two: Desk) -> None:
    config = ".config/credvault/config.toml"
    before = got(two)
    two.home.write(config, 'default_profile = "p"\n[profiles.p]\npath = "~/projects/here/vault.json"\n')
    default = got(two)
    two.home.write(config, '[profiles.p]\npath = "../../projects/here/vault.json"\nnamespace = "a"\n')
    named = [got(two), got(two, CREDVAULT_PROFILE="p"), got(two, "--profile", "p")]
    bare = two.home.command("get", "one", CREDVAULT_PROFILE="p")
    missing = got(two, CREDVAULT_PROFILE="q")
    two.home.write(config, "this is not TOML")
    broken, with_key = got(two), got(two, **two.key)
    (two.home.root / config).unlink()

    assert [ran.stdout for ran in (before, default)] == [b"first", OTHER]
    assert [ran.stdout for ran in named] == [b"first", OTHER, OTHER]
    assert bare == (0, OTHER, "")
    assert (missing.status, missing.stdout) == (9, b"")
    assert "there is no profile 'q'" in missing.stderr
    assert (broken.status, broken.stdout) == (9, b"")
    assert broken == with_key
    assert got(two) == (0, b"first", "")


def test_project_file_is_seen_when_it_comes_changes_and_goes(two: Desk) -> None:
    here = two.home.root / "projects/here"
    below = here / "below"
    below.mkdir()
    project = here / ".credvault.toml"
    seen = [got_in(two, below)[:2]]

    for text in ('vault = "vault.json"\n', 'namespace = "a"\n', "wrong = 1\n"):
        project.write_text(text)
        seen.append(got_in(two, below)[:2])
    project.write_text('vault = "vault.json"\n')
    project.chmod(0o666)
    loose = got_in(two, below)
    project.unlink()
    seen.append(got_in(two, below)[:2])

    assert seen == [(0, b"first"), (0, OTHER), (0, b"first"), (9, b""), (0, b"first")]
    assert loose == (
        0,
        b"first",
        f"credvault: warning: {project} can be written by others, so it was passed over\n",
    )


def test_nearer_project_file_wins_once_it_is_there(two: Desk) -> None:
    projects, here = two.home.root / "projects", two.home.root / "projects/here"
    (projects / ".credvault.toml").write_text('namespace = "far"\n')
    far = got_in(two, here)

    (here / ".credvault.toml").write_text('vault = "vault.json"\n')

    assert far[:2] == (0, b"first")
    assert got_in(two, here) == (0, OTHER, "")


def test_namespace_of_the_settings_is_that_of_the_client(two: Desk) -> None:
    plain = two.home.command("get", "one")
    by_variable = two.home.command("get", "one", CREDVAULT_NAMESPACE="a")
    by_option = two.home.command("get", "-n", "a", "one")
    both = two.home.command("get", "-n", "a", "one", CREDVAULT_NAMESPACE="b")
    bad = two.home.command("get", "one", CREDVAULT_NAMESPACE="A B")
    bad_with_key = two.home.command("get", "one", CREDVAULT_NAMESPACE="A B", **two.key)

    assert plain.status == 3
    assert [ran.stdout for ran in (by_variable, by_option, both)] == [b"first"] * 3
    assert bad == bad_with_key
    assert bad.status == 9


def test_other_backend_and_other_home_are_not_answered_by_the_agent(two: Desk, tmp_path: Path) -> None:
    other_home = tmp_path / "other home ;=?%"
    other_home.mkdir()

    backend = got(two, CREDVAULT_BACKEND="nothing")
    home = got(two, HOME=str(other_home))

    assert (backend.status, backend.stdout) == (8, b"")
    assert (home.status, home.stdout) == (6, b"")
    assert f"there is no vault at {other_home}/.local/share/credvault/vault.json" in home.stderr


def test_folder_with_a_name_that_is_no_text_is_found_again(two: Desk) -> None:
    folder = os.fsencode(two.home.root / "projects") + b"/caf\xe9 %41;=?\n"
    os.mkdir(folder)
    os.rename(two.home.root / "projects/here/vault.json", folder + b"/vault.json")
    assert two.hold(Path(os.fsdecode(folder)) / "vault.json").status == 200

    done = got_in(two, Path(os.fsdecode(folder)), CREDVAULT_VAULT="vault.json")

    assert done == (0, OTHER, "")


def test_folder_that_was_removed_is_no_hindrance(two: Desk) -> None:
    gone = two.home.root / "gone"
    gone.mkdir()
    words = f"rmdir {gone}; exec {PROGRAM} get a/one"

    done = subprocess.run(
        ["sh", "-c", words], cwd=gone, env=two.home.environ, capture_output=True, timeout=SECONDS, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"first", b"")


def test_trail_that_is_switched_off_is_off_at_the_next_request(two: Desk) -> None:
    two.home.write(".config/credvault/config.toml", "[trail]\nenabled = false\n")
    before = two.trail()

    assert got(two).stdout == b"first"
    assert two.home.run("list").status == 0

    assert two.trail() == before


def test_limit_of_the_vault_holds_at_the_next_request(two: Desk) -> None:
    two.home.write(".config/credvault/config.toml", "[limits]\nvault_bytes = 10\n")

    limited, with_key = got(two), got(two, **two.key)

    assert (limited.status, limited.stdout) == (6, b"")
    assert limited == with_key
