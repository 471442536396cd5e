"""What a doctor says: one finding for each thing that was looked at, with its mend."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from credvault.backends.base import Aspect
from credvault.config import Flags
from credvault.model.errors import CredvaultError, StorageError
from credvault.model.text import printable

OK, ADVICE, WRONG = "ok", "advice", "wrong"

_PROGRAM = "credvault "


class Finding(NamedTuple):
    """One thing that was looked at: `ok`, `advice` or `wrong`; a wrong one has the exit status of its error.

    `profile` is the one of config.toml that it is about; None where it is about all, or the current vault.
    """

    level: str
    subject: str
    text: str
    mend: str | None = None
    status: int = 0
    profile: str | None = None


def finding_of(aspect: Aspect) -> Finding:
    """Return what an aspect of a store is to a doctor."""
    if aspect.works:
        return Finding(ADVICE if aspect.mend else OK, aspect.subject, aspect.detail, aspect.mend)
    return Finding(WRONG, aspect.subject, aspect.detail, aspect.mend, aspect.status)


def finding_of_error(subject: str, exc: CredvaultError) -> Finding:
    """Return the finding that an error is."""
    return Finding(WRONG, subject, exc.message, exc.hint, exc.exit_status)


def for_place(finding: Finding, flags: Flags) -> Finding:
    """Return a finding whose mend, if it is a command of ours, is one for the place that `flags` choose."""
    if finding.mend is None or not finding.mend.startswith(_PROGRAM):
        return finding
    return finding._replace(mend=finding.mend.replace(_PROGRAM, flags.as_typed("")))


def as_far_as_possible(subject: str, findings: Iterator[Finding], *, refused: str = ADVICE) -> Iterator[Finding]:
    """Yield the findings; an error, or a call that the system refuses, is one more and not the end of all others.

    What the system refuses is advice, unless `refused` says that nothing works without.
    """
    try:
        yield from findings
    except CredvaultError as exc:
        yield finding_of_error(subject, exc)
    except OSError as exc:
        where = f" {printable(os.fsdecode(exc.filename))}" if isinstance(exc.filename, (str, bytes)) else ""
        text = f"cannot look at{where}: {(exc.strerror or 'input/output error').lower()}"
        yield Finding(refused, subject, text, status=StorageError.exit_status if refused == WRONG else 0)
