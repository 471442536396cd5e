"""Response wrapping: an answer that the server holds back, for whoever shows its token first, once.

The token is looked at before it is used: one that was made by another request than expected was put in its place.
"""

from credvault.backends.hashicorp.exchange import Answer, Request
from credvault.backends.hashicorp.outages import outage
from credvault.backends.hashicorp.transport import Transport, is_token
from credvault.model.errors import BackendUnavailable, Unauthenticated
from credvault.model.text import printable
from credvault.model.value import SecretValue


def fetch_wrapped(transport: Transport, token: SecretValue, what: str, creation_path: str) -> Answer:
    """Return the answer that a wrapping token stands for, which may be one of 404; the token is used up then.

    `what` says in words where it came from, `creation_path` by which request it must have been made. Raises
    Unauthenticated for a token that was made by another one, was used or has expired, and BackendUnavailable.
    """
    looked_up = transport.ask(_lookup(token), None)
    if looked_up.status != 200:
        raise _unusable(transport, looked_up, what)
    data = looked_up.body.get("data")
    made_by = data.get("creation_path") if isinstance(data, dict) else None
    if made_by != creation_path:
        raise Unauthenticated(
            f"the wrapping token from {what} was made by a request to {printable(str(made_by))}, not to "
            f"{printable(creation_path)}, so it is not used: somebody may have put it in place of yours",
            hint="ask whoever made it, and do not use what it stands for",
        )
    answer = transport.ask(Request("POST", "sys/wrapping/unwrap", {}), token)
    # What was deleted is 404, and says of what.
    if answer.status != 200 and not (answer.status == 404 and answer.body.get("data")):
        raise _unusable(transport, answer, what)
    return answer


def unwrapped(transport: Transport, request: Request, answer: Answer) -> Answer:
    """Return what a wrapped answer to a request stands for, or the answer as it is if it is none."""
    info = answer.body.get("wrap_info")
    token = info.get("token") if isinstance(info, dict) else None
    if not is_token(token):
        return answer
    return fetch_wrapped(transport, SecretValue(str(token).encode()), "the server", request.path.partition("?")[0])


def _lookup(token: SecretValue) -> Request:
    text = token.reveal().decode("latin-1")
    return Request("POST", "sys/wrapping/lookup", {"token": text}, is_safe=True)


def _unusable(transport: Transport, answer: Answer, what: str) -> Unauthenticated | BackendUnavailable:
    return outage(transport, answer) or Unauthenticated(
        f"the wrapping token from {what} was used already, or has expired",
        hint="it serves once; if you did not use it, somebody may have read what it stands for: revoke that, and ask "
        "for a new one",
    )
