"""The house stands: imports go down, libraries have one owner, the ground is pure, one module writes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.floors import (
    FLOORS,
    OWNERS,
    check_floors,
    check_ground,
    check_messages,
    check_owners,
    check_shape,
    check_writing,
)

PACKAGE = Path(__file__).parent.parent / "credvault"
FILES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}

Check = Callable[[str, str], Iterator[str]]


def violations(check: Check, below: str = "") -> list[str]:
    """Return what a check finds in the files whose path starts with `below`."""
    return [wrong for path in sorted(FILES) if path.startswith(below) for wrong in check(path, FILES[path])]


def test_imports_go_down_only() -> None:
    assert violations(check_floors) == []


def test_third_party_code_is_imported_by_its_owner_only() -> None:
    assert violations(check_owners) == []


def test_ground_needs_no_input_clock_or_chance() -> None:
    assert any(path.startswith("model/") for path in FILES)
    assert violations(check_ground, "model/") == []


def test_one_module_writes_files() -> None:
    assert "files.py" in FILES
    assert violations(check_writing) == []


def test_files_are_short_and_say_what_they_are_for() -> None:
    assert violations(check_shape) == []


def test_messages_and_hints_are_lower_case_without_a_full_stop() -> None:
    assert violations(check_messages) == []


def test_every_folder_has_a_docstring() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}

    without = [folder for folder in folders if not (folder / "__init__.py").is_file()]

    assert without == []  # what is in it, `check_shape` looks at


def test_every_folder_and_module_at_the_top_has_a_floor() -> None:
    on_floors = {name for floor in FLOORS for name in floor}

    at_the_top = {path.split("/")[0].removesuffix(".py") for path in FILES}

    assert at_the_top <= on_floors


PLANTED: list[tuple[Check, str, str, str]] = [
    (check_floors, "model/names.py", "from credvault.files import lock", "model may not import files"),
    (check_floors, "model/names.py", "from credvault import files", "model may not import files"),
    (check_floors, "model/names.py", "from .. import files", "model may not import files"),
    (check_floors, "model/names.py", "import credvault.vault", "model may not import vault"),
    (check_floors, "backends/file.py", "def f():\n    import credvault.vault", "backends may not import vault"),
    (
        check_floors,
        "backends/file.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from credvault.cli.context import Run",
        "backends may not import cli",
    ),
    (check_floors, "backends/registry.py", 'TABLE = {"x": "credvault.cli.main:run"}', "backends may not import cli"),
    (check_floors, "vault.py", 'load(f"credvault.lifecycle.{name}")', "vault may not import lifecycle"),
    (check_floors, "config.py", "from credvault.state import PinStore", "config may not import state"),
    (check_floors, "audit.py", "from credvault.sealing.keys import DataKey", "audit may not import sealing"),
    (check_floors, "delivery/dsn.py", "from credvault.lifecycle import due", "delivery may not import lifecycle"),
    (check_floors, "cli/main.py", "from credvault.server.app import app", "cli may not import server"),
    (check_floors, "server/app.py", "from credvault.cli.output import Output", "server may not import cli"),
    (check_floors, "cli/main.py", "import credvault.__main__", "cli may not import __main__"),
    (check_floors, "cli/main.py", "import credvault.cellar", "cellar is on no floor"),
    (check_floors, "cellar/wine.py", "", "cellar is on no floor"),
    (check_owners, "lifecycle/certificates.py", "from cryptography import x509", "belongs to sealing/crypto.py"),
    (check_owners, "vault.py", "def f():\n    import httpx", "belongs to backends/remote.py and"),
    (check_owners, "cli/context.py", "from rich.table import Table", "belongs to cli/output.py"),
    (check_owners, "sealing/crypto.py", "import nacl.secret", "nacl belongs to nobody"),
    (check_ground, "model/times.py", "import os", "does not import os"),
    (check_ground, "model/times.py", "from secrets import token_hex", "does not import secrets"),
    (check_ground, "model/times.py", "import time\nnow = time.time()", "does not use time.time"),
    (check_ground, "model/times.py", "import time\nclock = time.time", "does not use time.time"),
    (check_ground, "model/times.py", "from time import time", "import time whole"),
    (check_ground, "model/times.py", "import time\nx = time.gmtime()", "does not read the clock"),
    (check_ground, "model/times.py", "import time\nx = time.strftime('%Y')", "does not read the clock"),
    (check_ground, "model/times.py", "from datetime import datetime\nx = datetime.now()", "does not read the clock"),
    (check_ground, "model/times.py", "x = open('a')", "does not call open"),
    (check_writing, "config.py", "open(path, 'w')", "only files.py writes"),
    (check_writing, "config.py", "open(path, mode='r+b')", "only files.py writes"),
    (check_writing, "config.py", "open(path, mode)", "only files.py writes"),
    (check_writing, "config.py", "path.open('ab')", "only files.py writes"),
    (check_writing, "config.py", "path.write_text('a')", "only files.py writes"),
    (check_writing, "config.py", "import os\nos.open(path, os.O_RDONLY | os.O_CREAT)", "only files.py writes"),
    (check_writing, "config.py", "import os\nos.replace(a, b)", "only files.py writes"),
    (check_writing, "config.py", "import shutil\nshutil.rmtree(a)", "only files.py writes"),
    (check_writing, "config.py", "from shutil import copy, which", "only files.py writes (copy)"),
    (check_writing, "cli/main.py", "import os\nos.open(path, os.O_RDWR)", "only files.py writes"),
    (check_writing, "cli/commands/init.py", "from os import unlink", "only files.py writes"),
    (check_writing, "lifecycle/custody.py", "import tempfile", "nobody imports tempfile"),
    (check_messages, "vault.py", 'raise NotFound(f"There is no secret {name}")', "lower case"),
    (check_messages, "vault.py", 'raise NotFound("x", hint=f"look at {path}.")', "no full stop"),
    (check_shape, "vault.py", '"""A."""\n' * 401, "401 lines are more than 400"),
    (check_shape, "cli/utils.py", '"""A."""\n', "utils says nothing"),
    (check_shape, "backends/key_manager.py", '"""A."""\n', "manager says nothing"),
    (check_shape, "access/__init__.py", "", "no docstring"),
]


@pytest.mark.parametrize(("check", "path", "source", "expected"), PLANTED)
def test_guard_reports_a_planted_violation(check: Check, path: str, source: str, expected: str) -> None:
    found = list(check(path, source))

    assert len(found) == 1
    assert expected in found[0]


SOUND: list[tuple[Check, str, str]] = [
    (check_floors, "cli/main.py", "from credvault import __version__, files\nfrom credvault.vault import Vault"),
    (check_floors, "lifecycle/probes/http.py", "from credvault.lifecycle.target import Target\nfrom ..due import due"),
    (check_floors, "__init__.py", "from credvault.vault import Vault\nfrom credvault.client import Client"),
    (check_floors, "config.py", 'NAME = ".credvault.toml"\nSAY = "credvault.server is not loaded"'),
    (check_owners, "cli/commands/get.py", "import click"),
    (check_owners, "model/record.py", "from collections.abc import Mapping\nfrom credvault.model import times"),
    (check_ground, "model/times.py", "import time\ntext = time.strftime('%Y', time.gmtime(now))"),
    (check_messages, "vault.py", 'Invalid(f"{name} is not", hint="HTTPS_PROXY names it")\nDenied("GitHub says no")'),
    (check_messages, "vault.py", 'print("Not an error.")'),
    (check_writing, "files.py", "open(path, 'wb')"),
    (check_writing, "config.py", "import os\nopen(path, 'rb')\nos.open(path, os.O_RDONLY)\ntext.replace('a', 'b')"),
    (check_writing, "cli/boundary.py", "import os\nos.open(os.devnull, os.O_RDWR)"),
    (check_writing, "cli/prompt.py", "open(_terminal(), 'r+b', buffering=0)"),
    (check_writing, "delivery/execute.py", "import shutil\nshutil.which('a')"),
    (check_writing, "backends/file.py", "file.open()\nstdout.write(text)"),
]


@pytest.mark.parametrize(("check", "path", "source"), SOUND)
def test_guard_passes_what_is_right(check: Check, path: str, source: str) -> None:
    assert list(check(path, source)) == []


def test_owners_are_on_a_floor() -> None:
    on_floors = {name for floor in FLOORS for name in floor}

    owners = {owner.split("/")[0].removesuffix(".py") for files in OWNERS.values() for owner in files}

    assert owners <= on_floors
