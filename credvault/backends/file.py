"""The backend `file`: one encrypted vault file (format.md). The default."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import TYPE_CHECKING

from credvault.backends.base import Aspect, Backend, Capability, Change, Health
from credvault.config import DEFAULT_SOURCE, Settings
from credvault.model.errors import NotFound
from credvault.model.names import NO_REFERENCE, Name
from credvault.model.record import Record, Secret, Version
from credvault.sealing import vaultfile
from credvault.sealing.entries import Entry, HistoryLimits, history_limits
from credvault.sealing.head import Head
from credvault.sealing.keys import DataKey
from credvault.sealing.slots import KDF_LIMITS, KdfLimits, KeyMaterial
from credvault.sealing.sources import Ask, key_material
from credvault.sealing.vaultfile import Limits, VaultFile
from credvault.state import PinStore

if TYPE_CHECKING:
    from credvault.sealing.draft import Draft


# A vault of this size holds about 2,000 secrets, which are listed in 30 ms.
LARGE_BYTES = 2 * 1024 * 1024


class FileBackend(Backend):
    """Secrets in a vault file. Every call reads the file as it is now; every write is one generation."""

    name = "file"
    capabilities = (
        Capability.READ
        | Capability.WRITE
        | Capability.LIST
        | Capability.DELETE
        | Capability.VERSIONS
        | Capability.METADATA
    )

    def __init__(self, file: VaultFile) -> None:
        self.file = file

    @property
    def is_large(self) -> bool:  # type: ignore[override]  # the size changes
        """Whether the file holds more than some 2,000 secrets."""
        return self.file.size > LARGE_BYTES

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret; opens one bucket and one token, whatever the size of the vault."""
        return self._entry(name).secret(version)

    def check(self) -> Health:
        """Read the head of the file, without a key."""
        head = self.file.read_head()
        return Health(True, f"{self.file.path}, generation {head.generation}, {len(head.slots)} slots")

    def examine(self) -> Iterator[Aspect]:
        """Yield what is found at the file without its key."""
        from credvault.backends.fileaspects import examine_file  # for `doctor` alone

        return examine_file(self.file)

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return several secrets from one generation of the file."""
        found = {}
        for name, entry in self._entries(names).items():
            with suppress(NotFound):  # its current version is deleted, or not in force yet
                found[name] = entry.secret()
        return found

    def get_versions(self, wanted: Collection[tuple[Name, int]]) -> dict[tuple[Name, int], Secret]:
        """Return versions of secrets from one generation of the file; opens each secret once."""
        entries = self._entries({name for name, _ in wanted})
        found = {}
        for name, version in wanted:
            with suppress(NotFound, KeyError):
                found[name, version] = entries[name].secret(version)
        return found

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those names that there is a secret of, in one generation of the file."""
        return self.get_many(names)

    def put(self, change: Change) -> Record:
        """Make one change in a generation of its own."""
        return self.put_many([change])[0]

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make all changes in one generation, or none of them."""
        limits = self.file.limits.history
        return self.file.update(lambda draft: _apply(draft, changes, limits))

    def delete(self, names: Sequence[Name]) -> None:
        """Remove all these secrets in one generation."""
        self.file.update(lambda draft: _remove(draft, names))

    def list(self) -> Sequence[Record]:
        """Return the records in the indexes, sorted by name."""
        with self.file.open() as vault:
            return sorted(vault.records(), key=itemgetter(0, 1))  # namespace and key

    def names(self) -> Sequence[Name]:
        """Return the names in the indexes, sorted: a third of the time of `list`, and next to none the next time."""
        with self.file.open() as vault:
            return vault.names()

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions of a secret, newest first."""
        return self._entry(name).history()

    def histories(self, names: Collection[Name]) -> dict[Name, Sequence[Version]]:
        """Return the versions of several secrets from one generation of the file."""
        return {name: entry.history() for name, entry in self._entries(names).items()}

    def reference(self, name: Name) -> str:
        """Return the entry id of a name once the vault is unlocked."""
        return self.file.entry_id(name) or NO_REFERENCE

    def close(self) -> None:
        """Let go of a file that was kept open."""
        self.file.close()

    def _entries(self, names: Collection[Name]) -> dict[Name, Entry]:
        with self.file.open() as vault:
            return vault.find_many(names)

    def _entry(self, name: Name) -> Entry:
        with self.file.open() as vault:
            entry = vault.find(name)
        if entry is None:
            raise NotFound(f"there is no secret {name}")
        return entry


def _say_nothing(text: str) -> None:
    """Say nothing: what a library does unless it is told otherwise."""


def open_vault_file(
    settings: Settings,
    ask: Ask | None,
    *,
    kdf: KdfLimits | None = None,
    warn: Callable[[str], None] = _say_nothing,
    detail: Callable[[str], None] = _say_nothing,
    key: DataKey | None = None,
    keep_open: bool = False,
) -> VaultFile:
    """Return the vault file that the settings name; nothing is read before it is used.

    `warn` is told what a user should know, `detail` which key unlocks. `key` is for who has the data key already,
    `keep_open` for who reads often.
    """
    on_rollback = vaultfile.REFUSE
    if settings.flags.accept_rollback:
        on_rollback = vaultfile.ACCEPT
    elif settings.in_project:
        # A vault beside code moves with its branches.
        on_rollback = vaultfile.WARN
    limits = Limits(
        settings.number("limits", "vault_bytes", Limits().file_bytes),
        history_limits(settings.number),
        kdf or KDF_LIMITS,
    )

    def unlock(head: Head) -> KeyMaterial:
        # Who has the data key is not to have it again from the OS keyring: an agent forgets one that does not fit.
        vault_id = None if key is not None else head.vault_id
        material = key_material(
            settings.flags.key_file,
            settings.environ,
            head.slots,
            ask,
            vault_id=vault_id,
            detail=detail,
            unlock=lambda: settings.command("unlock" if settings.store is None else "--offline unlock"),
        )
        detail(f"unlocking with {material.source}")
        return material

    return VaultFile(
        settings.path.value,
        unlock,
        pins=PinStore(settings.state_folder),
        limits=limits,
        on_rollback=on_rollback,
        is_default=settings.path.source == DEFAULT_SOURCE,
        warn=warn,
        key=key,
        keep_open=keep_open,
    )


def _apply(draft: "Draft", changes: Sequence[Change], limits: HistoryLimits) -> list[Record]:
    from credvault.backends.changes import next_entry  # reading needs none of it

    entries: dict[Name, Entry] = {}
    records = []
    for change in changes:
        old = entries[change.name] if change.name in entries else draft.find(change.name)
        entries[change.name] = next_entry(old, change, limits)
        records.append(entries[change.name].record())
    # Sealed once, however many changes a secret has: a copy brings all its versions.
    for entry in entries.values():
        draft.put(entry)
    return records


def _remove(draft: "Draft", names: Sequence[Name]) -> None:
    for name in dict.fromkeys(names):
        if draft.find(name) is None:
            raise NotFound(f"there is no secret {name}")
        draft.remove(name)
