"""A user's home with a vault in it: runs command lines there, in this process or as a process of its own.

In process they cost milliseconds and their key derivations nothing; what they print goes to two files, so that it
is there even when the process is killed. Snapshots say what a vault file holds, apart from times and randomness.
"""

import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from credvault.cli.main import run
from credvault.lifecycle.custody import NewSlot, create_vault
from credvault.model.pin import Pin
from credvault.model.value import SecretValue
from credvault.sealing.keys import parse_key, print_key
from credvault.sealing.opened import OpenVault
from credvault.sealing.slots import KeyMaterial
from credvault.sealing.vaultfile import Limits, VaultFile
from credvault.testing import CHEAP_KDF
from tests.patience import SECONDS

KEY = bytes(range(32))
PRINTED_KEY = print_key(KEY)
PROGRAM = os.path.join(sysconfig.get_path("scripts"), "credvault")


class Ran(NamedTuple):
    """How a command line ended: its status, stdout as bytes, stderr as text."""

    status: int
    stdout: bytes
    stderr: str


class Snapshot(NamedTuple):
    """What a vault file holds: versions and note by name, slots, generation, and which data key."""

    secrets: Mapping[str, tuple[Sequence[tuple[int, bytes]], object]]
    slots: Sequence[tuple[object, ...]]
    generation: int
    fingerprint: str


class NoPins:
    """Remembers nothing, so that looking at a file changes nothing."""

    def take(self, path: str) -> Mapping[str, Sequence[Pin]]:
        """Return no pins."""
        return {}

    def keep(self, path: str, vault_id: str, pin: Pin, *, force: bool = False) -> None:
        """Forget it."""

    def announce(self, path: str, vault_id: str, pin: Pin) -> None:
        """Forget it."""


class Home:
    """A home folder. `environ` is what commands see; the vault opens by the key file `key` in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.vault = root / ".local/share/credvault/vault.json"
        self.backup = self.vault.with_name("vault.json.bak")
        self.state = root / ".local/state/credvault"
        self.key_file = root / "key"
        self.environ = {
            "HOME": str(root),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TMPDIR": str(root),
            "CREDVAULT_NO_INPUT": "1",
            "CREDVAULT_KEY_FILE": str(self.key_file),
        }

    def write(self, name: str, content: str | bytes, mode: int = 0o600) -> Path:
        """Make a file in the home and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def furnish(self) -> "Home":
        """Make the key file, and an empty vault that opens by it."""
        self.write("key", f"{PRINTED_KEY}\n")
        create_vault(self.file(), NewSlot("keyfile", material()), 1_800_000_000)
        return self

    def file(self, path: Path | None = None, key: KeyMaterial | None = None) -> VaultFile:
        """Return the vault file, or the one at `path`, as somebody sees it who remembers no pins."""
        offered = key or material()
        return VaultFile(str(path or self.vault), lambda slots: offered, pins=NoPins(), limits=Limits(kdf=CHEAP_KDF))

    def run(self, *argv: str, stdin: bytes = b"", **environ: str) -> Ran:
        """Run a command line in this process; `environ` is set besides."""
        out, err = self.root.with_suffix(".stdout"), self.root.with_suffix(".stderr")
        status = self.run_into(out, err, argv, stdin, environ)
        return Ran(status, out.read_bytes(), err.read_text(encoding="utf-8"))

    def run_into(self, out: Path, err: Path, argv: Sequence[str], stdin: bytes, environ: Mapping[str, str]) -> int:
        """Run a command line in this process with its output in two files; return its status."""
        with _surroundings({**self.environ, **environ}, self.root, stdin, out, err):
            return run(argv, kdf=CHEAP_KDF)

    def command(self, *argv: str, stdin: bytes = b"", **environ: str) -> Ran:
        """Run the installed program; a process that hangs is an error."""
        done = self.start(*argv, **environ)
        try:
            stdout, stderr = done.communicate(stdin, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            done.kill()
            done.communicate()
            raise
        return Ran(done.returncode, stdout, stderr.decode())

    def start(self, *argv: str, **environ: str) -> "subprocess.Popen[bytes]":
        """Start the installed program."""
        env = {**self.environ, **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [PROGRAM, *argv],
            env={**env, **environ},
            cwd=self.root,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )

    def snapshot(self, path: Path | None = None, key: KeyMaterial | None = None) -> Snapshot | None:
        """Return what the vault file, or the one at `path`, holds, every token opened; None where there is none."""
        if not (path or self.vault).exists():
            return None
        with self.file(path, key).open() as vault:
            return snapshot_of(vault)

    def copy_to(self, other: Path) -> None:
        """Copy the whole home, links and modes as they are."""
        shutil.copytree(self.root, other, symlinks=True)


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Give a new folder in memory where the system has one, for what does not look at power failures."""
    memory = "/dev/shm"
    where = memory if os.path.isdir(memory) and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cv-", dir=where) as folder:
        yield Path(folder).resolve()


def material(printed: str = PRINTED_KEY) -> KeyMaterial:
    """Return a printed key as somebody offers it."""
    return KeyMaterial("raw", SecretValue(parse_key(printed, "the test")), "the test")


def snapshot_of(vault: OpenVault) -> Snapshot:
    """Return what an open vault holds, after opening every token and checking every index."""
    entries = [entry for number in range(vault.bucket_count) for entry in vault.check_bucket(number)]
    secrets: dict[str, tuple[Sequence[tuple[int, bytes]], object]] = {
        str(entry.name): (
            [(stored.version, stored.value.reveal()) for stored in entry.versions if stored.value is not None],
            entry.facts.get("note"),
        )
        for entry in entries
    }
    slots = [(slot["id"], slot["type"], slot.get("kdf", {}).get("iterations")) for slot in vault.head.slots]
    return Snapshot(secrets, slots, vault.head.generation, vault.key.fingerprint)


def tree(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Return every path below a folder with its mode, and the content of files and targets of links."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        content: bytes | str = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (facts.st_mode, content)
    return found


def _file_of(data: bytes) -> io.TextIOWrapper:
    """Return a real file to read `data` from: what is asked of its descriptor is answered."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - its reader closes it
    file.write(data)
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8")


@contextmanager
def _surroundings(environ: Mapping[str, str], cwd: Path, stdin: bytes, out: Path, err: Path) -> Iterator[None]:
    before = dict(os.environ), os.getcwd(), sys.stdin, sys.stdout, sys.stderr
    with (
        _file_of(stdin) as stdin_text,
        open(out, "w", encoding="utf-8") as stdout_text,
        open(err, "w", encoding="utf-8") as stderr_text,
    ):
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(cwd)
        sys.stdin, sys.stdout, sys.stderr = stdin_text, stdout_text, stderr_text
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            os.chdir(before[1])
            sys.stdin, sys.stdout, sys.stderr = before[2:]
