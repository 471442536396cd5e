"""For PowerShell: `credvault export --format powershell | Invoke-Expression`.

In single quotes only a single quote is special, and is doubled (about_Quoting_Rules). Four typographic ones count as
such too, so they go by number, as does all else that is not printable ASCII: PowerShell takes what a program prints
apart into lines, invokes each by itself, and reads them, and scripts, in code pages of its own.
"""

import re
from struct import iter_unpack

from credvault.delivery.formats.text import decoded
from credvault.model.errors import InvalidValue

_RUNS = re.compile("[ -~]+|[^ -~]+")


def entry(variable: str, value: bytes) -> bytes:
    """Return the line that sets a variable; raises InvalidValue for what is no text, and for an empty value."""
    text = decoded(value)
    if not text:
        raise InvalidValue("the value is empty, and PowerShell takes the variable away then")
    parts = [part for run in _RUNS.findall(text) for part in _parts(run)]
    # -join takes them as one flat list; a long chain of + would be deep.
    written = parts[0] if _RUNS.fullmatch(text) and parts[0][0] == "'" else f"-join({','.join(parts)})"
    return f"$env:{variable} = {written}\n".encode("ascii")


def _parts(run: str) -> list[str]:
    if " " <= run[0] <= "~":
        return ["'" + run.replace("'", "''") + "'"]
    return [f"[char]0x{unit:04x}" for (unit,) in iter_unpack(">H", run.encode("utf-16-be"))]
