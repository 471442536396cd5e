r"""For fish: `credvault export --format fish | source`.

In single quotes only \' and \\ are special (fish-doc, "Quotes"); a newline stands for itself.
"""

from credvault.delivery.formats.text import ANOTHER_VARIABLE
from credvault.model.errors import InvalidValue

# Read-only variables (fish-doc, "Special variables"), lists of folders in which fish replaces an empty one, and those
# it takes code from.
_OWN = frozenset(
    "_ CDPATH FISH_VERSION PATH PWD SHLVL fish_kill_signal fish_killring fish_pid history hostname pipestatus status"
    " status_generation umask version fish_complete_path fish_function_path fish_user_paths".split()
)


def quote(value: bytes) -> bytes:
    """Return bytes, none of them NUL, as one word of fish."""
    return b"'" + value.replace(b"\\", rb"\\").replace(b"'", rb"\'") + b"'"


def entry(variable: str, value: bytes) -> bytes:
    """Return the line that exports a variable; raises InvalidValue for one that fish keeps for itself."""
    if variable in _OWN:
        raise InvalidValue("fish gives that variable a meaning of its own", hint=ANOTHER_VARIABLE)
    return b"set -gx %s %s\n" % (variable.encode("ascii"), quote(value))
