"""Settings: `config.toml`, a project's `.credvault.toml`, the environment and flags, each with where it came from.

Later ones win in that order. Reads files and the environment, writes nothing, and opens no vault.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from credvault import files
from credvault.model.errors import ConfigError, Invalid, InvalidName, InvalidValue, StorageError
from credvault.model.folders import agent_socket, xdg_folder
from credvault.model.names import DEFAULT_NAMESPACE, parse_namespace
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

PROJECT_FILE = ".credvault.toml"
FILE_BACKEND = "file"
DEFAULT_SOURCE = "the default"

_MAX_CONFIG_BYTES = 1024 * 1024
_HISTORY = {"versions": int, "bytes": int}
_PROFILE = {"backend": str, "path": str, "namespace": str}
_CONFIG: dict[str, Any] = {
    "default_profile": str,
    "profiles": {"*": _PROFILE},
    "history": _HISTORY,
    "limits": {"vault_bytes": int},
    "trail": {"enabled": bool},
    "agent": {"hold": str, "idle": str},
    "probes": {"*": {"command": list, "timeout": int}},
}
_PROJECT: dict[str, Any] = {"vault": str, "namespace": str, "env": {"*": str}}
_WORDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list of texts"}


class Flags(NamedTuple):
    """What the command line or a program says; None where it says nothing."""

    profile: str | None = None
    vault: str | None = None
    backend: str | None = None
    namespace: str | None = None
    key_file: str | None = None
    accept_rollback: bool = False


class Project(NamedTuple):
    """A project's `.credvault.toml`: where it is, what it may say, and the bytes that say it."""

    path: str
    vault: str | None
    namespace: str | None
    env: Mapping[str, str]
    content: bytes


class Origin(NamedTuple):
    """A setting and where it came from, in words."""

    value: str
    source: str


class Settings(NamedTuple):
    """What holds for this run. `backend`, `path` and `namespace` know where they came from."""

    backend: Origin
    path: Origin
    namespace: Origin
    flags: Flags
    environ: Mapping[str, str]
    state_folder: str
    config_path: str
    config: Mapping[str, Any]
    project: Project | None
    in_project: bool
    notices: tuple[str, ...]

    def number(self, table: str, key: str, default: int) -> int:
        """Return a whole number of `config.toml`, at least 1; raises ConfigError."""
        value = self.config.get(table, {}).get(key, default)
        if value < 1:
            raise ConfigError(f"{printable(self.config_path)}: {table}.{key} must be at least 1")
        return int(value)

    def seconds(self, table: str, key: str, default: int) -> int:
        """Return a duration of `config.toml` in seconds; raises ConfigError."""
        text = self.config.get(table, {}).get(key)
        if text is None:
            return default
        from credvault.model.times import parse_duration

        try:
            return parse_duration(text)
        except InvalidValue as exc:
            where = f"{printable(self.config_path)}: {table}.{key}"
            raise ConfigError(f"{where}: {exc.message}", hint=exc.hint) from None

    @property
    def trail_enabled(self) -> bool:
        """Whether accesses are recorded in the local trail."""
        return bool(self.config.get("trail", {}).get("enabled", True))


def load_settings(flags: Flags, environ: Mapping[str, str], folder: str | None = None) -> Settings:
    """Return the settings that hold in `folder` (the current one); raises ConfigError, or Invalid for flags."""
    for name in ("profile", "vault", "backend", "namespace", "key_file"):
        if getattr(flags, name) == "":
            # Likely a variable that is not set: going on with the default would use another vault.
            raise Invalid(f"--{name.replace('_', '-')} is empty")
    if sum(flag is not None for flag in (flags.profile, flags.vault, flags.backend)) > 1:
        raise Invalid("give one of --profile, --vault and --backend")
    config_path = _config_path(environ, folder)
    data = _read_settings(config_path)
    if data is None and environ.get("CREDVAULT_CONFIG"):
        raise ConfigError(f"there is no {printable(config_path)}, which CREDVAULT_CONFIG names")
    config = {} if data is None else _parse_toml(data, _CONFIG, config_path)
    project, notices = find_project(folder)
    chosen = _choose_vault(flags, environ, project, config, config_path, folder)
    return Settings(
        chosen.backend,
        chosen.path,
        _choose_namespace(flags, environ, project, config.get("profiles", {}).get(chosen.profile, {}), config_path),
        flags,
        environ,
        state_folder(environ),
        config_path,
        config,
        project,
        chosen.in_project,
        notices,
    )


def profile_names(environ: Mapping[str, str]) -> list[str]:
    """Return the profiles of `config.toml`, none where there is no such file; raises ConfigError."""
    path = _config_path(environ, None)
    data = _read_settings(path)
    return [] if data is None else list(_parse_toml(data, _CONFIG, path).get("profiles", {}))


def _config_path(environ: Mapping[str, str], folder: str | None) -> str:
    return os.path.join(folder or "", environ.get("CREDVAULT_CONFIG") or config_folder(environ) + "/config.toml")


def config_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of `config.toml`."""
    return _folder(environ, "XDG_CONFIG_HOME", ".config", "user_config_dir")


def data_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of the vault file that no setting places elsewhere."""
    return _folder(environ, "XDG_DATA_HOME", ".local/share", "user_data_dir")


def state_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of pins, trail and test results."""
    return _folder(environ, "XDG_STATE_HOME", ".local/state", "user_state_dir")


def find_agent_socket(environ: Mapping[str, str]) -> str | None:
    """Return where the agent's socket is, whatever the settings say, or None where there is no place for one."""
    return agent_socket(environ, state_folder(environ))


def _folder(environ: Mapping[str, str], variable: str, below_home: str, function: str) -> str:
    if not sys.platform.startswith("linux"):
        import platformdirs

        return str(getattr(platformdirs, function)("credvault", appauthor=False))
    # What platformdirs does on Linux (a test compares): importing it costs 1.8 starts of the interpreter.
    home = environ.get("HOME") or os.path.expanduser("~")
    folder = xdg_folder({**environ, "HOME": home}, variable, below_home)
    if folder is None:
        raise ConfigError("there is no home folder", hint="set HOME, or XDG_CONFIG_HOME, _DATA_HOME and _STATE_HOME")
    return folder


class _Choice(NamedTuple):
    """A vault that was chosen: where it is, by which profile, and whether a project names it."""

    backend: Origin
    path: Origin
    profile: str | None = None
    in_project: bool = False


def _choose_vault(
    flags: Flags,
    environ: Mapping[str, str],
    project: Project | None,
    config: Mapping[str, Any],
    config_path: str,
    folder: str | None,
) -> _Choice:
    """Return the vault that the highest place names which names one."""
    default = Origin(os.path.join(data_folder(environ), "vault.json"), DEFAULT_SOURCE)
    file = Origin(FILE_BACKEND, DEFAULT_SOURCE)
    layers = (
        (flags.vault, flags.profile, flags.backend, ("--vault", "--profile", "--backend")),
        (
            environ.get("CREDVAULT_VAULT"),
            environ.get("CREDVAULT_PROFILE"),
            environ.get("CREDVAULT_BACKEND"),
            ("CREDVAULT_VAULT", "CREDVAULT_PROFILE", "CREDVAULT_BACKEND"),
        ),
    )
    for vault, profile, backend, sources in layers:
        if vault:
            return _Choice(file, Origin(_absolute(folder or "", vault, environ), sources[0]))
        if profile:
            return _profile(profile, sources[1], config, config_path, default, environ)
        if backend:
            return _Choice(Origin(backend, sources[2]), default)
    if project is not None and project.vault is not None:
        return _Choice(file, Origin(project.vault, project.path), in_project=True)
    if "default_profile" in config:
        return _profile(config["default_profile"], config_path, config, config_path, default, environ)
    return _Choice(file, default)


def _profile(
    name: str,
    source: str,
    config: Mapping[str, Any],
    config_path: str,
    default: Origin,
    environ: Mapping[str, str],
) -> _Choice:
    profiles = config.get("profiles", {})
    if name not in profiles:
        known = ", ".join(printable(profile) for profile in profiles) or "none"
        raise ConfigError(
            f"there is no profile '{printable(name)}', which {printable(source)} names",
            hint=f"profiles in {printable(config_path)}: {known}",
        )
    profile = profiles[name]
    where = f"profile {printable(name)} in {printable(config_path)}"
    backend = Origin(profile.get("backend", FILE_BACKEND), where)
    if "path" not in profile:
        return _Choice(backend, default, name)
    path = _absolute(os.path.dirname(config_path), profile["path"], environ)
    return _Choice(backend, Origin(path, where), name)


def _absolute(folder: str, path: str, environ: Mapping[str, str]) -> str:
    """Return a path as it is meant in `folder`; `~` is the HOME of `environ`, which need not be this process's."""
    if path == "~" or path.startswith("~/"):
        path = environ.get("HOME", "~") + path[1:]
    return os.path.abspath(os.path.join(folder, os.path.expanduser(path)))


def _choose_namespace(
    flags: Flags,
    environ: Mapping[str, str],
    project: Project | None,
    profile: Mapping[str, Any],
    config_path: str,
) -> Origin:
    if flags.namespace:
        return Origin(parse_namespace(flags.namespace), "-n")
    candidates = (
        (environ.get("CREDVAULT_NAMESPACE"), "CREDVAULT_NAMESPACE"),
        (project.namespace if project else None, project.path if project else ""),
        (profile.get("namespace"), config_path),
    )
    for namespace, source in candidates:
        if namespace:
            try:
                return Origin(parse_namespace(namespace), source)
            except InvalidName as exc:
                raise ConfigError(f"{printable(source)}: {exc.message}", hint=exc.hint) from None
    return Origin(DEFAULT_NAMESPACE, DEFAULT_SOURCE)


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
        if os.name == "posix" and (facts.st_uid != os.geteuid() or facts.st_mode & 0o022):
            why = "is not yours" if facts.st_uid != os.geteuid() else "can be written by others"
            return None, (f"{printable(path)} {why}, so it was passed over",)
        return _read_project(path, os.path.dirname(path)), ()
    return None, ()


def project_files(folder: str) -> Iterator[str]:
    """Yield where a project's file is looked for: in `folder`, a real path, and upwards."""
    while True:
        yield os.path.join(folder, PROJECT_FILE)
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _read_project(path: str, folder: str) -> Project:
    data = _read_settings(path)
    if data is None:
        raise ConfigError(f"{printable(path)} is gone")
    content = _parse_toml(data, _PROJECT, path)
    vault = content.get("vault")
    if vault is not None:
        real = os.path.realpath(os.path.join(folder, vault))
        # The real path: neither '..' nor a link may lead out of the project's folder.
        if os.path.isabs(vault) or os.path.commonpath([real, folder]) != folder or real == folder:
            raise ConfigError(f"{printable(path)}: vault must be a file inside the project's folder")
        vault = real
    return Project(path, vault, content.get("namespace"), content.get("env", {}), data)


def _read_settings(path: str) -> bytes | None:
    """Return the bytes of a settings file, or None where there is none; raises ConfigError."""
    try:
        return files.read_small_file(path, _MAX_CONFIG_BYTES)
    except StorageError as exc:
        raise ConfigError(exc.message) from None


def _parse_toml(data: bytes, schema: dict[str, Any], path: str) -> dict[str, Any]:
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
