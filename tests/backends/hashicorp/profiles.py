"""Settings of the backend `hashicorp` for tests: of a profile, or of an environment alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from credvault.config import Flags, Settings, load_settings


def make_settings(folder: Path, environ: Mapping[str, str], profile: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of an environment with its home in a folder, and of the profile `prod` if one is given."""
    whole = {"HOME": str(folder), **environ}
    if profile is None:
        return load_settings(Flags(backend="hashicorp"), whole, str(folder))
    lines = [f"{key} = {_toml(value)}" for key, value in {"backend": "hashicorp", **profile}.items()]
    (folder / "config.toml").write_text("\n".join(["[profiles.prod]", *lines]), encoding="utf-8")
    whole["CREDVAULT_CONFIG"] = str(folder / "config.toml")
    return load_settings(Flags(profile="prod"), whole, str(folder))


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value).lower() if isinstance(value, bool | int) else f"'{value}'"
