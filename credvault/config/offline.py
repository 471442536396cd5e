"""The offline copy of a profile: where it is, whether the profile has one, and how old it may be.

An ordinary vault file in the state folder (format.md), made by `credvault offline save` and read with `--offline`
only. Nothing is opened here.
"""

import os

from credvault.config import FILE_BACKEND, Origin, Profile, Settings
from credvault.model.errors import ConfigError, Invalid
from credvault.model.folders import flat_name
from credvault.model.text import printable
from credvault.model.times import duration_text
from credvault.model.tuples import NamedTuple

FOLDER = "offline"
# A file name holds 255 bytes, and the lock and temporary files of this one have longer names.
_MAX_NAME = 180


class AgeLimit(NamedTuple):
    """How old a copy may be, and who says so, in words."""

    seconds: int
    source: str


def copy_settings(settings: Settings, *, is_removed: bool = False) -> Settings:
    """Return the settings by which the offline copy of a profile is opened, as the vault file that it is.

    Raises Invalid where no profile is chosen, ConfigError where the profile is to have no copy, unless that
    `is_removed`.
    """
    profile = copied_profile(settings)
    if not is_removed and settings.option("offline") is not True:
        where = f"profile {printable(profile.name)}"
        hint = f"offline = true in [profiles.{printable(profile.name)}] of {printable(settings.config_path)} allows one"
        raise ConfigError(f"{where} allows no offline copy", hint=hint)
    path = copy_path(settings, profile)
    source = f"the offline copy of profile {printable(profile.name)}"
    return settings._replace(
        backend=Origin(FILE_BACKEND, source),
        path=Origin(path, source),
        # What an agent is told: to it this is a vault file like any other.
        flags=settings.flags._replace(profile=None, backend=None, vault=path),
        in_project=False,
        store=settings,
    )


def copied_profile(settings: Settings) -> Profile:
    """Return the profile of which there may be a copy; raises Invalid where none is chosen."""
    if settings.profile is None:
        source = printable(settings.path.source if settings.backend.value == FILE_BACKEND else settings.backend.source)
        raise Invalid(
            f"an offline copy belongs to a profile, and none is chosen: the vault is that of {source}",
            hint="give --profile P; offline = true in its table of config.toml allows a copy",
        )
    return settings.profile


def copy_path(settings: Settings, profile: Profile) -> str:
    """Return where the copy of a profile is, or would be; raises ConfigError for a name too long for a file."""
    name = flat_name(profile.name)
    if len(os.fsencode(name)) > _MAX_NAME:
        raise ConfigError(f"{profile.source}: its name is too long for an offline copy", hint="give it a shorter one")
    return os.path.join(settings.state_folder, FOLDER, name + ".json")


def age_limit(settings: Settings) -> AgeLimit | None:
    """Return how old a copy may be, or None where it may have any age; raises ConfigError."""
    if settings.flags.max_age is not None:
        return AgeLimit(settings.flags.max_age, "--max-age")
    seconds = settings.seconds_option("max_age")
    return None if seconds is None else AgeLimit(seconds, "max_age of its profile")


def offer(settings: Settings, now: float) -> str | None:
    """Return what a person is to be told of the copy when the store cannot be reached, or None where there is none.

    By the time of its file: what it says of itself is sealed, and nobody is asked for a key to give a hint.
    """
    if settings.store is not None or settings.profile is None or settings.option("offline") is not True:
        return None
    try:
        saved, limit = os.stat(copy_path(settings, settings.profile)).st_mtime, age_limit(settings)
    except (OSError, ConfigError):  # who asks for the copy is told what is wrong with it, and nobody else
        return None
    age = int(now - saved)
    if limit is not None and age > limit.seconds:
        return f"there is an offline copy, but of {duration_text(age)} ago, more than {limit.source} allows"
    return f"there is an offline copy of {duration_text(age)} ago, which --offline reads"
