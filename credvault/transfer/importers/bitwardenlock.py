"""An export of Bitwarden that is protected by a password: what it takes to read it.

The password goes through PBKDF2 or Argon2id and is stretched by HKDF; the content is AES-256-CBC with HMAC-SHA256.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from credvault.model.errors import Damaged, InvalidValue, WrongKey
from credvault.sealing.crypto import (
    BadToken,
    argon2id,
    decrypt_cbc,
    hkdf_expand,
    is_hmac_sha256,
    pbkdf2,
    sha256,
)
from credvault.transfer.importers.base import Source

_PBKDF2, _ARGON2ID = 0, 1
# What Bitwarden lets an account have; a file that asks for more asks for the machine. Memory is in MiB.
_MAX_ROUNDS = 2_000_000
_MAX_ITERATIONS, _MAX_MEMORY, _MAX_LANES = 10, 1024, 16

# AesCbc256_HmacSha256_B64, the only one such a file has.
_KIND = "2."


def open_protected(source: Source, content: Mapping[str, Any]) -> bytes:
    """Return the JSON text inside; raises WrongKey, Damaged, Locked, and InvalidValue for parameters out of bounds."""
    salt, sample, data = (content.get(member) for member in ("salt", "encKeyValidation_DO_NOT_EDIT", "data"))
    if not isinstance(salt, str) or not isinstance(sample, str) or not isinstance(data, str):
        raise Damaged(f"{source.shown} is protected by a password, but parts of it are missing")
    parameters = _parameters(content, source.shown)
    stretched = _derived(source.password().encode("utf-8", "surrogateescape"), salt.encode("utf-8"), parameters)
    keys = hkdf_expand(stretched, b"enc"), hkdf_expand(stretched, b"mac")
    try:
        _decrypt(sample, keys)
    except BadToken:
        raise WrongKey(f"the password does not open {source.shown}") from None
    try:
        return _decrypt(data, keys)
    except BadToken:
        raise Damaged(f"{source.shown} is damaged: its MAC does not fit") from None


def _parameters(content: Mapping[str, Any], shown: str) -> tuple[int, int, int, int]:
    """Return kind, iterations, memory and lanes; raises InvalidValue."""
    kind, iterations, memory, lanes = _integers(content, "kdfType", "kdfIterations", "kdfMemory", "kdfParallelism")
    if kind == _PBKDF2 and 1 <= iterations <= _MAX_ROUNDS:
        return _PBKDF2, iterations, 0, 1
    is_argon2id = kind == _ARGON2ID and 1 <= iterations <= _MAX_ITERATIONS
    if is_argon2id and 1 <= memory <= _MAX_MEMORY and 1 <= lanes <= _MAX_LANES:
        return _ARGON2ID, iterations, memory, lanes
    raise InvalidValue(f"{shown} asks for a key derivation that Bitwarden does not have")


def _integers(content: Mapping[str, Any], *members: str) -> list[int]:
    """Return true integers, -1 for what is none: JSON's true is one to isinstance."""
    found = (content.get(member) for member in members)
    return [number if type(number) is int else -1 for number in found]


def _derived(password: bytes, salt: bytes, parameters: tuple[int, int, int, int]) -> bytes:
    kind, iterations, memory, lanes = parameters
    if kind == _PBKDF2:
        return pbkdf2(password, salt, iterations)
    return argon2id(password, sha256(salt), iterations=iterations, lanes=lanes, memory=memory * 1024)


def _decrypt(text: str, keys: tuple[bytes, bytes]) -> bytes:
    """Return what `2.IV|DATA|MAC`, each in base64, holds; raises BadToken."""
    parts = text.removeprefix(_KIND).split("|")
    try:
        iv, data, mac = (base64.b64decode(part, validate=True) for part in parts)
    except (binascii.Error, ValueError):
        raise BadToken from None
    if not text.startswith(_KIND) or not is_hmac_sha256(keys[1], iv + data, mac):
        raise BadToken
    return decrypt_cbc(keys[0], iv, data)
