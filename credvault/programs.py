"""Programs that the user names because they know a secret: runs one, and returns what it prints."""

from collections.abc import Mapping, Sequence

from credvault.model.errors import CredvaultError
from credvault.model.text import printable

# How long one may take: it may ask the user, seconds.
PROGRAM_SECONDS = 60.0


def ask_program(words: Sequence[str], environ: Mapping[str, str], what: str, failure: type[CredvaultError]) -> bytes:
    """Return what a program prints on stdout; raises `failure`, in which `what` names it in words.

    It has no stdin, in which there may be a value that is not for it; what it says on stderr is for the user.
    """
    import subprocess

    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environ, timeout=PROGRAM_SECONDS, check=False
        )
    except (OSError, ValueError, IndexError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "it is not a command line"
        raise failure(f"{what} could not be run: {printable(reason).lower()}") from None
    except subprocess.TimeoutExpired:
        raise failure(f"{what} gave no answer in {PROGRAM_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise failure(f"{what} failed with status {done.returncode}")
    return done.stdout
