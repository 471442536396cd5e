"""The one error table: class, wire code, exit status, HTTP status.

A server sends the wire code and a client raises the same class, so that a script sees one exit status whether
the vault is local or remote. Messages are lower case, name facts, and never hold a value or a payload.

    CredvaultError
    ├── Invalid ── InvalidName, InvalidURI, InvalidValue
    ├── NotFound ── VersionDeleted, VersionDestroyed
    ├── Denied ── BindingDrift, Replayed
    ├── Locked, WrongKey, Unauthenticated
    ├── BackendUnavailable ── PolicyUnavailable
    ├── NoVault, LockTimeout, StorageError
    ├── AlreadyExists, Conflict
    ├── Unsupported ── MissingExtra
    ├── ConfigError
    ├── Damaged ── RolledBack
    └── Rejected, Due
"""

from credvault.model.text import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# How a run ends when it is not an error of the table: Ctrl-C, and a reader that went away (128 + SIGPIPE).
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141

# What `exec` answers before a child runs, as env(1), nohup(1) and the shells do (POSIX.1-2024, 2.8.2).
EXIT_EXEC_FAILED = 125
EXIT_NOT_RUNNABLE = 126
EXIT_NO_PROGRAM = 127


class CredvaultError(Exception):
    """Something went wrong that a person can be told about.

    `message` says what failed, `hint` what to do next, `reason` is a word by which programs tell errors of one class
    apart. `exit_status` may be set on an instance where a command has statuses of its own (`exec`).
    """

    code = "internal"
    exit_status = 1
    http_status: int | None = 500

    def __init__(self, message: str, *, hint: str | None = None, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason


class Invalid(CredvaultError):
    """What was asked cannot be meant: wrong usage, a bad name, a bad value."""

    code, exit_status, http_status = "invalid", 2, 400


class InvalidName(Invalid):
    """The text is not a name of a secret, a namespace or a pattern."""


class InvalidURI(Invalid):
    """The text is not a reference to a secret."""


class InvalidValue(Invalid):
    """A value or a fact of a record is out of bounds."""


class NotFound(CredvaultError):
    """There is no such secret or version."""

    code, exit_status, http_status = "not_found", 3, 404


class VersionDeleted(NotFound):
    """The version was deleted and can be brought back."""

    code = "version_deleted"


class VersionDestroyed(NotFound):
    """The version was destroyed for good."""

    code = "version_destroyed"


class Denied(CredvaultError):
    """A rule forbids it; the message says which."""

    code, exit_status, http_status = "denied", 4, 403


class BindingDrift(Denied):
    """A grant is used by another sender than the one it was made for."""

    code = "binding_drift"


class Replayed(Denied):
    """A token identifier was seen before."""

    code = "replayed"


class Locked(CredvaultError):
    """The vault is locked and no key is at hand."""

    code, exit_status, http_status = "locked", 5, 401


class WrongKey(CredvaultError):
    """The key at hand opens no slot of this vault."""

    code, exit_status, http_status = "wrong_key", 5, 401


class Unauthenticated(CredvaultError):
    """The backend does not know who is asking."""

    code, exit_status, http_status = "unauthenticated", 5, 401


class BackendUnavailable(CredvaultError):
    """The store cannot be reached or does not answer."""

    code, exit_status, http_status = "unavailable", 6, 503


class PolicyUnavailable(BackendUnavailable):
    """Nobody can say whether this is allowed, so it is not."""


class NoVault(CredvaultError):
    """There is no vault file at the path."""

    code, exit_status, http_status = "no_vault", 6, 503


class LockTimeout(CredvaultError):
    """Another process held the lock and nothing moved for the whole limit."""

    code, exit_status, http_status = "lock_timeout", 6, 503


class StorageError(CredvaultError):
    """The system refused a file call (disk full, I/O, read-only, not permitted); the old data is intact."""

    code, exit_status, http_status = "storage", 6, 503


class AlreadyExists(CredvaultError):
    """A secret of this name is there already."""

    code, exit_status, http_status = "exists", 7, 409


class Conflict(CredvaultError):
    """Somebody else changed the secret since it was read."""

    code, exit_status, http_status = "conflict", 7, 409


class Unsupported(CredvaultError):
    """This backend or system cannot do it."""

    code, exit_status, http_status = "unsupported", 8, 501


class MissingExtra(Unsupported):
    """An optional dependency is not installed; the hint is the exact pip line."""


class ConfigError(CredvaultError):
    """A setting is wrong; the message names the file, the key and where it came from."""

    code, exit_status, http_status = "config", 9, 500


class Damaged(CredvaultError):
    """The vault file is not what its writer wrote."""

    code, exit_status, http_status = "damaged", 10, 500


class RolledBack(Damaged):
    """The vault file is older than, or another than, the one seen before."""

    code = "rolled_back"


class Rejected(CredvaultError):
    """A service refused a credential."""

    code, exit_status, http_status = "rejected", 11, 422


class Due(CredvaultError):
    """Something is due for rotation or has expired."""

    code, exit_status, http_status = "due", 12, None


def error_classes(base: type[CredvaultError] = CredvaultError) -> "Iterator[type[CredvaultError]]":
    """Yield `base` and every class below it, parents first, in the order they are written above."""
    yield base
    for cls in base.__subclasses__():
        yield from error_classes(cls)


def failed(error: CredvaultError) -> str:
    """Return the lines that show an error to a person, for stderr: what failed, and what to do (spec.md 5.8)."""
    return said(f"error: {error.message}") + (said(f"hint: {error.hint}") if error.hint else "")


def class_for_code(code: str) -> type[CredvaultError]:
    """Return the class a wire code stands for; an unknown code is the base class."""
    return next((cls for cls in error_classes() if cls.code == code), CredvaultError)
