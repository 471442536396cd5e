"""The `.credentials` file of FPAI: one Fernet token over `{name: {value, type, service, metadata}}`.

Its backups have the same form.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from credvault.model.record import MAX_NUMBER
from credvault.transfer.importers.base import Item, Skipped, Source, moment_of, secret_of, text_of, type_facts
from credvault.transfer.importers.fernetfile import key_from_passphrase, key_text, read_object

KEY_VARIABLE = "FPAI_CREDENTIALS_KEY"
_SALT = b"fpai-credentials-salt"
# The file's own facts, and no credential.
_OF_THE_FILE = "_metadata"


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the credentials of the file; raises Locked, WrongKey, Damaged, NotFound, StorageError."""
    text = key_text(source, KEY_VARIABLE, "export the key that the file was made with: 64 hex digits")
    # The key is used as text, not as the bytes that its digits spell.
    members = read_object(source, key_from_passphrase(text, _SALT), KEY_VARIABLE)
    for name, credential in members.items():
        if name == _OF_THE_FILE:
            continue
        if not isinstance(credential, dict) or not isinstance(credential.get("value"), str):
            yield Skipped((name,), "it has no value that is text")
            continue
        yield Item((name,), secret_of(credential["value"]), _facts(credential))


def _facts(credential: Mapping[str, Any]) -> dict[str, Any]:
    facts = type_facts(credential.get("type") or "api_key")
    own = credential.get("metadata")
    metadata = {
        **facts.pop("metadata", {}),
        "source_updated_at": moment_of(credential.get("updated_at")),
        "source_updated_by": credential.get("updated_by"),
        **(own if isinstance(own, dict) else {}),
    }
    return {
        **facts,
        "service": credential.get("service"),
        "created_at": moment_of(credential.get("created_at")),
        "expires_at": moment_of(credential.get("expires_at")),
        # A record's metadata are plain: what is nested, or a longer number, stays as the JSON that it was.
        "metadata": {
            key: fact if isinstance(fact, str) or _is_number(fact) else text_of(fact)
            for key, fact in metadata.items()
            if fact not in (None, "") and key
        },
    }


def _is_number(fact: object) -> bool:
    return isinstance(fact, int | float) and abs(fact) < MAX_NUMBER
