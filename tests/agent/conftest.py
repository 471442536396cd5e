"""A desk with an agent's place, in short folders: a socket's path has at most 107 bytes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.desk import Desk


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short folder of the user's own, for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="cv-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def desk(tmp_path: Path, runtime: Path) -> Iterator[Desk]:
    """A home with an empty vault, and no agent yet; every agent is ended with the test."""
    made = Desk(tmp_path, runtime)
    try:
        yield made
    finally:
        made.close()
