"""credvault: a vault for secrets, for programs. Names are resolved on first use.

from credvault import open_vault

with open_vault(profile="home") as vault:
    secret = vault.get("openai/api_key")
    send(secret.value.reveal())
"""

TYPE_CHECKING = False  # type checkers know the name; importing typing would cost what a bare interpreter does

# A constant: reading it from the installed metadata costs 35 ms.
__version__ = "0.1.0"

__all__ = [
    "Record",
    "Secret",
    "SecretURI",
    "SecretValue",
    "Vault",
    "Version",
    "__version__",
    "errors",
    "open_vault",
]

if TYPE_CHECKING:
    from credvault.model import errors
    from credvault.model.record import Record, Secret, Version
    from credvault.model.uri import SecretURI
    from credvault.model.value import SecretValue
    from credvault.vault import Vault, open_vault

_HOMES = {
    "Record": "credvault.model.record",
    "Secret": "credvault.model.record",
    "SecretURI": "credvault.model.uri",
    "SecretValue": "credvault.model.value",
    "Vault": "credvault.vault",
    "Version": "credvault.model.record",
    "open_vault": "credvault.vault",
}


def __getattr__(name: str) -> object:
    # Asked for every submodule that is imported from here, too: those names are none of ours.
    if name != "errors" and name not in _HOMES:
        raise AttributeError(f"module 'credvault' has no attribute '{name}'")
    from importlib import import_module

    return import_module("credvault.model.errors") if name == "errors" else getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
