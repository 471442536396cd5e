"""The contract of a backend: a store of secrets, synchronous, that knows no users and no policy.

A store implements `get` and `check` and says in `capabilities` what else it can; whatever it cannot raises
Unsupported. `credvault.testing.BackendContract` is the suite that proves the two agree.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Flag, auto
from typing import Any, Final, Never

from credvault.model.errors import AlreadyExists, BackendUnavailable, Conflict, CredvaultError, NotFound, Unsupported
from credvault.model.names import NO_REFERENCE, Name
from credvault.model.record import Record, Secret, Version
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue

ANY: Final = -1
"""Expect nothing: whatever is there is replaced."""
ABSENT: Final = 0
"""Expect that there is no secret of this name."""


class Capability(Flag):
    """What a store can do; a method that needs what is not set raises Unsupported."""

    READ = auto()  # get and has, of one or many: every store
    WRITE = auto()  # put and put_many
    LIST = auto()  # list and names
    DELETE = auto()  # delete, which removes every version
    VERSIONS = auto()  # history, and get of a version: earlier ones stay readable
    METADATA = auto()  # the facts of a change are kept, not its value alone
    SOFT_DELETE = auto()  # delete_softly and undelete


# What a store cannot do without one of them, in words, and what to do instead.
_CANNOT: Final[Mapping[Capability, tuple[str, str | None]]] = {
    Capability.WRITE: ("be written", None),
    Capability.LIST: ("list", None),
    Capability.DELETE: ("delete", None),
    Capability.VERSIONS: ("keep versions", None),
    Capability.SOFT_DELETE: (
        "bring back what was deleted",
        "'delete --soft' and 'undelete' are for the backend 'hashicorp'; elsewhere 'credvault delete' is for good",
    ),
}


class Health(NamedTuple):
    """Whether a store can be reached, and what it says of itself."""

    is_ok: bool
    detail: str


class Aspect(NamedTuple):
    """One thing that `doctor` looks at in a store: whether it works, what was found, and how to mend it.

    What works and has a mend all the same is advice. `status` is the exit status of what does not work.
    """

    subject: str
    works: bool
    detail: str
    mend: str | None = None
    status: int = BackendUnavailable.exit_status


class Change(NamedTuple):
    """A change to one secret.

    `value` is the next version, or None to keep the value. `facts` are the members of the record to set; those
    not named stay, None unsets. They are merged under the store's lock, so that two changes of different facts
    are both kept. `expect` is ABSENT, ANY, or the version that must be current.
    """

    name: Name
    value: SecretValue | None
    facts: Mapping[str, Any]
    expect: int = ANY


def check_expected(change: Change, current: int | None) -> None:
    """Raise NotFound, AlreadyExists or Conflict where a change does not fit the version that is there, if any."""
    name = change.name
    if current is None:
        if change.value is None or change.expect not in (ABSENT, ANY):
            raise NotFound(f"there is no secret {name}")
    elif change.expect == ABSENT:
        hint = f"'credvault rotate {name}' puts a new value in; --force replaces it"
        raise AlreadyExists(f"{name} is there already (version {current})", hint=hint)
    elif change.expect not in (ANY, current):
        hint = "somebody else changed it meanwhile: look at it, then run this again"
        raise Conflict(f"{name} is at version {current}, not {change.expect}", hint=hint)


class Backend(ABC):
    """A store of secrets. Close it after use."""

    name: str
    capabilities: Capability
    # Whether another process opens the store and records what is done, and as what it records: the guard sets that.
    records_itself: bool = False
    command: str = ""
    # Whether listing everything takes more than a moment, so that it is not done for a hint.
    is_large: bool = False
    # What the trail calls a secret where the store has no id for it: set by who opens the store.
    refers: Callable[[Name], str] | None = None
    # What it holds, in words, where that may not be all that there is; known once something was asked.
    holds: str | None = None

    @abstractmethod
    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret's current version, or the one asked for.

        Raises NotFound, VersionDeleted, VersionDestroyed; never returns None. A store without VERSIONS raises
        Unsupported for any version that is named.
        """

    @abstractmethod
    def check(self) -> Health:
        """Reach the store and say how it is, reading no secret."""

    def examine(self) -> Iterator[Aspect]:
        """Yield what works and what does not, and why, as it is found; reads no secret, and changes nothing."""
        health = self.check()
        yield Aspect("store", health.is_ok, health.detail)

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return the current versions of those names that are there, in one step where the store can."""
        found = {}
        for name in names:
            try:
                found[name] = self.get(name)
            except NotFound:
                continue
        return found

    def get_versions(self, wanted: Collection[tuple[Name, int]]) -> dict[tuple[Name, int], Secret]:
        """Return those of the versions that are there, in one step where the store can."""
        found = {}
        for name, version in wanted:
            try:
                found[name, version] = self.get(name, version)
            except NotFound:
                continue
        return found

    def has(self, name: Name) -> bool:
        """Say whether there is such a secret, and one that is in force."""
        try:
            self.get(name)
        except NotFound:
            return False
        return True

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those of the names that there is such a secret of."""
        return {name for name in names if self.has(name)}

    def put(self, change: Change) -> Record:
        """Make one change and return the record after it.

        Raises AlreadyExists or Conflict where `expect` is not met, NotFound where there is no value to keep.
        """
        self._refuse(Capability.WRITE)

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make several changes, in one step where the store can, else one after the other.

        Those of one secret are made in their order.
        """
        return [self.put(change) for change in changes]

    def check_fits(self, change: Change) -> None:  # noqa: B027 - most stores hold what a record may be
        """Raise InvalidValue or Unsupported for what the store cannot hold, whatever is there; asks nobody."""

    def find_crowded(self, changes: Collection[Change]) -> Mapping[Name, CredvaultError]:
        """Return an error for each change that fits alone, but not together with the others and what is there.

        The changes are to different secrets; their values do not count.
        """
        return {}

    def delete(self, names: Sequence[Name]) -> None:
        """Remove every version of all these secrets; raises NotFound, with nothing removed, if one is not there."""
        self._refuse(Capability.DELETE)

    def delete_softly(self, names: Sequence[Name]) -> None:
        """Delete the current version of all these secrets so that `undelete` brings it back; raises NotFound."""
        self._refuse(Capability.SOFT_DELETE)

    def undelete(self, name: Name, version: int | None = None) -> Record:
        """Bring back a version, the newest unless another is named.

        Raises NotFound, and VersionDestroyed for one that is gone for good.
        """
        self._refuse(Capability.SOFT_DELETE)

    def list(self) -> Sequence[Record]:
        """Return the record of each secret, as far as the store holds it without opening the secret."""
        self._refuse(Capability.LIST)

    def list_within(self, namespaces: Collection[str]) -> Sequence[Record]:
        """Return what `list` does of some namespaces; a store that can looks at these alone."""
        return [record for record in self.list() if record.namespace in namespaces]

    def names(self) -> Sequence[Name]:
        """Return the name of each secret, sorted."""
        return sorted(record.name for record in self.list())

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions of a secret, newest first; raises NotFound."""
        self._refuse(Capability.VERSIONS)

    def histories(self, names: Collection[Name]) -> dict[Name, Sequence[Version]]:
        """Return the versions of those secrets that are there, in one step where the store can."""
        found = {}
        for name in names:
            try:
                found[name] = self.history(name)
            except NotFound:
                continue
        return found

    def reference(self, name: Name) -> str:
        """Return an opaque id of a name for the trail: the store's own, else one of this machine."""
        return NO_REFERENCE if self.refers is None else self.refers(name)

    def close(self) -> None:  # noqa: B027 - most stores hold nothing
        """Let go of what the store holds."""

    def require(self, capability: Capability) -> None:
        """Raise Unsupported unless the store can do this, for callers that would ask a person first."""
        if capability not in self.capabilities:
            self._refuse(capability)

    def _refuse(self, capability: Capability) -> Never:
        what, hint = _CANNOT[capability]
        self._cannot(what, hint)

    def _cannot(self, what: str, hint: str | None = None) -> Never:
        raise Unsupported(f"the backend '{self.name}' cannot {what}", hint=hint)
