"""Entry: `credvault` and `python -m credvault`."""

import gc
import sys


def main() -> int:
    """Run the command line and return its exit status."""
    # Loading modules makes many objects and no garbage: not looking for it, at the end neither, saves half of what
    # a bare interpreter takes to start (tests/benchmarks).
    gc.disable()
    try:
        from credvault.cli.main import run

        gc.freeze()
        gc.enable()
        return run(sys.argv[1:])
    except KeyboardInterrupt:  # before the command line is there to say it
        return 130
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
