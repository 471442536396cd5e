"""The environment of a child: what it inherits, what is taken away, what secrets add. Bytes in, bytes out."""

from credvault.model.unlocking import unlocks_a_vault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from credvault.model.value import SecretValue

_PRISTINE = frozenset({"PATH", "HOME", "USER", "LANG", "TERM", "TZ", "TMPDIR"})


class Inheritance:
    """What a child has of the caller's environment.

    `pristine` leaves it a short list; `keep` adds names to that list, and keeps what unlocks a vault.
    `preserve` names variables where the caller's value wins over a secret, `preserve_all` means all of them.
    """

    # Not a NamedTuple, here and below: `typing` costs as much as the interpreter, and the fast lane loads this.
    __slots__ = ("keep", "preserve", "preserve_all", "pristine")

    def __init__(
        self,
        pristine: bool = False,
        keep: "Collection[str]" = (),
        preserve: "Collection[str]" = (),
        preserve_all: bool = False,
    ) -> None:
        self.pristine = pristine
        self.keep = keep
        self.preserve = preserve
        self.preserve_all = preserve_all


class ChildEnvironment:
    """The variables of a child, and what happened on the way, by name.

    A variable that the caller's environment holds twice is there twice, as in a direct run.
    """

    __slots__ = ("overwritten", "preserved", "removed", "variables")

    def __init__(
        self,
        variables: list[tuple[bytes, bytes]],
        overwritten: list[str],
        preserved: list[str],
        removed: list[str],
    ) -> None:
        self.variables = variables
        self.overwritten = overwritten
        self.preserved = preserved
        self.removed = removed


def child_environment(
    inherited: "Iterable[tuple[bytes, bytes]]",
    secrets: "Iterable[tuple[str, SecretValue | None]]",
    inheritance: Inheritance,
) -> ChildEnvironment:
    """Return what a child's environment is made of: inherited, less what unlocks a vault, plus the secrets.

    None stands for what is known only when the child starts: nothing is inherited in its place.
    """
    kept: list[tuple[bytes, bytes]] = []
    removed: dict[str, None] = {}
    for variable, value in inherited:
        name = variable.decode("utf-8", "surrogateescape")
        if _is_inherited(name, inheritance):
            kept.append((variable, value))
        elif unlocks_a_vault(name):
            removed[name] = None
    there = {variable for variable, _ in kept}
    added: dict[bytes, bytes | None] = {}
    overwritten: list[str] = []
    preserved: list[str] = []
    for variable_name, secret in secrets:
        variable = variable_name.encode("ascii")
        if variable in there:
            if inheritance.preserve_all or variable_name in inheritance.preserve:
                preserved.append(variable_name)
                continue
            # One that has the very value, as of the backend `env`, is nothing to be told.
            if secret is None or any(entry[0] == variable and entry[1] != secret.reveal() for entry in kept):
                overwritten.append(variable_name)
        added[variable] = None if secret is None else secret.reveal()
    variables = [(variable, value) for variable, value in kept if variable not in added]
    variables += [(variable, value) for variable, value in added.items() if value is not None]
    return ChildEnvironment(variables, overwritten, preserved, list(removed))


def overwritten_warning(variables: list[str]) -> str:
    """Return what a person is to be told of variables that secrets have overwritten."""
    return f"overwritten by secrets: {', '.join(variables)}"


def _is_inherited(name: str, inheritance: Inheritance) -> bool:
    if name in inheritance.keep:
        return True
    if unlocks_a_vault(name):
        return False
    return not inheritance.pristine or name in _PRISTINE or name.startswith("LC_")
