"""A project's `.credvault.toml`: found from a folder upwards, owned by the user, and bounded in what it may say."""

import os
from collections.abc import Iterator, Mapping

from credvault.config.tables import PROJECT, PROJECT_FILE, parse_toml, read_settings
from credvault.model.errors import ConfigError
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple


class Project(NamedTuple):
    """A project's `.credvault.toml`: where it is, what it may say, and the bytes that say it."""

    path: str
    vault: str | None
    namespace: str | None
    env: Mapping[str, str]
    content: bytes


def find_project(folder: str | None = None) -> tuple[Project | None, tuple[str, ...]]:
    """Return the nearest project file from `folder` upwards, and what is to be said about one passed over.

    Without `folder` it is the current one. Raises ConfigError for a file that says what it may not.
    """
    try:
        folder = os.path.realpath(folder or os.getcwd())
    except OSError:  # the current folder was removed
        return None, ()
    for path in project_files(folder):
        try:
            facts = os.stat(path)
        except OSError:
            continue
        why = _whose(facts)
        if why is not None:
            return None, (f"{printable(path)} {why}, so it was passed over",)
        return _read_project(path, os.path.dirname(path)), ()
    return None, ()


def _whose(facts: os.stat_result) -> str | None:
    """Return what is wrong with the owner or the mode of a project's file, or None; elsewhere there are no modes."""
    if os.name != "posix":
        return None
    if facts.st_uid != os.geteuid():
        return "is not yours"
    return "can be written by others" if facts.st_mode & 0o022 else None


def project_files(folder: str) -> Iterator[str]:
    """Yield where a project's file is looked for: in `folder`, a real path, and upwards."""
    while True:
        yield os.path.join(folder, PROJECT_FILE)
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _read_project(path: str, folder: str) -> Project:
    def check(facts: os.stat_result) -> None:
        # Once more, of what is read: somebody may have put another file in its place since.
        why = _whose(facts)
        if why is not None:
            raise ConfigError(f"{printable(path)} {why}", hint="it was replaced just now; look at who did that")

    data = read_settings(path, check)
    if data is None:
        raise ConfigError(f"{printable(path)} is gone")
    content = parse_toml(data, PROJECT, path)
    vault = content.get("vault")
    if vault is not None:
        real = os.path.realpath(os.path.join(folder, vault))
        # The real path: neither '..' nor a link may lead out of the project's folder.
        if os.path.isabs(vault) or os.path.commonpath([real, folder]) != folder or real == folder:
            raise ConfigError(f"{printable(path)}: vault must be a file inside the project's folder")
        vault = real
    return Project(path, vault, content.get("namespace"), content.get("env", {}), data)
