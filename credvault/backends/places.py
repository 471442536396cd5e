"""Which store of its kind a profile means: what tells one from another, known without opening either."""

import json
import os

from credvault.backends.registry import load_function
from credvault.config import FILE_BACKEND, Settings

# Backends whose place is not all in the profile: a function of the settings says it.
_PLACES = {"hashicorp": "credvault.backends.hashicorp.address:describe_place"}
# What a profile says besides where its store is.
_NO_PLACE = ("namespace", "offline", "max_age")


def place_of(settings: Settings) -> str:
    """Return which store of its backend the settings mean, in words that stay the same from run to run.

    Nothing is opened and nobody contacted. Raises ConfigError.
    """
    name = settings.backend.value
    if name == FILE_BACKEND:
        return os.path.realpath(settings.path.value)
    if name in _PLACES:
        return str(load_function(_PLACES[name])(settings))
    options = {} if settings.profile is None else settings.profile.options
    said = {key: options[key] for key in options if key not in _NO_PLACE}
    if not said:
        return "of this user"
    from hashlib import sha256

    # A digest: what other people's backends are told may be a token.
    digest = sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
    return f"by settings {digest[:16]}"
