"""The environment of a child: what it inherits, what is taken away, what secrets add. Bytes in, bytes out."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from credvault.delivery.selection import Injection
from credvault.model.environment import unlocks_a_vault

_PRISTINE = frozenset({"PATH", "HOME", "USER", "LANG", "TERM", "TZ", "TMPDIR"})


class Inheritance(NamedTuple):
    """What a child has of the caller's environment.

    `pristine` leaves it a short list; `keep` adds names to that list, and keeps what unlocks a vault.
    `preserve` names variables where the caller's value wins over a secret, `preserve_all` means all of them.
    """

    pristine: bool = False
    keep: Collection[str] = ()
    preserve: Collection[str] = ()
    preserve_all: bool = False


class ChildEnvironment(NamedTuple):
    """The variables of a child, and what happened on the way, by name.

    A variable that the caller's environment holds twice is there twice, as in a direct run.
    """

    variables: Sequence[tuple[bytes, bytes]]
    overwritten: list[str]
    preserved: list[str]
    removed: list[str]


def child_environment(
    inherited: Iterable[tuple[bytes, bytes]], injections: Iterable[Injection], inheritance: Inheritance
) -> ChildEnvironment:
    """Return what a child's environment is made of: inherited, less what unlocks a vault, plus the secrets."""
    kept: list[tuple[bytes, bytes]] = []
    removed: dict[str, None] = {}
    for variable, value in inherited:
        name = variable.decode("utf-8", "surrogateescape")
        if _is_inherited(name, inheritance):
            kept.append((variable, value))
        elif unlocks_a_vault(name):
            removed[name] = None
    there = {variable for variable, _ in kept}
    added: dict[bytes, bytes] = {}
    overwritten: list[str] = []
    preserved: list[str] = []
    for injection in injections:
        variable = injection.variable.encode("ascii")
        if variable in there:
            if inheritance.preserve_all or injection.variable in inheritance.preserve:
                preserved.append(injection.variable)
                continue
            overwritten.append(injection.variable)
        added[variable] = injection.value.reveal()
    variables = [(variable, value) for variable, value in kept if variable not in added]
    return ChildEnvironment([*variables, *added.items()], overwritten, preserved, list(removed))


def _is_inherited(name: str, inheritance: Inheritance) -> bool:
    if name in inheritance.keep:
        return True
    if unlocks_a_vault(name):
        return False
    return not inheritance.pristine or name in _PRISTINE or name.startswith("LC_")
