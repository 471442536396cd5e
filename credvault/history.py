"""Secrets with all their history: what is copied to another store, kept in an offline copy, or hidden."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from credvault.backends.base import Capability
from credvault.model.errors import CredvaultError, Damaged, Unsupported
from credvault.model.names import Name
from credvault.model.record import ACTIVE, Record, Secret, Version
from credvault.model.value import SecretValue
from credvault.vault import Vault


class Whole(NamedTuple):
    """The record as it is now, and each active version with its value, oldest first.

    The last version is the current one, and of a store that keeps no versions the only one.
    """

    record: Record
    versions: Sequence[tuple[Version, SecretValue]]

    @property
    def values(self) -> list[SecretValue]:
        """The values alone, oldest first."""
        return [value for _, value in self.versions]

    @property
    def size(self) -> int:
        """How many bytes the values have together."""
        return sum(map(len, self.values))


def fetch_whole(
    vault: Vault,
    names: Collection[Name],
    *,
    purpose: str,
    past: bool = True,
    histories: Mapping[Name, Sequence[Version]] | None = None,
) -> dict[Name, Whole]:
    """Return those of the secrets that have a current version, in three steps where the store can.

    Without `past` each has that version alone, in one step. `histories` are those of the names, for who has asked
    already. The trail says for what `purpose`. Raises what `get_many`, `histories` and `release` of a vault raise.
    """
    fetched = vault.get_many(names, purpose=purpose)
    # By the names that were asked for, whatever the store calls what it gives.
    found = {name: fetched[name] for name in names if name in fetched}
    if not past or Capability.VERSIONS not in vault.backend.capabilities:
        return {name: Whole(secret.record, [_current(secret)]) for name, secret in found.items()}
    if histories is None:
        histories = vault.histories(found) if found else {}
    older = {
        # What was written since the current version was read is not of this secret.
        name: [v for v in reversed(histories.get(name, ())) if v.state == ACTIVE and v.version < secret.record.version]
        for name, secret in found.items()
    }
    wanted: list[tuple[Name, int | None]] = [(name, version.version) for name in older for version in older[name]]
    values = vault.release(wanted, purpose=purpose) if wanted else {}
    whole = {}
    for name, secret in found.items():
        before = [(v, values[name, v.version].value) for v in older[name] if (name, v.version) in values]
        whole[name] = Whole(secret.record, [*before, _current(secret, histories.get(name, ()))])
    return whole


def fetch_readable(
    vault: Vault,
    names: Collection[Name],
    *,
    purpose: str,
    past: bool = True,
    histories: Mapping[Name, Sequence[Version]] | None = None,
) -> tuple[dict[Name, Whole], dict[Name, CredvaultError]]:
    """Return what `fetch_whole` returns, and the error of each secret that alone cannot be read.

    Such a secret is damaged, or another program wrote it otherwise than a value; it is no reason not to read the rest.
    """
    try:
        return fetch_whole(vault, names, purpose=purpose, past=past, histories=histories), {}
    except (Damaged, Unsupported):
        whole: dict[Name, Whole] = {}
        errors: dict[Name, CredvaultError] = {}
        for name in names:
            try:
                whole |= fetch_whole(vault, [name], purpose=purpose, past=past, histories=histories)
            except (Damaged, Unsupported) as exc:
                errors[name] = exc
        return whole, errors


def _current(secret: Secret, history: Sequence[Version] = ()) -> tuple[Version, SecretValue]:
    """Return the current version as its history has it, else by what its record says."""
    record = secret.record
    said = Version(record.version, ACTIVE, record.value_changed_at, record.updated_by or "unknown")
    of_history = (version for version in history if version[:2] == said[:2])  # it may have been deleted meanwhile
    return next(of_history, said), secret.value
