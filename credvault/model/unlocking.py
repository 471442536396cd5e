"""The environment variables that unlock a vault, or say that nobody is to be asked.

Loaded by the fast lane, so it imports nothing.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping

# Where one of these is set its key is used, in this order, and no agent is asked (spec.md 6).
KEYS = (
    "CREDVAULT_KEY",
    "CREDVAULT_KEY_FILE",
    "CREDVAULT_PASSPHRASE",
    "CREDVAULT_PASSPHRASE_FILE",
    "CREDVAULT_PASSPHRASE_COMMAND",
)
# Those that open it at once: the others are for a passphrase, from which a key is derived.
RAW_KEYS = KEYS[:2]
# What opens a server: as what unlocks a vault it never reaches a child unless it is kept by name (spec.md 7).
SECRETS_OF_SERVERS = ("VAULT_TOKEN", "VAULT_SECRET_ID", "BAO_TOKEN", "BAO_SECRET_ID")


def unlocks_a_vault(variable: str) -> bool:
    """Say whether a variable may hold what opens a vault."""
    return variable.startswith("CREDVAULT_") or variable in SECRETS_OF_SERVERS


def forbids_questions(environ: "Mapping[str, str]") -> bool:
    """Say whether nobody is to be asked anything, on a terminal or on the desktop (spec.md 5.5)."""
    return environ.get("CREDVAULT_NO_INPUT", "") not in ("", "0") or bool(environ.get("CI"))


def config_file(environ: "Mapping[bytes, bytes]") -> bytes | None:
    """Return the path of `config.toml` on Linux where that is what says which vault is meant, else None."""
    if environ.get(b"CREDVAULT_VAULT") or (environ.get(b"CREDVAULT_BACKEND") and not environ.get(b"CREDVAULT_PROFILE")):
        return None
    if environ.get(b"CREDVAULT_CONFIG"):
        return environ[b"CREDVAULT_CONFIG"]
    for variable, below in ((b"XDG_CONFIG_HOME", b""), (b"HOME", b"/.config")):
        base = environ.get(variable, b"")
        if base.startswith(b"/"):  # a relative path is to be ignored
            return base + below + b"/credvault/config.toml"
    return None


def names_a_key(key_file: str | None, environ: "Container[str]") -> bool:
    """Say whether a flag or the environment names a key, good or not; nothing is read or run."""
    return key_file is not None or any(variable in environ for variable in KEYS)
