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


class Referents:
    """The secrets that references lead to, as far as they are there."""

    def __init__(
        self,
        secrets: Mapping[tuple[Name, int | None], Secret],
        of_uris: "Mapping[SecretURI, Secret | NotFound]",
    ) -> None:
        self._secrets = secrets
        self._of_uris = of_uris

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
        """Return what is said of a URI that led nowhere; None for a name, of which there is nothing to say."""
        found = None if isinstance(reference, Reference) else self._of_uris[reference]
        return found if isinstance(found, NotFound) else None

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
    return Referents(vault.release(names, purpose=purpose, consumer=consumer), of_uris)


def find_missing(
    vault: Vault, references: "Sequence[Reference | SecretURI]"
) -> "dict[Reference | SecretURI, NotFound | None]":
    """Return those references that lead nowhere, and what is said of them; only what has a field or version is read."""
    plain = [each.name for each in references if is_name(each)]
    there = vault.has_many(plain) if plain else ()
    found = fetch_referents(vault, (each for each in references if not is_name(each)), purpose="check")
    return {
        each: None if is_name(each) else found.error(each)
        for each in references
        if (each.name not in there if is_name(each) else found.value(each) is None)
    }


def is_name(reference: "Reference | SecretURI") -> TypeGuard[Reference]:
    """Say whether a reference is a name of the vault and no more."""
    return isinstance(reference, Reference) and reference.field is None and reference.version is None
