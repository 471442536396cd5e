"""The guard of the hall: decide, do, record, release, for one identity and one store. There is no second one.

Whatever is done to a secret goes through `Guard.run`, so that nothing is released that was not allowed and recorded.
"""

from collections.abc import Callable, Container, Sequence
from typing import TypeVar

from credvault.access import policy as access
from credvault.access.identity import Identity
from credvault.access.policy import Policy, decide, verdict_for_all
from credvault.audit import Trail
from credvault.backends.base import Backend, Capability
from credvault.model.errors import BackendUnavailable, CredvaultError, Denied, NotFound, NoVault, PolicyUnavailable
from credvault.model.names import NO_REFERENCE, Name
from credvault.model.tuples import NamedTuple

T = TypeVar("T")


class Guard(NamedTuple):
    """What stands between one identity and the secrets of a store.

    `namespace` is that of names without one; `offer` says what else there is where the store cannot be reached.
    """

    backend: Backend
    policy: Policy
    trail: Trail
    identity: Identity
    namespace: str
    offer: Callable[[], str | None]

    def run(
        self,
        command: str,
        action: str,
        names: Sequence[Name],
        do: Callable[[], T],
        *,
        there: Callable[[T], Container[Name]] | None = None,
    ) -> T:
        """Decide, do, record, and only then release: return what `do` returns.

        `there` says which of the names are in that, where some need not be: of those nothing was released. Raises
        Denied, nothing done, unless the identity may do `action` to all the names; what `do` raises gets a hint.
        """
        for name in names:
            decision = decide(self.policy, self.identity, action, name)
            if not decision.is_allowed:
                self._record(command, [name], Denied.code)
                rule = f"rule '{decision.rule}' forbids it" if decision.rule else "no rule allows it"
                raise Denied(f"{self.identity.subject} may not {action} {name}: {rule}")
        self.backend.command = command
        try:
            result = do()
        except CredvaultError as exc:
            self._record(command, names, exc.code)
            if isinstance(exc, NotFound) and exc.hint is None and len(names) == 1 and not self.backend.records_itself:
                exc.hint = self.near(names[0])
            is_away = isinstance(exc, (BackendUnavailable, NoVault)) and not isinstance(exc, PolicyUnavailable)
            if is_away and action in (access.READ, access.LIST):
                exc.hint = "; ".join(filter(None, (exc.hint, self.offer()))) or None
            raise
        if there is not None:
            found = there(result)
            self._record(command, [name for name in names if name not in found], NotFound.code)
            names = [name for name in names if name in found]
        self._record(command, names, "ok")
        return result

    def allowed(self, action: str, found: Sequence[T], name_of: Callable[[T], Name]) -> Sequence[T]:
        """Return what was found of those secrets that the identity may do `action` to."""
        verdict = verdict_for_all(self.policy, self.identity, action)
        if verdict is not None:
            return found if verdict else []
        return [each for each in found if decide(self.policy, self.identity, action, name_of(each)).is_allowed]

    def near(self, name: Name) -> str | None:
        """Return a hint of names that are spelt like one that is not there, of those the identity may list."""
        if Capability.LIST not in self.backend.capabilities:
            return None
        from credvault.access.nearness import LIST_HINT, near_hint

        if self.backend.is_large:
            return LIST_HINT
        try:
            names = self.allowed(access.LIST, [record.name for record in self.backend.list()], lambda name: name)
        except CredvaultError:  # who may read need not be allowed to list: a hint is no reason for another error
            return None
        return near_hint(self._short(name), [self._short(each) for each in names])

    def _record(self, command: str, names: Sequence[Name], result: str) -> None:
        if self.backend.records_itself:
            return
        references = [self.backend.reference(name) for name in names] or ([NO_REFERENCE] if command == "list" else [])
        if references:
            self.trail.record(command, references, result)

    def _short(self, name: Name) -> str:
        return name.key if name.namespace == self.namespace else str(name)
