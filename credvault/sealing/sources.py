"""Where the key of a vault file comes from: the first that is set, in the order of spec.md 6.

Reads the environment and the files that settings name; never prompts: the last resort is the caller's.
"""

import os
from collections.abc import Callable, Mapping, Sequence

from credvault import files
from credvault.model.errors import CredvaultError, Locked, StorageError, WrongKey
from credvault.model.text import printable
from credvault.model.value import SecretValue
from credvault.sealing.keys import parse_key
from credvault.sealing.slots import KEYRING, PASSPHRASE, RAW, KeyMaterial, Slot, passphrase_bytes

_MAX_KEY_FILE_BYTES = 64 * 1024
_HINT = (
    "run {} on a terminal, set CREDVAULT_KEY_FILE, CREDVAULT_KEY, CREDVAULT_PASSPHRASE, "
    "CREDVAULT_PASSPHRASE_FILE or CREDVAULT_PASSPHRASE_COMMAND, or give --key-file"
)

Ask = Callable[[], KeyMaterial]
"""The last resort: asks a person for the passphrase; raises Locked where nobody can be asked."""


def key_material(
    key_file: str | None,
    environ: Mapping[str, str],
    slots: Sequence[Slot],
    ask: Ask | None,
    *,
    vault_id: str | None = None,
    detail: Callable[[str], None] = lambda text: None,
    unlock: Callable[[], str] = lambda: "'credvault unlock'",
) -> KeyMaterial:
    """Return the first key that is set, else that of a keyring slot, else what `ask` returns.

    The OS keyring is asked for the key of the vault `vault_id`, without it not at all; `detail` is told why that has
    none. `unlock` names the command that unlocks this very vault, for a hint. Raises Locked where there is no key, or
    one is set but empty, WrongKey where it is not a key, StorageError where its file cannot be read.
    """
    found = explicit_key(key_file, environ)
    if found is not None:
        return found
    why = keyring_hint = ""
    if vault_id is not None and any(slot["type"] == KEYRING for slot in slots):
        from credvault.sealing.keyringslot import find_key

        try:
            return find_key(slots, vault_id, environ)
        except CredvaultError as exc:
            detail(f"not unlocked by the OS keyring: {exc.message}")
            why = f"; its keyring slot does not open it: {exc.message}"
            keyring_hint = f"{exc.hint}; or " if exc.hint else ""
    if ask is not None and any(slot["type"] == PASSPHRASE for slot in slots):
        return ask()
    what = "is locked and no key is set" if ask is None else "opens by a key only, and none is set"
    raise Locked(f"the vault {what}{why}", hint=keyring_hint + _HINT.format(unlock()))


def explicit_key(key_file: str | None, environ: Mapping[str, str]) -> KeyMaterial | None:
    """Return the key that a flag or the environment gives, or None."""
    if key_file is not None:
        return key_from_file(key_file)
    if (text := _set(environ, "CREDVAULT_KEY")) is not None:
        return _raw(text, "CREDVAULT_KEY")
    if (path := _set(environ, "CREDVAULT_KEY_FILE")) is not None:
        return key_from_file(path)
    if (text := _set(environ, "CREDVAULT_PASSPHRASE")) is not None:
        return passphrase_material(text, "CREDVAULT_PASSPHRASE")
    if (path := _set(environ, "CREDVAULT_PASSPHRASE_FILE")) is not None:
        return passphrase_from_file(path)
    if (command := _set(environ, "CREDVAULT_PASSPHRASE_COMMAND")) is not None:
        source = "CREDVAULT_PASSPHRASE_COMMAND"
        return passphrase_material(_text(_run(command, environ), source), source)
    return None


def key_from_file(path: str) -> KeyMaterial:
    """Return the key in a file; raises WrongKey for a file that others may read, and one that holds no key."""
    return _raw(_read_key_file(path), f"the key file {printable(path)}")


def passphrase_from_file(path: str) -> KeyMaterial:
    """Return the passphrase in a file, less one final newline; raises Locked where it is empty, StorageError."""
    source = f"the file {printable(path)}"
    return passphrase_material(_text(_read_file(path), source), source)


def passphrase_material(passphrase: str, source: str) -> KeyMaterial:
    """Return a passphrase as key material; an empty one is refused with Locked, one not text with WrongKey."""
    if not passphrase:
        raise Locked(f"the passphrase from {source} is empty")
    try:
        return KeyMaterial(PASSPHRASE, SecretValue(passphrase_bytes(passphrase)), source)
    except UnicodeEncodeError:
        # Half of a surrogate pair, as JSON can spell it, has no bytes and so opens nothing.
        raise WrongKey(f"the passphrase from {source} is not text (UTF-8)") from None


def _set(environ: Mapping[str, str], variable: str) -> str | None:
    value = environ.get(variable)
    if value == "":
        # Likely a CI secret that is missing: going on to the next way would hide it.
        raise Locked(f"{variable} is set but empty", hint=f"give it a value, or unset {variable}")
    return value


def _raw(text: str, source: str) -> KeyMaterial:
    return KeyMaterial(RAW, SecretValue(parse_key(text, source)), source)


def _read_key_file(path: str) -> str:
    from credvault.ownership import check_private

    data, what = _read_file(path), f"the key file {printable(path)}"
    # Expanded: a quoted tilde is no home folder.
    lost = "make a new key ('credvault slot add')"
    check_private(os.path.expanduser(path), what, WrongKey, lost=lost)
    # No key holds a CR, and an editor on Windows adds one.
    return _text(data, what).removesuffix("\r")


def _read_file(path: str) -> bytes:
    data = files.read_small_file(os.path.expanduser(path), _MAX_KEY_FILE_BYTES)
    if data is None:
        raise StorageError(f"there is no file {printable(path)}")
    return data


def _run(command: str, environ: Mapping[str, str]) -> bytes:
    import shlex

    from credvault.programs import ask_program

    what = "CREDVAULT_PASSPHRASE_COMMAND"
    try:
        words = shlex.split(command)
    except ValueError:
        raise Locked(f"{what} could not be run: it is not a command line") from None
    # The command is not to see what else unlocks.
    env = {name: value for name, value in environ.items() if not name.startswith("CREDVAULT_")}
    return ask_program(words, env, what, Locked)


def _text(data: bytes, source: str) -> str:
    """Return the text of a file or a command less one final newline; raises WrongKey where it is not text."""
    if not data.removesuffix(b"\n"):
        raise Locked(f"{source} is empty")
    try:
        return data.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise WrongKey(f"{source} does not hold text (UTF-8)") from None
