"""Running a child whose output is masked: whether it is to be, where, and which values."""

import os
from collections.abc import Callable, Sequence
from typing import NoReturn

from credvault.cli.context import Run
from credvault.delivery.selection import Injection
from credvault.model.errors import Unsupported
from credvault.model.record import Secret

_NOT_HERE = "output is not masked on this system"


def is_masked(run: Run, wanted: bool | None) -> bool:
    """Say whether output is to be masked: as somebody says, else in CI, whose logs many may read.

    Raises Unsupported where it cannot be and somebody says so.
    """
    masks = bool(os.environ.get("CI")) if wanted is None else wanted
    if masks and os.name != "posix":
        if wanted:
            raise Unsupported(_NOT_HERE)
        run.out.warn(_NOT_HERE)
        return False
    return masks


def masked_streams() -> Sequence[str]:
    """Return the streams on which it would be: terminals and pipes, but no files."""
    from credvault.delivery import relay

    return relay.masked_streams()


def warn_of_files(run: Run) -> None:
    """Warn somebody who asks for masking of the streams that are files, which it never touches."""
    from credvault.delivery import relay

    for stream in relay.file_streams():
        run.out.warn(f"{stream} is a file, and what is written there is not masked")


def start_masked(run: Run, become: Callable[[], NoReturn], injected: Sequence[Injection]) -> int:
    """Run a child and return its exit status, or become it where there is nothing to mask."""
    secrets = [
        Secret(injection.record, value)
        for injection in injected
        for value in (injection.value, injection.password)
        if injection.record is not None and value is not None
    ]
    if not secrets or not masked_streams():
        become()
    from credvault.delivery import relay
    from credvault.delivery.masking import is_maskable
    from credvault.delivery.redaction import short_warning

    warning = short_warning(secrets)
    if warning:
        run.out.warn(warning)
    values = [secret.value for secret in secrets if is_maskable(secret.value)]
    if not values:
        become()
    return relay.run(become, values)
