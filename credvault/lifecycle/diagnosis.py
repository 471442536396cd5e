"""What is wrong with settings, folders, the agent and the current vault, each finding with its mend."""

import os
import stat
from collections.abc import Iterator
from shlex import quote

from credvault.backends.agent import AgentClient
from credvault.backends.base import Backend
from credvault.config import Settings, find_agent_socket
from credvault.lifecycle.findings import (
    ADVICE,
    OK,
    WRONG,
    Finding,
    as_far_as_possible,
    finding_of,
    finding_of_error,
)
from credvault.model import wire
from credvault.model.errors import BackendUnavailable, CredvaultError, Locked, StorageError
from credvault.model.text import counted, printable
from credvault.sealing.slots import KEYRING
from credvault.sealing.vaultfile import VaultFile

# Secrets that every program inherits, and what to use in their place.
_EXPOSED = {
    "CREDVAULT_KEY": "use CREDVAULT_KEY_FILE",
    "CREDVAULT_PASSPHRASE": "use CREDVAULT_PASSPHRASE_FILE or CREDVAULT_PASSPHRASE_COMMAND",
}


def examine_surroundings(settings: Settings) -> Iterator[Finding]:
    """Yield what is found around any vault: settings, the state folder, the agent."""
    yield from as_far_as_possible("settings", _examine_settings(settings))
    yield from _examine_folder(settings.state_folder, "state folder")
    yield from as_far_as_possible("agent", _examine_agent(settings))


def examine_store(backend: Backend) -> Iterator[Finding]:
    """Yield what a store finds of itself, as it is found; reads no secret."""
    yield from as_far_as_possible("store", map(finding_of, backend.examine()), refused=WRONG)


def examine_keyring_slots(settings: Settings, file: VaultFile) -> Iterator[Finding]:
    """Yield whether the OS keyring has the key of each keyring slot of a vault file, and it opens."""
    try:
        head = file.read_head()
    except CredvaultError:
        return  # found by its store
    unanswered: CredvaultError | None = None  # for one slot, and so for every other
    for slot in head.slots:
        if slot["type"] == KEYRING:
            from credvault.sealing.keyringslot import find_key  # dear, and most vaults have no such slot

            slot_id = printable(slot["id"])
            try:
                if unanswered is not None:
                    raise unanswered
                material = find_key([slot], head.vault_id, settings.environ)
                yield Finding(OK, "slots", f"slot {slot_id} opens by the key in {material.source}")
            except CredvaultError as exc:
                unanswered = exc if isinstance(exc, (Locked, BackendUnavailable)) else None
                mend = exc.hint or f"credvault slot add --keyring, and credvault slot remove {quote(slot_id)}"
                yield Finding(ADVICE, "slots", f"slot {slot_id} does not open here: {exc.message}", mend)


def examine_contents(file: VaultFile, *, unlock: bool, verify: bool) -> Iterator[Finding]:
    """Yield what is found in a vault file that there is, under its key.

    `unlock` says whether there is a key or somebody to ask; without it nothing sealed is looked at. `verify` reads
    and opens everything. Writes nothing but a pin that is new.
    """
    try:
        file.read_head()
    except CredvaultError:
        return  # found by its store
    if not unlock:
        yield Finding(ADVICE, "contents", "not looked at: no key is set and there is no terminal to ask on")
        return
    yield from as_far_as_possible("contents", _examine_contents(file, verify))


def _examine_settings(settings: Settings) -> Iterator[Finding]:
    if settings.config:
        yield Finding(OK, "settings", f"{printable(settings.config_path)} is well formed")
    elif not os.path.lexists(settings.config_path):
        yield Finding(OK, "settings", f"no {printable(settings.config_path)}; the defaults hold")
    yield from as_far_as_possible("settings", _examine_writers(settings.config_path))
    if settings.profile is not None:
        yield Finding(OK, "settings", f"the current profile is {printable(settings.profile.name)}")
    for notice in settings.notices:
        yield Finding(ADVICE, "settings", notice)
    for variable, mend in _EXPOSED.items():
        if variable in settings.environ:
            text = f"{variable} is in the environment of every program you start"
            yield Finding(ADVICE, "settings", text, mend)


def _examine_writers(path: str) -> Iterator[Finding]:
    """Yield who else may write `config.toml`: it says which servers get a token, and which programs run."""
    if os.name != "posix" or not os.path.lexists(path):
        return
    facts = os.stat(path)
    if facts.st_uid not in (os.geteuid(), 0):  # one of root's is for all users of a machine
        text = f"{printable(path)} belongs to another user (uid {facts.st_uid}), who may change it"
        yield Finding(WRONG, "settings", text, "make a copy of your own", StorageError.exit_status)
    if facts.st_mode & 0o022:
        text = f"others may write {printable(path)} (mode {stat.S_IMODE(facts.st_mode):04o})"
        yield Finding(WRONG, "settings", text, f"chmod go-w {printable(quote(path))}", StorageError.exit_status)


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
        mend = f"chmod 700 {printable(quote(path))}"
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
        yield from (finding_of_error("contents", error) for error in damaged)
        if not damaged:
            opened = f"{counted(entries, 'secret')} read and opened"
            checked = opened if verify else f"{counted(secrets, 'secret')}; --verify opens them all"
            yield Finding(OK, "contents", checked)
