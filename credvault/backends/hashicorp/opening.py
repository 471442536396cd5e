"""Opening the backend `hashicorp`: the server, the token and the place that settings name, put together."""

from credvault.backends.base import Backend
from credvault.backends.hashicorp.address import Tell, find_address, find_place
from credvault.backends.hashicorp.kv2 import KV2
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.transport import Transport
from credvault.config import Settings


def open_hashicorp(settings: Settings, warn: Tell, detail: Tell) -> Backend:
    """Return the backend that the settings name; no server is asked and no token read before it is used.

    Raises ConfigError.
    """
    address = find_address(settings, warn, detail)
    place = find_place(settings, address, detail)
    transport = Transport(address)
    login = Login(settings, transport, warn=warn, detail=detail)

    def let_go() -> None:
        login.close()
        transport.close()

    kv = KV2(transport, login, place.mount, place.prefix, place.wrap_ttl)
    if place.layout == "field":
        from credvault.backends.hashicorp.fieldlayout import FieldLayout

        return FieldLayout(kv, warn, let_go, settings.namespace.value)
    from credvault.backends.hashicorp.secretlayout import SecretLayout

    return SecretLayout(kv, warn, let_go, settings.namespace.value)
