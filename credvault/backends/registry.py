"""Which backends there are: ours first, other people's entry points last."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from credvault.backends.base import Backend
from credvault.config import FILE_BACKEND, Settings, find_agent_socket
from credvault.config.tables import OTHER_NAMES
from credvault.model.errors import CredvaultError, Unsupported
from credvault.model.text import listed, printable
from credvault.model.unlocking import names_a_key

if TYPE_CHECKING:  # of cryptography, which only the vault file needs
    from importlib.metadata import EntryPoint

    from credvault.backends.offline import OfflineBackend
    from credvault.sealing.slots import KdfLimits
    from credvault.sealing.sources import Ask

ENTRY_POINTS = "credvault.backends"
# Besides the vault file: where each is opened, by a function of the settings and of who is told warnings and details.
_OURS: dict[str, str] = {
    "env": "credvault.backends.environ:open_environment",
    "keyring": "credvault.backends.keyring:open_keyring",
    "hashicorp": "credvault.backends.hashicorp.opening:open_hashicorp",
}

Tell = Callable[[str], None]


def open_backend(
    settings: Settings,
    ask: "Ask | None",
    *,
    kdf: "KdfLimits | None" = None,
    warn: Tell,
    detail: Tell,
    by_agent: bool = True,
    clock: Callable[[], float] = time.time,
) -> Backend:
    """Return the backend that the settings name; raises Unsupported where there is none of that name.

    Where no key is set and an agent holds the vault file, that is the agent; not for who looks at the file itself.
    Where the settings are those of an offline copy, that is the copy.
    An entry point in `credvault.backends` is called with the Settings and returns a Backend.
    """
    name = settings.backend.value
    if settings.store is not None:
        return open_copy(settings, ask, kdf=kdf, warn=warn, detail=detail, clock=clock)
    if name == FILE_BACKEND:
        return _vault_file(settings, ask, kdf, warn, detail, by_agent)
    if name in _OURS:
        opened: Backend = load_function(_OURS[name])(settings, warn, detail)
    else:
        opened = _third_party(name, settings)
    from credvault.backends.references import LocalReferences  # a vault file has ids of its own

    opened.refers = LocalReferences(settings)
    return opened


def load_function(text: str) -> Any:
    """Return the function of ours that a text names, as `module:function`; its module is imported now."""
    module, _, function = text.partition(":")
    return getattr(__import__(module, fromlist=[function]), function)  # importlib would be loaded first, for 0.5 ms


def open_copy(
    settings: Settings,
    ask: "Ask | None",
    *,
    kdf: "KdfLimits | None" = None,
    warn: Tell,
    detail: Tell,
    clock: Callable[[], float] = time.time,
) -> "OfflineBackend":
    """Return the offline copy of a profile, by settings that are those of the copy; the store is not even loaded."""
    from credvault.backends.offline import OfflineBackend

    return OfflineBackend(_vault_file(settings, ask, kdf, warn, detail), settings, warn=warn, clock=clock)


def as_offline(settings: Settings, max_age: int | None) -> Settings:
    """Return settings as those of the offline copy, of at most `max_age` seconds; raises Invalid, ConfigError."""
    from credvault.config.offline import copy_settings

    flags = settings.flags._replace(offline=True, max_age=max_age)
    return copy_settings(settings._replace(flags=flags)) if settings.store is None else settings._replace(flags=flags)


def offline_offer(settings: Settings, now: float) -> str | None:
    """Return what is to be said of an offline copy where the store cannot be reached, if there is one to use."""
    from credvault.config.offline import offer

    return offer(settings, now)


def _vault_file(
    settings: Settings, ask: "Ask | None", kdf: "KdfLimits | None", warn: Tell, detail: Tell, by_agent: bool = True
) -> Backend:
    socket = find_agent_socket(settings.environ) if by_agent else None
    # Looked for first: without an agent nothing of it is imported.
    if socket and os.path.exists(socket) and not names_a_key(settings.flags.key_file, settings.environ):
        from credvault.backends.agent import AgentBackend

        held = AgentBackend.holding(settings, warn)
        if held is not None:
            detail("unlocked by the agent")
            return held
    from credvault.backends.file import FileBackend, open_vault_file

    return FileBackend(open_vault_file(settings, ask, kdf=kdf, warn=warn, detail=detail))


def _not_usable(name: str, point: "EntryPoint", what: str) -> Unsupported:
    return Unsupported(
        f"the backend '{printable(name)}' of {_maker(point)} cannot be used: {printable(point.value)} {what}",
        hint="it is not part of credvault: reinstall it, or tell its author; -vv shows where",
    )


def _third_party(name: str, settings: Settings) -> Backend:
    from importlib.metadata import entry_points

    points = tuple(entry_points(group=ENTRY_POINTS, name=name))
    if len(points) > 1:
        # Whichever came first would be a matter of how they were installed, and the secrets in the other one's store.
        makers = listed(sorted({_maker(point) for point in points}), 3)
        raise Unsupported(f"there are several backends '{printable(name)}': of {makers}", hint="uninstall all but one")
    for point in points:
        try:
            opened = point.load()(settings)
        except CredvaultError:
            raise
        except (Exception, SystemExit) as exc:
            # Not what it says: it may hold whatever their program has read.
            raise _not_usable(name, point, f"raised {type(exc).__name__}").with_traceback(exc.__traceback__) from exc
        if not isinstance(opened, Backend):
            raise _not_usable(name, point, f"gave {printable(type(opened).__name__)}, which is not a Backend")
        return opened
    known = ", ".join(sorted({FILE_BACKEND, *_OURS, *(p.name for p in entry_points(group=ENTRY_POINTS))}))
    raise Unsupported(
        f"there is no backend '{printable(name)}', which {printable(settings.backend.source)} names",
        hint=OTHER_NAMES.get(name, f"backends are {printable(known)}"),
    )


def _maker(point: "EntryPoint") -> str:
    return printable(point.dist.name) if point.dist else "somebody's package"
