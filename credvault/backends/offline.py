"""The offline copy of a profile, read in place of its store, which is never contacted.

A vault file, itself or by an agent, with one entry that says of what it is a copy and since when: under the seal, so
that no other file passes for it. Every answer is checked against that first, and its age is said.
"""

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Never

from credvault.backends.base import Aspect, Backend, Capability, Health
from credvault.backends.places import place_of
from credvault.config import Settings
from credvault.config.offline import age_limit, copied_profile
from credvault.model.errors import (
    BackendUnavailable,
    Damaged,
    NotFound,
    NoVault,
    RolledBack,
    Unsupported,
    WrongKey,
)
from credvault.model.names import Name
from credvault.model.record import Record, Secret, Version
from credvault.model.text import printable
from credvault.model.times import duration_text, is_time, parse_time
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue

LABEL_NAME = Name("credvault-offline", "copy")
"""The name of the entry that says what a copy is; no secret of this name is copied."""
# How far two looks at a clock may be apart where it is set meanwhile, seconds.
_SKEW_SECONDS = 300


class Label(NamedTuple):
    """What a copy says of itself: of which profile and store, when it was saved, and what was chosen.

    `place` tells one store of a backend from another. `globs` are empty where every secret was chosen.
    """

    profile: str
    backend: str
    place: str
    saved_at: str
    globs: tuple[str, ...] = ()
    executor_only: bool = False
    past: bool = False

    @property
    def choice(self) -> str:
        """What was chosen, in words."""
        secrets = "every secret" if self.executor_only else "every runtime_env secret"
        versions = "every version" if self.past else "the newest version"
        return f"{versions} of {secrets}" + (f" that matches {' or '.join(self.globs)}" if self.globs else "")

    def to_value(self) -> SecretValue:
        """Return the label as the value of its entry."""
        return SecretValue(json.dumps(self._asdict(), sort_keys=True).encode("ascii"))


def parse_label(data: bytes) -> Label:
    """Return the label in the value of its entry; raises ValueError or TypeError where it is none."""
    members = json.loads(data)
    label = Label(**{**members, "globs": tuple(members["globs"])})
    texts = (label.profile, label.backend, label.place, label.saved_at, *label.globs)
    if not all(isinstance(text, str) for text in texts) or not is_time(label.saved_at):
        raise TypeError
    return label


@contextmanager
def hints_of_copy(store: Settings) -> Iterator[None]:
    """Have the errors of a vault file say what to do where it is an offline copy: it can be made anew."""
    try:
        yield
    except WrongKey as exc:
        exc.hint = f"the copy opens by the key that it was made with; {_forget_hint(store)}"
        raise
    except Damaged as exc:
        if not isinstance(exc, RolledBack):  # that one may be right, and is for the user to say
            exc.hint = _forget_hint(store)
        raise


def check_is_copy(has_label: bool, path: str, store: Settings) -> None:
    """Raise Damaged for a vault file without a label: what it holds may be nowhere else."""
    if not has_label:
        raise Damaged(f"{printable(path)} is not an offline copy", hint=_forget_hint(store))


class OfflineBackend(Backend):
    """The secrets of an offline copy, for reading. `inner` is the vault file, or an agent that holds it."""

    name = "offline copy"
    capabilities = Capability.READ | Capability.LIST | Capability.VERSIONS | Capability.METADATA

    def __init__(
        self,
        inner: Backend,
        settings: Settings,
        *,
        warn: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._profile = copied_profile(settings)
        self._store = settings.store or settings
        self._path = settings.path.value
        self._limit = age_limit(settings)
        self._warn = warn
        self._clock = clock
        self._label: Label | None = None

    @property
    def records_itself(self) -> bool:  # type: ignore[override]
        """Whether an agent opens the file."""
        return self._inner.records_itself

    @property
    def is_large(self) -> bool:  # type: ignore[override]
        """Whether the file is large."""
        return self._inner.is_large

    @property
    def command(self) -> str:
        """What is done with the secrets, for an agent's trail."""
        return self._inner.command

    @command.setter
    def command(self, command: str) -> None:
        self._inner.command = command

    @property
    def holds(self) -> str | None:  # type: ignore[override]
        """What the copy was chosen to hold."""
        return None if self._label is None else f"the offline copy holds {self._label.choice}"

    def label(self) -> Label:
        """Return what the copy says of itself, of whatever age.

        Raises NoVault where there is none, BackendUnavailable for one of another profile or store, Damaged for a
        vault file that is no copy, and what opening a vault file raises.
        """
        profile = printable(self._profile.name)
        if not os.path.lexists(self._path):
            hint = f"{self._store.command('offline save')} makes one, while the store can be reached"
            raise NoVault(f"there is no offline copy of profile {profile}", hint=hint)
        command, self.command = self.command, "get"  # the label becomes no variable, whatever is asked for after it
        try:
            with hints_of_copy(self._store):
                label = parse_label(self._inner.get(LABEL_NAME).value.reveal())
        except (NotFound, ValueError, TypeError, LookupError):
            hint = _forget_hint(self._store)
            raise Damaged(f"{printable(self._path)} is not an offline copy", hint=hint) from None
        finally:
            self.command = command
        if label.profile != self._profile.name:
            what = f"the offline copy at {printable(self._path)} is one of profile {printable(label.profile)}"
            raise BackendUnavailable(f"{what}, and not of {profile}", hint=_forget_hint(self._store))
        if (label.backend, label.place) != (self._store.backend.value, place_of(self._store)):
            what = f"the offline copy of profile {profile} was made of another store than the profile names now"
            was = f"it was {printable(label.backend)} {printable(label.place)}"
            raise BackendUnavailable(what, hint=f"{was}; {self._store.command('offline save')} makes it anew")
        return label

    def age(self, label: Label) -> int:
        """Return how old a copy is, in seconds; negative where it was saved in the future."""
        return int(self._clock() - parse_time(label.saved_at))

    def age_in_words(self, label: Label) -> str:
        """Return when a copy was saved, to be put after that word."""
        age = self.age(label)
        if age < -_SKEW_SECONDS:  # then it may have any age
            return f"at {label.saved_at}, which is in the future by this machine's clock"
        return f"{duration_text(age)} ago ({label.saved_at})"

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return a secret of the copy; raises NotFound, naming what the copy holds."""
        with self._reading(name):
            return self._inner.get(name, version)

    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        """Return several secrets of the copy."""
        with self._reading():
            return self._inner.get_many([name for name in names if name != LABEL_NAME])

    def get_versions(self, wanted: Collection[tuple[Name, int]]) -> dict[tuple[Name, int], Secret]:
        """Return versions of secrets of the copy."""
        with self._reading():
            return self._inner.get_versions([pair for pair in wanted if pair[0] != LABEL_NAME])

    def has(self, name: Name) -> bool:
        """Say whether the copy has such a secret."""
        return bool(self.has_many([name]))

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those of the names that the copy has a secret of."""
        with self._reading():
            return self._inner.has_many([name for name in names if name != LABEL_NAME])

    def list(self) -> Sequence[Record]:
        """Return the records of the copy."""
        with self._reading():
            return [record for record in self._inner.list() if record.name != LABEL_NAME]

    def names(self) -> Sequence[Name]:
        """Return the names of the copy."""
        with self._reading():
            return [name for name in self._inner.names() if name != LABEL_NAME]

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions that the copy has of a secret."""
        with self._reading(name):
            return self._inner.history(name)

    def histories(self, names: Collection[Name]) -> dict[Name, Sequence[Version]]:
        """Return the versions that the copy has of several secrets."""
        with self._reading():
            return self._inner.histories([name for name in names if name != LABEL_NAME])

    def reference(self, name: Name) -> str:
        """Return the entry id of a name in the copy."""
        return self._inner.reference(name)

    def check(self) -> Health:
        """Say how old the copy is, and look whether it is one."""
        label = self.label()
        return Health(True, f"saved {self.age_in_words(label)}, {label.choice}")

    def examine(self) -> Iterator[Aspect]:
        """Yield what the copy says of itself."""
        health = self.check()
        yield Aspect(self.name, health.is_ok, health.detail)

    def count(self) -> int:
        """Return how many secrets the copy holds, of whatever age it is."""
        return len(self._inner.names()) - 1  # the label

    def close(self) -> None:
        """Let go of the file or the agent."""
        self._inner.close()

    def _cannot(self, what: str, hint: str | None = None) -> Never:
        raise Unsupported(f"an offline copy cannot {what}", hint=hint or "leave out --offline for the store itself")

    @contextmanager
    def _reading(self, name: Name | None = None) -> Iterator[None]:
        """Look whether the copy may answer, and say once how old it is; name what it holds where a name is not."""
        if self._label is None or self._why_not(self._label) is not None:
            self._label = self._checked_label()  # it may have been saved anew meanwhile
        try:
            if name == LABEL_NAME:
                raise NotFound(f"there is no secret {name}")
            with hints_of_copy(self._store):
                yield
        except NotFound as exc:
            if type(exc) is NotFound:
                exc.hint = self.holds
            raise

    def _checked_label(self) -> Label:
        """Return the label of a copy that may answer, after saying how old it is; raises what `label` raises."""
        label = self.label()
        reason = self._why_not(label)
        if reason is not None:
            save = self._store.command("offline save")
            hint = f"{save} makes it anew; --max-age D takes an older one"
            raise BackendUnavailable(f"the offline copy of profile {printable(label.profile)} {reason}", hint=hint)
        # Who asks for every secret gets no more than what was chosen, and should know.
        of_some = f"; it holds {printable(label.choice)}" if label.globs else ""
        when = self.age_in_words(label)
        self._warn(f"from the offline copy of profile {printable(label.profile)}, saved {when}{of_some}")
        return label

    def _why_not(self, label: Label) -> str | None:
        """Return why a copy is too old, or None."""
        if self._limit is None:
            return None
        age = self.age(label)
        if age < -_SKEW_SECONDS:
            return f"was saved {self.age_in_words(label)}"
        if age <= self._limit.seconds:
            return None
        allowed = duration_text(self._limit.seconds)
        return f"was saved {duration_text(age)} ago, more than the {allowed} that {self._limit.source} allows"


def _forget_hint(store: Settings) -> str:
    return f"{store.command('offline forget')} removes it, and {store.command('offline save')} makes it anew"
