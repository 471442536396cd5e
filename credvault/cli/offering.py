"""What TAB offers without an agent: profiles from config.toml, names with a raw key that is at hand.

Whatever goes wrong, nothing is offered: this is in the midst of what a person types.
"""

import os
from typing import Any

from credvault.config import FILE_BACKEND, Flags, load_settings, profile_names
from credvault.model.offers import NAME, NAMESPACE, PROFILE, offer_names, offer_namespaces, offer_words
from credvault.model.unlocking import RAW_KEYS


def offered(kind: str, typed: str, flags: dict[str, str]) -> bytes:
    """Return what a word that is typed in part may become, a line each.

    Raises what reading the settings and opening the vault raise.
    """
    return "\n".join(_offers(kind, typed, flags)).encode("utf-8", "surrogateescape")


def _offers(kind: str, typed: str, flags: dict[str, Any]) -> list[str]:
    if kind == PROFILE:
        return offer_words(profile_names(os.environ), typed)
    # A passphrase is not used: a derivation takes longer than TAB may, and a command for it may ask a person.
    if kind not in (NAME, NAMESPACE) or not ("key_file" in flags or any(key in os.environ for key in RAW_KEYS)):
        return []
    is_accepted = flags.pop("accept_rollback", "") == "1"
    settings = load_settings(Flags(**flags, accept_rollback=is_accepted), os.environ)
    if settings.backend.value != FILE_BACKEND:
        return []
    from credvault.vault import open_vault

    with open_vault(settings) as vault:
        names = vault.names()
    if kind == NAMESPACE:
        return offer_namespaces(names, typed)
    return offer_names(names, typed, settings.namespace.value, is_explicit=settings.flags.namespace is not None)
