"""The `vault.enc` of agentskills: a Fernet token over database credentials, each password a token of its own inside.

The owner of a credential becomes the namespace `user.OWNER`, which is that user's alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from credvault.model.errors import Damaged, WrongKey
from credvault.model.value import SecretValue
from credvault.sealing.crypto import BadToken, unseal
from credvault.transfer.importers.base import Item, Skipped, Source, moment_of
from credvault.transfer.importers.fernetfile import (
    fernet_key,
    is_token,
    key_from_passphrase,
    key_text,
    read_object,
)

KEY_VARIABLE = "CREDENTIAL_MASTER_KEY"
_SALT = b"agentskills_salt"
_FERNET_KEY_CHARACTERS = 44

# Their words for the fields of a database, and ours.
_FIELDS = {
    "db_type": "engine",
    "host": "host",
    "port": "port",
    "database": "database",
    "username": "username",
    "ssl_mode": "sslmode",
}


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the database credentials of the file; raises Locked, WrongKey, Damaged, NotFound, StorageError."""
    key = _key(source)
    members = read_object(source, key, KEY_VARIABLE)
    seen: set[tuple[str, str]] = set()
    for credential_id, credential in members.items():
        owner, name = _owner_and_name(credential)
        if owner is None or name is None:
            yield Skipped((credential_id,), "it has no owner or no name")
        elif (owner, name) in seen:
            # That program gives out the first of them (it never replaces one).
            yield Skipped((f"user.{owner}", name), f"{credential_id} is a later one of the same owner and name")
        else:
            seen.add((owner, name))
            yield _item(credential_id, (f"user.{owner}", name), credential, key)


def _key(source: Source) -> bytes:
    text = key_text(source, KEY_VARIABLE, "export the master key that the file was made with")
    # Not a guess of ours: a key of 44 characters is taken as it is there, any other is a passphrase.
    if len(text) != _FERNET_KEY_CHARACTERS:
        return key_from_passphrase(text, _SALT)
    key = fernet_key(text)
    if key is None:
        raise WrongKey(f"{KEY_VARIABLE} has 44 characters, and is not a Fernet key")
    return key


def _owner_and_name(credential: object) -> tuple[str | None, str | None]:
    if not isinstance(credential, dict):
        return None, None
    owner, name = credential.get("user_id") or credential.get("owner"), credential.get("name")
    return (owner if isinstance(owner, str) else None), (name if isinstance(name, str) and name else None)


def _item(credential_id: str, path: tuple[str, ...], credential: Mapping[str, Any], key: bytes) -> Item | Skipped:
    token = credential.get("encrypted_password")
    shown = "/".join(path)
    if not isinstance(token, str) or not is_token(token.encode("utf-8", "surrogateescape")):
        return Skipped(path, "its password is cut off", Damaged(f"the password of '{shown}' is not an encrypted one"))
    try:
        value = SecretValue(unseal(key, token))
    except BadToken:
        error = Damaged(f"the password of '{shown}' does not open by the key of the file")
        return Skipped(path, "its password does not open", error)
    fields = {ours: credential.get(theirs) for theirs, ours in _FIELDS.items()}
    metadata = {
        "credential_id": credential_id,
        "connection_timeout": credential.get("connection_timeout"),
        "source_updated_at": moment_of(credential.get("updated_at")),
    }
    return Item(
        path,
        value,
        {
            "type": "database",
            "fields": {field: fact for field, fact in fields.items() if fact not in (None, "")},
            "note": credential.get("description"),
            "created_at": moment_of(credential.get("created_at")),
            "metadata": {key: fact for key, fact in metadata.items() if fact is not None},
        },
    )
