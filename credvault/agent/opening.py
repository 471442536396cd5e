"""Which vault a request is about, and that vault, opened with the key that is held for it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from credvault.agent.holding import Held, Holdings
from credvault.backends.file import FileBackend, open_vault_file
from credvault.config import FILE_BACKEND, Flags, Settings, load_settings
from credvault.model import wire
from credvault.model.errors import Locked, WrongKey
from credvault.sealing.keys import DataKey
from credvault.sealing.vaultfile import VaultFile
from credvault.vault import Vault, open_vault

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


def settings_of(headers: Mapping[str, str]) -> Settings:
    """Return the settings that hold for a client; raises BadMessage, ConfigError, Invalid.

    Who says nothing of them (curl) gets those of the agent.
    """
    folder = wire.unquote_text(headers.get(wire.FOLDER, ""))
    flags: dict[str, object] = dict(wire.unquote_table(headers.get(wire.FLAGS, ""), FLAGS))
    if "accept_rollback" in flags:
        flags["accept_rollback"] = flags["accept_rollback"] == "1"
    if wire.ENVIRONMENT in headers:
        environ = wire.unquote_table(headers[wire.ENVIRONMENT], wire.SETTINGS)
    else:
        environ = {name: os.environ[name] for name in wire.SETTINGS if name in os.environ}
    return load_settings(Flags(**flags), environ, folder or "/")  # type: ignore[arg-type]


def vault_path(settings: Settings) -> str:
    """Return the real path of the vault file of settings; raises NotHeld for any other backend."""
    if settings.backend.value != FILE_BACKEND:
        raise NotHeld
    return os.path.realpath(settings.path.value)


class Opener:
    """Opens what is held. With `keep_open` for one thread that answers many requests, without for any thread."""

    def __init__(self, holdings: Holdings, clock: Callable[[], float]) -> None:
        self._holdings = holdings
        self._clock = clock

    @contextmanager
    def opened(self, headers: Mapping[str, str], *, keep_open: bool) -> Iterator[Opened]:
        """Give the vault that a request is about; raises NotHeld.

        Where the key does not fit the file any more (it was rekeyed, or another one is in its place), the vault is
        forgotten.
        """
        settings = settings_of(headers)
        held = self._holdings.find(vault_path(settings))
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
            self._holdings.forget(held.path)
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
        kept = held.opened.get(same)
        if not isinstance(kept, Opened) or kept.warnings:
            opened = self._open(key, settings, keep_open=True)
            held.opened[same] = opened
            return opened
        return kept._replace(settings=settings)

    def _open(self, key: DataKey, settings: Settings, *, keep_open: bool) -> Opened:
        warnings: list[str] = []
        file = open_vault_file(settings, None, warn=warnings.append, key=key, keep_open=keep_open)
        vault = open_vault(settings, backend=FileBackend(file), clock=self._clock)
        return Opened(vault, file, settings, warnings)


def check_key(headers: Mapping[str, str], key: DataKey) -> str:
    """Return the real path of the vault file that a key is for, once it has opened it; raises what opening raises."""
    settings = settings_of(headers)
    path = vault_path(settings)
    try:
        with open_vault_file(settings, None, key=key).open():
            return path
    except Locked:
        raise WrongKey("the key does not open this vault") from None
