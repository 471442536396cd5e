"""Keys: the printed form of a raw key, and everything derived from a vault's data key (format.md 1.1)."""

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from credvault.model.errors import WrongKey
from credvault.sealing.crypto import KEY_BYTES, hkdf, hmac_sha256_with, random_bytes, sha256
from credvault.sealing.jsontext import canonical

if TYPE_CHECKING:
    from credvault.sealing.nameindex import NameIndex

PREFIX = "cvk1_"
_BODY, _CHECKSUM = 43, 6
# A `get` asks for its id three times, an agent for the same ones again and again; more is not worth the memory.
_MAX_IDS = 1_000


def new_key() -> bytes:
    """Return 32 random bytes."""
    return random_bytes(KEY_BYTES)


def print_key(key: bytes) -> str:
    """Return 32 bytes as `cvk1_<43 characters>_<checksum of 6>`."""
    return f"{PREFIX}{_base64url(key)}_{_checksum(key)}"


def parse_key(text: str, source: str) -> bytes:
    """Return the 32 bytes of a printed key; raises WrongKey, naming `source` and never the text."""
    hint = "a credvault key reads cvk1_… and is 55 characters long"
    if not text.startswith(PREFIX):
        raise WrongKey(f"{source} does not hold a credvault key", hint=f"{hint}; a passphrase goes elsewhere")
    body, underscore, checksum = text[len(PREFIX) :][:_BODY], text[48:49], text[49:]
    if len(text) != len(PREFIX) + _BODY + 1 + _CHECKSUM or underscore != "_":
        raise WrongKey(f"the key in {source} has {len(text)} characters", hint=hint)
    try:
        key = base64.b64decode(body + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise WrongKey(f"the key in {source} has a character no key has", hint=hint) from None
    if _base64url(key) != body or _checksum(key) != checksum:
        raise WrongKey(f"the key in {source} is mistyped: its checksum is wrong")
    return key


def _checksum(key: bytes) -> str:
    return _base64url(sha256(b"credvault/key\0" + key))[:_CHECKSUM]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


class DataKey:
    """The data key of an unlocked vault and what is derived from it, each on first use."""

    __slots__ = ("_cache", "_dek", "_ids", "_mac_of_name", "names", "vault_id")

    def __init__(self, dek: bytes | memoryview, vault_id: str) -> None:
        self._dek = dek
        self.vault_id = vault_id
        self._cache: dict[str, bytes] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._mac_of_name: Callable[[bytes], bytes] | None = None
        self.names: NameIndex | None = None  # made by who lists names

    def __repr__(self) -> str:
        return f"DataKey({self.vault_id})"

    def reveal(self) -> bytes:
        """Return the 32 bytes, to wrap them for a slot."""
        return bytes(self._dek)

    def wipe(self) -> None:
        """Know no key any more. The bytes of a memoryview are its owner's to overwrite."""
        self._dek = b""
        self._cache.clear()
        self._ids.clear()
        if self.names is not None:
            self.names.clear()
        self._mac_of_name = None

    @property
    def mac_key(self) -> bytes:
        """K_mac: what signs the head of the file."""
        return self._derived("mac")

    @property
    def index_key(self) -> bytes:
        """K_index: what seals the index of each bucket."""
        return self._derived("index")

    @property
    def fingerprint(self) -> str:
        """K_fp as 64 hex digits: which data key it is, without telling the key."""
        return self._derived("fp").hex()

    def entry_id(self, namespace: str, key: str) -> str:
        """Return the id of a name, 32 hex digits, which tells nothing of the name without the key."""
        found = self._ids.get((namespace, key))
        if found is None:
            if self._mac_of_name is None:
                self._mac_of_name = hmac_sha256_with(self._derived("id"))
            found = self._mac_of_name(canonical([namespace, key]))[:16].hex()
            if len(self._ids) < _MAX_IDS:
                self._ids[namespace, key] = found
        return found

    def entry_key(self, entry_id: str) -> bytes:
        """Return the key of one entry: bound to its id, so that an entry moved elsewhere does not open."""
        return hkdf(self._dek, bytes.fromhex(self.vault_id), b"credvault/v1/entry\0" + entry_id.encode("ascii"))

    def _derived(self, what: str) -> bytes:
        if what not in self._cache:
            info = f"credvault/v1/{what}".encode("ascii")
            self._cache[what] = hkdf(self._dek, bytes.fromhex(self.vault_id), info)
        return self._cache[what]
