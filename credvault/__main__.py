"""Entry: `credvault` and `python -m credvault`."""

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_INTERRUPTED = 130


def main() -> int:
    """Run the command line and return its exit status."""
    sys.unraisablehook = _end_on_interrupt
    # Loading modules makes many objects and no garbage: not looking for it, at the end neither, saves half of what
    # a bare interpreter takes to start (tests/benchmarks).
    gc.disable()
    try:
        from credvault.cli.main import run

        gc.freeze()
        gc.enable()
        return run(sys.argv[1:])
    except KeyboardInterrupt:  # before the command line is there to say it
        return _INTERRUPTED
    finally:
        gc.freeze()


def _end_on_interrupt(unraisable: "UnraisableHookArgs") -> None:
    """End quietly on a Ctrl-C that falls where Python would print it and go on, such as inside an import."""
    if unraisable.exc_type is KeyboardInterrupt:
        os._exit(_INTERRUPTED)
    sys.__unraisablehook__(unraisable)


if __name__ == "__main__":
    sys.exit(main())
