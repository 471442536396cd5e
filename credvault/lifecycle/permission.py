"""May a value be sent where its record says? Only to a host that the user allowed (format.md 3).

A request that is built in (`presets.py`) needs no leave: not one byte of it comes from the record. Every other does,
to the hosts of the presets too, for a record could put a value where somebody else reads it: in the idempotency key
of a request made with a stranger's own Stripe key, which the stranger's dashboard shows.
"""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from credvault import state
from credvault.lifecycle.target import Allowance, Target
from credvault.model.errors import LockTimeout, StorageError
from credvault.model.names import NO_REFERENCE, Name

Confirm = Callable[[Name, str], bool]
"""Asks a person whether the value of a name may be sent to `host:port`."""


def is_allowed(target: Target, allowances: Iterable[Allowance], confirmed: Collection[str]) -> bool:
    """Say whether `target` is allowed for this run, or was confirmed for this secret as `host:port`."""
    return str(target) in confirmed or any(allowance.covers(target) for allowance in allowances)


class HostPermission:
    """Decides for the secrets of one run, asks where there is somebody to ask, and remembers a yes.

    `allowances` hold for every secret of this run; what is confirmed holds for one secret, and for later runs.
    """

    def __init__(self, allowances: Collection[Allowance], folder: str, confirm: Confirm | None) -> None:
        self._allowances = allowances
        self._memory = state.confirmed_hosts(folder)
        self._confirm = confirm

    def grants(self, name: Name, reference: str, target: Target) -> bool:
        """Say whether the value of `name` may be sent to `target`; asks, if need be."""
        if is_allowed(target, self._allowances, self._confirmed(reference)):
            return True
        if self._confirm is None or not self._confirm(name, str(target)):
            return False
        self._remember(reference, str(target))
        return True

    def _confirmed(self, reference: str) -> Collection[str]:
        hosts = [] if reference == NO_REFERENCE else self._memory.read().get(reference)
        return [host for host in hosts if isinstance(host, str)] if isinstance(hosts, list) else []

    def _remember(self, reference: str, host: str) -> None:
        if reference == NO_REFERENCE:
            return
        # The yes holds for this run in any case; not being able to keep it costs one more question.
        with suppress(StorageError, LockTimeout), self._memory.changing() as table:
            table[reference] = sorted({*self._confirmed(reference), host})
