"""Who else may read a file that holds a key or a token: its owner and its mode. Reads nothing of its content."""

import os
import stat

from credvault.model.errors import CredvaultError
from credvault.model.text import printable


def check_private(path: str, what: str, refusal: type[CredvaultError], *, lost: str) -> None:
    """Raise `refusal` for a file of another user, and for one that others may read; else it returns.

    `what` names it in words, and `lost` says what to do if others have read it. On systems without modes every file
    passes.
    """
    if os.name != "posix":
        return
    facts = os.stat(path)
    if facts.st_uid != os.geteuid():
        raise refusal(f"{what} belongs to another user, so it is refused")
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o077:
        from shlex import quote

        raise refusal(
            f"{what} can be read by others (mode {mode:04o}), so it is refused",
            hint=f"chmod 600 {printable(quote(path))}; if others may have read it, {lost}",
        )
