"""Giving secrets out to a child: what `exec` does once its options are read.

Needs no Click, so that the cold lane does the same.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from credvault.cli.context import Run
from credvault.delivery import execute
from credvault.delivery.environment import ChildEnvironment, Inheritance, child_environment, overwritten_warning
from credvault.delivery.selection import (
    NOTHING,
    STDIN,
    VARIABLE,
    WARN,
    Injection,
    Injections,
    Selection,
    collect,
    injected_records,
)
from credvault.model.errors import EXIT_EXEC_FAILED
from credvault.model.record import expiry_warnings

if TYPE_CHECKING:
    from credvault.delivery.descriptors import Descriptor


def find_program(run: Run, argv: Sequence[str]) -> str:
    """Return the file of a program, before anything is unlocked.

    From here on every failure but one of usage has a status that is not taken for the child's.
    """
    run.failure_status = EXIT_EXEC_FAILED
    return execute.find_program(argv[0], os.environ.get("PATH"))


def choose(run: Run, selection: Selection, inheritance: Inheritance) -> tuple[Injections, ChildEnvironment]:
    """Return what a child gets, and its environment. Usage is right by now: every failure is one before the child."""
    run.usage_status = EXIT_EXEC_FAILED
    with run.open_vault() as vault:
        found = collect(vault, selection)
    inherited = execute.original_environment()
    # Where a file or descriptor is to be found is known when the child starts.
    secrets = [(i.variable, i.value if i.form == VARIABLE else None) for i in found.variables if i.form != STDIN]
    return found, child_environment(inherited, secrets, inheritance)


def start(
    run: Run,
    file: str,
    argv: Sequence[str],
    found: Injections,
    child: ChildEnvironment,
    if_missing: str = WARN,
    mask: bool = False,
) -> int:
    """Say what is to be said, and become the program; or, to mask what it shows, stay and return its exit status."""
    injected = injected_by(found, child)
    warn_of(run, found, injected, if_missing)
    if not found.variables:
        run.out.say(NOTHING)
    if child.overwritten:
        run.out.warn(overwritten_warning(child.overwritten))
    run.out.detail(f"injected: {', '.join(i.target for i in injected) or 'nothing'}")
    descriptors: list[Descriptor] = []
    if any(injection.form != VARIABLE for injection in injected):
        from credvault.delivery.descriptors import open_descriptors

        descriptors = open_descriptors(injected)

    def become() -> NoReturn:
        """Turn this process into the program: for the process that the path of a file is to name."""
        variables = child.variables
        if descriptors:
            from credvault.delivery.descriptors import hand_on

            variables = [*variables, *hand_on(descriptors)]
        execute.execute(file, argv, variables)

    if not mask:
        become()
    from credvault.cli.masked import start_masked

    return start_masked(run, become, injected)


def warn_of(run: Run, found: Injections, given: Sequence[Injection], if_missing: str) -> None:
    """Warn of what is not there, and of what has expired among the variables that are given out."""
    if found.missing and if_missing == WARN:
        run.out.warn(f"not there, so not set: {found.missing_in_words}")
    for text in expiry_warnings(injected_records(given), run.clock()):
        run.out.warn(text)


def injected_by(found: Injections, child: ChildEnvironment) -> list[Injection]:
    """Return what is injected, less what the caller's environment keeps."""
    return [injection for injection in found.variables if injection.variable not in child.preserved]
