"""The folder of a `pass` store: files `NAME.gpg`, decrypted one by one by the user's own gpg.

Nothing outside the store is read: a link that leads out of it is skipped, and so is whatever is no regular file.
"""

import os
from collections.abc import Callable, Iterator

from credvault.files import storage_error
from credvault.infile import read_file
from credvault.model.errors import CredvaultError, Locked, NotFound, Unsupported
from credvault.model.text import printable
from credvault.model.value import MAX_VALUE_BYTES
from credvault.transfer.gpg import Gpg
from credvault.transfer.importers.base import Item, Skipped, Source
from credvault.transfer.importers.passbody import items_of_body

_SUFFIX = ".gpg"
_NO_ENTRY = "it is not an entry of the store: its name does not end in .gpg"
# An encrypted entry is little longer than its text, and never this much.
_MAX_ENTRY_BYTES = 4 * 1024 * 1024


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the secrets of the store; raises NotFound, Unsupported, and what gpg says of its first entry."""
    options = source.environ.get("PASSWORD_STORE_GPG_OPTS", "").split()
    return read_store(source, source.path, (), options, gopass=False)


def read_store(
    source: Source, folder: str, above: tuple[str, ...], options: list[str], *, gopass: bool
) -> Iterator[Item | Skipped]:
    """Yield the secrets of a store in `folder`, `above` before the path of each."""
    root = os.path.realpath(os.path.expanduser(folder))
    if not os.path.isdir(root):
        raise NotFound(f"there is no folder {printable(folder)}", hint="name the folder of the store")
    failures: list[OSError] = []
    entries = sorted(_files_below(root, failures.append))
    unreadable = {str(exc.filename): storage_error("read", str(exc.filename), exc) for exc in failures}
    if root in unreadable:
        raise unreadable[root]
    encrypted = [path for path in entries if path.endswith(_SUFFIX)]
    if not encrypted and any(path.endswith(".age") for path in entries):
        raise Unsupported(
            f"{printable(folder)} is encrypted with age, which this program does not read",
            hint="'gopass convert --crypto gpgcli' makes a store for gpg of it",
        )
    if not encrypted and not unreadable and not os.path.exists(os.path.join(root, ".gpg-id")):
        raise NotFound(f"{printable(folder)} is not a store of pass: it has neither a .gpg-id nor entries")
    for unread, error in unreadable.items():
        yield Skipped((*above, *os.path.relpath(unread, root).split(os.sep)), error.message, error)
    # Room for a head and for more than a value may have, so that what is too long is said to be.
    gpg = Gpg(source.environ, attended=source.ask is not None, max_bytes=2 * MAX_VALUE_BYTES, options=options)
    for relative in entries:
        path = (*above, *relative.removesuffix(_SUFFIX).split(os.sep))
        if not relative.endswith(_SUFFIX):
            is_link = os.path.islink(os.path.join(root, relative)) and os.path.isdir(os.path.join(root, relative))
            reason = "it is a link to a folder, which is not followed" if is_link else _NO_ENTRY
            yield Skipped((*above, *relative.split(os.sep)), reason)
            continue
        found = _read_entry(gpg, root, relative, path)
        if isinstance(found, Skipped):
            yield found
        else:
            yield from items_of_body(path, found, whole=source.whole, gopass=gopass)


def _files_below(root: str, fail: Callable[[OSError], None]) -> Iterator[str]:
    """Yield the paths of all files of a store, relative to it; `fail` is told of each folder that cannot be read.

    What is hidden (.git, .gpg-id, .extensions) is the store's own, but for entries: `pass insert app/.env` makes one.
    """
    for folder, folders, names in os.walk(root, onerror=fail):
        folders[:] = [name for name in folders if name != ".git"]
        for name in (*names, *(name for name in folders if os.path.islink(os.path.join(folder, name)))):
            relative = os.path.relpath(os.path.join(folder, name), root)
            if name.endswith(_SUFFIX) or not any(part.startswith(".") for part in relative.split(os.sep)):
                yield relative


def _read_entry(gpg: Gpg, root: str, relative: str, path: tuple[str, ...]) -> bytes | Skipped:
    shown = printable("/".join(path))
    real = os.path.realpath(os.path.join(root, relative))
    if not real.startswith(root + os.sep):
        return Skipped(path, "it is a link that leads out of the store")
    if not os.path.isfile(real):
        return Skipped(path, "it is not a regular file")
    try:
        return gpg.decrypt(read_file(real, _MAX_ENTRY_BYTES), shown)
    except (Locked, Unsupported):
        raise  # it would be the same for every other entry
    except CredvaultError as exc:
        return Skipped(path, exc.message, exc)
