"""What the wheel calls `credvault`: a launcher in sh that costs no more than the interpreter, where there is an sh.

An entry point is a Python script that the installer writes, and its imports cost more than a `credvault get`.
"""

import sys
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

LAUNCHER = "credvault/launcher.sh"
SCRIPT = "credvault"


class LauncherHook(BuildHookInterface[BuilderConfig]):
    """Ships the launcher in place of the entry point.

    Not on Windows, which has no sh. Not in an editable install either: its packages are named in a .pth file, and the
    launcher is fast because it reads none.
    """

    _entry_point: str | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the launcher into a standard wheel, and a tag on it that keeps the wheel off Windows."""
        if version != "standard" or sys.platform == "win32":
            return
        # Both would be written to the same file, and which is there in the end would be the installer's choice.
        self._entry_point = self.metadata.core.scripts.pop(SCRIPT)
        build_data["shared_scripts"][LAUNCHER] = SCRIPT
        # The plain name of the platform: nothing here is compiled, so nothing need be said about a C library.
        platform = next(tag for tag in platform_tags() if not tag.startswith(("manylinux", "musllinux")))
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Give the entry point back: the same project may be built for another version next."""
        if self._entry_point is not None:
            self.metadata.core.scripts[SCRIPT] = self._entry_point
