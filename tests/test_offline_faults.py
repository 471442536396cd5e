"""Faults at every file call of saving and forgetting an offline copy: it is the old one or the new one, whole."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from credvault import files
from credvault.backends.offline import LABEL_NAME
from tests.awaystore import AwayStore, home_of, install
from tests.faults import KILL_AFTER, KILL_BEFORE, SHORT_THEN_FULL, FaultyCalls, in_child, leftovers
from tests.faults import install as install_faults
from tests.home import Home

FAULTS = (KILL_BEFORE, KILL_AFTER, "ENOSPC", SHORT_THEN_FULL)
Held = dict[str, bytes] | None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_of(tmp_path, "prod")


@pytest.fixture
def store(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AwayStore:
    store = install(tmp_path, monkeypatch)
    assert home.run("add", "TOKEN", "--stdin", stdin=b"first").status == 0
    return store


@pytest.mark.parametrize(
    ("argv", "is_first"),
    [(("offline", "save"), True), (("offline", "save"), False), (("offline", "forget"), False)],
    ids=["first save", "another save", "forget"],
)
def test_a_fault_at_any_file_call_leaves_the_old_copy_or_the_new_one(
    home: Home, store: AwayStore, argv: Sequence[str], is_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_first:
        assert home.run("offline", "save").status == 0
        assert home.run("rotate", "TOKEN", "--stdin", stdin=b"second").status == 0
    template = home.root.with_name("template")
    home.copy_to(template)
    old = held(home)
    faulty = FaultyCalls()
    with monkeypatch.context() as patched:
        patched.setattr(files, "calls", faulty)
        assert home.run(*argv).status == 0
    new, made = held(home), faulty.made
    tried = 0

    for k, call in enumerate(made, 1):
        for fault in FAULTS:
            if not call.is_hit_by(fault):
                continue
            shutil.rmtree(home.root)
            shutil.copytree(template, home.root, symlinks=True)
            status = in_child(partial(run_with, home, argv, FaultyCalls(k, fault)))
            after = held(home)
            tried += 1

            assert after in (old, new), (k, fault, call)
            assert status != 0 or after == new, (k, fault, call)
            if status > 0 and "/offline/" in call.path:
                assert not leftovers(home.root), (k, fault, call)
            assert home.run("offline", "save").status == 0, (k, fault, call)
            assert not leftovers(home.state / "offline"), (k, fault, call)

    assert tried >= 2 * len(made)
    assert len(made) >= 5


def held(home: Home) -> Held:
    """Return the newest values that the copy holds, by name; None where there is no copy."""
    path = home.state / "offline/prod.json"
    snapshot = home.snapshot(path)
    if snapshot is None:
        return None
    return {name: versions[0][1] for name, (versions, _) in snapshot.secrets.items() if name != str(LABEL_NAME)}


def run_with(home: Home, argv: Sequence[str], faulty: FaultyCalls) -> int:
    """Run a command line with faults, in a process that may be killed."""
    install_faults(faulty)
    return home.run(*argv).status
