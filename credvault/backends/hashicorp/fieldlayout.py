"""The layout `field`: one KV secret for each namespace, a field for each key, as intentframe-credentials keeps them.

One counter of versions serves a whole namespace, so a secret has none of its own. Its record tells the counter, which
`expect` is checked by: only a change of the secret itself is a conflict, not one of its siblings.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, Never

from credvault.backends.base import Capability, Change
from credvault.backends.hashicorp import fieldfacts
from credvault.backends.hashicorp.kv2 import Reading
from credvault.backends.hashicorp.layout import Layout, kind_of
from credvault.model.errors import CredvaultError, Denied, InvalidName, NotFound, Unsupported
from credvault.model.names import Name, parse_name, parse_namespace
from credvault.model.record import ACTIVE, DELETED, Record, Secret
from credvault.model.value import SecretValue


class FieldLayout(Layout):
    """Secrets of a KV v2 engine, those of a namespace in one place."""

    capabilities = Capability.READ | Capability.WRITE | Capability.LIST | Capability.DELETE | Capability.METADATA
    is_large = True  # to list takes a request for each namespace
    _example = "{}"

    @cached_property
    def _seen(self) -> dict[Name, tuple[int, SecretValue]]:
        """What was read of each secret last, and at which count of the namespace: what a change may expect."""
        return {}

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret, in one request."""
        if version is not None:
            self._refuse(Capability.VERSIONS)
        reading = self._read([name.namespace])[name.namespace]
        if reading is None or name.key not in fields_of(reading):
            self._not_there(name, reading)
        secret = self._secret(name, reading)
        self._seen[name] = reading.version, secret.value
        return secret

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return several secrets by a request for each namespace, side by side."""
        found = self._read([name.namespace for name in names])
        return {
            name: self._secret(name, reading)
            for name in names
            if (reading := found[name.namespace]) is not None and name.key in fields_of(reading)
        }

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those of the names that there is a field of."""
        found = self._read([name.namespace for name in names])
        return {name for name in names if name.key in fields_of(found[name.namespace])}

    def has(self, name: Name) -> bool:
        """Say whether there is a field of this name."""
        return name in self.has_many([name])

    def put(self, change: Change) -> Record:
        """Make one change."""
        return self.put_many([change])[0]

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make several changes, those of one namespace in one step, all or none of them."""
        from credvault.backends.hashicorp.fieldwriting import FieldWriting  # reading needs none of it

        writing = FieldWriting(self._kv, self._warn, self._seen)
        return [record for batch in _batches(changes) for record in writing.make(batch)]

    def check_fits(self, change: Change) -> None:
        """Raise InvalidValue for a value that is no text, and for facts that the engine cannot hold."""
        from credvault.backends.hashicorp.fieldwriting import check_fits

        check_fits(change)

    def find_crowded(self, changes: Collection[Change]) -> Mapping[Name, CredvaultError]:
        """Return those with facts where a namespace has no room for them all, by a request for each namespace.

        None for a token that may not look: who writes is told.
        """
        from credvault.backends.hashicorp.fieldwriting import find_crowded

        namespaces = list(dict.fromkeys(change.name.namespace for change in changes))
        crowded: dict[Name, CredvaultError] = {}
        try:
            there = self._kv.read_metadata(namespaces)
        except Denied:
            return crowded
        for namespace, metadata in zip(namespaces, there, strict=True):
            here = [change for change in changes if change.name.namespace == namespace]
            crowded |= find_crowded(namespace, here, {} if metadata is None else metadata.custom)
        return crowded

    def delete(self, names: Sequence[Name]) -> None:
        """Remove all these fields, once all are seen to be there, and a namespace with its last one.

        Earlier versions of the namespace's KV secret hold what was removed until the engine drops them.
        """
        from credvault.backends.hashicorp.fieldwriting import FieldWriting

        there = self.has_many(names)
        for name in names:
            if name not in there:
                raise NotFound(f"there is no secret {name}")
        writing = FieldWriting(self._kv, self._warn, self._seen)
        for namespace in dict.fromkeys(name.namespace for name in names):
            writing.remove({name for name in names if name.namespace == namespace})

    def list(self) -> Sequence[Record]:
        """Return the record of each field, by a request for each namespace that tells no values.

        A token that may not ask for the names of fields alone is given the namespaces whole; values are dropped.
        """
        return self._records(self._find_namespaces())

    def list_within(self, namespaces: Collection[str]) -> Sequence[Record]:
        """Return the records of some namespaces, as `list` does, without a look for others."""
        records = self._records(sorted(namespaces))
        if not records:
            self._kv.check_mount()
        return records

    def close(self) -> None:
        """End the connections, and forget what was seen."""
        self._seen.clear()
        super().close()

    def _records(self, namespaces: Sequence[str]) -> Sequence[Record]:
        try:
            found = dict(zip(namespaces, self._kv.read_fields(namespaces), strict=True))
        except Denied:  # the policy that intentframe-credentials asks for allows `data`, and not `subkeys`
            found = {}
        # Of a server that does not know the question, too.
        found |= self._read([namespace for namespace in namespaces if found.get(namespace) is None])
        records, others = [], []
        for namespace, reading in found.items():
            if reading is None:  # removed meanwhile
                continue
            for key in fields_of(reading):
                path = f"{namespace}/{key}"
                try:
                    records.append(fieldfacts.record_of(parse_name(path), reading, self._tell_unreadable))
                except InvalidName:
                    others.append(path)
        self._tell_left_out(others)
        return sorted(records, key=lambda record: record.name)

    def _read(self, namespaces: Iterable[str]) -> dict[str, Reading | None]:
        unique = list(dict.fromkeys(namespaces))
        return dict(zip(unique, self._kv.read([(namespace, None) for namespace in unique]), strict=True))

    def _find_namespaces(self) -> Sequence[str]:
        """Return the namespaces below the prefix; what is none is told of and left out."""
        namespaces, others = [], []
        for key in self._list_top():
            try:
                namespaces.append(parse_namespace(key))
            except InvalidName:  # a folder among them, which ends in '/'
                others.append(key)
        if not namespaces and not others:
            self._kv.check_mount()
        self._tell_left_out(others)
        return namespaces

    def _secret(self, name: Name, reading: Reading) -> Secret:
        record = fieldfacts.record_of(name, reading, self._tell_unreadable)
        return Secret(record, self._value(name, fields_of(reading)[name.key]))

    def _value(self, name: Name, field: Any) -> SecretValue:
        """Return the value in a field; raises Unsupported for what is no text."""
        kind = kind_of(field)
        if field and isinstance(field, str):
            try:
                return SecretValue(field.encode("utf-8"))
            except UnicodeEncodeError:
                kind = "a text that is not UTF-8"
        raise Unsupported(
            f"{name} holds {kind}, and a secret is a text of at least one character",
            hint=f"another program wrote it; 'bao kv get {self._where(name)}' shows what is there",
        )

    def _where(self, name: Name) -> str:
        """Return where the namespace of a name is, as a command of `bao` is told."""
        path = f"{self._kv.prefix}/{name.namespace}" if self._kv.prefix else name.namespace
        return f"-mount={self._kv.mount} {path}"

    def _not_there(self, name: Name, reading: Reading | None) -> Never:
        """Raise NotFound, with what may be the reason."""
        if reading is None:
            self._kv.check_mount()
        hint = None
        if reading is not None and reading.state != ACTIVE:
            hint = f"the KV secret of namespace {name.namespace} is {reading.state} in its version {reading.version}"
            if reading.state == DELETED:
                hint += f"; 'bao kv undelete -versions={reading.version} {self._where(name)}' brings it back"
        raise NotFound(f"there is no secret {name}", hint=hint)

    def _refuse(self, capability: Capability) -> Never:
        if capability in Capability.VERSIONS | Capability.SOFT_DELETE:
            raise Unsupported(
                "in the layout 'field' secrets have no versions: one counter serves a whole namespace",
                hint="a profile with layout = \"secret\" keeps them; 'credvault copy' brings secrets over",
            )
        super()._refuse(capability)


def fields_of(reading: Reading | None) -> Mapping[str, Any]:
    """Return the fields of a namespace as it was read: none where it is not there, or its newest version is not."""
    return {} if reading is None or reading.data is None else reading.data


def _batches(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """Yield changes in their order, each time those of one namespace, and no secret twice."""
    for _, run in groupby(changes, lambda change: change.name.namespace):
        batch: dict[Name, Change] = {}
        for change in run:
            if change.name in batch:
                yield list(batch.values())
                batch = {}
            batch[change.name] = change
        yield list(batch.values())
