"""What `shellenv` prints: the hook of a shell, and the code that loads a project's variables into it.

The hooks are files of their own beside this one, in `hooks/`. A value reaches a shell only through the writers of
`formats/`, whose quoting is that of `export`.
"""

import os
from collections.abc import Iterable

from credvault import files
from credvault.delivery.formats import fish, posix
from credvault.delivery.selection import Injection
from credvault.model.errors import InvalidValue
from credvault.model.text import printable

SHELLS = {"bash": posix, "zsh": posix, "fish": fish}
# How far a hook has come with the project it is in; `loaded` is a word of the hooks too.
LOADED, UNTRUSTED, LOCKED = "loaded", "untrusted", "locked"

_MAX_HOOK_BYTES = 64 * 1024
_OURS = "__CREDVAULT"


def hook(shell: str, signal_path: str) -> bytes:
    """Return the hook of a shell, which looks at the file `signal_path` at each prompt. Raises StorageError."""
    path = os.path.join(os.path.dirname(__file__), "hooks", f"hook.{shell}")
    text = files.read_small_file(path, _MAX_HOOK_BYTES) or b""
    return text.replace(b"@SIGNAL@", SHELLS[shell].quote(os.fsencode(signal_path)))


def code(shell: str, state: str, variables: Iterable[Injection] = ()) -> bytes:
    """Return the code that saves what variables were, sets them, and says how far the hook has come.

    Raises InvalidValue for a variable that a shell keeps for itself: setting it would steer the shell.
    """
    lines = []
    for injection in variables:
        variable = injection.variable
        try:
            if variable.upper().startswith(_OURS):
                raise InvalidValue("the hook gives that variable a meaning of its own")
            entry = SHELLS[shell].entry(variable, injection.value.reveal())
        except InvalidValue as exc:
            hint = "'credvault exec' gives it to a program"
            raise InvalidValue(
                f"{printable(injection.source)}: {variable} is not loaded: {exc.message}", hint=hint
            ) from None
        lines.append(b"__credvault_save %s && %s" % (variable.encode("ascii"), entry))
    assign = b"set -g __credvault_state %s\n" if shell == "fish" else b"__credvault_state=%s\n"
    return b"".join([*lines, assign % state.encode("ascii")])
