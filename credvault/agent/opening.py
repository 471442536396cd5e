"""Which vault a request is about, and that vault, opened with the key that is held for it."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from credvault.agent.holding import Held, Holdings
from credvault.backends.file import FileBackend, open_vault_file
from credvault.config import FILE_BACKEND, Flags, Settings, load_settings, project_files
from credvault.model import wire
from credvault.model.errors import Locked, WrongKey
from credvault.sealing.keys import DataKey
from credvault.sealing.opened import stamp_of
from credvault.sealing.vaultfile import VaultFile
from credvault.vault import Vault, open_vault

# Of how many clients' settings it is remembered what they lead to.
MAX_FOUND = 64
# How often a vault is kept open, each time for other settings: a descriptor each.
MAX_OPENED = 8
# The options that choose a vault, as a client sends them.
FLAGS = ("profile", "vault", "backend", "namespace", "accept_rollback")


class NotHeld(Exception):
    """The agent does not hold this vault, so the client is to go on without it."""


class Opened(NamedTuple):
    """A vault and its file, the settings by which it was found, and what the user is to be warned about."""

    vault: Vault
    file: VaultFile
    settings: Settings
    warnings: list[str]

    def close(self) -> None:
        """Close the vault."""
        self.vault.close()


class Found(NamedTuple):
    """Settings and the real path of the vault file that they name."""

    settings: Settings
    path: str


class Finder:
    """Finds the vault file that a client means. What was found before holds while no file that decides it changed."""

    def __init__(self) -> None:
        self._found: dict[tuple[str | None, ...], tuple[Found, Sequence[str], Sequence[object]]] = {}

    def find(self, headers: Mapping[str, str]) -> Found:
        """Return what holds for a client; raises BadMessage, ConfigError, Invalid, and NotHeld for another backend.

        Who says nothing of settings (curl) gets those of the agent.
        """
        about = tuple(headers.get(header) for header in (wire.FOLDER, wire.ENVIRONMENT, wire.FLAGS))
        if about in self._found:
            found, paths, stamps = self._found[about]
            if [_stamp(path) for path in paths] == stamps:
                return found
        folder = wire.unquote_text(headers.get(wire.FOLDER, "/"), sys.getfilesystemencoding())
        if not os.path.isabs(folder):
            raise wire.BadMessage
        found = _find(headers, folder)
        paths = [found.settings.config_path, found.settings.path.value, *project_files(os.path.realpath(folder))]
        stamps = [_stamp(path) for path in paths]
        # Once more, after the stamps: what changed in between would else go unnoticed from here on.
        # A project's vault is known by its real path: whether a link to it has changed cannot be told from that.
        if not found.settings.in_project and _find(headers, folder) == found:
            if len(self._found) >= MAX_FOUND:
                self._found.clear()
            self._found[about] = found, paths, stamps
        return found


def _find(headers: Mapping[str, str], folder: str) -> Found:
    settings = load_settings(_flags(headers), _environ(headers), folder)
    if settings.backend.value != FILE_BACKEND:
        raise NotHeld
    return Found(settings, os.path.realpath(settings.path.value))


def _flags(headers: Mapping[str, str]) -> Flags:
    texts: dict[str, Any] = wire.unquote_table(headers.get(wire.FLAGS, ""), FLAGS, sys.getfilesystemencoding())
    is_accepted = texts.pop("accept_rollback", "") == "1"
    return Flags(**texts, accept_rollback=is_accepted)


def _environ(headers: Mapping[str, str]) -> dict[str, str]:
    if wire.ENVIRONMENT in headers:
        environ = wire.unquote_table(headers[wire.ENVIRONMENT], wire.SETTINGS, sys.getfilesystemencoding())
        if not os.path.isabs(environ.get("HOME", "")):
            raise NotHeld  # the home of a client without one is not to be taken for ours
        return environ
    return {name: os.environ[name] for name in wire.SETTINGS if name in os.environ}


def _stamp(path: str) -> object:
    """Return what changes when a file is written, replaced, or has another owner or mode; None where there is none."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return stamp_of(facts), facts.st_uid


class Opener:
    """Opens what is held. With `keep_open` for one thread that answers many requests, without for any thread."""

    def __init__(self, holdings: Holdings, finder: Finder, clock: Callable[[], float]) -> None:
        self._holdings = holdings
        self._finder = finder
        self._clock = clock

    @contextmanager
    def opened(self, headers: Mapping[str, str], *, keep_open: bool) -> Iterator[Opened]:
        """Give the vault that a request is about; raises NotHeld.

        Where the key does not fit the file any more (it was rekeyed, or another one is in its place), the vault is
        forgotten.
        """
        settings, path = self._finder.find(headers)
        held = self._holdings.find(path)
        if held is None:
            raise NotHeld
        try:
            with held.in_use() as key:
                if keep_open:
                    yield self._kept(held, key, settings)
                else:
                    opened = self._open(key, settings, keep_open=False)
                    with opened.vault:
                        yield opened
        except (Locked, WrongKey):
            self._holdings.forget_this(held)
            raise NotHeld from None

    def _kept(self, held: Held, key: DataKey, settings: Settings) -> Opened:
        """Return a vault that was opened before with the same settings, or a new one."""
        # All that makes a difference to the vault; the settings themselves hold tables.
        same = (
            settings.path,
            settings.namespace.value,
            settings.state_folder,
            settings.flags.accept_rollback,
            settings.in_project,
            settings.trail_enabled,
            repr(settings.config.get("limits")),
            repr(settings.config.get("history")),
        )
        kept = held.opened.pop(same, None)
        if not isinstance(kept, Opened) or kept.warnings:
            kept = self._open(key, settings, keep_open=True)
            if len(held.opened) >= MAX_OPENED:
                held.opened.pop(next(iter(held.opened))).close()
        held.opened[same] = kept  # the last one used is the last one dropped
        return kept._replace(settings=settings)

    def _open(self, key: DataKey, settings: Settings, *, keep_open: bool) -> Opened:
        warnings: list[str] = []
        file = open_vault_file(settings, None, warn=warnings.append, key=key, keep_open=keep_open)
        vault = open_vault(settings, backend=FileBackend(file), clock=self._clock)
        return Opened(vault, file, settings, warnings)


def check_key(found: Found, key: DataKey) -> None:
    """Return if a key opens the vault file that was found; raises what opening raises."""
    try:
        with open_vault_file(found.settings, None, key=key).open():
            return
    except Locked:
        raise WrongKey("the key does not open this vault") from None
