"""What a pin of a project's file holds, and what it does not."""

import os
from pathlib import Path

import pytest

from credvault.config import Project, find_project
from credvault.delivery.trust import CHANGED, GONE, TRUSTED, Trust, wanted_by
from credvault.model.errors import ConfigError
from credvault.state import signal_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a project's file."""
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    write(folder, 'TOKEN = "a/token"\n')
    return folder


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(str(tmp_path / "state"))


def write(folder: Path, env: str) -> Path:
    path = folder / ".credvault.toml"
    path.write_text(f"[env]\n{env}", encoding="utf-8")
    path.chmod(0o600)
    return path


def project_in(folder: Path) -> Project:
    project, _ = find_project(str(folder))
    assert project is not None
    return project


def test_file_is_trusted_as_it_was_read_and_no_other(trust: Trust, folder: Path) -> None:
    read = project_in(folder)
    write(folder, 'TOKEN = "another/token"\n')

    trust.pin(read)

    assert not trust.allows(project_in(folder))
    write(folder, 'TOKEN = "a/token"\n')
    assert trust.allows(project_in(folder))


def test_bytes_that_mean_the_same_are_not_the_same(trust: Trust, folder: Path) -> None:
    trust.pin(project_in(folder))

    write(folder, 'TOKEN = "a/token"\n\n')

    assert not trust.allows(project_in(folder))


def test_folder_that_is_moved_is_not_trusted(trust: Trust, folder: Path) -> None:
    trust.pin(project_in(folder))

    moved = folder.rename(folder.with_name("moved"))

    assert not trust.allows(project_in(moved))
    assert trust.state(str(folder / ".credvault.toml")) == GONE


def test_link_in_the_place_of_the_file_is_not_trusted_though_it_says_the_same(trust: Trust, folder: Path) -> None:
    trust.pin(project_in(folder))
    elsewhere = folder.with_name("elsewhere")
    (folder / ".credvault.toml").rename(elsewhere)

    (folder / ".credvault.toml").symlink_to(elsewhere)

    assert not trust.allows(project_in(folder))
    assert trust.state(str(folder / ".credvault.toml")) == CHANGED


def test_link_that_was_trusted_and_leads_elsewhere_now_is_not(trust: Trust, folder: Path) -> None:
    path = folder / ".credvault.toml"
    for name in ("first", "second"):
        (folder / name).write_bytes(path.read_bytes())
        (folder / name).chmod(0o600)
    path.unlink()
    path.symlink_to("first")
    trust.pin(project_in(folder))
    assert trust.allows(project_in(folder))

    path.unlink()
    path.symlink_to("second")

    assert not trust.allows(project_in(folder))


def test_same_file_reached_by_a_link_to_its_folder_is_trusted(trust: Trust, folder: Path) -> None:
    trust.pin(project_in(folder))

    (folder.parent / "link").symlink_to(folder)

    assert trust.allows(project_in(folder.parent / "link"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"x": 1}', b"\xff"])
def test_table_that_cannot_be_read_trusts_nothing(trust: Trust, folder: Path, tmp_path: Path, damage: bytes) -> None:
    project = project_in(folder)
    trust.pin(project)
    assert trust.state(project.path) == TRUSTED

    (tmp_path / "state/trust.json").write_bytes(damage)

    assert not trust.allows(project)


def test_what_was_forgotten_is_not_trusted_and_shells_are_told_each_time(
    trust: Trust, folder: Path, tmp_path: Path
) -> None:
    signal = Path(signal_path(str(tmp_path / "state")))
    project = project_in(folder)

    trust.pin(project)
    first = signal.read_bytes()
    trust.forget(project.path)

    assert not trust.allows(project)
    assert trust.paths() == []
    assert signal.read_bytes() != first
    assert signal.stat().st_mode & 0o777 == 0o600


def test_path_that_is_not_text_is_trusted(trust: Trust, folder: Path) -> None:
    strange = os.fsencode(folder.parent) + b"/\xff"
    os.rename(folder, strange)
    project, _ = find_project(os.fsdecode(strange))
    assert project is not None

    trust.pin(project)

    assert trust.allows(project)
    assert trust.paths() == [os.fsdecode(strange + b"/.credvault.toml")]


def test_variable_that_steers_programs_is_wanted_by_no_shell(folder: Path) -> None:
    write(folder, 'TOKEN = "a/token"\nBASH_ENV = "a/token"\n')

    with pytest.raises(ConfigError, match="BASH_ENV steers"):
        wanted_by(project_in(folder), default="default")
