"""The backend `keyring`: values in the OS keyring, everything else in an index of our own.

Each version is an item of its own, written once; the current one is there a second time, under the service
`com.credvault.<namespace>` and the key as the user, for other programs. What IntentFrame keeps can be read.
"""

import base64
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any

from credvault.backends import intentframe
from credvault.backends.base import Aspect, Backend, Capability, Change, Health
from credvault.backends.keyringindex import BASE64, TEXT, Index, IndexFile, Item, Row
from credvault.config import Settings, data_folder
from credvault.model import record as model
from credvault.model.errors import CredvaultError, Damaged, NotFound, Unsupported
from credvault.model.names import NO_REFERENCE, Name
from credvault.model.record import Record, Secret, Version
from credvault.model.text import counted, printable
from credvault.model.value import SecretValue
from credvault.oskeyring import OSKeyring, examine_os_keyrings, open_os_keyring
from credvault.sealing.entries import Entry, HistoryLimits, StoredVersion, history_limits

SERVICE = "com.credvault."
INDEX = "keyring.json"

# How often a value that is being replaced is looked for anew.
_ATTEMPTS = 3

Tell = Callable[[str], None]


def open_keyring(settings: Settings, warn: Tell, detail: Tell) -> "KeyringBackend":
    """Return the backend; the keyring is looked for when a value is read or written."""
    path = os.path.join(data_folder(settings.environ), INDEX)
    return KeyringBackend(path, settings.environ, limits=history_limits(settings.number), warn=warn, detail=detail)


class KeyringBackend(Backend):
    """Secrets in the OS keyring, with the same rules as the vault file. Names and facts are read without it."""

    name = "keyring"
    capabilities = ~Capability.SOFT_DELETE  # all but that

    def __init__(
        self,
        path: str,
        environ: Mapping[str, str],
        *,
        limits: HistoryLimits = HistoryLimits(),  # noqa: B008 - immutable
        warn: Tell = lambda text: None,
        detail: Tell = lambda text: None,
    ) -> None:
        self._file = IndexFile(path)
        self._environ = environ
        self._limits = limits
        self._warn = warn
        self._detail = detail
        self._opened: OSKeyring | None = None
        self._holder: str | None = None
        self._ids: dict[Name, str] = {}

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret; opens one item."""
        index = self._index()
        for _ in range(_ATTEMPTS):
            secret = self._entry(name, index).secret(version)
            if not isinstance(secret.value, Item):
                return secret
            text = self._keyring().get(SERVICE + name.namespace, secret.value.user)
            if text is not None:
                return _opened(secret.record, secret.value, text)
            # Another process may have dropped the version meanwhile, and then the index says so.
            before, index = index, self._index()
            if index.rows.get(name) == before.rows.get(name):
                break
        number = secret.record.version
        is_current = number == self._entry(name, index).current.version
        mend = f"'credvault add {name} --force' puts it in again"
        others = f"other versions may be there still ('credvault history {name}')"
        raise Damaged(
            f"{self._keyring().title} has no value for version {number} of {name}",
            hint="look whether another keyring is in use than when it was stored (credvault --backend keyring doctor); "
            + (mend if is_current else others),
        )

    def check(self) -> Health:
        """Reach the keyring, and read the index."""
        index, keyring = self._index(), self._keyring()
        state = ", locked" if keyring.is_locked else ""
        return Health(True, f"{keyring.title}{state}, {counted(len(index.rows), 'secret')}")

    def examine(self) -> Iterator[Aspect]:
        """Yield each keyring and why it is or is not used, and how the index is."""
        with suppress(CredvaultError):  # said below
            self._index()
        candidates = []
        for candidate in examine_os_keyrings(self._environ, self._holder):
            candidates.append(candidate)
            state = "is used: " if candidate.is_used else "is not used: "
            text = printable(f"{candidate.title} {state}{candidate.detail}")
            yield Aspect("keyring", candidate.is_used or candidate.mend is None, text, candidate.mend)
        if not any(candidate.is_used or candidate.mend for candidate in candidates):
            mend = "start one of them, or keep secrets in a vault file ('credvault init')"
            yield Aspect("keyring", False, "no OS keyring can be used", mend)
        from credvault.backends.fileaspects import examine_modes  # for `doctor` alone

        try:
            index = self._index()
        except CredvaultError as exc:
            yield Aspect("index", False, exc.message, exc.hint, exc.exit_status)
            return
        yield from examine_modes(self._file.path, "index")
        yield Aspect("index", True, f"{printable(self._file.path)} has {counted(len(index.rows), 'secret')}")
        if index.leftovers or index.stale:
            left = counted(len(index.leftovers) + len(index.stale), "item")
            yield Aspect("index", True, f"{left} of a change that was cut short; the next one removes or mends them")

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return several secrets by one look at the index and few calls of the keyring."""
        index = self._index()
        found = {name: entry.secret() for name, entry in self._foreign(names, index).items()}
        items = {name: index.rows[name].entry.current.value for name in names if name in index.rows}
        places = {name: (SERVICE + name.namespace, item.user) for name, item in items.items() if isinstance(item, Item)}
        texts = self._texts(list(places.values()))
        for name, text in zip(places, texts, strict=True):
            with suppress(NotFound):  # somebody deleted it meanwhile
                found[name] = self._read_ours(name, index, text)
        return found

    def has(self, name: Name) -> bool:
        """Say whether there is such a secret; opens none of ours."""
        return bool(self.has_many([name]))

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those names that there is a secret of; opens none of ours."""
        index = self._index()
        ours = {name for name in names if name in index.rows}
        active = {name for name in ours if index.rows[name].entry.current.state == model.ACTIVE}
        return active | self._foreign(names, index).keys()

    def put(self, change: Change) -> Record:
        """Make one change."""
        return self.put_many([change])[0]

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make all changes, or none of them: they take place when the index is replaced."""
        from credvault.backends.changes import next_entry  # reading needs none of it

        with self._file.locked():
            index = self._index()
            foreign = self._foreign([change.name for change in changes], index)
            entries: dict[Name, Entry] = {}
            records = []
            for change in changes:
                row = index.rows.get(change.name)
                old = entries.get(change.name) or (foreign.get(change.name) if row is None else row.entry)
                entries[change.name] = next_entry(old, change, self._limits)
                records.append(entries[change.name].record())
            self._commit(index, entries)
        return records

    def delete(self, names: Sequence[Name]) -> None:
        """Remove all these secrets: they are gone when the index is replaced, then the items go."""
        with self._file.locked():
            index = self._index()
            self._check_deletable(names, index)
            gone = frozenset(names)
            rows = {name: row for name, row in index.rows.items() if name not in gone}
            with self._keyring().held():
                self._replace(index, index._replace(rows=rows, stale=index.stale | gone), {})

    def list(self) -> Sequence[Record]:
        """Return every record, sorted by name; opens nothing. IntentFrame's are those that its database names."""
        index = self._index()
        if not index.rows and not self._file.exists():
            self._keyring()  # else nobody knows whether there is nothing
        entries = {name: row.entry.record() for name, row in index.rows.items()}
        for name, facts in self._intentframe_facts().items():
            entries.setdefault(name, model.record_from_facts(name, 1, facts))
        return [entries[name] for name in sorted(entries)]

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions of a secret, newest first."""
        return self._entry(name, self._index()).history()

    def reference(self, name: Name) -> str:
        """Return the id that a name has in the index."""
        if name not in self._ids:
            try:
                self._index()
            except CredvaultError:  # whoever reads it to some purpose is told
                return NO_REFERENCE
        return self._ids.get(name, NO_REFERENCE)

    def _index(self) -> Index:
        index = self._file.read()
        self._ids = {name: row.id for name, row in index.rows.items()}
        self._holder = index.holder
        return index

    def _keyring(self) -> OSKeyring:
        # Elsewhere a value would not be found, and one that is deleted would stay.
        if self._opened is None or self._holder not in (None, self._opened.store):
            self._opened = open_os_keyring(self._environ, self._holder)
            self._detail(f"the OS keyring is {self._opened.title}")
        return self._opened

    def _texts(self, places: Sequence[tuple[str, str]]) -> Sequence[SecretValue | None]:
        return self._keyring().get_many(places) if places else []

    def _read_ours(self, name: Name, index: Index, text: SecretValue | None) -> Secret:
        """Return the current version of a secret in the index, of which the keyring had that text a moment ago."""
        secret = index.rows[name].entry.secret()
        if text is None or not isinstance(secret.value, Item):
            return self.get(name)
        return _opened(secret.record, secret.value, text)

    def _entry(self, name: Name, index: Index) -> Entry:
        """Return the entry of a name, ours or of what somebody else keeps; raises NotFound."""
        row = index.rows.get(name)
        entry = self._foreign([name], index).get(name) if row is None else row.entry
        if entry is None:
            raise _not_there(name)
        return entry

    def _foreign(self, names: Iterable[Name], index: Index) -> dict[Name, Entry]:
        """Return what other programs keep under those names that the index has not, as entries of one version."""
        others = [name for name in dict.fromkeys(names) if name not in index.rows]
        texts = self._texts([(kind + n.namespace, n.key) for kind in (SERVICE, intentframe.SERVICE) for n in others])
        known = self._intentframe_facts() if any(texts) else {}
        found = {}
        for at, name in enumerate(others):
            # Where a copy is stale, it is what is left of a secret that was deleted.
            copy, theirs = None if name in index.stale else texts[at], texts[at + len(others)]
            facts = known.get(name) if not copy else None
            facts = facts or intentframe.default_facts(name)
            if text := copy or theirs:
                stored = StoredVersion(1, model.ACTIVE, facts["value_changed_at"], "unknown", text)
                found[name] = Entry(name, facts, (stored,))
        return found

    def _intentframe_facts(self) -> Mapping[Name, Mapping[str, Any]]:
        return intentframe.read_facts(self._environ)

    def _check_deletable(self, names: Sequence[Name], index: Index) -> None:
        """Raise NotFound for what is not there, Unsupported for what would be there all the same."""
        foreign = self._foreign(names, index)
        theirs = self._texts([(intentframe.SERVICE + name.namespace, name.key) for name in names])
        for name, their in zip(names, theirs, strict=True):
            if name not in index.rows and name not in foreign:
                raise _not_there(name)
            if their is not None:
                service = printable(intentframe.SERVICE + name.namespace)
                what = "would then be what IntentFrame keeps" if name in index.rows else "is kept by IntentFrame"
                hint = f"remove that first: keyring del {service} {name.key}"
                raise Unsupported(f"{name} {what}, which is only read here; nothing was deleted", hint=hint)

    def _commit(self, index: Index, entries: Mapping[Name, Entry]) -> None:
        """Make `entries` those of their names: their new values first, then the index, then what is left over."""
        rows, values = dict(index.rows), {}
        stale = set(index.stale)
        for name, entry in entries.items():
            versions = []
            for stored in entry.versions:
                value = stored.value
                if value is not None and not isinstance(value, Item):
                    item, text = _placed(name, stored.version, value)
                    values[name.namespace, item.user] = text
                    stored = stored._replace(value=item)
                    stale.add(name)
                versions.append(stored)
            old = index.rows.get(name)
            rows[name] = Row(os.urandom(16).hex() if old is None else old.id, entry._replace(versions=tuple(versions)))
        # Where no value is changed, as by `edit`, the keyring is not needed.
        with self._keyring().held() if values else nullcontext():
            self._replace(index, index._replace(rows=rows, stale=frozenset(stale)), values)

    def _replace(self, old: Index, new: Index, values: Mapping[tuple[str, str], SecretValue]) -> None:
        """Put `values` into the keyring, make `new` the index, and sweep.

        Killed anywhere, the index is the old one or the new one, and says what is left over.
        """
        if values:
            for (_, user), text in values.items():
                self._keyring().check_size(user, text)
            for name in new.stale - old.stale:
                self._keyring().check_size(name.key, SecretValue(b"-"))
            new = new._replace(holder=self._keyring().store)
            # Said before it is done: an item that the index does not know of would never be found again.
            # No copy is stale yet: where the index is lost, the copy of a secret is all there is of it.
            self._file.write(old._replace(leftovers=old.leftovers | values.keys(), holder=new.holder))
            for (namespace, user), text in values.items():
                self._keyring().set(SERVICE + namespace, user, text)
        gone = {(name.namespace, user) for name, row in old.rows.items() for user in row.items}
        kept = {(name.namespace, user) for name, row in new.rows.items() for user in row.items}
        new = new._replace(leftovers=(old.leftovers | gone) - kept)
        self._file.write(new)
        if new.leftovers or new.stale:
            self._sweep(new, values)

    def _sweep(self, index: Index, values: Mapping[tuple[str, str], SecretValue]) -> None:
        """Bring the copies in step and remove what is left over; the change has been made, whatever happens here."""
        try:
            for name in index.stale:
                self._copy(name, index, values)
            for namespace, user in index.leftovers:
                self._keyring().delete(SERVICE + namespace, user)
            self._file.write(Index(index.rows, holder=index.holder if index.rows else None))
        except CredvaultError as exc:
            self._warn(f"old values are still in the keyring, until the next change: {exc.message}")

    def _copy(self, name: Name, index: Index, values: Mapping[tuple[str, str], SecretValue]) -> None:
        """Put the current value where other programs look for it, if it is text; else nothing is there."""
        row, service = index.rows.get(name), SERVICE + name.namespace
        current = None if row is None else row.entry.current.value
        if isinstance(current, Item) and current.form == TEXT:
            text = values.get((name.namespace, current.user)) or self._keyring().get(service, current.user)
            if text is not None:
                self._keyring().set(service, name.key, text)
                return
        self._keyring().delete(service, name.key)


def _placed(name: Name, version: int, value: SecretValue) -> tuple[Item, SecretValue]:
    """Return a place of its own for a value, and the text that is put there."""
    form, text = _encoded(value)
    # By chance, so that nothing is ever replaced: to the Keychain that is to remove and to add, and dying in between
    # would lose it. The rest of it is for people who look into the keyring.
    return Item(f"{name.key}#{version}.{os.urandom(8).hex()}", form, len(value)), text


def _encoded(value: SecretValue) -> tuple[str, SecretValue]:
    """Return a value as text: as it is if every keyring gives it back so, else in base64."""
    data = value.reveal()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    # The Keychain ends a text at a NUL, and Credential Manager takes a byte order mark out.
    if "\0" in text or text[:1] in ("\ufeff", "\ufffe"):
        return BASE64, SecretValue(base64.b64encode(data))
    return TEXT, value


def _opened(record: Record, item: Item, text: SecretValue) -> Secret:
    """Return a secret with the value that the keyring has as a text; raises Damaged where that is another one's."""
    try:
        value = text if item.form == TEXT else SecretValue(base64.b64decode(text.reveal(), validate=True))
    except ValueError:
        value = SecretValue(b"")
    if len(value) != item.size:
        raise Damaged(
            f"the keyring holds something other than what was stored as version {record.version} of {record.name}",
            hint=f"another program changed it: 'credvault add {record.name} --force' puts it in again, "
            f"'rotate {record.name} --undo' goes back",
        )
    return Secret(record, value)


def _not_there(name: Name) -> NotFound:
    return NotFound(f"there is no secret {name}")
