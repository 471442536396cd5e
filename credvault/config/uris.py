"""What the settings say of secret URIs: which server they lead to, and which mounts they may name.

A URI names neither host nor token, and a project's file has no say here: whoever writes a URI can ask the user's own
server for what the user's own settings allow, and nobody else for anything.
"""

from collections.abc import Iterator, Sequence

from credvault.config import Profile, Settings, load_settings
from credvault.model.errors import ConfigError
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.model.uri import HASHICORP, is_segment

ALLOWED_MOUNTS = "TENANT_ALLOWED_MOUNTS"
# The second is another name for the first.
SALTS = ("SECRET_TENANT_SALT", "TENANT_SALT")
_SERVER_BACKEND = "hashicorp"
_DEFAULT_MOUNT = "secret"


class Mounts(NamedTuple):
    """The mounts that URIs may name, and who says so, in words."""

    names: tuple[str, ...]
    source: str


def server_settings(settings: Settings, provider: str) -> Settings:
    """Return the settings that name the server of a provider: those of the profile if its backend is such a server.

    Else they name the one of the environment. Where both families of variables are set, those of `bao` are for the
    provider openbao, those of `vault` for hashicorp.
    """
    settings = _without_project(settings)
    if settings.backend.value == _SERVER_BACKEND and settings.profile is not None:
        return settings
    environ = settings.environ
    if provider == HASHICORP and ("VAULT_ADDR" in environ or "VAULT_URL" in environ):
        environ = {name: text for name, text in environ.items() if not name.startswith("BAO_")}
    return settings._replace(profile=None, environ=environ)


def profiles_of_servers(settings: Settings) -> Iterator[Settings]:
    """Yield the settings of each profile of `config.toml` that names such a server, whichever is the current one."""
    for name, options in settings.config.get("profiles", {}).items():
        if options.get("backend") == _SERVER_BACKEND:
            yield settings._replace(profile=Profile(name, f"profile {printable(name)}", options))


def allowed_mounts(settings: Settings) -> Mounts:
    """Return the mounts that URIs may name: by the profile, else by TENANT_ALLOWED_MOUNTS, else the profile's own.

    A variable that is set and empty allows none. Raises ConfigError for what is no mount: it would allow nothing, or
    not what was meant.
    """
    settings = _without_project(settings)
    profile = settings.profile if settings.backend.value == _SERVER_BACKEND else None
    named = None if profile is None else profile.options.get("allowed_mounts")
    if profile is not None and named is not None:
        return _checked(named, f"allowed_mounts of {profile.source}")
    listed = settings.environ.get(ALLOWED_MOUNTS)
    if listed is not None:
        return _checked([word for text in listed.split(",") if (word := text.strip())], ALLOWED_MOUNTS)
    mount = None if profile is None else profile.options.get("mount")
    if profile is not None and mount is not None:
        return Mounts((mount,), f"mount of {profile.source}")
    return Mounts((_DEFAULT_MOUNT,), "the default")


def tenant_salt(settings: Settings) -> str | None:
    """Return the salt under which the trail knows URIs, None where none is set; raises ConfigError for an empty one."""
    for name in SALTS:
        salt = settings.environ.get(name)
        if salt == "":
            raise ConfigError(f"{name} is set but empty", hint=f"give it a value, or unset {name}")
        if salt is not None:
            return salt
    return None


def _without_project(settings: Settings) -> Settings:
    """Return the settings as they are without a project's vault, which must not put the user's server out of place."""
    profile = settings.config.get("default_profile")
    if not settings.in_project or profile is None:
        return settings
    return load_settings(settings.flags._replace(profile=profile), settings.environ)


def _checked(names: Sequence[str], source: str) -> Mounts:
    wrong = next((name for name in names if not is_segment(name)), None)
    if wrong is not None:
        message = f"{printable(source)}: '{printable(wrong)}' is not a mount that a URI can name"
        raise ConfigError(message, hint="a mount is one word of A-Z a-z 0-9 . _ -, without '/'")
    return Mounts(tuple(names), source)
