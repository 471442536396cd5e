"""What is wrong with settings, files, slots and contents, each finding with its mend."""

import os
import stat
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import NamedTuple

from credvault.backends.agent import AgentClient
from credvault.config import Settings, find_agent_socket
from credvault.model import wire
from credvault.model.errors import BackendUnavailable, CredvaultError, StorageError
from credvault.model.text import counted, printable
from credvault.sealing.slots import PASSPHRASE, KdfLimits, Slot
from credvault.sealing.vaultfile import VaultFile
from credvault.temporaries import is_temporary

OK, ADVICE, WRONG = "ok", "advice", "wrong"

# Secrets that every program inherits, and what to use in their place.
_EXPOSED = {
    "CREDVAULT_KEY": "use CREDVAULT_KEY_FILE",
    "CREDVAULT_PASSPHRASE": "use CREDVAULT_PASSPHRASE_FILE or CREDVAULT_PASSPHRASE_COMMAND",
}


class Finding(NamedTuple):
    """One thing that was looked at: `ok`, `advice` or `wrong`; a wrong one has the exit status of its error."""

    level: str
    subject: str
    text: str
    mend: str | None = None
    status: int = 0


def examine(settings: Settings, file: VaultFile, *, unlock: bool, verify: bool) -> Iterator[Finding]:
    """Yield what is found, as it is found.

    `unlock` says whether there is a key or somebody to ask; without it nothing sealed is looked at. `verify` reads
    and opens everything. Writes nothing but a pin that is new.
    """
    yield from _as_far_as_possible("settings", _examine_settings(settings))
    yield from _examine_folder(settings.state_folder, "state folder")
    yield from _as_far_as_possible("agent", _examine_agent(settings))
    try:
        head = file.read_head()
    except CredvaultError as exc:
        yield _wrong("vault file", exc)
        return
    yield Finding(OK, "vault file", f"{printable(file.path)}, generation {head.generation}")
    yield from _as_far_as_possible("vault file", _examine_modes(file.path))
    yield from _as_far_as_possible("vault file", _examine_leftovers(file))
    yield from _examine_slots(head.slots, file.limits.kdf)
    if not unlock:
        yield Finding(ADVICE, "contents", "not looked at: no key is set and there is no terminal to ask on")
        return
    try:
        yield from _examine_contents(file, verify)
    except CredvaultError as exc:
        yield _wrong("contents", exc)


def _examine_settings(settings: Settings) -> Iterator[Finding]:
    if settings.config:
        yield Finding(OK, "settings", f"{printable(settings.config_path)} is well formed")
    elif not os.path.lexists(settings.config_path):
        yield Finding(OK, "settings", f"no {printable(settings.config_path)}; the defaults hold")
    for notice in settings.notices:
        yield Finding(ADVICE, "settings", notice)
    for variable, mend in _EXPOSED.items():
        if variable in settings.environ:
            text = f"{variable} is in the environment of every program you start"
            yield Finding(ADVICE, "settings", text, mend)


def _examine_folder(path: str, subject: str) -> Iterator[Finding]:
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        yield Finding(WRONG, subject, f"{printable(path)}: {exc.strerror}", status=StorageError.exit_status)
        return
    if os.name == "posix" and (facts.st_uid != os.geteuid() or not os.access(path, os.W_OK | os.X_OK)):
        yield Finding(
            WRONG,
            subject,
            f"{printable(path)} cannot be written, so an older vault file would not be noticed",
            f"make it yours and writable: {printable(path)}",
            StorageError.exit_status,
        )
    elif os.name == "posix" and stat.S_IMODE(facts.st_mode) & 0o077:
        mend = f"chmod 700 {_quoted(path)}"
        yield Finding(WRONG, subject, f"others may look into {printable(path)}", mend, StorageError.exit_status)


def _examine_agent(settings: Settings) -> Iterator[Finding]:
    path = find_agent_socket(settings.environ)
    if os.name != "posix" or path is None or not os.path.lexists(path):
        return
    yield from _examine_folder(os.path.dirname(path), "agent")
    warnings: list[str] = []
    client = AgentClient(settings.environ, warnings.append)
    try:
        if client.connect():
            facts = client.ask("GET", wire.AGENT)
            held = counted(len(facts["vaults"]), "vault")
            yield Finding(OK, "agent", f"process {facts['pid']} listens at {printable(path)} and holds {held}")
        elif warnings:
            mend = "name a place of your own with CREDVAULT_AGENT_SOCKET"
            yield Finding(WRONG, "agent", warnings[0], mend, BackendUnavailable.exit_status)
        else:
            text = f"nobody listens at {printable(path)}"
            yield Finding(ADVICE, "agent", text, "it is a left-over; 'credvault unlock' replaces it")
    finally:
        client.close()


def _examine_modes(path: str) -> Iterator[Finding]:
    facts = os.stat(path)
    if os.name != "posix":
        return
    if facts.st_uid != os.geteuid():
        text = f"it belongs to another user (uid {facts.st_uid}), so it can be read but not written"
        yield Finding(ADVICE, "vault file", text)
    if stat.S_IMODE(facts.st_mode) & 0o077:
        text = f"others may read it (mode {stat.S_IMODE(facts.st_mode):04o})"
        yield Finding(WRONG, "vault file", text, f"chmod 600 {_quoted(path)}", StorageError.exit_status)
    folder = os.path.dirname(path)
    if os.stat(folder).st_mode & 0o002 and not os.stat(folder).st_mode & stat.S_ISVTX:
        text = f"anybody may replace it: its folder {printable(folder)} can be written by all"
        yield Finding(WRONG, "vault file", text, f"chmod o-w {_quoted(folder)}", StorageError.exit_status)


def _examine_leftovers(file: VaultFile) -> Iterator[Finding]:
    folder, base = os.path.split(file.path)
    left = [name for name in os.listdir(folder) if is_temporary(name, base)]
    if left:
        text = f"{len(left)} unfinished files of writers that were killed are beside it"
        yield Finding(ADVICE, "vault file", text, "they hold nothing in the clear, and go with the next write")
    if os.path.exists(file.backup_path):
        yield Finding(OK, "backup", printable(file.backup_path))


def _examine_slots(slots: Sequence[Slot], limits: KdfLimits) -> Iterator[Finding]:
    yield Finding(OK, "slots", ", ".join(f"{printable(slot['id'])} ({printable(slot['type'])})" for slot in slots))
    for slot in slots:
        if slot["type"] == PASSPHRASE and slot["kdf"]["iterations"] < limits.write_minimum:
            text = (
                f"slot {printable(slot['id'])} has {slot['kdf']['iterations']:,} iterations, fewer than advised today"
            )
            yield Finding(ADVICE, "slots", text, f"credvault slot change {printable(slot['id'])}")
    if len(slots) == 1:
        text = "there is one way to unlock; if it is lost, so are the secrets"
        yield Finding(ADVICE, "slots", text, "credvault slot add")


def _examine_contents(file: VaultFile, verify: bool) -> Iterator[Finding]:
    with file.open() as vault:
        secrets = entries = 0
        damaged: list[CredvaultError] = []
        for number in range(vault.bucket_count):
            try:
                bucket = vault.bucket(number)
                secrets += len(bucket.tokens)
                if verify:
                    entries += sum(1 for _ in vault.check_bucket(number))
            except CredvaultError as exc:
                damaged.append(exc)
        yield from (_wrong("contents", error) for error in damaged)
        if not damaged:
            opened = f"{counted(entries, 'secret')} read and opened"
            checked = opened if verify else f"{counted(secrets, 'secret')}; --verify opens them all"
            yield Finding(OK, "contents", checked)


def _as_far_as_possible(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings; a call that the system refuses is one more, and not the end of all others."""
    try:
        yield from findings
    except OSError as exc:
        where = f" {printable(os.fsdecode(exc.filename))}" if isinstance(exc.filename, (str, bytes)) else ""
        yield Finding(ADVICE, subject, f"cannot look at{where}: {(exc.strerror or 'input/output error').lower()}")


def _quoted(path: str) -> str:
    return printable(quote(path))


def _wrong(subject: str, exc: CredvaultError) -> Finding:
    return Finding(WRONG, subject, exc.message, exc.hint, exc.exit_status)
