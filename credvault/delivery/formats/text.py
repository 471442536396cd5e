"""What most formats ask of a value, and what is said where a consumer keeps a variable for itself."""

from credvault.model.errors import InvalidValue

ANOTHER_VARIABLE = "-e VAR=NAME gives it another variable; 'credvault exec' sets this one for one program"


def decoded(value: bytes) -> str:
    """Return a value as text; raises InvalidValue where it is none."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidValue("the value is not UTF-8 text") from None
