"""The lane of TAB: what a word on the command line may become, asked of an agent in a few milliseconds.

Never asks a person, never derives a key, and ends in time, with an answer or without. Standard library only, as the
fast lane. Profiles, which an agent does not know, and a key at hand, with which none is asked, are `cli/offering.py`'s.
"""

import posix
import sys
import time

from credvault.agent.fastlane import ask_agent, hear_agent, surroundings
from credvault.model.unlocking import KEYS
from credvault.model.wire import FLAGS, NAMES, quote_table, quote_text

# From when the shell started this process; with the shell's own work less than the 150 ms that a TAB may take. After
# it nothing is offered.
DEADLINE_SECONDS = 0.12
# Words of which an agent knows what they may become, as in `model/offers.py`, which loads more than this lane may.
_ASKED = ("name", "namespace")


def end_in_time() -> None:
    """End this process at the deadline, in silence and as if all were well."""
    left = DEADLINE_SECONDS - _age()
    if left <= 0:
        posix._exit(0)
    _set_alarm(left)


def take_your_time() -> None:
    """Lift the deadline."""
    _set_alarm(0)


def _set_alarm(seconds: float) -> None:
    import _signal  # type: ignore[import-not-found]  # typeshed has only the Python half

    _signal.signal(_signal.SIGALRM, lambda *_: posix._exit(0))
    _signal.setitimer(_signal.ITIMER_REAL, seconds)


def _age() -> float:
    """Return for how long this process has been there, seconds to the hundredth; 0 where the system does not say."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b") ")[2].split()[19])  # starttime, proc(5)
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / posix.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def parse_question(words: list[str]) -> tuple[str, str, dict[str, str]]:
    """Return the kind of word, what of it is typed, and the options before it; raises ValueError."""
    kind, typed, *options = words
    flags = {}
    for option in options:
        name, value = option.split("=", 1)
        flags[name] = value
    return kind, typed, flags


def offered(kind: str, typed: str, flags: dict[str, str]) -> bytes | None:
    """Return what an agent offers, a line each, and nothing where there is none; None where it is not the one to ask.

    For who has called `end_in_time`.
    """
    if kind not in _ASKED or "key_file" in flags or any(key.encode("ascii") in posix.environ for key in KEYS):
        return None
    environ = surroundings()
    if not environ.get("HOME", "").startswith("/"):
        return b""
    if sys.platform != "linux" and not environ.get("CREDVAULT_AGENT_SOCKET") and not environ.get("XDG_RUNTIME_DIR"):
        # Where the system keeps such files is a library's to know.
        from credvault.config import find_agent_socket

        environ["CREDVAULT_AGENT_SOCKET"] = find_agent_socket(environ) or ""
    headers = [(FLAGS, quote_table(flags, sys.getfilesystemencoding()))] if flags else []
    connection = ask_agent(environ, "GET", f"{NAMES}?{kind}={quote_text(typed)}", headers)
    found = None if connection is None else hear_agent(connection)
    return b"" if found is None else found.output


def write(offers: bytes) -> None:
    """Write to stdout, whole: half a name is another one."""
    take_your_time()
    while offers:
        offers = offers[posix.write(1, offers) :]
