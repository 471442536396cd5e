"""Running a program in the place of credvault: found before anything is unlocked, started as if run directly.

Loaded by the fast lane, hence the C halves of `os`, `stat` and `signal` (whose Python halves cost a tenth of a start
and more), and no `typing`. What an error needs is imported where it is raised.
"""

import _stat
import errno
import sys

try:
    import posix as system
except ImportError:  # Windows
    import nt as system  # type: ignore[import-not-found, no-redef, unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, NoReturn

    from credvault.model.errors import CredvaultError

# Where programs are looked for without PATH (os.defpath).
_DEFAULT_PATH = "/bin:/usr/bin"


def find_program(program: str, path: str | None) -> str:
    """Return the file that `program` names, looked for in `path` as execvp(3) does; nothing is started.

    Raises NotFound (exit status 127), or Unsupported (126) where it is there and cannot be run.
    """
    if sys.platform == "win32":
        import shutil

        found = shutil.which(program, path=path)
        if found is None:
            raise _not_found(program, None)
        return found
    candidates = [program] if "/" in program else [f"{folder}/{program}" for folder in _folders(path)]
    unusable: CredvaultError | None = None
    for candidate in candidates if program else []:
        try:
            is_file = _stat.S_ISREG(system.stat(candidate).st_mode)
        except OSError as exc:
            # A folder of PATH that may not be looked into is no find, as in the shells.
            if "/" in program and exc.errno not in (errno.ENOENT, errno.ENOTDIR):
                unusable = _not_runnable(program, (exc.strerror or "it cannot be looked at").lower())
            continue
        if is_file and system.access(candidate, system.X_OK):
            return candidate
        unusable = unusable or _not_runnable(program, "permission denied" if is_file else "it is not a file")
    if unusable is not None:
        raise unusable
    raise _not_found(
        program, None if "/" in program else "it is looked for in PATH; a shell's own commands need --shell"
    )


def original_environment() -> "Sequence[tuple[bytes, bytes]]":
    """Return the environment this process was started with, in its order, without what Python put there.

    In the C locale Python sets LC_CTYPE for itself (PEP 538). The system keeps the first state where it has /proc;
    elsewhere LC_CTYPE is taken for Python's where PEP 538 would have set it for LANG as it is. An entry without a
    name or without `=` is left out: it is no variable, and Python cannot hand it on.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return list(_without_coerced_locale(dict(system.environ)).items())
    # From the second byte: a name may start with '='.
    cuts = [(entry, entry.find(b"=", 1)) for entry in entries]
    return [(entry[:cut], entry[cut + 1 :]) for entry, cut in cuts if cut > 0]


def execute(file: str, argv: "Sequence[str]", environment: "Sequence[tuple[bytes, bytes]]") -> "NoReturn":
    """Become the program `file`: same process, signals as in a direct run. Does not return.

    Raises Unsupported with exit status 126 where the system cannot start it (no format included).
    """
    if sys.platform == "win32":
        import os
        import subprocess

        env = {os.fsdecode(name): os.fsdecode(value) for name, value in environment}
        sys.exit(subprocess.call([file, *argv[1:]], env=env))
    import _signal  # type: ignore[import-not-found]  # typeshed has only the Python half

    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores these two, and execve would hand that on
        _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
    try:
        system.execve(file, list(argv), _Entries(environment))  # type: ignore[arg-type]  # a mapping by its methods
    except OSError as exc:
        reasons = {
            errno.ENOEXEC: "it has no format that the system runs; a script starts with a #! line",
            errno.E2BIG: "its arguments and environment are larger than the system takes",
            errno.ENOENT: "the interpreter in its #! line is not there",
        }
        reason = reasons.get(exc.errno or 0, (exc.strerror or "it cannot be started").lower())
        raise _not_runnable(argv[0], reason) from exc


class _Entries:
    """Variables as execve takes them, where one may be there twice."""

    def __init__(self, entries: "Sequence[tuple[bytes, bytes]]") -> None:
        self._entries = entries

    def __getitem__(self, name: bytes) -> bytes:
        return dict(self._entries)[name]

    def __iter__(self) -> "Iterator[bytes]":
        return (name for name, _ in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> "Any":
        return [name for name, _ in self._entries]

    def values(self) -> "Any":
        return [value for _, value in self._entries]


def _folders(path: str | None) -> list[str]:
    # An empty part of PATH is the current folder (POSIX.1-2024, 8.3).
    return [folder or "." for folder in (_DEFAULT_PATH if path is None else path).split(":")]


def _without_coerced_locale(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    coerced = environment.get(b"LC_CTYPE") in (b"C.UTF-8", b"C.utf8", b"UTF-8")
    in_c_locale = environment.get(b"LANG", b"") in (b"", b"C", b"POSIX") and not environment.get(b"LC_ALL")
    if coerced and in_c_locale:
        environment.pop(b"LC_CTYPE", None)
    return environment


def _not_runnable(program: str, reason: str) -> "CredvaultError":
    from credvault.model.errors import EXIT_NOT_RUNNABLE, Unsupported
    from credvault.model.text import printable

    error = Unsupported(f"cannot run {printable(program)}: {reason}")
    error.exit_status = EXIT_NOT_RUNNABLE
    return error


def _not_found(program: str, hint: str | None) -> "CredvaultError":
    from credvault.model.errors import EXIT_NO_PROGRAM, NotFound
    from credvault.model.text import printable

    error = NotFound(f"there is no program {printable(program)}", hint=hint)
    error.exit_status = EXIT_NO_PROGRAM
    return error
