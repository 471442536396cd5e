"""Which vault file else opens by a key in the OS keyring: a copy of a file has its vault id and its slots.

Looked at before such a key is removed, for it may be all that the other one opens by.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

from credvault.backends.file import open_vault_file
from credvault.config import FILE_BACKEND, Flags, Origin, Settings, data_folder, load_settings
from credvault.config.offline import FOLDER
from credvault.model.errors import CredvaultError
from credvault.sealing.slots import KEYRING


def find_sharer(settings: Settings, path: str, vault_id: str, slot_id: str) -> str | None:
    """Return a vault file other than the one at `path` that has a keyring slot with this key, or None.

    Of those that the settings name: the default one and that of each profile, of the environment or the project, and
    the offline copies. One that lies elsewhere is not known here.
    """
    for other in sorted({os.path.realpath(known) for known in _known_files(settings)} - {os.path.realpath(path)}):
        with suppress(CredvaultError):  # it is not there, or damaged so that no key opens it
            head = open_vault_file(settings._replace(path=Origin(other, "")), None).read_head()
            same = (slot for slot in head.slots if (slot["type"], slot["id"]) == (KEYRING, slot_id))
            if head.vault_id == vault_id and any(same):
                return other
    return None


def _known_files(settings: Settings) -> Iterator[str]:
    yield os.path.join(data_folder(settings.environ), "vault.json")
    for flags in (Flags(), *(Flags(profile=name) for name in settings.config.get("profiles", {}))):
        with suppress(CredvaultError):
            chosen = load_settings(flags, settings.environ)
            if chosen.backend.value == FILE_BACKEND:
                yield chosen.path.value
    folder = os.path.join(settings.state_folder, FOLDER)
    with suppress(OSError):
        yield from (os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".json"))
