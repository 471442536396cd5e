"""What is found of each profile of config.toml that is not the current one: its store, looked at without a key.

All are looked at side by side and for a bounded time: one that cannot be opened or never answers is a finding, and
not the end of the others.
"""

import threading
import time
from collections.abc import Iterator

from credvault.backends.registry import open_backend
from credvault.config import FILE_BACKEND, Flags, Settings, load_settings
from credvault.lifecycle.copystate import examine_copy
from credvault.lifecycle.diagnosis import examine_store
from credvault.lifecycle.findings import ADVICE, WRONG, Finding, as_far_as_possible, for_place
from credvault.model.errors import BackendUnavailable, CredvaultError
from credvault.model.unlocking import SECRETS_OF_SERVERS

# A store has its own limits, 5 s to connect and 30 s to answer; a doctor does not wait for several of the latter.
SECONDS = 20.0

# The variables that say which server a token in the environment is for.
_SERVERS = ("BAO_ADDR", "VAULT_ADDR", "VAULT_URL")

_ALONE = "credvault doctor"


def examine_profiles(settings: Settings, *, seconds: float = SECONDS) -> Iterator[Finding]:
    """Yield what is found of every profile but the current one, in their order, within `seconds`."""
    current = None if settings.profile is None else settings.profile.name
    names = [name for name in settings.config.get("profiles", {}) if name != current]
    until = time.monotonic() + seconds
    for look in [_Look(name, settings) for name in names]:
        yield from look.findings(until, seconds)


class _Look:
    """A look at one profile, in a thread of its own that the end of the program does not wait for."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._found: list[Finding] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def findings(self, until: float, seconds: float) -> Iterator[Finding]:
        """Yield what was found by `until`, on the clock that never goes back."""
        self._thread.join(max(0.0, until - time.monotonic()))
        found = list(self._found)
        if self._thread.is_alive():
            text = f"it did not answer within {seconds:g} s"
            found.append(Finding(WRONG, "store", text, status=BackendUnavailable.exit_status))
        for finding in found:
            yield for_place(finding._replace(profile=self._name), Flags(profile=self._name))

    def _look(self) -> None:
        try:
            for finding in as_far_as_possible("settings", self._examine()):
                self._found.append(finding)
        except Exception as exc:  # noqa: BLE001 - somebody else's backend; its text may hold anything
            text = f"unexpected {type(exc).__name__}"
            self._found.append(Finding(WRONG, "store", text, status=CredvaultError.exit_status))

    def _examine(self) -> Iterator[Finding]:
        environ = self._settings.environ
        settings = load_settings(Flags(profile=self._name), environ)
        if settings.option("address") is not None and not any(variable in environ for variable in _SERVERS):
            # Nobody asked for this server: what may be another's is not sent there.
            for variable in (secret for secret in SECRETS_OF_SERVERS if secret in environ):
                yield Finding(ADVICE, "settings", f"{variable} was not used: it may be for another server", _ALONE)
            kept = {name: value for name, value in environ.items() if name not in SECRETS_OF_SERVERS}
            settings = settings._replace(environ=kept)
        yield from as_far_as_possible("offline copy", examine_copy(settings))
        is_file = settings.backend.value == FILE_BACKEND
        # Whatever a vault file warns of is a finding, too.
        warn = (lambda text: None) if is_file else self._warn
        backend = open_backend(settings, None, warn=warn, detail=lambda text: None, by_agent=False)
        try:
            yield from examine_store(backend)
        finally:
            backend.close()

    def _warn(self, text: str) -> None:
        self._found.append(Finding(ADVICE, "settings", text))
