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
from contextlib import ExitStack, suppress
from typing import IO, Any, cast

from credvault.delivery.clipboard import TOOLS, Clipboard, Tool, fingerprint_of
from credvault.model.errors import CredvaultError
from credvault.model.value import SecretValue
from credvault.state import last_copies

# What this interpreter needed of the environment, and that of the process does too.
_INHERITED = ("PYTHONPATH", "LD_LIBRARY_PATH")
_KEY_BYTES = 32
_TOKEN_BYTES = 16
# The clock that goes on while the machine sleeps, where there is one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def copy_for(clipboard: Clipboard, value: SecretValue, seconds: int, state_folder: str) -> None:
    """Copy a value for so many seconds, 0 for good; how long an earlier copy was to stay counts no more.

    Raises InvalidValue, Unsupported, OSError; then it is not there.
    """
    tool, token = _copy(clipboard, value, state_folder)
    try:
        orders = {"seconds": seconds, "tool": tool.copy[0], "state": state_folder, "token": token}
        if seconds:
            _clear_later(clipboard, value, orders)
    except BaseException:
        clipboard.clear(tool)
        raise


def _copy(clipboard: Clipboard, value: SecretValue, state_folder: str) -> tuple[Tool, str | None]:
    """Copy a value, and let the processes of earlier copies clear nothing: return the token by which ours knows.

    The same value may have been copied before: its fingerprint alone would have it cleared at the earlier time. Without
    a token, None, where that cannot be written down.
    """
    token = os.urandom(_TOKEN_BYTES).hex()
    with ExitStack() as stack:
        table: dict[str, Any] = {}
        is_kept = False
        with suppress(CredvaultError):
            table = stack.enter_context(last_copies(state_folder).changing())
            is_kept = True
        tool = clipboard.copy(value)
        table[clipboard.place] = token
        try:
            stack.close()
        except CredvaultError:
            is_kept = False
    return tool, token if is_kept else None


def _clear_later(clipboard: Clipboard, value: SecretValue, orders: Mapping[str, Any]) -> None:
    """Start the process that clears, and do not wait for it."""
    key = os.urandom(_KEY_BYTES)
    fingerprint = fingerprint_of(value.reveal(), key)
    orders = {**orders, "key": key.hex(), "fingerprint": fingerprint.hex()}
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
    copies = last_copies(orders["state"])
    try:
        # Under the lock that a copy is made under: else one of the same value might come between the look and its end.
        with copies.changing() as table:
            _clear(table, orders)
    except CredvaultError:
        _clear(copies.read(), orders)


def _clear(table: Mapping[str, Any], orders: Mapping[str, Any]) -> None:
    tool = next(tool for _, tool in TOOLS if tool.copy[0] == orders["tool"])
    clipboard, token = Clipboard(os.environ), orders["token"]
    if token is not None and table.get(clipboard.place, token) != token:
        return
    if clipboard.holds(tool, bytes.fromhex(orders["key"]), bytes.fromhex(orders["fingerprint"])):
        clipboard.clear(tool)


if __name__ == "__main__":
    main(json.load(sys.stdin))
