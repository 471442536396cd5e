"""For whatever reads JSON: one object, a member for each variable, ASCII alone (RFC 8259)."""

import json
from collections.abc import Sequence

from credvault.delivery.formats.text import decoded


def entry(variable: str, value: bytes) -> bytes:
    """Return the member of a variable; raises InvalidValue for what is no text."""
    return f"  {json.dumps(variable)}: {json.dumps(decoded(value))}".encode("ascii")


def whole(entries: Sequence[bytes]) -> bytes:
    """Return the object."""
    return b"{\n%s\n}\n" % b",\n".join(entries) if entries else b"{}\n"
