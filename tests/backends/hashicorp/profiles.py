"""Settings of the backend `hashicorp` for tests: of a profile, or of an environment alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.kv2 import KV2
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.transport import Transport
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


def unreachable_engine(settings: Settings) -> tuple[KV2, Callable[[], None]]:
    """Return an engine at a port where nobody listens, asked again without a pause; and what closes it."""
    transport = Transport(Address("http", "127.0.0.1", 1, "the test"), sleep=lambda seconds: None)
    login = Login(settings, transport, warn=lambda text: None, detail=lambda text: None)
    return KV2(transport, login, "secret", "credvault"), transport.close


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value).lower() if isinstance(value, bool | int) else f"'{value}'"
