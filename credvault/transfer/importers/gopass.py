"""A gopass store: the form of `pass`, with documents in YAML and an old form besides, and stores mounted in others.

Mounts are in gopass's config file; given that file, all of them are read, each below the name of its mount.
"""

import os
import re
from collections.abc import Iterator

from credvault.infile import read_file
from credvault.model.errors import InvalidValue
from credvault.model.text import printable
from credvault.transfer.importers.base import Item, Skipped, Source
from credvault.transfer.importers.passstore import read_store

_MAX_CONFIG_BYTES = 1024 * 1024
# Its config is written like git's: [mounts] with the path of the root store, [mounts "NAME"] with those of others.
_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_PATH = re.compile(r"path\s*=\s*(.*)", re.IGNORECASE)


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the secrets of a store, or of all that a config file names; raises NotFound, Unsupported, InvalidValue."""
    options = source.environ.get("GOPASS_GPG_OPTS", "").split()
    if not os.path.isfile(os.path.expanduser(source.path)):
        yield from read_store(source, source.path, (), options, gopass=True)
        return
    text = read_file(source.path, _MAX_CONFIG_BYTES).decode("utf-8", "replace")
    for mount, folder in _mounts(text, source.path):
        yield from read_store(source, folder, mount, options, gopass=True)


def _mounts(text: str, path: str) -> list[tuple[tuple[str, ...], str]]:
    """Return the mounted stores: where each is mounted, nothing for the root store, and its folder."""
    mounts: list[tuple[tuple[str, ...], str]] = []
    mount: tuple[str, ...] | None = None
    for line in text.splitlines():
        stripped = line.strip()
        section = _SECTION.fullmatch(stripped)
        if section is not None:
            name = re.sub(r"\\(.)", r"\1", section[2] or "")
            mount = tuple(name.split("/")) if name else ()
            if section[1].lower() != "mounts":
                mount = None
        elif mount is not None and (found := _PATH.fullmatch(stripped)):
            mounts.append((mount, found[1].strip().strip('"')))
    if not mounts:
        hint = "it is at ~/.config/gopass/config; or name the folder of a store"
        raise InvalidValue(f"{printable(path)} is not a config file of gopass that names stores", hint=hint)
    return mounts
