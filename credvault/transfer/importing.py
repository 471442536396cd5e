"""Carrying out a plan: everything in one step of the store, then read back and compared.

Who changes a vault here goes through the hall like everybody else.
"""

from collections.abc import Sequence

from credvault.backends.base import ABSENT, Capability, Change
from credvault.model.errors import Damaged
from credvault.model.names import Name
from credvault.model.record import Record, Secret
from credvault.transfer.plan import WRITTEN, Row
from credvault.vault import Vault

PURPOSE = "import"


def fetch_there(vault: Vault, rows: Sequence[Row]) -> dict[Name, Secret]:
    """Return those secrets of the vault that a plan names."""
    names = dict.fromkeys(row.name for row in rows if row.name is not None)
    return vault.get_many(names, purpose=PURPOSE)


def fetch_variables(vault: Vault) -> dict[str, Name]:
    """Return the secrets of the vault by the variables that `exec` gives them, as far as they can be listed."""
    if Capability.LIST not in vault.backend.capabilities:
        return {}
    return {record.env_name: record.name for record in vault.runtime_records() if record.env_name is not None}


def write_rows(vault: Vault, rows: Sequence[Row]) -> Sequence[Record]:
    """Store what the plan adds and overwrites, all of it or nothing, and return the records in its order.

    Raises AlreadyExists, Conflict or NotFound where somebody else was faster since the plan was made, and Damaged
    where what is read back is not what was written.
    """
    written = [row for row in rows if row.action in WRITTEN]
    changes = [Change(row.name, row.value, row.facts, row.before or ABSENT) for row in written if row.name is not None]
    records = vault.put_many(changes, purpose=PURPOSE) if changes else []
    stored = vault.get_many([record.name for record in records], purpose=PURPOSE) if records else {}
    for row, record in zip(written, records, strict=True):
        secret = stored.get(record.name)
        if secret is None or secret.value != row.value:  # in constant time
            hint = "look at it before you rely on it; 'credvault doctor --verify' reads the whole vault"
            raise Damaged(f"{record.name} was written, and read back it is not the same", hint=hint)
    return records
