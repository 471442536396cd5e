"""The environment of a child: what it inherits, what is taken away, what secrets add. Bytes in, bytes out."""

from collections.abc import Collection, Iterable, Mapping
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
    """The variables of a child, and what happened on the way, by name."""

    variables: Mapping[bytes, bytes]
    overwritten: list[str]
    preserved: list[str]
    removed: list[str]


def child_environment(
    inherited: Mapping[bytes, bytes], injections: Iterable[Injection], inheritance: Inheritance
) -> ChildEnvironment:
    """Return what a child's environment is made of: inherited, less what unlocks a vault, plus the secrets."""
    variables: dict[bytes, bytes] = {}
    removed: list[str] = []
    for name, value in inherited.items():
        if _is_inherited(name.decode("utf-8", "surrogateescape"), inheritance):
            variables[name] = value
        elif unlocks_a_vault(name.decode("utf-8", "surrogateescape")):
            removed.append(name.decode("utf-8", "surrogateescape"))
    overwritten: list[str] = []
    preserved: list[str] = []
    for injection in injections:
        name = injection.variable.encode("ascii")
        if name in variables:
            if inheritance.preserve_all or injection.variable in inheritance.preserve:
                preserved.append(injection.variable)
                continue
            overwritten.append(injection.variable)
        variables[name] = injection.value.reveal()
    return ChildEnvironment(variables, overwritten, preserved, removed)


def _is_inherited(name: str, inheritance: Inheritance) -> bool:
    if name in inheritance.keep:
        return True
    if unlocks_a_vault(name):
        return False
    return not inheritance.pristine or name in _PRISTINE or name.startswith("LC_")
