"""How long tests wait for what must come: far over what a busy machine takes, and below the limit of a whole test.

The bound ends what hangs, and no result depends on it: what is waited for is always a fact.
"""

import time
from collections.abc import Callable

SECONDS = 120.0
# Where a test waits for a bound to be over: the next one is tried where a busy machine did not get far enough before.
LIMITS = (0.5, 5.0, 50.0)
# The program with a deadline of TAB that a busy machine meets; that there is one, tests/agent/test_tablane.py shows.
PATIENT_AT_TAB = f"""import sys
import credvault.agent.tablane
from credvault.__main__ import main
credvault.agent.tablane.DEADLINE_SECONDS = {SECONDS}
sys.exit(main())"""


def wait_until(is_so: Callable[[], bool], what: str = "it did not come about") -> None:
    """Wait for what can only be looked at."""
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until, what
        time.sleep(0.01)
