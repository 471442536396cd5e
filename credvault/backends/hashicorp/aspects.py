"""What `doctor` looks at: the server and how it is trusted, the token, the engine, and what the token may do there.

Reads no secret, and never shows the token: of it the ways it came, its time and its policies.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from credvault.backends.base import Aspect
from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.exchange import Request
from credvault.backends.hashicorp.faults import no_namespace
from credvault.backends.hashicorp.login import LOOKUP_SELF, Lease, Login, is_known
from credvault.backends.hashicorp.outages import outage
from credvault.backends.hashicorp.transport import Transport
from credvault.model.errors import CredvaultError, Denied
from credvault.model.text import printable
from credvault.model.times import duration_text

if TYPE_CHECKING:
    from credvault.backends.hashicorp.kv2 import KV2

# Of each part of the engine what a token must be allowed, by what that is for.
_NEEDS: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]] = (
    ("read", [("data", ("read",))]),
    ("list", [("metadata", ("list", "read"))]),
    ("write", [("data", ("create", "update")), ("metadata", ("create", "update", "patch"))]),
    ("delete", [("metadata", ("delete",))]),
    ("delete and bring back", [("data", ("delete",)), ("undelete", ("update",))]),
)
_ALL_RIGHTS = "root"
# A token that ends sooner, and cannot be renewed, is worth a word, seconds.
_SOON = 3_600


def policy_text(mount: str, prefix: str) -> str:
    """Return the policy of a token that may do all that this backend does below a mount and a prefix."""
    rights: dict[str, list[str]] = {}
    for _, needs in _NEEDS:
        for part, capabilities in needs:
            known = rights.setdefault(part, [])
            known += [capability for capability in capabilities if capability not in known]
    return "\n".join(
        f'path "{_below(mount, part, prefix)}*" {{ capabilities = [{", ".join(map(_quoted, capabilities))}] }}'
        for part, capabilities in rights.items()
    )


def examine_server(transport: Transport, login: Login, engine: "KV2", example: str) -> Iterator[Aspect]:
    """Yield what is found of a server, of how it is trusted, of the token, the engine, and the rights to `example`.

    That is the path of a secret, which need not be there.
    """
    health = engine.read_health()
    if not health.is_ok:
        failed = outage(transport, transport.ask(LOOKUP_SELF, None))
        yield Aspect("server", False, health.detail, None if failed is None else failed.hint)
        return
    yield Aspect("server", True, health.detail)
    yield _trust(transport.address)
    looks = {
        "token": _token(transport, login),
        "engine": _engine(engine, example),
        "rights": _rights(transport, login, engine, example),
    }
    for subject, look in looks.items():
        try:
            yield from look
        except CredvaultError as exc:
            yield Aspect(subject, False, exc.message, exc.hint, exc.exit_status)
            return


def _trust(address: Address) -> Aspect:
    if address.scheme == "http":
        if address.allow_http:
            return Aspect("TLS", True, "none: whoever is on the way can read along (allow_http)", "use https")
        return Aspect("TLS", True, "none, on the loopback interface")
    if not address.verify:
        mend = f"name the server's authority: ca_file in the profile, or {address.family}_CACERT"
        return Aspect("TLS", False, "the certificate is not checked: anybody may answer as this server", mend)
    shown = "" if address.identity is None else f"; the server is shown {address.identity}"
    return Aspect("TLS", True, f"checked by {address.authorities}{shown}")


def _token(transport: Transport, login: Login) -> Iterator[Aspect]:
    lease = login.lease
    answer = transport.ask(LOOKUP_SELF, lease.token)
    if not is_known(answer) and login.token_was_refused():  # which raises where there is no other
        lease = login.lease
        answer = transport.ask(LOOKUP_SELF, lease.token)
    failed = outage(transport, answer) or no_namespace(answer, transport.address)
    if failed is not None:
        raise failed
    data = answer.body.get("data") if answer.status == 200 else None
    if isinstance(data, dict):
        yield _facts_of_token(lease, data)
    else:
        yield Aspect("token", True, f"from {lease.source}; it may not look at itself (policy default)")


def _facts_of_token(lease: Lease, data: Mapping[str, Any]) -> Aspect:
    """Return what the server says of a token, of which its id is left out."""
    policies = data.get("policies")
    names = [str(policy) for policy in policies] if isinstance(policies, list) else []
    said = [f"from {lease.source}", f"policies {printable(' '.join(names)) or 'none'}"]
    seconds, is_renewable = data.get("ttl"), data.get("renewable") is True
    mend = None
    if data.get("expire_time") is None:
        said.append("never expires")
    elif isinstance(seconds, int):
        said.append(f"{duration_text(seconds)} left, {'renewable' if is_renewable else 'not renewable'}")
        if seconds < _SOON and not is_renewable and not lease.is_ours:
            mend = "get a new one soon, or log in by AppRole"
    if data.get("num_uses"):
        said.append(f"good for {data['num_uses']} more requests")
    if _ALL_RIGHTS in names:
        mend = "it may do everything on this server: use one with a policy of its own"
    return Aspect("token", True, ", ".join(said), mend)


def _engine(engine: "KV2", example: str) -> Iterator[Aspect]:
    engine.check_mount()
    try:
        # What says that there is none; nothing is said of one where the token has no right.
        engine.read_metadata([example])
    except Denied:
        pass
    yield Aspect("engine", True, f"KV version 2 at '{engine.mount}/'")


def _rights(transport: Transport, login: Login, engine: "KV2", example: str) -> Iterator[Aspect]:
    """Yield what the token may do to a secret, and the policy that lets it do all."""
    paths = {part: engine.path(part, example) for part in ("data", "metadata", "undelete")}
    request = Request("POST", "sys/capabilities-self", {"paths": list(paths.values())}, is_safe=True)
    answer = transport.ask(request, login.token())
    said = answer.body.get("data")
    mend = f"a policy that lets it: {policy_text(engine.mount, engine.prefix).replace(chr(10), ' ')}"
    if answer.status != 200 or not isinstance(said, dict):
        yield Aspect("rights", True, "not known: the token may not ask for its own (policy default)", mend)
        return
    may = [what for what, needs in _NEEDS if all(_has(said.get(paths[part]), rights) for part, rights in needs)]
    may_not = [what for what, _ in _NEEDS if what not in may]
    detail = f"the token may {', '.join(may) or 'do nothing'} at {paths['data']}"
    if may_not:
        yield Aspect("rights", "read" in may, f"{detail}; it may not {', '.join(may_not)}", mend, Denied.exit_status)
    else:
        yield Aspect("rights", True, detail)


def _has(found: object, capabilities: Sequence[str]) -> bool:
    return isinstance(found, list) and (_ALL_RIGHTS in found or all(wanted in found for wanted in capabilities))


def _below(mount: str, part: str, prefix: str) -> str:
    return f"{mount}/{part}/{prefix}/" if prefix else f"{mount}/{part}/"


def _quoted(word: str) -> str:
    return f'"{word}"'
