"""Taking a value off the clipboard after a while: a process of its own, which knows the value by a fingerprint only.

`python -m credvault.delivery.clearing` reads its orders from stdin. It has a session of its own, so that closing the
terminal does not end it, and no descriptor of its caller's, so that nobody waits for it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import IO, Any, cast

from credvault.delivery.clipboard import TOOLS, Clipboard, Tool, fingerprint_of
from credvault.model.value import SecretValue

# What this interpreter needed of the environment, and that of the process does too.
_INHERITED = ("PYTHONPATH", "LD_LIBRARY_PATH")
_KEY_BYTES = 32
# The clock that goes on while the machine sleeps, where there is one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def copy_for(clipboard: Clipboard, value: SecretValue, seconds: int) -> None:
    """Copy a value for so many seconds, 0 for good. Raises InvalidValue, Unsupported, OSError; then it is not there."""
    tool = clipboard.copy(value)
    if not seconds:
        return
    try:
        _clear_later(clipboard, tool, value, seconds)
    except BaseException:
        clipboard.clear(tool)
        raise


def _clear_later(clipboard: Clipboard, tool: Tool, value: SecretValue, seconds: int) -> None:
    """Start the process that clears, and do not wait for it."""
    key = os.urandom(_KEY_BYTES)
    fingerprint = fingerprint_of(value.reveal(), key)
    orders = {"seconds": seconds, "tool": tool.copy[0], "key": key.hex(), "fingerprint": fingerprint.hex()}
    process = subprocess.Popen(
        [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "credvault.delivery.clearing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**clipboard.environ, **{name: os.environ[name] for name in _INHERITED if name in os.environ}},
        cwd="/",  # no folder is kept from being unmounted
        start_new_session=True,
    )
    with cast("IO[bytes]", process.stdin) as stdin:
        stdin.write(json.dumps(orders).encode("ascii"))
    process.returncode = 0  # it goes on, and nobody waits for it


def main(orders: Mapping[str, Any]) -> None:
    """Wait, look, and empty the clipboard if what is there is what was put there."""
    until = time.clock_gettime(_CLOCK) + orders["seconds"]
    while (left := until - time.clock_gettime(_CLOCK)) > 0:
        time.sleep(min(left, 1.0))  # a longer sleep would not notice that the machine slept
    tool = next(tool for _, tool in TOOLS if tool.copy[0] == orders["tool"])
    clipboard = Clipboard(os.environ)
    if clipboard.holds(tool, bytes.fromhex(orders["key"]), bytes.fromhex(orders["fingerprint"])):
        clipboard.clear(tool)


if __name__ == "__main__":
    main(json.load(sys.stdin))
