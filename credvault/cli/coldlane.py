"""The cold lane: the plain forms of `get` and `exec` with a key at hand, or where none is needed, without Click.

Click costs as much as all the rest of a `get` (tests/benchmarks). What is done and said is the same.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from credvault.cli import boundary
from credvault.cli.context import Run
from credvault.config import FILE_BACKEND
from credvault.model.errors import CredvaultError
from credvault.model.names import parse_namespace
from credvault.model.reference import Reference

if TYPE_CHECKING:  # the lane that comes before has it linked in
    from credvault.model.plain import PlainForm


def run(argv: Sequence[str], form: "PlainForm", *, has_key: bool) -> int | None:
    """Run a command line of a plain form, and return its exit status.

    None where there is no key and the secrets are in a vault file after all: an agent may hold that, or a person be
    asked.
    """
    state = Run()
    if form.namespace is not None and form.is_get:
        state.set_option("namespace", form.namespace)
    if not has_key and not form.is_uri and not _needs_no_key(state):
        return None
    return boundary.end(state, argv, lambda: _get(state, form) if form.is_get else _exec(state, form))


def _needs_no_key(state: Run) -> bool:
    try:
        return state.peek().backend.value != FILE_BACKEND
    except CredvaultError:  # which is said where the settings are read in earnest
        return False


def _get(state: Run, form: "PlainForm") -> int:
    text = form.words[0]
    secret = state.fetch(state.reference(text) if form.is_uri else Reference(state.name(text)))
    state.out.value(secret.value, newline=None, raw=False)
    return 0


def _exec(state: Run, form: "PlainForm") -> int:
    # `get` needs none of it, and each module takes 0.15 ms to load.
    from credvault.cli import release
    from credvault.delivery.environment import Inheritance
    from credvault.delivery.selection import plain_selection

    file = release.find_program(state, form.words)
    namespace = None if form.namespace is None else parse_namespace(form.namespace)
    selection = plain_selection(state.settings, namespace)
    found, child = release.choose(state, selection, Inheritance())
    return release.start(state, file, form.words, found, child)
