"""Entry: `credvault` and `python -m credvault`."""

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    from credvault.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
