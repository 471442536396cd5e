"""SecretValue: bytes that do not show themselves. `.reveal()` is the only way out."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Never

MAX_VALUE_BYTES = 1024 * 1024


class SecretValue:
    """A secret's bytes, hidden from str, repr, format, tracebacks, logs, pickle and JSON.

    Holds 0 bytes to any number; what may be stored is 1 byte to 1 MiB (`MAX_VALUE_BYTES`), which the vault
    checks. Python cannot wipe memory: the bytes live until they are collected, and may linger after that.
    """

    __slots__ = ("__bytes",)

    def __init__(self, value: bytes) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError("a secret's value is bytes")  # bytes(1234) would be 1,234 zeros
        self.__bytes = bytes(value)

    def reveal(self) -> bytes:
        """Return the bytes. Call it on the last line possible."""
        return self.__bytes

    def __len__(self) -> int:
        return len(self.__bytes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        # Imported here: comparing is rare, and get's path need not pay for it.
        from hmac import compare_digest

        return compare_digest(self.__bytes, other.__bytes)

    __hash__ = None  # type: ignore[assignment]  # a hash in a set or dict is a fingerprint of the value

    def __repr__(self) -> str:
        return "SecretValue(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce_ex__(self, protocol: object) -> "Never":
        raise TypeError("a SecretValue cannot be pickled or copied")


def checked_value(value: "SecretValue | bytes") -> SecretValue:
    """Return a value that may be stored; raises InvalidValue for none and for more than MAX_VALUE_BYTES."""
    secret = value if isinstance(value, SecretValue) else SecretValue(value)
    if 0 < len(secret) <= MAX_VALUE_BYTES:
        return secret
    # Imported here: who reads a value need not check it.
    from credvault.model.errors import InvalidValue

    if not len(secret):
        raise InvalidValue("the value is empty; a secret has at least one byte")
    raise InvalidValue(f"the value has {len(secret)} bytes; a secret has at most {MAX_VALUE_BYTES}")
