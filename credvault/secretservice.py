"""The Secret Service of this session, by SecretStorage: the items of the library `keyring`, without loading that.

The library takes 0.1 to 0.3 s to start, SecretStorage a third of it. Everything here may hang, and raises the errors of
SecretStorage (LockedException, PromptDismissedException) besides its own: whoever calls sees to both.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any, TypeVar

import secretstorage
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]  # it has no types
from secretstorage.collection import SERVICE_IFACE
from secretstorage.defines import SS_PATH
from secretstorage.exceptions import (
    ItemNotFoundException,
    PromptDismissedException,
    SecretServiceNotAvailableException,
)
from secretstorage.util import DBusAddressWrapper, add_match_rules, open_session

from credvault.model.errors import BackendUnavailable

# As the library writes it, so that each finds and replaces what the other wrote.
_APPLICATION = "Python keyring library"
# What is there is not to be found for a moment, now and then: gnome-keyring's default keyring while several processes
# write (seen with four), and who takes that for the truth has the desktop ask for a second one. Seconds.
_PAUSES = (0.02, 0.1, 0.3)
# How long a message bus may take to let somebody in: less than the whole of a call may.
_GREETING_SECONDS = 4.0
_START_HINT = "start one: gnome-keyring, KWallet or KeePassXC"

T = TypeVar("T")


def is_locked() -> bool:
    """Return whether the default keyring is locked, or not there yet; raises BackendUnavailable."""
    with _bus() as bus:
        keyring = _default_keyring(bus)
        # Without one, the first secret has the desktop ask for it.
        return keyring is None or _at_last(keyring.is_locked)


class SecretServiceStore:
    """What the default keyring keeps. Where it is locked, or not there yet, the desktop asks the user, if it may.

    Each call makes a connection, or all do by one while it is held.
    """

    def __init__(self, *, may_ask: bool) -> None:
        self._may_ask = may_ask
        self._is_held = False
        self._kept: tuple[ExitStack, secretstorage.Collection] | None = None

    def get_many(self, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """Return what is kept under each service and user, None where nothing is; raises BackendUnavailable."""
        with self._unlocked() as keyring:
            if keyring.session is None:
                keyring.session = open_session(keyring.connection)
            return [_get(keyring, *place) for place in places]

    def put(self, service: str, user: str, text: bytes) -> None:
        """Keep a text in the place of another one; raises BackendUnavailable."""
        attributes = {**_attributes(service, user), "application": _APPLICATION}
        with self._unlocked() as keyring:
            _at_last(
                partial(keyring.create_item, f"Password for '{user}' on '{service}'", attributes, text, replace=True)
            )

    def remove(self, service: str, user: str) -> bool:
        """Remove all that is kept there, and say whether there was anything; raises BackendUnavailable."""
        was_there = False
        with self._unlocked() as keyring:
            # Several, where other programs gave them attributes besides: any that stayed would be the secret again.
            for item in _at_last(partial(_find, keyring, service, user)):
                try:
                    item.delete()
                except PromptDismissedException:
                    raise
                except ItemNotFoundException:  # somebody else was faster
                    continue
                was_there = True
        return was_there

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the connection between the calls of a block: to agree on a key for it takes longer than a call."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            kept, self._kept = self._kept, None
            if kept is not None:
                kept[0].close()

    @contextmanager
    def _unlocked(self) -> Iterator[secretstorage.Collection]:
        """Give the default keyring; the desktop asks the user to unlock it, or to make one, if it may."""
        # Taken, so that no other call uses what one that hangs has in its hands.
        kept, self._kept = self._kept, None
        stack, keyring = kept or (ExitStack(), None)
        with stack:
            try:
                if keyring is None:
                    bus = stack.enter_context(_bus())
                    keyring = _default_keyring(bus) or _new_keyring(bus, self._may_ask)
                if _at_last(keyring.is_locked) and not _unlock(keyring, self._may_ask):
                    raise secretstorage.LockedException
                yield keyring
            except SecretServiceNotAvailableException:
                raise BackendUnavailable("the Secret Service went away before it answered", hint=_START_HINT) from None
            if self._is_held and self._kept is None:
                self._kept = stack.pop_all(), keyring


def _get(keyring: secretstorage.Collection, service: str, user: str) -> bytes | None:
    def get() -> bytes | None:
        return next((item.get_secret() for item in _find(keyring, service, user)), None)

    try:
        return _at_last(get)
    except ItemNotFoundException:  # replaced or removed whenever it had been found
        return None


def _find(keyring: secretstorage.Collection, service: str, user: str) -> Sequence[secretstorage.Item]:
    return list(keyring.search_items(_attributes(service, user)))


def _at_last(act: Callable[[], T]) -> T:
    """Return what an act returns that may be repeated; raises ItemNotFoundException if it still does after pauses."""
    for pause in _PAUSES:
        try:
            return act()
        except ItemNotFoundException:
            time.sleep(pause)
    return act()


def _attributes(service: str, user: str) -> dict[str, str]:
    return {"service": service, "username": user}


def _unlock(keyring: secretstorage.Collection, may_ask: bool) -> bool:
    """Unlock a keyring and say whether it is: without a question where its password is in another one."""
    if may_ask:
        return not keyring.unlock()
    # What comes back besides is a question that is not put to anybody (Secret Service API, Unlock).
    service = DBusAddressWrapper(SS_PATH, SERVICE_IFACE, keyring.connection)
    unlocked, _ = service.call("Unlock", "ao", [keyring.collection_path])
    return keyring.collection_path in unlocked


def _default_keyring(bus: Any) -> secretstorage.Collection | None:
    try:
        return _at_last(partial(secretstorage.Collection, bus))
    except ItemNotFoundException:
        return None


def _new_keyring(bus: Any, may_ask: bool) -> secretstorage.Collection:
    try:
        if not may_ask:
            raise PromptDismissedException
        return secretstorage.create_collection(bus, "Default", "default")
    except PromptDismissedException:
        raise BackendUnavailable(
            "the Secret Service has no default keyring, and the desktop made none",
            hint="make one in your desktop's program for passwords and keys; then run this again",
        ) from None


@contextmanager
def _bus() -> Iterator[Any]:
    """Give a connection to a message bus with a Secret Service on it; raises BackendUnavailable."""
    try:
        # As secretstorage.dbus_init does, which gives the bus a second: on a busy machine it may be more.
        connection = open_dbus_connection(auth_timeout=_GREETING_SECONDS)
        add_match_rules(connection)
    except TimeoutError:
        raise BackendUnavailable("the message bus of this session does not answer", hint=_START_HINT) from None
    except (KeyError, ValueError, RuntimeError, OSError):
        is_set = bool(os.environ.get("DBUS_SESSION_BUS_ADDRESS"))
        why = "nobody answers at DBUS_SESSION_BUS_ADDRESS" if is_set else "DBUS_SESSION_BUS_ADDRESS is not set"
        hint = "log in to a desktop, or run this under 'dbus-run-session' with a Secret Service"
        raise BackendUnavailable(f"there is no message bus, and so no Secret Service: {why}", hint=hint) from None
    with closing(connection):
        if not secretstorage.check_service_availability(connection):
            raise BackendUnavailable("no Secret Service runs on the message bus of this session", hint=_START_HINT)
        yield connection
