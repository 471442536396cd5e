"""What references lead to, whatever their kind: names of the vault in one step, and secret URIs in another."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

from credvault.model.errors import NotFound
from credvault.model.names import Name
from credvault.model.record import Record, Secret
from credvault.model.reference import Reference
from credvault.model.value import SecretValue
from credvault.vault import ENVIRONMENT, Vault

if TYPE_CHECKING:  # of URIs, which most runs have none of
    from credvault.model.uri import SecretURI

# Of how many that are not there the store is asked why.
_EXPLAINED = 3


class Referents:
    """The secrets that references lead to, as far as they are there; `vault` is asked why others are not."""

    def __init__(
        self,
        vault: Vault,
        purpose: str,
        secrets: Mapping[tuple[Name, int | None], Secret],
        of_uris: "Mapping[SecretURI, Secret | NotFound]",
    ) -> None:
        self._vault = vault
        self._purpose = purpose
        self._secrets = secrets
        self._of_uris = of_uris
        self._errors: dict[Reference, NotFound | None] = {}

    def secret(self, reference: "Reference | SecretURI") -> Secret | None:
        """Return the secret that a reference names, or None where it is not there."""
        if isinstance(reference, Reference):
            return self._secrets.get((reference.name, reference.version))
        found = self._of_uris[reference]
        return None if isinstance(found, NotFound) else found

    def value(self, reference: "Reference | SecretURI") -> SecretValue | None:
        """Return the value or the field that a reference names, or None where the secret or its field is not there."""
        secret = self.secret(reference)
        if secret is None or not isinstance(reference, Reference) or reference.field is None:
            return secret and secret.value
        field = secret.record.fields.get(reference.field)
        return None if field is None else SecretValue(str(field).encode("utf-8"))

    def error(self, reference: "Reference | SecretURI") -> NotFound | None:
        """Return what there is to say of a reference that led nowhere, or None where it is just not there.

        What the server of a URI said, and what the store says of a version that can be brought back, or no more.
        """
        if not isinstance(reference, Reference):
            found = self._of_uris[reference]
            return found if isinstance(found, NotFound) else None
        if self.secret(reference) is None and reference not in self._errors:
            name, version = reference.name, reference.version
            self._errors[reference] = self._vault.why_absent(name, version, purpose=self._purpose)
        return self._errors.get(reference)

    def records(self) -> list[Record]:
        """Return the records of what is there."""
        secrets = [*self._secrets.values(), *self._of_uris.values()]
        return [secret.record for secret in secrets if isinstance(secret, Secret)]


def fetch_referents(
    vault: Vault, references: "Iterable[Reference | SecretURI]", *, purpose: str, consumer: str | None = None
) -> Referents:
    """Return what references lead to, to be handed to `consumer`; raises what `Vault.release` and `URIs` raise."""
    names: dict[tuple[Name, int | None], None] = {}
    uris: dict[SecretURI, None] = {}
    for reference in references:
        if isinstance(reference, Reference):
            names[reference.name, reference.version] = None
        else:
            uris[reference] = None
    of_uris: dict[SecretURI, Secret | NotFound] = {}
    # First: a mount that is not allowed is said before the vault is opened, for which a person may be asked.
    if uris:
        as_variable = purpose == ENVIRONMENT
        of_uris = vault.uris.get_many(uris, purpose=purpose, consumer=consumer, as_variable=as_variable)
    return Referents(vault, purpose, vault.release(names, purpose=purpose, consumer=consumer), of_uris)


def ways_on(vault: Vault, absent: "Sequence[tuple[Reference | SecretURI, Referents]]", *, are_all: bool = True) -> str:
    """Return a hint on references that lead nowhere, and on what else there is, unless they `are_all` that is missing.

    How the first few that were deleted come back, and what shows the rest.
    """
    names = [(each, found) for each, found in absent if isinstance(each, Reference)]
    errors = [found.error(each) for each, found in names[:_EXPLAINED]]
    ways = dict.fromkeys(error.hint for error in errors if error is not None)
    is_listed = names or not are_all  # as no URI is
    listing = vault.backend.holds or "'credvault list' shows what is"
    last = listing if is_listed else "'credvault uri check --read URI' says why"
    return "; ".join([*filter(None, ways), last])


def find_missing(
    vault: Vault, references: "Sequence[Reference | SecretURI]"
) -> "dict[Reference | SecretURI, NotFound | None]":
    """Return those references that lead nowhere, and what is said of them; only what has a field or version is read.

    Of names that is said of one alone.
    """
    plain = [each.name for each in references if is_name(each)]
    there = vault.has_many(plain) if plain else ()
    found = fetch_referents(vault, (each for each in references if not is_name(each)), purpose="check")
    absent = [each for each in references if (each.name not in there if is_name(each) else found.value(each) is None)]
    return {each: None if is_name(each) and len(absent) > 1 else found.error(each) for each in absent}


def is_name(reference: "Reference | SecretURI") -> TypeGuard[Reference]:
    """Say whether a reference is a name of the vault and no more."""
    return isinstance(reference, Reference) and reference.field is None and reference.version is None
