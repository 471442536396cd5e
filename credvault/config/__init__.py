"""Settings: `config.toml`, a project's `.credvault.toml`, the environment and flags, each with where it came from.

Later ones win in that order. Reads files and the environment, writes nothing, and opens no vault.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from credvault.config.project import Project, find_project, project_files
from credvault.config.tables import CONFIG, OTHER_NAMES, PROFILES_OF, PROJECT_FILE, parse_toml, read_settings
from credvault.model.errors import ConfigError, Invalid, InvalidName, InvalidValue
from credvault.model.folders import agent_socket, xdg_folder
from credvault.model.names import DEFAULT_NAMESPACE, parse_namespace
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

__all__ = [
    "DEFAULT_SOURCE",
    "FILE_BACKEND",
    "PROJECT_FILE",
    "Flags",
    "Origin",
    "Profile",
    "Project",
    "Settings",
    "config_folder",
    "data_folder",
    "find_agent_socket",
    "find_project",
    "load_settings",
    "profile_names",
    "project_files",
    "state_folder",
]

FILE_BACKEND = "file"
DEFAULT_SOURCE = "the default"


class Flags(NamedTuple):
    """What the command line or a program says; None where it says nothing."""

    profile: str | None = None
    vault: str | None = None
    backend: str | None = None
    namespace: str | None = None
    key_file: str | None = None
    accept_rollback: bool = False
    offline: bool = False
    max_age: int | None = None
    """How old an offline copy may be, in seconds."""
    side: str | None = None
    """Which of two places these choose, `from` or `to`, by the options of that name."""

    @property
    def options(self) -> tuple[str, str, str]:
        """The options that say `vault`, `profile` and `backend`."""
        side = self.side
        return (f"--{side}-vault", f"--{side}", f"--{side}-backend") if side else ("--vault", "--profile", "--backend")

    def as_typed(self, words: str) -> str:
        """Return a command of ours as it is typed for what these choose: it may be another place than the current."""
        from shlex import quote  # only a hint needs it

        for option, value in (("--vault", self.vault), ("--profile", self.profile), ("--backend", self.backend)):
            if value is not None:
                words = f"{option} {printable(quote(value))} {words}"
        return f"credvault {words}"


class Origin(NamedTuple):
    """A setting and where it came from, in words."""

    value: str
    source: str


class Profile(NamedTuple):
    """A profile that was chosen: its name, where it stands in words, and what it says besides backend and path."""

    name: str
    source: str
    options: Mapping[str, Any]


class Settings(NamedTuple):
    """What holds for this run. `backend`, `path` and `namespace` know where they came from.

    `profile` is None where the vault was chosen otherwise. `stays` is of a program that holds the vault open for as
    long as it likes, and not for one command. Those of an offline copy are those of its file, and `store` has those of
    the store that it is a copy of.
    """

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
    profile: Profile | None = None
    stays: bool = False
    store: "Settings | None" = None

    def option(self, key: str) -> Any:
        """Return what the profile says of `key`, or None; it has the kind that config/tables.py gives it."""
        return None if self.profile is None else self.profile.options.get(key)

    def path_option(self, key: str) -> str | None:
        """Return a path that the profile names, as it is meant beside `config.toml`, or None; raises ConfigError."""
        path = self.option(key)
        if path is None or self.profile is None:
            return None
        return _path_beside(self.config_path, path, f"{self.profile.source}: {key}", self.environ)

    def number(self, table: str, key: str, default: int) -> int:
        """Return a whole number of `config.toml`, at least 1; raises ConfigError."""
        value = self.config.get(table, {}).get(key, default)
        if value < 1:
            raise ConfigError(f"{printable(self.config_path)}: {table}.{key} must be at least 1")
        return int(value)

    def seconds(self, table: str, key: str, default: int) -> int:
        """Return a duration of `config.toml` in seconds; raises ConfigError."""
        text = self.config.get(table, {}).get(key)
        return default if text is None else _seconds(text, f"{printable(self.config_path)}: {table}.{key}")

    def seconds_option(self, key: str) -> int | None:
        """Return a duration that the profile names, in seconds, or None; raises ConfigError."""
        text = self.option(key)
        return None if text is None or self.profile is None else _seconds(text, f"{self.profile.source}: {key}")

    def command(self, words: str) -> str:
        """Return a command of ours, quoted, as it is typed for what these settings name."""
        return f"'{(self.store or self).flags.as_typed(words)}'"

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
    if flags.max_age is not None and not flags.offline:
        raise Invalid("--max-age is for an offline copy", hint="give --offline too")
    config_path = _config_path(environ, folder)
    data = read_settings(config_path)
    if data is None and environ.get("CREDVAULT_CONFIG"):
        message = f"there is no {printable(config_path)}, which CREDVAULT_CONFIG names"
        raise ConfigError(message, hint="make it, or unset CREDVAULT_CONFIG")
    config = {} if data is None else parse_toml(data, CONFIG, config_path)
    project, notices = find_project(folder)
    chosen = _choose_vault(flags, environ, project, config, config_path, folder)
    settings = Settings(
        chosen.backend,
        chosen.path,
        _choose_namespace(flags, environ, project, chosen.profile, config_path),
        flags,
        environ,
        state_folder(environ),
        config_path,
        config,
        project,
        chosen.in_project,
        notices,
        chosen.profile,
    )
    if not flags.offline:
        return settings
    from credvault.config.offline import copy_settings

    return copy_settings(settings)


def profile_names(environ: Mapping[str, str]) -> list[str]:
    """Return the profiles of `config.toml`, none where there is no such file; raises ConfigError."""
    path = _config_path(environ, None)
    data = read_settings(path)
    return [] if data is None else list(parse_toml(data, CONFIG, path).get("profiles", {}))


def _config_path(environ: Mapping[str, str], folder: str | None) -> str:
    return os.path.join(folder or "", environ.get("CREDVAULT_CONFIG") or config_folder(environ) + "/config.toml")


def _seconds(text: str, where: str) -> int:
    from credvault.model.times import parse_duration

    try:
        return parse_duration(text)
    except InvalidValue as exc:
        raise ConfigError(f"{where}: {exc.message}", hint=exc.hint) from None


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
    profile: Profile | None = None
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
        (flags.vault, flags.profile, flags.backend, flags.options),
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
    options = dict(profiles[name])
    where = f"profile {printable(name)} in {printable(config_path)}"
    backend = options.pop("backend", FILE_BACKEND)
    _check_options(backend, options, where)
    profile = Profile(name, where, options)
    if "path" not in options:
        return _Choice(Origin(backend, where), default, profile)
    path = _path_beside(config_path, options["path"], f"{where}: path", environ)
    return _Choice(Origin(backend, where), Origin(path, where), profile)


def _check_options(backend: str, options: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError for what a backend of ours does not know: it would be passed over in silence."""
    others = {key for keys in PROFILES_OF.values() for key in keys} | {"options"}
    own = PROFILES_OF.get(backend, {"options": dict})
    wrong = next((key for key in options if key in others and key not in own), None)
    if wrong is not None:
        hint = OTHER_NAMES.get(backend) or (f"it has {', '.join(own)}" if own else "it has none of its own")
        raise ConfigError(f"{where}: the backend '{printable(backend)}' has no setting {wrong}", hint=hint)


def _path_beside(config_path: str, path: str, where: str, environ: Mapping[str, str]) -> str:
    if not path:  # or it would be the folder itself
        raise ConfigError(f"{where} is empty", hint="name a file, or leave it out")
    return _absolute(os.path.dirname(config_path), path, environ)


def _absolute(folder: str, path: str, environ: Mapping[str, str]) -> str:
    """Return a path as it is meant in `folder`; `~` is the HOME of `environ`, which need not be this process's."""
    if path == "~" or path.startswith("~/"):
        path = environ.get("HOME", "~") + path[1:]
    return os.path.abspath(os.path.join(folder, os.path.expanduser(path)))


def _choose_namespace(
    flags: Flags,
    environ: Mapping[str, str],
    project: Project | None,
    profile: Profile | None,
    config_path: str,
) -> Origin:
    if flags.namespace:
        return Origin(parse_namespace(flags.namespace), "-n")
    candidates = (
        (environ.get("CREDVAULT_NAMESPACE"), "CREDVAULT_NAMESPACE"),
        (project.namespace if project else None, project.path if project else ""),
        (profile.options.get("namespace") if profile else None, config_path),
    )
    for namespace, source in candidates:
        if namespace:
            try:
                return Origin(parse_namespace(namespace), source)
            except InvalidName as exc:
                raise ConfigError(f"{printable(source)}: {exc.message}", hint=exc.hint) from None
    return Origin(DEFAULT_NAMESPACE, DEFAULT_SOURCE)
