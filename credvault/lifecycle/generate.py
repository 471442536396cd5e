"""Random values for new secrets."""

import secrets
import string

from credvault.model.value import SecretValue

# Letters and digits: no shell, URL, connection string or form changes them. 5.95 bits each.
_ALPHABET = string.ascii_letters + string.digits


def generate_password(length: int) -> SecretValue:
    """Return `length` random letters and digits from the system's randomness; 32 of them hold 190 bits."""
    return SecretValue("".join(secrets.choice(_ALPHABET) for _ in range(length)).encode("ascii"))
