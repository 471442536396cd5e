"""`credvault uri`: check."""

import json
from collections.abc import Iterator
from typing import Any

import click

from credvault.access.nearness import LIST_HINT
from credvault.backends.hashicorp.address import find_address
from credvault.cli.context import Run
from credvault.cli.options import verb, verb_group
from credvault.cli.output import shown
from credvault.config.uris import allowed_mounts, server_settings
from credvault.delivery.referents import find_missing
from credvault.model.errors import CredvaultError, NotFound
from credvault.model.messages import error_members
from credvault.model.reference import Reference, has_own_scheme, parse_reference
from credvault.model.uri import SecretURI, check_mount, check_readable, parse_uri


class Explained:
    """What a text is as a reference: its parts, each with where it comes from, and the first thing that is wrong."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reference: Reference | SecretURI | None = None
        self.parts: dict[str, tuple[Any, str | None]] = {}
        self.error: CredvaultError | None = None

    def members(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        parts = {part: value for part, (value, _) in self.parts.items()}
        sources = {f"{part}_from": source for part, (_, source) in self.parts.items() if source is not None}
        error = {} if self.error is None else error_members(self.error)
        return {"text": self.text, **parts, **sources, **error}


@verb_group("uri")
def command() -> None:
    """Look at secret URIs: openbao+kv2://MOUNT/PATH#FIELD?version=N, hashicorp+kv2://…, and credvault://NAME.

    Example: credvault uri check 'openbao+kv2://secret/myapp/api#token'
    """


@verb("check", short_help="say what a URI is read as, and where it leads")
@click.argument("uris", nargs=-1, required=True, metavar="URI...")
@click.option("--read", is_flag=True, help="see whether it is there, too; no value is shown")
@click.pass_obj
def check(run: Run, uris: tuple[str, ...], *, read: bool) -> int:
    """Say what a URI is read as: its parts, its canonical form, which server it leads to and who says so, and whether
    its mount is allowed. No server is asked without --read. The status is that of the first URI with which something
    is wrong.

    Example: credvault uri check --read 'openbao+kv2://secret/myapp/api?version=3#token'
    """
    explained = [_explain(run, text) for text in uris]
    for each in explained if read else ():
        if each.error is None:
            _read(run, each)
    if run.out.json:
        run.out.fact([each.members() for each in explained])
    else:
        rows = [[part, shown(value), shown(source)] for each in explained for part, value, source in _rows(each)]
        run.out.table(["part", "is", "from"], rows)
    errors = [each.error for each in explained if each.error is not None]
    for error in errors:
        run.out.error(error)
    return errors[0].exit_status if errors else 0


command.add_command(check)


def _explain(run: Run, text: str) -> Explained:
    """Return what a text is; what is wrong with it is part of that."""
    explained = Explained(text)
    try:
        if not has_own_scheme(text):
            _explain_uri(run, explained, parse_uri(text))
        else:
            settings = run.settings
            default = settings.namespace.value
            reference = parse_reference(text, namespace=run.explicit_namespace, default=default)
            explained.reference = reference
            if isinstance(reference, Reference):
                explained.parts |= {
                    "uri": (str(reference), None),
                    "namespace": (reference.name.namespace, None),
                    "key": (reference.name.key, None),
                    "field": (reference.field, None),
                    "version": (reference.version, None),
                    "backend": settings.backend,
                }
    except CredvaultError as exc:
        explained.error = exc
    return explained


def _explain_uri(run: Run, explained: Explained, uri: SecretURI) -> None:
    settings = run.settings
    explained.reference = uri
    explained.parts |= {
        "uri": (str(uri), None),
        "provider": (uri.provider, None),
        "engine": (uri.engine, None),
        "mount": (uri.mount, None),
        "path": (uri.path, None),
        "field": (uri.fragment, None),
        "version": (uri.version, None),
    }
    check_readable(uri)
    mounts = allowed_mounts(settings)
    explained.parts["allowed_mounts"] = (list(mounts.names), mounts.source)
    check_mount(uri, mounts.names, mounts.source)
    address = find_address(server_settings(settings, uri.provider), run.out.warn, run.out.detail)
    explained.parts["server"] = (str(address), address.source)


def _read(run: Run, explained: Explained) -> None:
    """Add what is there; no value."""
    reference = explained.reference
    try:
        if isinstance(reference, Reference):
            with run.open_vault() as vault:
                missing = find_missing(vault, [reference])
            if missing:
                raise missing[reference] or NotFound(f"not there: {explained.text}", hint=LIST_HINT)
        elif reference is not None:
            with run.open_uris() as uris:
                secret = uris.get(reference, purpose="check")
            explained.parts["found_version"] = (secret.record.version, None)
            if reference.fragment is None:
                explained.parts["fields"] = (list(json.loads(secret.value.reveal())), None)
        explained.parts["there"] = (True, None)
    except CredvaultError as exc:
        explained.error = exc


def _rows(explained: Explained) -> Iterator[tuple[str, Any, str | None]]:
    for part, (value, source) in explained.parts.items():
        yield part, "yes" if value is True else value, source
