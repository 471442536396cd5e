"""What a doctor finds of the offline copy of a profile, without its key: that it is there, its age and size."""

import os
import stat
import time
from collections.abc import Iterator

from credvault.config import Settings
from credvault.config.offline import age_limit, copy_path
from credvault.lifecycle.findings import ADVICE, OK, WRONG, Finding
from credvault.model.errors import StorageError
from credvault.model.text import counted, printable
from credvault.model.times import duration_text

_SUBJECT = "offline copy"
_SAVE = "credvault offline save"
_FORGET = "credvault offline forget"


def examine_copy(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of the copy that the profile of the settings has, or is to have; its age is its file's.

    Raises ConfigError for an age that is none.
    """
    if settings.profile is None:
        return
    path, is_allowed = copy_path(settings, settings.profile), settings.option("offline") is True
    limit = age_limit(settings)
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        if is_allowed:
            yield Finding(ADVICE, _SUBJECT, "there is none yet, although the profile says offline = true", _SAVE)
        return
    age = int(time.time() - facts.st_mtime)
    is_old = limit is not None and age > limit.seconds
    text = f"{printable(path)}, {duration_text(age)} old, {counted(facts.st_size, 'byte')}"
    if not is_allowed:
        yield Finding(ADVICE, _SUBJECT, f"{text}; the profile does not say offline = true", _FORGET)
    elif is_old and limit is not None:
        yield Finding(ADVICE, _SUBJECT, f"{text}; older than {duration_text(limit.seconds)}", _SAVE)
    else:
        yield Finding(OK, _SUBJECT, text)
    if os.name == "posix" and stat.S_IMODE(facts.st_mode) & 0o077:
        text = f"others may read it (mode {stat.S_IMODE(facts.st_mode):04o})"
        yield Finding(WRONG, _SUBJECT, text, _SAVE, StorageError.exit_status)
