"""Which project files a shell may load by itself: pinned by path, real path, and the SHA-256 of what they say.

What is hashed are the bytes that were parsed, so a file that is swapped in between is not the one that was trusted.
"""

import os

from credvault.config import Project, find_project
from credvault.delivery.selection import Wanted, from_project
from credvault.model.environment import is_forbidden
from credvault.model.errors import ConfigError
from credvault.model.text import printable
from credvault.state import signal_shells, trusted_projects

TRUSTED, CHANGED, GONE = "trusted", "changed", "gone"


class Trust:
    """The project files that the user of a state folder has allowed."""

    def __init__(self, state_folder: str) -> None:
        self._folder = state_folder
        self._table = trusted_projects(state_folder)

    def allows(self, project: Project) -> bool:
        """Say whether a project file was trusted as it is: here, and with these bytes."""
        return self._table.read().get(project.path) == _pin(project.path, project.content)

    def pin(self, project: Project) -> None:
        """Trust a project file as it was read, and tell the shells. Raises StorageError."""
        with self._table.changing() as table:
            table[project.path] = _pin(project.path, project.content)
        signal_shells(self._folder)

    def forget(self, path: str) -> None:
        """Trust a project file no more, and tell the shells. Raises StorageError."""
        with self._table.changing() as table:
            table.pop(path, None)
        signal_shells(self._folder)

    def paths(self) -> list[str]:
        """Return the paths of all that was trusted, in order."""
        return sorted(self._table.read())

    def state(self, path: str) -> str:
        """Return what has become of a file that was trusted: TRUSTED, CHANGED or GONE."""
        try:
            project, passed_over = find_project(os.path.dirname(path))
        except ConfigError:
            return CHANGED
        if project is None or project.path != path:
            return CHANGED if passed_over else GONE
        return TRUSTED if self.allows(project) else CHANGED


def wanted_by(project: Project, *, default: str) -> list[Wanted]:
    """Return what a project's [env] wants in a shell; raises ConfigError for what no shell is given."""
    for variable in project.env:
        if is_forbidden(variable):
            hint = (
                f"choose another variable; 'credvault exec --allow-env {printable(variable)}' gives it to one program"
            )
            where = f"{printable(project.path)}: env.{printable(variable)}"
            raise ConfigError(f"{where} steers how programs load or run, so it is loaded into no shell", hint=hint)
    return from_project(project.env, project.path, default=default)


def _pin(path: str, content: bytes) -> list[str]:
    from hashlib import sha256

    return [os.path.realpath(path), sha256(content).hexdigest()]
