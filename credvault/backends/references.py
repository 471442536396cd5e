"""What this machine's trail calls a secret of a store that has no id for it."""

from _blake2 import blake2b  # the C half of hashlib: 0.3 ms and not 5, on the path of every `get`

from credvault.config import Settings
from credvault.model.names import Name


class LocalReferences:
    """Ids of the names in one store: 16 hex digits, the same from run to run, which tell nothing without the salt.

    BLAKE2b with a key is a MAC (RFC 7693, 2.9). The salt lies in the state folder, and is read at the first question.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._salt = b""
        self._place = ""

    def __call__(self, name: Name) -> str:
        """Return the id of a name."""
        if not self._salt:
            from credvault.backends.places import place_of
            from credvault.state import reference_salt

            # As text, whatever somebody made of the file: the trail is no reason for a read to fail.
            self._salt = reference_salt(self._settings.state_folder).encode("utf-8", "surrogatepass")[
                : blake2b.MAX_KEY_SIZE
            ]
            self._place = f"{self._settings.backend.value} {place_of(self._settings)}"
        text = f"{self._place}\0{name}".encode("utf-8", "surrogateescape")
        return blake2b(text, digest_size=8, key=self._salt).hexdigest()
