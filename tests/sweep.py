"""One writing command against every fault at every file call: `python -m tests.sweep FOLDER WRITER`.

Prints what it did as JSON. A program of its own, because it forks thousands of times and must have one thread.
"""

import gc
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from credvault.lifecycle.custody import opens
from credvault.model.errors import CredvaultError
from credvault.sealing.slots import KeyMaterial
from tests.faults import (
    FAULTS,
    FULL_FROM_HERE,
    KILLS,
    SHORT,
    SHORT_THEN_FULL,
    Call,
    FaultyCalls,
    in_child,
    install,
    leftovers,
)
from tests.home import Home, Snapshot
from tests.writers import FOLLOWS, WRITERS, Writer, dropped, furnished, holders, key_of

_MAX_FAILURES = 20
_NO_SUCH_CALL = 98
_KEPT = 4  # snapshots of the files seen last


class Ended(NamedTuple):
    """How the writer ended under a fault, and what it printed."""

    status: int
    stdout: bytes
    stderr: str


class Sweep:
    """The sweep of one writer in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.writer = name, WRITERS[name]
        self.cases = 0
        self.failures: list[str] = []
        self._template, self._out, self._err = folder / "template", folder / "out", folder / "err"
        self.home = furnished(Home(folder / "home"), self.writer)
        self.home.copy_to(self._template)
        self._gone = dropped(self.home, self.writer)
        self._old_key = ""
        self._seen: dict[bytes, Snapshot | None] = {}
        self._old = self._snapshot(b"")
        self._old_backup = self._backup_snapshot(b"")
        # What it does when nothing is wrong, call by call.
        clean = self._run(0, "")
        self.calls = self.faulty.made
        self._new, self._new_made = self._snapshot(clean.stdout), self._made(clean.stdout)
        self._check_clean(clean)

    def run(self) -> None:
        """Try every fault at every call."""
        for k, call in enumerate(self.calls, 1):
            for fault in FAULTS:
                if call.is_hit_by(fault):
                    self._try(k, fault, call)
                if len(self.failures) > _MAX_FAILURES:
                    return

    def _try(self, k: int, fault: str, call: Call) -> None:
        self.cases += 1
        shutil.rmtree(self.home.root)
        shutil.copytree(self._template, self.home.root, symlinks=True)
        ended = self._run(k, fault)
        where = f"{self.name}, call {k} ({call.kind} {os.path.relpath(call.path, self.home.root)}), {fault}"
        try:
            wrong = [*self._judge(ended, fault, call), *self._follow(ended, fault)]
        except (CredvaultError, OSError, ValueError) as error:
            wrong = [f"{type(error).__name__}: {error}"]
        if wrong:
            self.failures.append(f"{where}: {'; '.join(wrong)} [status {ended.status}] {ended.stderr.strip()}")

    def _run(self, k: int, fault: str) -> Ended:
        self.faulty = FaultyCalls(k, fault)

        def do() -> int:
            install(self.faulty)
            writer = self.writer
            status = self.home.run_into(self._out, self._err, writer.argv, writer.stdin, writer.environ)
            install(FaultyCalls())
            return status if len(self.faulty.made) >= k else _NO_SUCH_CALL

        # A process of its own only for what ends one: a fork costs as much as all the rest.
        status = in_child(do) if fault in KILLS else do()
        return Ended(status, self._out.read_bytes(), self._err.read_text(encoding="utf-8"))

    def _check_clean(self, clean: Ended) -> None:
        if clean.status != 0 or leftovers(self.home.root) or (self._old == self._new) is not self._leaves_vault:
            self.failures.append(f"{self.name}: did not do its work without a fault: {clean}")
        past_the_last = self._rerun(len(self.calls) + 1)
        if past_the_last.status != _NO_SUCH_CALL:
            self.failures.append(f"{self.name}: makes another call: {past_the_last}")

    def _rerun(self, k: int) -> Ended:
        shutil.rmtree(self.home.root)
        shutil.copytree(self._template, self.home.root, symlinks=True)
        return self._run(k, "EIO")

    @property
    def _leaves_vault(self) -> bool:
        return self.writer.reads or self.writer.argv[0] in ("salvage", "get", "export")

    def _judge(self, ended: Ended, fault: str, call: Call) -> list[str]:
        """Return what is wrong after the fault."""
        wrong = []
        now, made = self._snapshot(ended.stdout), self._made(ended.stdout)
        is_new = now == self._new and made == self._new_made
        if now not in (self._old, self._new):
            wrong.append("the vault is neither the old nor the new one")
        if self._mode(self.home.vault) not in (None, 0o600):
            wrong.append("the vault is not private")
        if fault in KILLS:
            if ended.status != -9:
                wrong.append("was not killed")
            return [*wrong, *self._judge_backup(ended)]
        wrong += self._judge_status(ended, fault, call, is_new)
        if leftovers(self.home.root):
            wrong.append(f"left {leftovers(self.home.root)}")
        if ended.status != 0 and self.writer.makes and made not in (self._made_before(), self._new_made):
            wrong.append(f"{self.writer.makes} is half made")
        if self.writer.argv[:2] == ["slot", "add"] and self.writer.makes and (made is None) != (now == self._old):
            wrong.append("a slot without its key file, or a key file without its slot")
        if ended.status == 0 and (found := holders(self.home.root, self._gone)):
            wrong.append(f"what was removed is still in {found}")
        return [*wrong, *self._judge_backup(ended)]

    def _judge_status(self, ended: Ended, fault: str, call: Call, is_new: bool) -> list[str]:
        wrong = []
        if "Traceback" in ended.stderr or ended.status not in (0, 6):
            wrong.append("ended in disorder")
        if ended.status == 0 and not is_new:
            wrong.append("says it is done, and it is not")
        if ended.status == 6 and is_new and "may not survive a power failure" not in ended.stderr:
            wrong.append("says it failed, and it is done")
        if ended.status == 6 and "credvault: error: cannot " not in ended.stderr:
            wrong.append("does not say what failed")
        stays = fault in (FULL_FROM_HERE, SHORT_THEN_FULL)
        in_state = call.path.startswith(str(self.home.state)) and not stays and not self.writer.announces
        if ended.status != 0 and (fault == SHORT or in_state or self.writer.reads):
            wrong.append("failed for something that can be done without")
        if self.writer.reads and ended.status == 0 and not ended.stdout:
            wrong.append("read nothing")
        return wrong

    def _judge_backup(self, ended: Ended) -> list[str]:
        backup = self._backup_snapshot(ended.stdout)
        wrong = []
        if backup not in (self._old_backup, self._old, self._new):
            wrong.append("the backup is no generation of this vault")
        if self._mode(self.home.backup) not in (None, 0o600):
            wrong.append("the backup is not private")
        if ended.status == 0 and self.writer.drops and backup != self._new:
            wrong.append("the backup was not refreshed")
        return wrong

    def _follow(self, ended: Ended, fault: str) -> list[str]:
        """Return what is wrong with the commands that come next."""
        now, made = self._snapshot(ended.stdout), self._made(ended.stdout)
        steps: list[tuple[Sequence[str], bytes, bytes]] = list(FOLLOWS)
        environ, status = {}, 0
        if self.writer.fresh and now is None:
            # Whoever was killed between the two has a key that opens nothing, and makes another.
            (self.home.root / "new.key").unlink(missing_ok=True)
            steps = [(self.writer.argv, b"", b"")]
        elif self.writer.fresh:
            environ = {"CREDVAULT_KEY_FILE": str(self.home.root / "new.key")}
            if not self.writer.makes:
                environ = {"CREDVAULT_KEY": ended.stdout.decode().strip()}
        elif self.writer.makes and made in (None, self._made_before()):
            again = [*self.writer.argv] if made is None else [*self.writer.argv, "--force"]
            steps.append((again, b"", b""))
        elif self.writer.makes.endswith(".json"):
            steps.append((("add", "after/two", "--stdin", "--vault", self.writer.makes), b"two", b""))
        elif self.writer.makes and self.writer.argv[-1] != "--force":
            steps.append((self.writer.argv, b"", b""))
            status = 7  # it is there already; its maker's leftover goes all the same
        for argv, stdin, answer in steps:
            ran = self.home.run(*argv, stdin=stdin, **environ)
            wanted = status if argv == self.writer.argv else 0
            if ran.status != wanted or answer not in (b"", ran.stdout):
                return [f"the next command fails: {ran}"]
        left = [path for path in leftovers(self.home.root) if not self._is_for_later(path)]
        return [f"the next writer left {left}"] if left else []

    def _is_for_later(self, path: str) -> bool:
        """Say whether no command of this sweep writes what the leftover was to become."""
        return "last-used.json" in path or (self.writer.fresh and "new.key.tmp-" in path)

    def _snapshot(self, stdout: bytes) -> Snapshot | None:
        key = key_of(self.home, self.writer, stdout)
        if key is None and self.home.vault.exists():
            raise ValueError("there is a vault that nobody has the key of")
        return self._read(self.home.vault, key) if key is not None else None

    def _backup_snapshot(self, stdout: bytes) -> Snapshot | None:
        key = key_of(self.home, self.writer, stdout)
        return self._read(self.home.backup, key) if key is not None else None

    def _read(self, path: Path, key: KeyMaterial) -> Snapshot | None:
        """Return a snapshot with what differs from run to run taken out: the data key, where it is a new one."""
        if not path.exists():
            return None
        content = path.read_bytes()
        if content not in self._seen:
            self._seen = {**dict(list(self._seen.items())[-_KEPT:]), content: self.home.snapshot(path, key)}
        found = self._seen[content]
        if found is None:
            return None
        if not self.writer.fresh:
            self._old_key = self._old_key or found.fingerprint
        return found._replace(fingerprint="old" if found.fingerprint == self._old_key else "new")

    def _made(self, stdout: bytes) -> object:
        """Return what is in the file that the writer makes: a snapshot, a key, or bytes."""
        path = self.home.root / self.writer.makes
        if not self.writer.makes or not path.exists():
            return None
        if self._mode(path) != 0o600:
            raise ValueError(f"{path} is not private")
        if path.suffix == ".json":
            found = self.home.snapshot(path)
            return None if found is None else found._replace(fingerprint="new")
        if path.suffix == ".key":
            key = key_of(self.home, self.writer._replace(fresh=True), stdout)
            if self.home.vault.exists() and not self.writer.fresh and key is not None:
                return "a key that opens" if opens(self.home.file(), key) else "a key"
            return "a key"
        return path.read_bytes()

    def _made_before(self) -> object:
        path = self._template / self.writer.makes
        return path.read_bytes() if self.writer.makes and path.exists() else None

    def _mode(self, path: Path) -> int | None:
        return path.stat().st_mode & 0o777 if path.exists() else None


def _warm_up(folder: Path, writer: Writer) -> None:
    """Load here what the children need, once for all of them."""
    home = furnished(Home(folder), writer)
    home.run(*writer.argv, stdin=writer.stdin, **writer.environ)
    for argv, stdin, _ in FOLLOWS:
        home.run(*argv, stdin=stdin)


def main(folder: str, name: str) -> None:
    """Sweep one writer and print the report."""
    started = time.monotonic()
    install(FaultyCalls())
    _warm_up(Path(folder) / "warm", WRITERS[name])
    sweep = Sweep(Path(folder), name)
    gc.freeze()
    sweep.run()
    seconds = round(time.monotonic() - started, 1)
    kinds = sorted({call.kind for call in sweep.calls})
    report = {"calls": len(sweep.calls), "cases": sweep.cases, "kinds": kinds, "seconds": seconds}
    sys.stdout.write(json.dumps({**report, "failures": sweep.failures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
