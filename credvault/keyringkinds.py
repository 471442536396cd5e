"""Which OS keyrings are real ones, and which of them the settings of the library `keyring` name; the others by name.

Nothing that is named or installed is loaded here.
"""

import os
import sys
from collections.abc import Iterator, Mapping

from credvault.model.errors import ConfigError
from credvault.model.text import listed, printable
from credvault.model.tuples import NamedTuple

_VARIABLE = "PYTHON_KEYRING_BACKEND"
_ENTRY_POINTS = "keyring.backends"
_CHAINER = "keyring.backends.chainer.ChainerBackend"
_MAX_SETTINGS_BYTES = 64 * 1024


class Kind(NamedTuple):
    """A keyring that is real: its name for people, the class that the library calls it by, and where it can be."""

    title: str
    path: str
    platform: str

    @property
    def store(self) -> str:
        """Who keeps its items: libsecret is another way to the Secret Service."""
        return SECRET_SERVICE.title if self.title == "libsecret" else self.title


SECRET_SERVICE = Kind("Secret Service", "keyring.backends.SecretService.Keyring", "linux")
_KWALLET = Kind("KWallet", "keyring.backends.kwallet.DBusKeyring", "linux")
WINDOWS = Kind("Windows Credential Manager", "keyring.backends.Windows.WinVaultKeyring", "win32")
# In the order of the library's own priorities.
KINDS = (
    Kind("macOS Keychain", "keyring.backends.macOS.Keyring", "darwin"),
    WINDOWS,
    SECRET_SERVICE,
    _KWALLET,
    Kind("libsecret", "keyring.backends.libsecret.Keyring", "linux"),
    Kind("KWallet 4", "keyring.backends.kwallet.DBusKeyringKWallet4", "linux"),
)
# What is known of the others, by how their names begin.
_WHY_NOT = {
    "keyring.backends.null.": "forgets what it is given",
    "keyring.backends.fail.": "keeps nothing",
    "keyrings.alt.": "is weak: it may keep secrets in the clear, or under a password in a file",
}


def wanted_kinds(environ: Mapping[str, str]) -> tuple[Kind, ...]:
    """Return the keyrings that may be used, best first; raises ConfigError where a weak one is named."""
    named = _named_keyring(environ)
    if named is None:
        return ranked_kinds(environ)
    name, source = named
    hint = f"unset it, or name a real one: {ranked_kinds(environ)[0].path}"
    if name == _CHAINER:
        weak = list(refused_plugins())
        if weak:
            raise ConfigError(f"{source} names a chain of keyrings with {printable(listed(weak, 3))} in it", hint=hint)
        return ranked_kinds(environ)  # it writes to the first
    kind = next((kind for kind in KINDS if kind.path == name), None)
    if kind is None:
        raise ConfigError(f"{source} names the keyring {printable(name)}, which {why_not(name)}", hint=hint)
    return (kind,)


def ranked_kinds(environ: Mapping[str, str]) -> tuple[Kind, ...]:
    """Return the keyrings of this system as the library ranks them, so that both look in the same place."""
    here = [kind for kind in KINDS if sys.platform.startswith(kind.platform)]
    if "KDE" in environ.get("XDG_CURRENT_DESKTOP", "").split(":"):
        here.sort(key=lambda kind: kind != _KWALLET)
    return tuple(here)


def _named_keyring(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the class that the library's settings name, and which of them does; raises ConfigError."""
    if environ.get(_VARIABLE):
        return environ[_VARIABLE], _VARIABLE
    path = os.path.join(_settings_folder(environ), "keyringrc.cfg")
    if not os.path.lexists(path):
        return None
    import configparser

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MAX_SETTINGS_BYTES)
        settings = configparser.RawConfigParser()
        settings.read_string(text)
        return settings.get("backend", "default-keyring").strip(), printable(path)
    except (configparser.NoSectionError, configparser.NoOptionError):
        return None
    except (OSError, ValueError, configparser.Error):
        raise ConfigError(f"{printable(path)} cannot be read, so it is not known which keyring it names") from None


def _settings_folder(environ: Mapping[str, str]) -> str:
    """Return where the library has its settings (keyring/util/platform_.py)."""
    if sys.platform == "win32":
        return os.path.join(environ.get("LOCALAPPDATA", environ.get("ProgramData", ".")), "Python Keyring")
    base = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "python_keyring")


def refused_plugins() -> Iterator[str]:
    """Yield the modules of other keyrings that are installed, by name: a chain would load them."""
    from importlib.metadata import entry_points

    ours = {kind.path.rpartition(".")[0] for kind in KINDS} | {_CHAINER.rpartition(".")[0]}
    for module in sorted({point.value.partition(":")[0] for point in entry_points(group=_ENTRY_POINTS)} - ours):
        if module not in ("keyring.backends.fail", "keyring.backends.null"):
            yield module


def why_not(name: str) -> str:
    """Return why a keyring that is none of the real ones is not used, as what follows its name."""
    found = (why for beginning, why in _WHY_NOT.items() if name.startswith(beginning))
    return next(found, "is not known to be safe")
