"""Whether secrets seem to live in no vault file, told from the settings at a glance. Imports nothing.

A guess that chooses a lane and nothing else: the lane reads the settings in earnest, and gives way where it was wrong.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE = "file"


def seems_elsewhere(environ: "Mapping[bytes, bytes]", config: bytes) -> bool:
    """Say whether the environment, or `config.toml` as far as it was read, names a backend that is no vault file."""
    if environ.get(b"CREDVAULT_VAULT"):
        return False
    profile = environ.get(b"CREDVAULT_PROFILE", b"").decode("utf-8", "replace")
    if not profile and environ.get(b"CREDVAULT_BACKEND"):
        return environ[b"CREDVAULT_BACKEND"] != _FILE.encode("ascii")
    section, default = "", ""
    backends: dict[str, str] = {}
    for line in map(str.strip, config.decode("utf-8", "replace").split("\n")):
        key, equals, rest = line.partition("=")
        if line.startswith("["):
            section = line.partition("#")[0].strip("[] ").removeprefix("profiles.").strip("\"'")
        elif equals and key.strip() == "default_profile" and not section:
            default = _unquoted(rest)
        elif equals and key.strip() == "backend":
            backends[section] = _unquoted(rest)
    chosen = profile or default
    return bool(chosen) and backends.get(chosen, _FILE) != _FILE


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:].partition(text[0])[0] if text else ""
