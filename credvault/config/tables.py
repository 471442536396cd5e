"""Settings files as TOML: what may stand in them, and reading and checking them."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from credvault import files
from credvault.model.errors import ConfigError, StorageError
from credvault.model.text import printable

PROJECT_FILE = ".credvault.toml"

_MAX_CONFIG_BYTES = 1024 * 1024
_HISTORY = {"versions": int, "bytes": int}
# What a profile may say, whatever its backend, and what only that of a backend of ours may.
_EVERY_PROFILE = {"backend": str, "namespace": str, "offline": bool, "max_age": str}
PROFILES_OF: Mapping[str, Mapping[str, Any]] = {
    "file": {"path": str},
    "keyring": {},
    "hashicorp": {
        "address": str,
        "mount": str,
        "prefix": str,
        "layout": str,
        "vault_namespace": str,
        "allowed_mounts": list,
        "token_file": str,
        "token_wrapping_path": str,
        "token_helper": list,
        "auth_mount": str,
        "role_id": str,
        "secret_id_file": str,
        "secret_id_wrapping_path": str,
        "renew": bool,
        "wrap_ttl": int,
        "ca_file": str,
        "client_cert": str,
        "client_key": str,
        "tls_server_name": str,
        "timeout": int,
        "allow_http": bool,
        "proxy": bool,
    },
    "env": {"dotenv": str},
}
# What a backend of ours may be looked for by, and what to say then.
OTHER_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("bao", "openbao", "vault"), "OpenBao and Vault are the backend 'hashicorp'"),
    "environment": "the environment is the backend 'env'",
}
# For other people's backends, which know their own.
_OPTIONS = {"options": {"*": object}}
_PROFILE = {**_EVERY_PROFILE, **_OPTIONS, **{key: kind for keys in PROFILES_OF.values() for key, kind in keys.items()}}
CONFIG: dict[str, Any] = {
    "default_profile": str,
    "profiles": {"*": _PROFILE},
    "history": _HISTORY,
    "limits": {"vault_bytes": int},
    "trail": {"enabled": bool},
    "agent": {"hold": str, "idle": str},
    "probes": {"*": {"command": list, "timeout": int}},
}
PROJECT: dict[str, Any] = {"vault": str, "namespace": str, "env": {"*": str}}
_WORDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list of texts"}


def read_settings(path: str, check: Callable[[os.stat_result], None] | None = None) -> bytes | None:
    """Return the bytes of a settings file, or None where there is none; raises ConfigError, and what `check` does."""
    try:
        return files.read_small_file(path, _MAX_CONFIG_BYTES, check)
    except StorageError as exc:
        raise ConfigError(exc.message) from None


def parse_toml(data: bytes, schema: dict[str, Any], path: str) -> dict[str, Any]:
    """Return what a settings file says, if that agrees with its schema; raises ConfigError."""
    import tomllib

    try:
        content = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        # The message of tomllib says what is wrong and where, and quotes at most one character.
        what = (
            str(exc) if isinstance(exc, tomllib.TOMLDecodeError) else "a number is too long, or it is nested too deep"
        )
        if isinstance(exc, UnicodeDecodeError):
            what = "it is not UTF-8 text"
        raise ConfigError(f"{printable(path)} is not TOML: {printable(what[:1].lower() + what[1:])}") from None
    _check_table(content, schema, path, "")
    return content


def _check_table(table: Mapping[str, Any], schema: dict[str, Any], path: str, above: str) -> None:
    for key, value in table.items():
        expected = schema.get(key, schema.get("*"))
        where = f"{printable(path)}: {printable(above + key)}"
        if expected is None:
            raise ConfigError(f"{where} is not a setting", hint=_near(key, schema, path))
        if isinstance(expected, dict):
            if not isinstance(value, dict):
                raise ConfigError(f"{where} must be a table")
            _check_table(value, expected, path, f"{above}{key}.")
        # bool is an int to isinstance.
        elif expected is object:
            continue
        elif not isinstance(value, expected) or isinstance(value, bool) is not (expected is bool):
            raise ConfigError(f"{where} must be {_WORDS[expected]}")
        elif isinstance(value, str) and "\0" in value:
            raise ConfigError(f"{where} holds a NUL character")
        elif expected is list and not (value and all(isinstance(item, str) for item in value)):
            raise ConfigError(f"{where} must be {_WORDS[list]}")


def _near(key: str, schema: dict[str, Any], path: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, schema, n=1)
    if near:
        return f"did you mean {near[0]}?"
    allowed = f"it may have {', '.join(schema)}"
    if os.path.basename(path) == PROJECT_FILE:
        return f"a project's file may not name commands, addresses or tokens; {allowed}"
    return allowed
