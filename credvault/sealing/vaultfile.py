"""The vault file on disk: opening in the order of format.md 1.3, writing in that of 1.4.

Knows nothing of policy, prompts or settings: keys come from a callable, pins from whoever keeps them.
"""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from credvault import files
from credvault.model.errors import AlreadyExists, Damaged, Locked, LockTimeout, NoVault, RolledBack, StorageError
from credvault.model.names import Name
from credvault.model.pin import Pin, rollback
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.sealing.entries import HistoryLimits
from credvault.sealing.head import RESCUE_HINT, Head, read_head
from credvault.sealing.keys import DataKey
from credvault.sealing.opened import FileImage, OpenVault
from credvault.sealing.slots import KDF_LIMITS, KdfLimits, KeyMaterial, Slot, unwrap

if TYPE_CHECKING:
    # Loaded by whoever writes, or keeps it open: a start that reads need not pay for it.
    from credvault.sealing.draft import Draft
    from credvault.sealing.kept import KeptVault
    from credvault.sealing.output import Output

T = TypeVar("T")
V = TypeVar("V", bound=OpenVault)

REFUSE, WARN, ACCEPT = "refuse", "warn", "accept"
_LIMIT_HINT = "the limit is [limits] vault_bytes in config.toml"


class Limits(NamedTuple):
    """Bounds of a vault file: its size in bytes, what is kept of each secret, key derivation."""

    file_bytes: int = 512 * 1024 * 1024
    history: HistoryLimits = HistoryLimits()
    kdf: KdfLimits = KDF_LIMITS


class Pins(Protocol):
    """Who remembers pins, by the real path of a file and the id of its vault."""

    def take(self, path: str) -> Mapping[str, Sequence[Pin]]:
        """Return the pins of a path by vault id: the last one seen, and one announced by a rekey in progress."""

    def keep(self, path: str, vault_id: str, pin: Pin, *, force: bool = False) -> None:
        """Remember a pin; unless forced, only a newer or an announced one replaces another."""

    def announce(self, path: str, vault_id: str, pin: Pin) -> None:
        """Remember that a file with a new data key is about to appear, so that no reader takes it for a rollback."""


class VaultFile:
    """A vault file at a path.

    `unlock` is called with the head when a key is needed and returns KeyMaterial or raises; the data key is
    kept from then on. `on_rollback` says what a rolled back file is: `refuse` (RolledBack), `warn` or `accept`.
    `is_default` says that no option is needed to name this path. With `key` nothing needs to be unlocked while that
    one signs the file. `keep_open` is for a process that reads often: a file that has not changed since it was
    opened and checked is not opened again.
    """

    def __init__(
        self,
        path: str,
        unlock: Callable[[Head], KeyMaterial],
        *,
        pins: Pins,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        on_rollback: str = REFUSE,
        warn: Callable[[str], None] = lambda text: None,
        is_default: bool = False,
        key: DataKey | None = None,
        keep_open: bool = False,
    ) -> None:
        # The real path, so that a link to the file stays a link, and pins know it under one name.
        self.path = os.path.realpath(path)
        self.limits = limits
        self._unlock = unlock
        self._pins = pins
        self._on_rollback = on_rollback
        self._tell = warn
        self._told: set[str] = set()
        self._is_default = is_default
        self._material: KeyMaterial | None = None
        self._key = key
        self._keep_open = keep_open
        self._kept: KeptVault | None = None

    @property
    def size(self) -> int:
        """How many bytes the file has, 0 where there is none."""
        try:
            return os.stat(self.path).st_size
        except OSError:
            return 0

    @property
    def backup_path(self) -> str:
        """Where the previous generation is kept."""
        return self.path + ".bak"

    @property
    def material(self) -> KeyMaterial:
        """What unlocked the file; it must have been opened."""
        if self._material is None:
            raise Locked("the vault was not unlocked")
        return self._material

    def entry_id(self, name: Name) -> str | None:
        """Return the id of a name, or None before the vault was unlocked."""
        return None if self._key is None else self._key.entry_id(*name)

    def read_head(self) -> Head:
        """Return the head without unlocking; nothing in it is proven. Raises NoVault, Damaged, StorageError."""
        image = self._open_image()
        try:
            return read_head(image, self.limits.kdf, printable(self.path))
        finally:
            image.close()

    def open(self) -> OpenVault:
        """Return the newest generation, unlocked; close it after use.

        Raises NoVault, Damaged, RolledBack, StorageError, WrongKey, and what `unlock` raises.
        """
        if self._kept is not None:
            if self._kept.is_of(self.path):
                return self._kept
            self.close()
        if not self._keep_open:
            return self._open(OpenVault)
        from credvault.sealing.kept import KeptVault  # of an agent alone

        opened = self._open(KeptVault)
        if self._told:
            # A file that somebody is to be warned about is looked at each time.
            return OpenVault(*opened.parts)
        self._kept = opened
        return opened

    def close(self) -> None:
        """Let go of a file that was kept open."""
        if self._kept is not None:
            self._kept.let_go()
            self._kept = None

    def _open(self, kind: type[V]) -> V:
        while True:
            # Before the file: a pin read after it could be newer than the file just opened, which looks like a
            # rollback (369 false alarms of 50,000 reads beside a writer in a trial, none this way).
            pins = self._pins.take(self.path)
            image = self._open_image()
            try:
                head = read_head(image, self.limits.kdf, printable(self.path))
                key = self._key_for(head)
                wrong = self._rollback(pins.get(head.vault_id, ()), head, key)
                if wrong is None or self._pins.take(self.path) == pins:
                    self._check_pins(pins.get(head.vault_id, ()), head, key, wrong)
                    return kind(image, head, key)
            except BaseException:
                image.close()
                raise
            # The pins moved on meanwhile: a rekey beside this reader announced its new data key.
            image.close()

    def update(self, change: "Callable[[Draft], T]") -> T:
        """Let `change` make the next generation from the newest one and put it in place, under the lock.

        Raises what `open` raises, LockTimeout, and StorageError with the old file intact.
        """
        # Unlocked first: nobody waits for the lock while somebody else types a passphrase.
        with self.open():
            self._check_owner()
        with files.lock(self.path + ".lock"):
            files.remove_stale(self.path)
            with self.open() as vault:
                from credvault.sealing.draft import Draft

                draft = Draft(vault)
                result = change(draft)
                if draft.is_changed:
                    self._save(draft)
        return result

    def create(self, key: DataKey, slots: list[Slot], fill: "Callable[[Draft], None] | None" = None) -> None:
        """Make the file, empty or as `fill` leaves it; raises AlreadyExists where there is one, StorageError."""
        self.check_no_backup()
        files.make_private_folder(os.path.dirname(self.path))
        from credvault.sealing.draft import Draft, first_generation

        data = first_generation(key, slots)
        if fill is not None:
            draft = Draft(self._reopen(data, key))
            fill(draft)
            data, _ = self._rendered(draft)
        head = self._reopen(data, key).head
        files.create_file(self.path, data)
        self._keep_pin(head, key)
        self._key = key

    def check_no_backup(self) -> None:
        """Raise AlreadyExists where the backup of another vault is: the second write would replace it."""
        if os.path.lexists(self.backup_path):
            raise AlreadyExists(
                f"the backup of another vault is at {printable(self.backup_path)}",
                hint="put it back in its place, or move it away first",
            )

    def check_writable(self) -> None:
        """Raise StorageError where a write is bound to fail: before a key is made, not after."""
        self._check_owner()
        folder = os.path.dirname(self.path)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StorageError(
                f"cannot write {printable(self.path)}: its folder cannot be written",
                hint=f"look at the owner and mode of {printable(folder)}",
            )

    def check_size(self, path: str, size: int) -> None:
        """Raise StorageError where a vault file is larger than what is read."""
        if size > self.limits.file_bytes:
            raise StorageError(
                f"the vault file {printable(path)} has {size} bytes, over the limit of {self.limits.file_bytes}",
                hint=_LIMIT_HINT,
            )

    def _open_image(self) -> FileImage:
        try:
            # Not blocking: a FIFO in the file's place must not hang the program.
            fd = os.open(self.path, os.O_RDONLY | _flag("O_NONBLOCK") | _flag("O_CLOEXEC") | _flag("O_NOFOLLOW"))
        except (FileNotFoundError, NotADirectoryError):
            option = "" if self._is_default else f"--vault {_quoted(self.path)} "
            hint = self._backup_hint() or f"make one: credvault {option}init"
            raise NoVault(f"there is no vault at {printable(self.path)}", hint=hint) from None
        except OSError as exc:
            raise files.storage_error("read", self.path, exc) from exc
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                kind = "a folder" if stat.S_ISDIR(facts.st_mode) else "not a regular file"
                raise NoVault(f"there is no vault at {printable(self.path)}: it is {kind}")
            self.check_size(self.path, facts.st_size)
            if facts.st_size == 0:
                hint = self._backup_hint() or "no backup is beside it; restore one of your own"
                raise Damaged(f"the vault file {printable(self.path)} is empty", hint=hint)
            if os.name == "posix" and stat.S_IMODE(facts.st_mode) & 0o077:
                mode = stat.S_IMODE(facts.st_mode)
                self._warn(
                    f"others may read the vault file {printable(self.path)} (mode {mode:04o}); chmod 600 mends it"
                )
        except BaseException:
            os.close(fd)
            raise
        return FileImage(fd)

    def _backup_hint(self) -> str | None:
        """Return how to go back to the backup, or None where there is none."""
        if not os.path.exists(self.backup_path):
            return None
        copy = f"cp -p {_quoted(self.backup_path)} {_quoted(self.path)}"
        return f"its backup is there: {copy}; then give --accept-rollback once"

    def _warn(self, text: str) -> None:
        """Warn once: a command may open the file several times."""
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    def _key_for(self, head: Head) -> DataKey:
        """Return the data key that signed the head: the one at hand, or one unwrapped with the material."""
        key = self._key
        if key is not None and key.vault_id == head.vault_id and head.is_signed_by(key):
            return key
        material = self._material or self._unlock(head)
        key = unwrap(head.slots, material, head.vault_id)
        self._material = material
        if not head.is_signed_by(key):
            raise Damaged(
                f"the vault file {printable(self.path)} was changed by somebody without its key",
                hint=RESCUE_HINT,
            )
        self._key = key
        return key

    def _rollback(self, pins: Sequence[Pin], head: Head, key: DataKey) -> str | None:
        """Return what is wrong with the file after these pins, or None."""
        seen = Pin(head.generation, head.mac, key.fingerprint)
        if not pins or seen in pins:
            return None
        # By an announced pin where the data key is that one's: its rekey may have been killed before it kept it.
        return rollback(next((pin for pin in pins if pin.fingerprint == seen.fingerprint), pins[0]), seen)

    def _check_pins(self, pins: Sequence[Pin], head: Head, key: DataKey, wrong: str | None) -> None:
        if pins and pins[0] == Pin(head.generation, head.mac, key.fingerprint):
            return
        if wrong is not None and self._on_rollback != ACCEPT:
            message = f"the vault file {printable(self.path)} {wrong}"
            if self._on_rollback == REFUSE:
                hint = "if you put it there yourself, run the command again with --accept-rollback"
                raise RolledBack(message, hint=hint)
            self._warn(message)
            return
        self._keep_pin(head, key, force=wrong is not None)

    def _check_owner(self) -> None:
        if os.name == "posix" and os.stat(self.path).st_uid != os.geteuid():
            owner = os.stat(self.path).st_uid
            raise StorageError(
                f"cannot write {printable(self.path)}: it belongs to another user (uid {owner})",
                hint="run as its owner, or make a copy of your own",
            )

    def _rendered(self, draft: "Draft") -> "tuple[Output, OpenVault]":
        """Return the bytes of a generation, and what the loader makes of them: it takes all that is put in place."""
        data = draft.render()
        if data.size > self.limits.file_bytes:
            raise StorageError(
                f"the vault would have {data.size} bytes, over the limit of {self.limits.file_bytes}",
                hint=_LIMIT_HINT,
            )
        written = self._reopen(data, draft.key)
        draft.check(written)
        return data, written

    def _save(self, draft: "Draft") -> None:
        data, written = self._rendered(draft)
        if self._key is not None and draft.key.fingerprint != self._key.fingerprint:
            pin = Pin(written.head.generation, written.head.mac, draft.key.fingerprint)
            self._pins.announce(self.path, written.head.vault_id, pin)
        files.replace_file(self.path, data, backup=self.backup_path, backup_is_new=draft.removes)
        self._keep_pin(written.head, draft.key)
        self._key = draft.key

    def _reopen(self, data: "Output", key: DataKey) -> OpenVault:
        head = read_head(data, self.limits.kdf, "in the making")
        if not head.is_signed_by(key):
            raise AssertionError("the writer made a head that it did not sign")
        return OpenVault(data, head, key)

    def _keep_pin(self, head: Head, key: DataKey, *, force: bool = False) -> None:
        # The data is safe already: a state folder that cannot be written is no reason to fail.
        try:
            pin = Pin(head.generation, head.mac, key.fingerprint)
            self._pins.keep(self.path, head.vault_id, pin, force=force)
        except (StorageError, LockTimeout) as exc:
            self._warn(f"the state of the vault was not remembered: {exc.message}")


def _quoted(path: str) -> str:
    """Return a path as a shell takes it."""
    from shlex import quote  # only an error needs it

    return printable(quote(path))


def _flag(name: str) -> int:
    return int(getattr(os, name, 0))
