"""The door of the hall for secret URIs: decide, do, record, release, as the vault does for its names.

What they lead to is on a server of its own, whatever the backend of the vault. Nothing is asked of it, and no token is
looked for, before the mounts are allowed.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Self

from credvault.access import policy as access
from credvault.access.identity import Identity, local_identity
from credvault.access.policy import Policy, owner_policy, verdict_for_all
from credvault.access.receivers import check_receiver, releasable
from credvault.audit import Trail
from credvault.config import Settings
from credvault.config.uris import allowed_mounts, server_settings, tenant_salt
from credvault.model.errors import CredvaultError, Denied, NotFound, Unsupported
from credvault.model.record import Record, Secret
from credvault.model.uri import SecretURI, check_mount, check_readable, parse_uri, resource_ref
from credvault.state import reference_salt

if TYPE_CHECKING:  # loaded when there is something to ask
    from credvault.backends.hashicorp.uris import URIStore

Tell = Callable[[str], None]
# The settings that say which server and which mounts, and who is told warnings and details.
Reach = tuple[Settings, Tell, Tell]


class URIs:
    """What secret URIs lead to, for one identity. Connects at the first question; close it after use.

    Besides what each method says, all raise Denied, Unsupported, ConfigError, Unauthenticated and BackendUnavailable.
    """

    def __init__(self, reach: Reach | None, *, policy: Policy, trail: Trail, identity: Identity) -> None:
        if reach is None:
            raise Unsupported("this vault has no settings that could name a server", hint="open it with open_vault()")
        self._settings, self._warn, self._detail = reach
        self._policy = policy
        self._trail = trail
        self._identity = identity
        self._stores: dict[str, tuple[Settings, URIStore]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        for _, store in self._stores.values():
            store.close()
        self._stores.clear()

    def get(self, uri: SecretURI | str, *, purpose: str = "get") -> Secret:
        """Return the field that a URI names, or where it names none all fields, as a JSON object.

        Raises InvalidURI, NotFound, VersionDeleted or VersionDestroyed.
        """
        wanted = parse_uri(uri) if isinstance(uri, str) else uri
        found = self.get_many([wanted], purpose=purpose)[wanted]
        if isinstance(found, NotFound):
            raise found
        return found

    def get_many(
        self,
        uris: Collection[SecretURI],
        *,
        purpose: str = "get",
        consumer: str | None = None,
        as_variable: bool = False,
    ) -> dict[SecretURI, Secret | NotFound]:
        """Return what each URI leads to, or why it is not there, to be handed to `consumer`; one step for each server.

        Raises Denied for a secret that is not for `consumer`, or that may not become a variable where it is to.
        """
        wanted = list(dict.fromkeys(uris))
        if not wanted:
            return {}
        salt = self._salt()
        found: dict[SecretURI, Secret | NotFound] = {}
        try:
            self._decide(wanted)
            for store, asked in self._by_store(wanted):
                found.update(store.read_many(asked))
            for uri, secret in found.items():
                if isinstance(secret, Secret):
                    check_receiver(_with_field(releasable(secret).record, uri), consumer, as_variable=as_variable)
        except CredvaultError as exc:
            self._record(purpose, salt, dict.fromkeys(wanted, exc.code))
            raise
        # Before release, as the guard of the vault has it.
        results = {uri: one.code if isinstance(one, NotFound) else "ok" for uri, one in found.items()}
        self._record(purpose, salt, results)
        return found

    def _decide(self, wanted: Sequence[SecretURI]) -> None:
        """Raise Denied unless the identity may read them all. No rule names URIs, so it is who may read everything."""
        if verdict_for_all(self._policy, self._identity, access.READ) is not True:
            rule = "only who may read every secret may read by URI"
            raise Denied(f"{self._identity.subject} may not read {wanted[0]}: {rule}")
        if self._settings.store is not None:
            raise Unsupported(f"{wanted[0]} is in no offline copy", hint="leave out --offline to ask its server")
        mounts = allowed_mounts(self._settings)
        for uri in wanted:
            check_readable(uri)
            check_mount(uri, mounts.names, mounts.source)

    def _by_store(self, wanted: Sequence[SecretURI]) -> "Iterator[tuple[URIStore, list[SecretURI]]]":
        """Yield the servers that are to be asked, and what for, once all are known: two providers may share one."""
        stores = {provider: self._store(provider) for provider in {uri.provider: None for uri in wanted}}
        for store in dict.fromkeys(stores.values()):
            yield store, [uri for uri in wanted if stores[uri.provider] is store]

    def _store(self, provider: str) -> "URIStore":
        if provider not in self._stores:
            settings = server_settings(self._settings, provider)
            same = next((each for each in self._stores.values() if each[0] == settings), None)
            if same is None:
                from credvault.backends.hashicorp.uris import URIStore

                same = settings, URIStore(settings, self._warn, self._detail)
            self._stores[provider] = same
        return self._stores[provider][1]

    def _salt(self) -> str:
        if not self._trail.is_enabled:
            return ""
        return tenant_salt(self._settings) or reference_salt(self._settings.state_folder)

    def _record(self, purpose: str, salt: str, results: dict[SecretURI, str]) -> None:
        for result in dict.fromkeys(results.values()):
            references = [resource_ref(uri, salt) for uri, each in results.items() if each == result]
            self._trail.record(purpose, references, result, member="resource_ref")


def _with_field(record: Record, uri: SecretURI) -> Record:
    """Return a record with the field in its name: what may be done with one need not hold for the next."""
    return record if uri.fragment is None else record._replace(key=f"{record.key}#{uri.fragment}")


def open_uris(settings: Settings, warn: Tell, detail: Tell, clock: Callable[[], float]) -> URIs:
    """Open the door of the local user by itself: whoever names URIs alone needs no vault."""
    identity = local_identity()
    trail = Trail(settings.state_folder, clock, enabled=settings.trail_enabled)
    return URIs((settings, warn, detail), policy=owner_policy(identity), trail=trail, identity=identity)
