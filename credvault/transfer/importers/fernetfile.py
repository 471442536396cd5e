"""Files that are one Fernet token over JSON, under a key of an old kind: fixed salt, 100,000 rounds.

Too weak for anything new (OWASP 2023 asks for 600,000 and a random salt), so they are known here only, to read.
"""

import base64
import binascii
from typing import Any

from credvault.model.errors import Damaged, InvalidValue, Locked, WrongKey
from credvault.sealing.crypto import KEY_BYTES, BadToken, pbkdf2, unseal
from credvault.transfer.importers.base import Source, parse_json

_ROUNDS = 100_000
# Version, time, IV, at least one block, HMAC (github.com/fernet/spec).
_LEAST_BYTES = 1 + 8 + 16 + 16 + 32


def key_from_passphrase(passphrase: str, salt: bytes) -> bytes:
    """Return the 32 bytes of the Fernet key of a passphrase."""
    return pbkdf2(passphrase.encode("utf-8"), salt, _ROUNDS)


def key_text(source: Source, variable: str, hint: str) -> str:
    """Return the key that a variable holds; raises Locked where it is not set: none is made up."""
    text = source.environ.get(variable, "")
    if not text:
        raise Locked(f"{variable} is not set, and {source.shown} opens by it", hint=hint)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise WrongKey(f"{variable} is not text (UTF-8)") from None
    return text


def fernet_key(text: str) -> bytes | None:
    """Return the 32 bytes of a printed Fernet key, or None for a text that is none."""
    try:
        key = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def read_object(source: Source, key: bytes, variable: str) -> dict[str, Any]:
    """Return the JSON object in the token that a file is.

    Raises WrongKey where the key does not open it, Damaged where it is no token or holds no object, NotFound,
    StorageError.
    """
    token = source.read_bytes().strip()
    if not is_token(token):
        raise Damaged(f"{source.shown} is not an encrypted file of that program, or it is cut off")
    try:
        content = unseal(key, token)
    except BadToken:
        hint = "a file with a changed byte looks the same: try its backup, too"
        raise WrongKey(f"{variable} does not open {source.shown}", hint=hint) from None
    try:
        members = parse_json(content, source.shown)
    except InvalidValue:
        members = None
    if not isinstance(members, dict):
        raise Damaged(f"{source.shown} opens, but does not hold what that program writes")
    return members


def is_token(text: bytes) -> bool:
    """Say whether bytes have the form of a Fernet token."""
    try:
        data = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return data[:1] == b"\x80" and len(data) >= _LEAST_BYTES and (len(data) - _LEAST_BYTES) % 16 == 0
