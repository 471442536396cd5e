"""The one error boundary: whatever a run of the program ends with becomes an exit status and a line on stderr.

Needs no Click, so that the cold lane has it too.
"""

import os
import sys
from collections.abc import Callable, Sequence

from credvault.cli.context import Run
from credvault.cli.output import ClosedPipe, write_bytes
from credvault.model.errors import EXIT_CLOSED_PIPE, EXIT_INTERRUPTED, CredvaultError, Invalid, StorageError
from credvault.model.text import printable


def end(run: Run, argv: Sequence[str], act: Callable[[], int]) -> int:
    """Return the exit status of `act`, or of what it raises: every error ends here, and no traceback gets out."""
    try:
        _hold_standard_descriptors()
        return act()
    except CredvaultError as exc:
        return _fail(run, argv, exc)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ClosedPipe:
        return EXIT_CLOSED_PIPE
    except OSError as exc:
        return _fail(run, argv, StorageError(f"{(exc.strerror or 'input/output error').lower()}"), cause=exc)
    except Exception as exc:  # noqa: BLE001 - the boundary
        if isinstance(exc.__cause__, KeyboardInterrupt):  # as in __main__.py
            return EXIT_INTERRUPTED
        unexpected = CredvaultError(f"unexpected {type(exc).__name__}", hint=_whom_to_tell(run))
        return _fail(run, argv, unexpected, cause=exc)


def write_rest(output: bytes, status: int) -> int:
    """Write what the fast lane could not, and return the exit status."""

    def act() -> int:
        write_bytes(output)
        return status

    return end(Run(), [], act)


def _fail(run: Run, argv: Sequence[str], error: CredvaultError, cause: BaseException | None = None) -> int:
    words = _own_words(argv)
    # When the options could not be read, --json still says how the error is to be shown.
    run.out.json = run.out.json or "--json" in words
    if run.out.verbose >= 2 or "-vv" in words:
        import traceback

        # Lines of code only: no local values, which may be secrets, and no texts of foreign errors.
        frames = traceback.format_tb((cause or error).__traceback__)
        if sys.stderr is not None:
            sys.stderr.write("".join(frames))
    run.out.error(error)
    return _status(run, error)


def _whom_to_tell(run: Run) -> str:
    if run.foreign_backend is None:
        return "run it again with -vv, and report it"
    backend = printable(run.foreign_backend)
    return f"run it again with -vv; if that ends in the backend '{backend}', tell whoever made it"


def _status(run: Run, error: CredvaultError) -> int:
    """Return the status of an error, or what it is in a command with statuses of its own (`exec`)."""
    if error.exit_status != type(error).exit_status:  # set on the instance
        return error.exit_status
    of_the_run = run.usage_status if isinstance(error, Invalid) else run.failure_status
    return error.exit_status if of_the_run is None else of_the_run


def _own_words(argv: Sequence[str]) -> Sequence[str]:
    """Return the words of a command line that are ours, as far as can be told when it could not be read."""
    if "--" in argv:
        return argv[: argv.index("--")]
    return argv[: argv.index("exec")] if "exec" in argv else argv


def _hold_standard_descriptors() -> None:
    """Fill closed descriptors 0 to 2, so that no vault or lock file gets the number of stdout.

    What is opened here is not inherited: a child finds them closed, as in a direct run.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
