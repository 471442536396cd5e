"""`python -m credvault.agent SOCKET [MODE]`: the agent as a process of its own, without the command line around it.

MODE `detached` is for `credvault unlock`: what starts it reads `ready` from its stdout, and then nothing more is
written anywhere; it ends when it holds nothing. Without, it serves in the foreground until it is stopped.
"""

import gc
import os
import signal
import sys

from credvault.agent.confinement import confine
from credvault.agent.daemon import Daemon
from credvault.agent.listening import Listener, activated, listening
from credvault.model.errors import EXIT_INTERRUPTED, CredvaultError, failed

READY = b"ready\n"


def main(path: str, *, is_detached: bool) -> int:
    """Serve at `path`, or at the socket that a supervisor handed over, and return the exit status."""
    os.umask(0o077)
    confine()
    try:
        with activated(os.environ) as handed_over:
            if handed_over is not None:
                _serve(Listener(handed_over, lambda: True), is_detached=False)
                return 0
        with listening(path) as listener:
            _serve(listener, is_detached=is_detached)
    except CredvaultError as exc:
        sys.stderr.write(failed(exc))
        return exc.exit_status
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _serve(listener: Listener, *, is_detached: bool) -> None:
    daemon = Daemon(listener.socket, ends_when_empty=is_detached, is_in_place=listener.is_in_place)
    if is_detached:
        os.chdir("/")  # no folder is kept from being unmounted
        os.write(1, READY)
        silent = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silent, number)
        os.close(silent)
    gc.collect()
    gc.freeze()  # what is loaded stays: looking through it again and again is of no use
    daemon.run()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1], is_detached=sys.argv[2:] == ["detached"]))
