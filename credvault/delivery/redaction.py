"""What `redact` does: collects the values to hide, and copies a stream without them."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from credvault.access.nearness import LIST_HINT, check_matched
from credvault.backends.base import Capability
from credvault.delivery.masking import MIN_BYTES, is_maskable
from credvault.delivery.matching import Masker
from credvault.delivery.referents import fetch_referents
from credvault.history import fetch_whole
from credvault.model.errors import NotFound, StorageError
from credvault.model.names import is_pattern, parse_name
from credvault.model.record import Secret
from credvault.model.reference import Reference
from credvault.model.text import counted
from credvault.model.value import SecretValue
from credvault.vault import Vault

if TYPE_CHECKING:
    from credvault.model.uri import SecretURI

# A pipe holds 64 KiB; from a file more at once was no faster.
_CHUNK_BYTES = 256 * 1024
# What a release to be hidden is for, in the trail.
_REDACT = "redact"


def collect_secrets(vault: Vault, globs: Sequence[str], *, namespace: str, past: bool) -> list[Secret]:
    """Return the secrets that match any of `globs` (all, if there are none) and that the identity may read.

    With `past` their earlier versions too. Raises NotFound for a name that is not there and a pattern that matches
    nothing: what it was to hide would come out; Unsupported for a pattern where the store cannot list.
    """
    named = [parse_name(glob, default=namespace) for glob in globs if not is_pattern(glob)]
    names = dict.fromkeys(named)
    patterns = list(filter(is_pattern, globs))
    if patterns or not globs:
        listed = [record.name for record in vault.list(patterns, readable=True)]
        check_matched(patterns, listed, namespace=namespace)
        names |= dict.fromkeys(listed)
    if past:
        vault.backend.require(Capability.VERSIONS)
    whole = fetch_whole(vault, names, purpose=_REDACT, past=past)
    missing = next((name for name in named if name not in whole), None)
    if missing is not None:
        vault.get(missing, purpose=_REDACT)  # which says why
        raise NotFound(f"there was no secret {missing}", hint="it came meanwhile; run this again")
    return [Secret(each.record, value) for each in whole.values() for value in each.values]


def collect_referents(vault: Vault, references: "Sequence[Reference | SecretURI]") -> list[Secret]:
    """Return what references lead to, each text of a URI without a field by itself; raises NotFound."""
    found = fetch_referents(vault, references, purpose=_REDACT)
    secrets = []
    for reference in references:
        secret, value = found.secret(reference), found.value(reference)
        if secret is None or value is None:
            error = found.error(reference)
            raise error or NotFound(f"not there: {reference}", hint=LIST_HINT)
        if isinstance(reference, Reference) or reference.fragment is not None:
            secrets.append(Secret(secret.record, value))
        else:
            secrets += [Secret(secret.record, text) for text in _texts(json.loads(value.reveal()))]
    return secrets


def _texts(content: object) -> Iterator[SecretValue]:
    """Yield every text and number in what JSON holds, but for the names of its members."""
    if isinstance(content, dict | list):
        for each in content.values() if isinstance(content, dict) else content:
            yield from _texts(each)
    elif isinstance(content, str):
        yield SecretValue(content.encode("utf-8", "surrogatepass"))
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield SecretValue(str(content).encode("ascii"))


def short_warning(secrets: Iterable[Secret]) -> str | None:
    """Return what a person is to be told of secrets that are too short to be hidden, if any are."""
    names = dict.fromkeys(str(secret.record.name) for secret in secrets if not is_maskable(secret.value))
    return f"too short to be hidden (under {counted(MIN_BYTES, 'byte')}): {', '.join(names)}" if names else None


def copy_masked(fd: int, masker: Masker, write: Callable[[bytes], None]) -> None:
    """Copy what comes from a descriptor until it ends, with what is hidden left out, as soon as it may be shown.

    Raises StorageError where it cannot be read, and what `write` raises; then nothing more is written.
    """
    try:
        while True:
            if not _is_readable(fd, masker.patience):
                write(masker.release(masker.patience or 0))
                continue
            data = os.read(fd, _CHUNK_BYTES)
            if not data:
                break
            out = masker.feed(data)
            if out:
                write(out)
    except OSError as exc:
        raise StorageError(f"cannot read stdin: {(exc.strerror or 'input/output error').lower()}") from exc
    write(masker.finish())


def _is_readable(fd: int, seconds: float | None) -> bool:
    """Wait until there is something to read, or the end of it; return False where nothing came for so long."""
    if seconds is None or sys.platform == "win32":  # which can wait for sockets only: there nothing is let go before
        return True
    from select import select

    return bool(select([fd], [], [], seconds)[0])
