"""The hall: policy, backend and trail meet in `Vault` and nowhere else.

Each call goes through the one guard (guard.py). Faces hold no rules; backends know no users; policy knows no
backends. The clock is handed in from here down.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from credvault.access import policy as access
from credvault.access.identity import Identity, local_identity
from credvault.access.policy import Policy, owner_policy
from credvault.access.receivers import by_variable, check_receiver, releasable, serves
from credvault.audit import Trail
from credvault.backends.base import ABSENT, ANY, Backend, Capability, Change
from credvault.backends.registry import as_offline, offline_offer, open_backend
from credvault.config import Flags, Settings, load_settings
from credvault.guard import Guard
from credvault.model import record as model
from credvault.model import times
from credvault.model.errors import CredvaultError, NotFound, VersionDeleted, VersionDestroyed
from credvault.model.names import DEFAULT_NAMESPACE, Name, compile_globs, glob_namespaces, parse_name, parse_namespace
from credvault.model.record import Record, Secret, Version, check_choices
from credvault.model.value import SecretValue, checked_value

if TYPE_CHECKING:  # of cryptography, which secrets that live elsewhere do not need
    from credvault.sealing.slots import KdfLimits
    from credvault.sealing.sources import Ask
    from credvault.uris import Reach, URIs

# The purpose of a release to the environment of a child, for which not every secret is.
ENVIRONMENT = "environment"

AnyName = Name | str
AnyValue = SecretValue | bytes


class Vault:
    """Secrets as one identity may use them. Close it after use, or use it in `with`.

    Names are text (`openai/api_key`) or Name, values bytes or SecretValue, times UTC. Besides what each method
    says, all raise Denied, InvalidName and the errors of the backend: Locked, WrongKey, NoVault, Damaged,
    RolledBack, StorageError, LockTimeout, BackendUnavailable.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        policy: Policy,
        trail: Trail,
        identity: Identity,
        clock: Callable[[], float],
        namespace: str = DEFAULT_NAMESPACE,
        offer: Callable[[], str | None] = lambda: None,
        reach: "Reach | None" = None,
    ) -> None:
        self.backend = backend
        self.identity = identity
        self._guard = Guard(backend, policy, trail, identity, namespace, offer)
        self._clock = clock
        self._namespace = namespace
        self._reach = reach

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the backend, and of the servers that URIs led to."""
        if "uris" in self.__dict__:
            self.uris.close()
        self.backend.close()

    def acting_as(self, identity: Identity, *, namespace: str | None = None) -> "Vault":
        """Return this vault for another identity, or another namespace; cheap, and it shares the backend."""
        return Vault(
            self.backend,
            policy=self._guard.policy,
            trail=self._guard.trail,
            identity=identity,
            clock=self._clock,
            namespace=namespace or self._namespace,
            offer=self._guard.offer,
            reach=self._reach,
        )

    @cached_property
    def uris(self) -> "URIs":
        """What secret URIs lead to, by the same guard, whatever the backend."""
        from credvault.uris import URIs

        return URIs(self._reach, policy=self._guard.policy, trail=self._guard.trail, identity=self.identity)

    def get(self, name: AnyName, version: int | None = None, *, purpose: str = "get") -> Secret:
        """Return a secret: its record and its value. The trail says for what `purpose`.

        Raises NotFound, VersionDeleted or VersionDestroyed, and Unsupported for a delivery this version does not
        know. An expired secret is given out; `record.is_expired` says so.
        """
        parsed = self._name(name)
        return self._guard.run(purpose, access.READ, [parsed], lambda: releasable(self.backend.get(parsed, version)))

    def has(self, name: AnyName) -> bool:
        """Say whether there is such a secret; releases nothing."""
        parsed = self._name(name)
        return self._guard.run("has", access.LIST, [parsed], lambda: self.backend.has(parsed))

    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        """Return those of the names that there is a secret of, in one step where the store can; releases nothing."""
        return self._guard.run("has", access.LIST, list(names), lambda: self.backend.has_many(names))

    def get_many(self, names: Iterable[AnyName], *, purpose: str = "get") -> dict[Name, Secret]:
        """Return those of the secrets that are there, in one step where the store can."""
        parsed = [self._name(name) for name in names]
        return self._guard.run(
            purpose, access.READ, parsed, lambda: self._fetch_many(parsed), there=lambda found: found
        )

    def environment(self, *, namespaces: Collection[str] = (), consumer: str | None = None) -> dict[str, Secret]:
        """Return every `runtime_env` secret the identity may read, by its variable.

        Of all namespaces or those named; with `consumer`, those that list it or list none. Raises InvalidValue
        where two secrets want one variable.
        """
        wanted = by_variable(self.runtime_records(namespaces=namespaces, consumer=consumer))
        secrets = self.release([(r.name, None) for r in wanted.values()], purpose=ENVIRONMENT, consumer=consumer)
        found = {variable: secrets.get((record.name, None)) for variable, record in wanted.items()}
        return {variable: secret for variable, secret in found.items() if secret is not None}

    def release(
        self, wanted: Collection[tuple[Name, int | None]], *, purpose: str, consumer: str | None = None
    ) -> dict[tuple[Name, int | None], Secret]:
        """Return those of the secrets that are there, to be handed to `consumer`; the trail says for what `purpose`.

        `wanted` are names with a version, None for the newest. Raises Denied for a secret that is not for `consumer`,
        and where the purpose is ENVIRONMENT for one whose delivery is not `runtime_env`.
        """
        wanted = dict.fromkeys(wanted)  # two variables may want one secret
        names = list(dict.fromkeys(name for name, _ in wanted))

        def fetch() -> dict[tuple[Name, int | None], Secret]:
            newest = self._fetch_many([name for name, version in wanted if version is None])
            found: dict[tuple[Name, int | None], Secret] = {(name, None): newest[name] for name in newest}
            pinned = [(name, version) for name, version in wanted if version is not None]
            if pinned:
                found.update({pair: releasable(s) for pair, s in self.backend.get_versions(pinned).items()})
            for secret in found.values():
                check_receiver(secret.record, consumer, as_variable=purpose == ENVIRONMENT)
            return found

        return self._guard.run(purpose, access.READ, names, fetch, there=lambda found: {name for name, _ in found})

    def runtime_records(self, *, namespaces: Collection[str] = (), consumer: str | None = None) -> Sequence[Record]:
        """Return the records of the `runtime_env` secrets that `environment` chooses from, without values."""
        wanted = [
            record
            for record in self.list(namespaces=namespaces)
            if record.delivery == model.RUNTIME_ENV and serves(record, consumer)
        ]
        return self._guard.allowed(access.READ, wanted, attrgetter("name"))

    def list(
        self, globs: Sequence[str] = (), *, namespaces: Collection[str] = (), readable: bool = False
    ) -> Sequence[Record]:
        """Return all records, or those that match any of `globs`, by name; with `readable` of what it may read only.

        Of all namespaces or those named. The store is asked for no others than can be meant.
        """
        matches = compile_globs(globs, namespace=self._namespace)
        meant = glob_namespaces(globs, namespace=self._namespace)
        if namespaces:
            named = frozenset(map(parse_namespace, namespaces))
            meant = named if meant is None else named & meant
        fetch = self.backend.list if meant is None else partial(self.backend.list_within, meant)
        records = self._guard.run("list", access.LIST, [], fetch)
        if globs:
            records = [record for record in records if matches(record.name)]
        return self._guard.allowed(access.READ if readable else access.LIST, records, attrgetter("name"))

    def names(self) -> Sequence[Name]:
        """Return the names of all secrets, sorted, sooner than `list` does; to the trail it is the same."""
        names = self._guard.run("list", access.LIST, [], self.backend.names)
        return self._guard.allowed(access.LIST, names, lambda name: name)

    def add(
        self,
        name: AnyName,
        value: AnyValue,
        *,
        replace: bool = False,
        allow_env: Collection[str] = (),
        **facts: Any,
    ) -> Record:
        """Store a new secret and return its record.

        `facts` are members of the record: `type`, `service`, `delivery`, `env_name`, `consumers`, `tags`, `note`,
        `metadata`, `fields`, `expires_at`, `rotate_every`, `probe`. The value has 1 byte to 1 MiB. Raises
        AlreadyExists unless `replace` is set; then facts that are not given stay. Raises InvalidValue.
        """
        parsed, secret = self._name(name), checked_value(value)
        if facts.get("env_name") and facts.get("delivery") is None:
            facts["delivery"] = model.RUNTIME_ENV
        check_choices(model.first_facts(parsed, {"updated_at": "", **facts}), allow_env=allow_env)
        change = Change(parsed, secret, self._stamped(facts, value_changed=True), ANY if replace else ABSENT)
        return self._guard.run("add", access.WRITE, [parsed], lambda: self.backend.put(change))

    def rotate(self, name: AnyName, value: AnyValue) -> Record:
        """Put a new value in as the next version, all else unchanged; return the record.

        Raises NotFound, Conflict where somebody else rotated it meanwhile, InvalidValue.
        """
        parsed, secret = self._name(name), checked_value(value)

        def put() -> Record:
            current = self.backend.get(parsed).record.version
            change = Change(parsed, secret, self._stamped({}, value_changed=True), current)
            return self.backend.put(change)

        return self._guard.run("rotate", access.WRITE, [parsed], put)

    def undo(self, name: AnyName) -> Record:
        """Put the previous version's value in again, as a new version; raises NotFound where there is none."""
        parsed = self._name(name)

        def put() -> Record:
            current = self.backend.get(parsed).record.version  # which is not there where it was deleted softly
            older = [v for v in self.backend.history(parsed) if v.version < current and v.state == model.ACTIVE]
            if not older:
                hint = f"'credvault history {parsed}' shows the versions"
                raise NotFound(f"{parsed} has no previous version to go back to", hint=hint)
            value = self.backend.get(parsed, older[0].version).value
            change = Change(parsed, value, self._stamped({}, value_changed=True), current)
            return self.backend.put(change)

        return self._guard.run("rotate", access.WRITE, [parsed], put)

    def edit(self, name: AnyName, *, allow_env: Collection[str] = (), **facts: Any) -> Record:
        """Change facts of a secret, not its value; None unsets one. Raises NotFound, InvalidValue."""
        parsed = self._name(name)
        if facts.get("env_name") and facts.get("delivery") is None:
            facts["delivery"] = model.RUNTIME_ENV
        check_choices(facts, allow_env=allow_env)
        change = Change(parsed, None, self._stamped(facts, value_changed=False))
        return self._guard.run("edit", access.WRITE, [parsed], lambda: self.backend.put(change))

    def put_many(self, changes: Sequence[Change], *, purpose: str, as_they_are: bool = False) -> Sequence[Record]:
        """Make changes that another process worked out, as this identity's, now; the trail says for what `purpose`.

        With `as_they_are` they keep the times and writers that they bring. Raises what `add` and `edit` raise.
        """
        mine = [
            c if as_they_are else c._replace(facts=self._stamped(c.facts, value_changed=c.value is not None))
            for c in changes
        ]
        for change in mine:
            if as_they_are:
                model.check_holdable(change.facts)
            else:  # a variable that is forbidden may have been allowed over there, by name
                check_choices(change.facts, allow_env=[str(change.facts.get("env_name"))])
            if change.value is not None:
                checked_value(change.value)
        return self._guard.run(purpose, access.WRITE, [c.name for c in mine], lambda: self.backend.put_many(mine))

    def delete(self, names: Iterable[AnyName]) -> None:
        """Remove every version of all these secrets; raises NotFound, nothing removed, if one is not there."""
        parsed = [self._name(name) for name in names]
        self._guard.run("delete", access.DELETE, parsed, lambda: self.backend.delete(parsed))

    def delete_softly(self, names: Iterable[AnyName]) -> None:
        """Delete the current version of all these secrets, until it is undeleted; raises NotFound, Unsupported."""
        parsed = [self._name(name) for name in names]
        self._guard.run("delete", access.DELETE, parsed, lambda: self.backend.delete_softly(parsed))

    def undelete(self, name: AnyName, version: int | None = None) -> Record:
        """Bring back a version that was deleted softly, the newest by default; return the record.

        Raises NotFound, VersionDestroyed, Unsupported.
        """
        parsed = self._name(name)
        return self._guard.run("undelete", access.DELETE, [parsed], lambda: self.backend.undelete(parsed, version))

    def history(self, name: AnyName) -> Sequence[Version]:
        """Return the versions of a secret, newest first, without values."""
        parsed = self._name(name)
        return self._guard.run("history", access.LIST, [parsed], lambda: self.backend.history(parsed))

    def histories(self, names: Collection[Name]) -> dict[Name, Sequence[Version]]:
        """Return the versions of those secrets that are there, in one step where the store can, without values."""
        return self._guard.run("history", access.LIST, list(names), lambda: self.backend.histories(names))

    def why_absent(self, name: AnyName, version: int | None = None, *, purpose: str) -> NotFound | None:
        """Return what the store says of one that was deleted and is kept, or None for what is just not there."""
        if Capability.SOFT_DELETE not in self.backend.capabilities:
            return None
        try:
            self.get(name, version, purpose=purpose)
        except (VersionDeleted, VersionDestroyed) as exc:
            return exc
        except CredvaultError:  # that it is not there is known; or it is a pattern
            return None
        return None  # it came back meanwhile

    def near(self, name: Name) -> str | None:
        """Return a hint of names that are spelt like one that is not there, of those the identity may list."""
        return self._guard.near(name)

    def last_uses(self) -> Mapping[str, str]:
        """Return when values were last released, by the backend's reference of a name."""
        return self._guard.trail.last_uses()

    def _fetch_many(self, names: Sequence[Name]) -> dict[Name, Secret]:
        found = self.backend.get_many(names) if names else {}
        return {name: releasable(secret) for name, secret in found.items()}

    def _name(self, name: AnyName) -> Name:
        return name if isinstance(name, Name) else parse_name(name, default=self._namespace)

    def _stamped(self, facts: Mapping[str, Any], *, value_changed: bool) -> dict[str, Any]:
        now = times.time_text(self._clock())
        stamps = {"updated_at": now, "updated_by": self.identity.subject}
        return {**facts, **stamps, **({"value_changed_at": now} if value_changed else {})}


def open_vault(
    settings: Settings | None = None,
    *,
    profile: str | None = None,
    path: str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    unlock: "Ask | None" = None,
    kdf: "KdfLimits | None" = None,
    warn: Callable[[str], None] = lambda text: None,
    detail: Callable[[str], None] = lambda text: None,
    clock: Callable[[], float] = time.time,
    backend: Backend | None = None,
    offers_copy: bool = True,
) -> Vault:
    """Open the vault of the settings that hold here, of a profile, or at a path.

    The key comes from where spec.md 6 says, and last from `unlock`, which asks a person. Nothing is read or unlocked
    before the first call. With `offline` the profile's offline copy answers, and never its store; `warn` is told its
    age, and one older than `max_age` seconds is BackendUnavailable. `kdf` is for tests: cheap derivations need another
    floor. `backend` is for who has opened the settings' own. `offers_copy` has errors of a store that is away name an
    offline copy of it. Raises ConfigError, Unsupported.
    """
    if settings is None:
        flags = Flags(profile=profile, vault=path, offline=offline, max_age=max_age)
        settings = load_settings(flags, os.environ)._replace(stays=True)
    elif offline:
        settings = as_offline(settings, max_age)
    identity = local_identity()
    return Vault(
        backend or open_backend(settings, unlock, kdf=kdf, warn=warn, detail=detail, clock=clock),
        policy=owner_policy(identity),
        trail=Trail(settings.state_folder, clock, enabled=settings.trail_enabled),
        identity=identity,
        clock=clock,
        namespace=settings.namespace.value,
        offer=lambda: offline_offer(settings, clock()) if offers_copy else None,
        reach=(settings, warn, detail),
    )
