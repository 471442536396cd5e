"""The proof of a format: hard values go through it into its real consumer, and what comes out is compared.

`VALUES` is how many random ones besides the nasty ones; CREDVAULT_VALUES=100000 makes it the full number for all.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from credvault.delivery.formats import render
from credvault.delivery.selection import Injection
from credvault.model.errors import InvalidValue
from credvault.model.value import SecretValue
from tests.delivery.formats.hard import MARKER, NASTY, random_values

VALUES = int(os.environ.get("CREDVAULT_VALUES", "0"))

# How many variables one text has at most, and how many bytes: a process has 2 MiB for its environment.
_BATCH, _BATCH_BYTES = 1_000, 400_000


def need(program: str) -> None:
    """Skip a test where a program is not there; with CI=true, tests/system-packages.sh has seen to it."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not here")


Consumer = Callable[[bytes], Mapping[str, bytes]]


def injection(value: bytes, variable: str = "A") -> Injection:
    """Return a variable as `collect` does."""
    return Injection(variable, SecretValue(value), None, "the test")


def is_text(value: bytes) -> bool:
    """Say whether a value is UTF-8."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_carried(name: str, value: bytes) -> bool:
    """Say whether a format carries a value."""
    try:
        return bool(render(name, [injection(value)]))
    except InvalidValue:
        return False


def refused_after_proof(
    name: str,
    consumer: Consumer,
    folder: Path,
    *,
    count: int,
    batch: int = _BATCH,
    batch_bytes: int = _BATCH_BYTES,
) -> Sequence[bytes]:
    """Send the nasty values and `count` random ones through a format and its consumer, compare; return those refused.

    The consumer works in `folder`, where a planted command would leave its marker.
    """
    refused: list[bytes] = []
    carried: list[bytes] = []
    for value in [*NASTY, *random_values(VALUES or count)]:
        (carried if is_carried(name, value) else refused).append(value)
    for values in _batches(carried, batch, batch_bytes):
        variables = {f"V{number}": value for number, value in enumerate(values)}
        read = consumer(render(name, [injection(value, variable) for variable, value in variables.items()]))
        wrong = {
            variable: (value, read.get(variable))
            for variable, value in variables.items()
            if read.get(variable) != value
        }
        assert not wrong, next(iter(wrong.items()))
        assert not list(folder.rglob(f"*{MARKER}*"))
    return refused


def _batches(values: Sequence[bytes], most: int, most_bytes: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for value in values:
        if batch and (len(batch) == most or size + len(value) > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(value)
        size += len(value)
    yield batch
