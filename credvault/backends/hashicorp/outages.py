"""Why a server that answers does not do what was asked of it: sealed, without a leader, asked too often, broken.

What stands in such an answer is never quoted beyond what is told apart here: it may name paths, or be no server's.
"""

from credvault.backends.hashicorp.exchange import NO_LEADER, Answer, Request
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import BackendUnavailable

SEAL_STATUS = "sys/seal-status"

_SEALED = "sealed"
# What an engine says that has just been made, or had no versions before, until it has got itself ready for them.
_UPGRADING = "Upgrading from non-versioned"


def is_upgrading(answer: Answer) -> bool:
    """Say whether an engine is not ready yet; nothing was done then."""
    return answer.status == 400 and _UPGRADING in answer.errors


def outage(transport: Transport, answer: Answer) -> BackendUnavailable | None:
    """Return the error that an answer stands for where the server could not serve, or None where it could.

    A sealed server says the same as one that was never initialised, so it is asked which it is.
    """
    server, status = transport.address, answer.status
    if status == 501 or (status == 503 and _SEALED in answer.errors):
        seal = transport.ask(Request("GET", SEAL_STATUS), None).body
        if seal.get("initialized", status != 501) is False:
            return BackendUnavailable(f"{server} is not initialised", hint="'bao operator init' does that, once")
        hint = "whoever keeps its keys unseals it with 'bao operator unseal'; nothing can be read until then"
        return BackendUnavailable(f"{server} is sealed", hint=hint)
    if is_upgrading(answer):
        return BackendUnavailable(f"an engine of {server} is not ready yet", hint="try again in a moment")
    if status == 429:
        hint = "try again later; whoever runs the server sets the limit (a rate limit quota)"
        return BackendUnavailable(f"{server} takes no more requests for now", hint=hint)
    if status == 412:
        hint = "try again in a moment, or make the active node the address"
        return BackendUnavailable(f"{server} is a standby that is behind its cluster", hint=hint)
    if status in (472, 473) or (status >= 500 and any(words in answer.errors for words in NO_LEADER)):
        hint = "is its cluster without a leader? 'bao operator raft list-peers' shows its nodes"
        return BackendUnavailable(f"{server} is a standby, and no active node serves in its place", hint=hint)
    if status in (502, 504):
        hint = "a gateway or load balancer answers in its place: is the server itself up?"
        return BackendUnavailable(f"{server} cannot be reached by its gateway (status {status})", hint=hint)
    if status >= 500:
        return BackendUnavailable(f"{server} has failed (status {status})", hint="its log says why")
    return None
