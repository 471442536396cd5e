"""`credvault check`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from credvault.access.nearness import LIST_HINT
from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.delivery.referents import find_missing, is_name
from credvault.model.errors import Invalid, NotFound
from credvault.model.reference import SCHEME, Reference

if TYPE_CHECKING:
    from credvault.model.uri import SecretURI
    from credvault.vault import Vault


@verb("check")
@click.argument("names", nargs=-1)
@click.option("--require", "required", multiple=True, metavar="NAME", help="a secret that must be there; repeatable")
@click.pass_obj
def command(run: Run, names: tuple[str, ...], required: tuple[str, ...]) -> None:
    """Succeed without a word if all these secrets are there; otherwise name every one that is not, with status 3.
    For the start of a script or a service: a locked vault is status 5, one that cannot be reached 6. No value is
    given out. A NAME may be a reference, or a secret URI.

    Example: credvault check --require db/url --require openai/api_key && exec ./serve
    """
    texts = (*required, *names)
    wanted = list(dict.fromkeys(run.reference(text) if "://" in text else Reference(run.name(text)) for text in texts))
    if not wanted:
        raise Invalid("which secrets?", hint="credvault check --require NAME")
    with run.open_vault() as vault:
        missing = find_missing(vault, wanted)
        hint = _hint(vault, missing)
    if run.out.json:
        run.out.fact({"required": [_shown(each) for each in wanted], "missing": [_shown(each) for each in missing]})
    if missing:
        raise NotFound(f"not there: {', '.join(map(_shown, missing))}", hint=hint)
    run.out.detail(f"there: {', '.join(map(_shown, wanted))}")


def _hint(vault: "Vault", missing: "Mapping[Reference | SecretURI, NotFound | None]") -> str | None:
    if vault.backend.holds is not None:
        return vault.backend.holds
    for reference, error in missing.items():
        if len(missing) == 1 and error is not None:
            return error.hint
        if len(missing) == 1 and is_name(reference):
            return vault.near(reference.name)
    return "'credvault uri check --read URI' says why" if all(missing.values()) else LIST_HINT


def _shown(reference: "Reference | SecretURI") -> str:
    return str(reference).removeprefix(SCHEME)
