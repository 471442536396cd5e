"""The file of `-o`: a new private one, never one of the vault's own."""

import os
from collections.abc import Sequence

from credvault import files
from credvault.cli.context import Run
from credvault.model.errors import AlreadyExists, Invalid, StorageError
from credvault.model.text import counted


def write_outfile(run: Run, path: str, chunks: Sequence[bytes], *, force: bool) -> None:
    """Put an answer in a file, mode 0600, and say so; with `force` it replaces the file that is there.

    A `~` at its start is the home: shells leave it to us in `--output=~/file`. Raises Invalid for an empty name and for
    a file of the vault, AlreadyExists, StorageError; then nothing is written.
    """
    if not path:
        raise Invalid("-o names no file", hint="-o FILE, or - for stdout")
    path = os.path.expanduser(path)
    refuse_own_file(run, path)
    if os.path.exists(path) and not os.path.isfile(path):
        hint = "name a file in it" if os.path.isdir(path) else "leave out -o, and send stdout there"
        raise StorageError(f"cannot write {path}: it is not a regular file", hint=hint)
    try:
        files.create_file(path, chunks, replace=force)
    except AlreadyExists as exc:
        raise AlreadyExists(exc.message, hint="--force replaces it") from None
    run.out.say(f"wrote {path} ({counted(sum(map(len, chunks)), 'byte')})")


def refuse_own_file(run: Run, path: str) -> None:
    """Raise Invalid for a path of the vault file, its backup or its lock, by whatever name."""
    vault = os.path.realpath(run.settings.path.value)
    if any(_is_same(path, own) for own in (vault, f"{vault}.bak", f"{vault}.lock")):
        raise Invalid(f"{path} belongs to the vault itself")


def _is_same(path: str, own: str) -> bool:
    try:
        # Not by name alone: there are hard links, and file systems for which names in another case are the same.
        return os.path.samefile(path, own)
    except OSError:  # one of them is not there
        return os.path.realpath(path) == own
