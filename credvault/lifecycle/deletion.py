"""What is to be deleted: looked for before anybody is asked, name by name, whatever the size of the store."""

from collections.abc import Sequence

from credvault.backends.base import Capability
from credvault.model.errors import NotFound
from credvault.model.names import Name
from credvault.vault import Vault


def check_deletable(vault: Vault, names: Sequence[Name], *, softly: bool) -> None:
    """Raise NotFound, naming every one, where some of the secrets are not there to be deleted.

    A secret whose versions are all deleted can be removed for good, and not be deleted once more. Raises
    Unsupported where the store cannot delete, or not `softly`.
    """
    vault.backend.require(Capability.SOFT_DELETE if softly else Capability.DELETE)
    there = vault.has_many(names)
    missing = [name for name in names if name not in there]
    # Versions, none of them in force.
    versions = vault.histories(missing) if missing and Capability.VERSIONS in vault.backend.capabilities else {}
    held = [name for name in missing if name in versions]
    gone = [name for name in missing if name not in versions]
    if gone:
        raise NotFound(f"there is no secret {_named(gone)}; nothing was deleted", hint=vault.near(gone[0]))
    if softly and held:
        hint = f"'credvault history {held[0]}' shows the versions; without --soft all are removed for good"
        raise NotFound(f"{_named(held)} has no version in force; nothing was deleted", hint=hint)


def _named(names: Sequence[Name]) -> str:
    return ", ".join(str(name) for name in names)
