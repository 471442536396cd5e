"""What is found at a vault file without its key: the head, who may read it, what lies beside it, its slots."""

import os
import stat
from collections.abc import Iterator, Sequence
from shlex import quote

from credvault.backends.base import Aspect
from credvault.model.errors import CredvaultError, StorageError
from credvault.model.text import counted, printable
from credvault.sealing.slots import PASSPHRASE, KdfLimits, Slot
from credvault.sealing.vaultfile import VaultFile
from credvault.temporaries import is_temporary

SUBJECT = "vault file"


def examine_file(file: VaultFile) -> Iterator[Aspect]:
    """Yield what works and what does not, as it is found. A call that the system refuses hides no other finding."""
    try:
        head = file.read_head()
    except CredvaultError as exc:
        yield Aspect(SUBJECT, False, exc.message, exc.hint, exc.exit_status)
        return
    yield Aspect(SUBJECT, True, f"{printable(file.path)}, generation {head.generation}")
    yield from examine_modes(file.path, SUBJECT)
    yield from _as_far_as_possible(_examine_surroundings(file), SUBJECT)
    yield from _examine_slots(head.slots, file.limits.kdf)


def examine_modes(path: str, subject: str) -> Iterator[Aspect]:
    """Yield what is wrong with the owner and mode of a file that may not be there, and of its folder."""
    if os.path.lexists(path):
        yield from _as_far_as_possible(_examine_modes(path, subject), subject)


def _examine_modes(path: str, subject: str) -> Iterator[Aspect]:
    facts = os.stat(path)
    if os.name != "posix":
        return
    if facts.st_uid != os.geteuid():
        text = f"it belongs to another user (uid {facts.st_uid}), so it can be read but not written"
        yield Aspect(subject, True, text, "run as its owner, or make a copy of your own")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        text = f"others may read it (mode {stat.S_IMODE(facts.st_mode):04o})"
        yield Aspect(subject, False, text, f"chmod 600 {_quoted(path)}", StorageError.exit_status)
    folder = os.path.dirname(path)
    if os.stat(folder).st_mode & 0o002 and not os.stat(folder).st_mode & stat.S_ISVTX:
        text = f"anybody may replace it: its folder {printable(folder)} can be written by all"
        yield Aspect(subject, False, text, f"chmod o-w {_quoted(folder)}", StorageError.exit_status)


def _examine_surroundings(file: VaultFile) -> Iterator[Aspect]:
    folder, base = os.path.split(file.path)
    left = [name for name in os.listdir(folder) if is_temporary(name, base)]
    if left:
        text = f"beside it: {counted(len(left), 'unfinished file')} of writers that were killed"
        yield Aspect(SUBJECT, True, text, "nothing is in the clear there, and the next write removes what is left")
    if os.path.exists(file.backup_path):
        yield Aspect("backup", True, printable(file.backup_path))


def _examine_slots(slots: Sequence[Slot], limits: KdfLimits) -> Iterator[Aspect]:
    yield Aspect("slots", True, ", ".join(f"{printable(slot['id'])} ({printable(slot['type'])})" for slot in slots))
    for slot in slots:
        if slot["type"] == PASSPHRASE and slot["kdf"]["iterations"] < limits.write_minimum:
            slot_id = printable(slot["id"])
            text = f"slot {slot_id} has {slot['kdf']['iterations']:,} iterations, fewer than advised today"
            yield Aspect("slots", True, text, f"credvault slot change {slot_id}")
    if len(slots) == 1:
        yield Aspect(
            "slots", True, "there is one way to unlock; if it is lost, so are the secrets", "credvault slot add"
        )


def _as_far_as_possible(aspects: Iterator[Aspect], subject: str) -> Iterator[Aspect]:
    try:
        yield from aspects
    except OSError as exc:
        where = f" {printable(os.fsdecode(exc.filename))}" if isinstance(exc.filename, (str, bytes)) else ""
        text = f"cannot look at{where}: {(exc.strerror or 'input/output error').lower()}"
        yield Aspect(subject, True, text, "look at the owner and mode of its folder")


def _quoted(path: str) -> str:
    return printable(quote(path))
