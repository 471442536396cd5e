"""The OS keyring: Secret Service, KWallet, macOS Keychain or Windows Credential Manager, and nothing else.

The only importer of the library `keyring`, of which just the backends in a list of ours are ever loaded: not what
else is installed, nor what its settings name. Every call ends in `ANSWER_SECONDS`. Knows no names and no vaults.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from threading import Thread
from typing import Any, Protocol, TypeVar

from credvault.keyringkinds import SECRET_SERVICE, WINDOWS, Kind, ranked_kinds, refused_plugins, wanted_kinds, why_not
from credvault.model.errors import (
    BackendUnavailable,
    CredvaultError,
    InvalidValue,
    Locked,
    StorageError,
    Unsupported,
)
from credvault.model.text import listed, printable
from credvault.model.tuples import NamedTuple
from credvault.model.unlocking import forbids_questions
from credvault.model.value import SecretValue

ANSWER_SECONDS = 5.0
"""How long a keyring may take for one call, its question to the user included."""

# Credential Manager: CRED_MAX_CREDENTIAL_BLOB_SIZE, of what the library writes as UTF-16, and CRED_MAX_USERNAME_LENGTH
# (wincred.h). The others have no limit of their own; 1 MiB in base64 goes through D-Bus and gnome-keyring (tried).
WINDOWS_VALUE_BYTES, WINDOWS_USER_CHARACTERS = 2560, 513

# errSecInteractionNotAllowed, which a session without a screen gets, and errSecAuthFailed (SecBase.h).
_MACOS_LOCKED = ((-25308,), (-25293,))

_DOCTOR_HINT = "'credvault --backend keyring doctor' says which keyrings there are, and why one is not used"
_UNLOCK_HINT = "unlock it in your desktop's program for passwords and keys, or by logging in"
# How many texts are asked for in one call, for which the limit holds: 16 of 1 MiB take some 0.6 s.
_AT_ONCE = 16

T = TypeVar("T")


class Candidate(NamedTuple):
    """A keyring that was looked at: its name, whether it is the one in use, and what was found.

    `mend` is there where something is wrong, and not just otherwise; of the one in use, where it gives nothing yet.
    """

    title: str
    is_used: bool
    detail: str
    mend: str | None = None


class Store(Protocol):
    """What a keyring does, in whatever time it takes."""

    def get_many(self, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """Return the text under each service and user, as UTF-8."""

    def put(self, service: str, user: str, text: bytes) -> None:
        """Keep a text in the place of another one."""

    def remove(self, service: str, user: str) -> bool:
        """Remove a text, and say whether there was one."""

    def held(self) -> AbstractContextManager[None]:
        """Keep between calls what they have in common, while a block runs."""


class LibraryStore:
    """A keyring by the library `keyring`."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def get_many(self, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """Return the text under each service and user, as UTF-8."""
        texts = [self._library.get_password(*place) for place in places]
        return [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]

    def put(self, service: str, user: str, text: bytes) -> None:
        """Keep a text in the place of another one."""
        self._library.set_password(service, user, text.decode("utf-8"))

    def remove(self, service: str, user: str) -> bool:
        """Remove a text, and say whether there was one."""
        from keyring.errors import PasswordDeleteError

        try:
            self._library.delete_password(service, user)
        except PasswordDeleteError:
            # Nothing to remove and not allowed to are one error to the library.
            if self._library.get_password(service, user) is not None:
                raise
            return False
        return True

    def held(self) -> AbstractContextManager[None]:
        """Do nothing: what calls have in common is the library's business."""
        return nullcontext()


class OSKeyring:
    """The keyring of this user's desktop or system: texts as SecretValue (UTF-8) under a service and a user.

    Besides what each method says, all raise Locked where nobody unlocks it in time, and BackendUnavailable where it
    does not answer.
    """

    def __init__(self, kind: Kind, store: Store, *, is_locked: bool) -> None:
        self.title = kind.title
        self.store = kind.store
        # When it was looked at; whatever asks for a secret has the desktop ask the user.
        self.is_locked = is_locked
        self._is_windows = kind == WINDOWS
        self._store = store

    def get(self, service: str, user: str) -> SecretValue | None:
        """Return a text, or None where there is none; raises Unsupported for what is not text."""
        return self.get_many([(service, user)])[0]

    def get_many(self, places: Sequence[tuple[str, str]]) -> list[SecretValue | None]:
        """Return the text under each service and user, or None; raises Unsupported for what is not text."""
        found: list[bytes | None] = []
        for start in range(0, len(places), _AT_ONCE):
            found += self._ask(partial(self._store.get_many, places[start : start + _AT_ONCE]))
        return [None if text is None else self._text(text, *place) for text, place in zip(found, places, strict=True)]

    def set(self, service: str, user: str, text: SecretValue) -> None:
        """Keep a text, in place of another one; raises what `check_size` raises, with nothing changed."""
        self.check_size(user, text)
        self._ask(lambda: self._store.put(service, user, text.reveal()))

    def delete(self, service: str, user: str) -> bool:
        """Remove a text and say whether there was one."""
        return self._ask(lambda: self._store.remove(service, user))

    def held(self) -> AbstractContextManager[None]:
        """Make the calls of a block one after the other by one connection, where there is one."""
        return self._store.held()

    def check_size(self, user: str, text: SecretValue) -> None:
        """Raise InvalidValue for what the keyring could not hold."""
        if not self._is_windows:
            return
        size = len(text.reveal().decode("utf-8").encode("utf-16-le"))
        if size > WINDOWS_VALUE_BYTES:
            hint = "a vault file holds up to 1 MiB ('credvault init')"
            limit = f"the {self.title} holds at most {WINDOWS_VALUE_BYTES}"
            raise InvalidValue(f"the value takes {size} bytes, and {limit}", hint=hint)
        if len(user) > WINDOWS_USER_CHARACTERS:
            raise InvalidValue(f"the name is longer than the {WINDOWS_USER_CHARACTERS} characters of the {self.title}")

    def _text(self, text: bytes, service: str, user: str) -> SecretValue:
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            from shlex import quote  # which most runs need not

            where = printable(f"under the service {service} and the user {user}")
            hint = printable(f"another program put it there: keyring del {quote(service)} {quote(user)} removes it")
            raise Unsupported(f"{self.title} holds something that is not text {where}", hint=hint) from None
        return SecretValue(text)

    def _ask(self, act: Callable[[], T]) -> T:
        def silent() -> CredvaultError:
            return _not_unlocked() if self.is_locked else _silent(self.title)

        return _in_time(act, self.title, silent)


def open_os_keyring(environ: Mapping[str, str], holder: str | None = None) -> OSKeyring:
    """Return the keyring to use, the one that the library's own settings name if that is a real one.

    `holder` is the `store` that has what is looked for, if that is known: no other is used in its place. The desktop
    asks the user where it must, unless `environ` forbids questions: those of the Secret Service, for the others ask by
    themselves.
    Raises ConfigError where they name another, BackendUnavailable where there is none or it does not answer.
    """
    return _in_time(lambda: _open(environ, holder), "the OS keyring", lambda: _silent("the OS keyring"))


def examine_os_keyrings(environ: Mapping[str, str], holder: str | None = None) -> Iterator[Candidate]:
    """Yield each keyring there may be here, and why it is or is not used; nothing that is refused is loaded."""
    used: str | None = None
    wanted: tuple[Kind, ...] = ()
    try:
        wanted = _in_time(lambda: wanted_kinds(environ), "keyringrc.cfg", lambda: _silent("keyringrc.cfg"))
    except CredvaultError as exc:
        yield Candidate("what is named", False, exc.message, exc.hint)
    for kind in ranked_kinds(environ):
        if kind not in wanted:
            yield Candidate(kind.title, False, "another one is named")
            continue
        if holder not in (None, kind.store):
            yield Candidate(kind.title, False, f"the values are in {holder}")
            continue
        try:
            found = _in_time(partial(_reach, kind, may_ask=False), kind.title, partial(_silent, kind.title))
        except CredvaultError as exc:
            yield Candidate(kind.title, False, exc.message.removeprefix(f"{kind.title} cannot be used: "))
            continue
        if used is not None:
            yield Candidate(kind.title, False, f"{used} comes first")
        elif found.is_locked:
            yield Candidate(kind.title, True, "locked", _UNLOCK_HINT)
        else:
            yield Candidate(kind.title, True, "unlocked")
        used = used or kind.title
    for module in refused_plugins():
        yield Candidate(module, False, f"refused: it {why_not(module + '.')}")


def _open(environ: Mapping[str, str], holder: str | None) -> OSKeyring:
    first: CredvaultError | None = None
    kinds = [kind for kind in wanted_kinds(environ) if holder in (None, kind.store)]
    if holder is not None and not kinds:
        why = f"the values are in {printable(holder)}, which is none of this system, or not the one that is named"
        raise BackendUnavailable(why, hint=_DOCTOR_HINT)
    for kind in kinds:
        try:
            return _reach(kind, may_ask=not forbids_questions(environ))
        except BackendUnavailable as exc:
            first = first or exc
    refused = list(refused_plugins())
    also = f"; refused as weak: {printable(listed(refused, 3))}" if refused else ""
    if first is None:
        raise BackendUnavailable(f"there is no OS keyring on this system{also}", hint="keep secrets in a vault file")
    raise BackendUnavailable(first.message + also, hint=first.hint or _DOCTOR_HINT)


def _reach(kind: Kind, *, may_ask: bool) -> OSKeyring:
    """Return a keyring that answers; raises BackendUnavailable."""
    try:
        if kind == SECRET_SERVICE:
            from credvault import secretservice

            store = secretservice.SecretServiceStore(may_ask=may_ask)
            return OSKeyring(kind, store, is_locked=secretservice.is_locked())
        module, _, name = kind.path.rpartition(".")
        library = getattr(import_module(module), name)
        library.priority  # noqa: B018 - raises what is missing
        return OSKeyring(kind, LibraryStore(library()), is_locked=False)
    except CredvaultError:
        raise
    except Exception as exc:  # noqa: BLE001 - each of the library's backends raises what its system does
        # No secret was asked for yet, so there is none in the text.
        said = printable(str(exc)) if isinstance(exc, RuntimeError) else ""
        why = said[:1].lower() + said[1:] or type(exc).__name__
        raise BackendUnavailable(f"{kind.title} cannot be used: {why}") from None


def _in_time(act: Callable[[], T], title: str, silent: Callable[[], CredvaultError]) -> T:
    """Return what `act` returns, its errors as ours; raises what `silent` returns after ANSWER_SECONDS.

    In a thread, which is left behind where it hangs: the library has no limit of time, and neither a D-Bus call nor
    the Keychain's question can be called back. A process of its own could be ended, but takes 0.3 s to start for
    every call, has the value cross a pipe, and is another program to the Keychain, which asks about each.
    """
    outcome: list[tuple[T | None, BaseException | None]] = []

    def run() -> None:
        try:
            outcome.append((act(), None))
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            outcome.append((None, exc))

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    if not outcome:
        raise silent()
    result, error = outcome[0]
    if error is not None:
        raise _translated(error, title) from None
    return result  # type: ignore[return-value]  # it is what `act` returned


def _translated(error: BaseException, title: str) -> BaseException:
    """Return an error of the library as one of ours; what it says is never quoted, for it may be about a value."""
    if isinstance(error, CredvaultError) or not isinstance(error, Exception):
        return error
    names = {cls.__name__ for cls in type(error).__mro__}
    if error.__cause__ is not None and error.__cause__.args[:1] in _MACOS_LOCKED:
        return _not_unlocked()
    if names & {"KeyringLocked", "InitError", "LockedException", "PromptDismissedException"}:
        return _not_unlocked()
    if names & {"PasswordSetError", "PasswordDeleteError"}:
        return StorageError(f"{title} refused the change", hint="it may have asked on the desktop, and nobody said yes")
    if isinstance(error, (ConnectionError, EOFError)):
        return BackendUnavailable(f"{title} went away before it answered", hint=f"start it anew; {_DOCTOR_HINT}")
    return BackendUnavailable(f"{title} failed ({type(error).__name__})", hint=_DOCTOR_HINT)


def _not_unlocked() -> Locked:
    return Locked("the OS keyring is locked", hint=f"{_UNLOCK_HINT}; then run this again")


def _silent(title: str) -> BackendUnavailable:
    hint = "look for its question on the desktop, or start it anew"
    return BackendUnavailable(f"{title} did not answer in {ANSWER_SECONDS:.0f} s", hint=hint)
