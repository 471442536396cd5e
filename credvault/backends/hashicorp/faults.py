"""What a server says when it will not do what it was asked: each answer as an error of ours, with what to do."""

from collections.abc import Mapping
from typing import Any

from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.exchange import Answer, Request
from credvault.model.errors import BackendUnavailable, ConfigError, CredvaultError, Denied, InvalidValue, Unsupported
from credvault.model.text import printable
from credvault.model.value import SecretValue

# So much of a secret tells something of it, characters.
_PART = 8
# What a policy calls what a request does.
_RIGHTS = {"GET": ("read",), "POST": ("create", "update"), "PATCH": ("patch",), "DELETE": ("delete",)}


def refusal(request: Request, answer: Answer, address: Address, token: SecretValue) -> CredvaultError:
    """Return the error of an answer that is neither success nor an outage; 403 is that of `token`, which is known.

    What the server says is told, unless it says again what it was sent.
    """
    if answer.status == 403:
        return _denied(request)
    if answer.status == 413 or "too large" in answer.errors:
        hint = "with Raft storage a secret has at most 1 MiB, as JSON and with what is not text as base64"
        return InvalidValue(f"the value is larger than {address} takes", hint=hint)
    if answer.status == 405:
        return Unsupported(f"{address} cannot do this", hint="it takes OpenBao, or Vault 1.9 or later")
    sent = {"token": token.reveal().decode("latin-1"), "body": request.body}
    said = f": {answer.errors}" if answer.errors and not _is_repeated(sent, answer.errors) else ""
    hint = "is this the address of an OpenBao or Vault server?"
    return BackendUnavailable(f"{address} refused the request (status {answer.status}){said}", hint=hint)


def no_namespace(answer: Answer, address: Address) -> ConfigError | None:
    """Return the error of an answer that there is no such namespace on the server, or None for any other."""
    if answer.status != 404 or "namespace not found" not in answer.errors:
        return None
    way = f"set vault_namespace in the profile, or {address.family}_NAMESPACE"
    hint = f"{way}; 'bao namespace list' shows what there is"
    return ConfigError(f"there is no namespace '{printable(str(address.namespace))}' on {address}", hint=hint)


def _is_repeated(sent: Any, said: str) -> bool:
    """Say whether a server says again what it was sent, or a part of it, which may be a secret."""
    if isinstance(sent, Mapping):
        return any(_is_repeated(part, said) for part in sent.values())
    if not isinstance(sent, str):
        return False
    # As errors are shown; they are cut, so that a long secret may stand there by its beginning alone.
    text = printable(" ".join(sent.split()))
    parts = {said[start : start + _PART] for start in range(len(said) - _PART + 1)}
    return text in said if len(text) <= _PART else any(part in text for part in parts)


def _denied(request: Request) -> Denied:
    path, _, query = request.path.partition("?")
    rights = ("list",) if query == "list=true" else _RIGHTS[request.method]
    quoted = ", ".join(f'"{right}"' for right in rights)
    rule = f'path "{path}" {{ capabilities = [{quoted}] }}'
    return Denied(
        f"no policy of the token allows to {' and '.join(rights)} {path}",
        # What is not there is refused in the same words, but to those who may do everything.
        hint=f"a policy that does says: {rule}; or is another mount or prefix meant?",
    )
