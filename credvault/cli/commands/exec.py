"""`credvault exec`."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from credvault.cli import release
from credvault.cli.choosing import (
    add_descriptors,
    add_files,
    descriptor_options,
    parse_selection,
    selection_options,
    split_words,
)
from credvault.cli.context import Run
from credvault.cli.masked import is_masked, masked_streams, warn_of_files
from credvault.cli.options import verb
from credvault.cli.output import shown
from credvault.delivery.environment import ChildEnvironment, Inheritance
from credvault.delivery.selection import FD, FILE, STDIN, Injections
from credvault.model.errors import EXIT_EXEC_FAILED, Invalid


@verb("exec", context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--] CMD [ARG]...")
@selection_options
@descriptor_options
@click.option("--pristine", is_flag=True, help="let it inherit only PATH, HOME, USER, LANG, LC_*, TERM, TZ, TMPDIR")
@click.option("--keep", multiple=True, metavar="VAR", help="let it inherit VAR as well")
@click.option("--preserve-env", is_flag=True, help="where both set a variable, the caller's value wins")
@click.option("--preserve", multiple=True, metavar="A,B", help="the same, for these variables")
@click.option("--shell", metavar="STRING", help="run STRING in a shell: --shell 'echo $VAR'")
@click.option(
    "--mask/--no-mask", default=None, help="hide the secrets in what it shows on terminals and pipes; the default in CI"
)
@click.option("--explain", is_flag=True, help="show what would be injected, and run nothing")
@click.pass_obj
def command(
    run: Run,
    /,
    words: tuple[str, ...],
    *,
    pristine: bool,
    keep: tuple[str, ...],
    preserve_env: bool,
    preserve: tuple[str, ...],
    shell: str | None,
    mask: bool | None,
    explain: bool,
    **options: Any,
) -> int:
    """Run a program with secrets in its environment. It takes the place of credvault: its signals, its terminal and
    its exit status are its own. Without a choice it gets every secret that has a variable. To mask its output, which
    is the default where CI is set, credvault stays beside it and ends as it ends.

    Your shell expands $VAR before credvault runs: write --shell 'echo $VAR', not -- echo $VAR.

    Example: credvault exec -e DB_PASSWORD=db/password -- ./migrate --all
    """
    run.failure_status = EXIT_EXEC_FAILED
    argv = _child_words(words, shell)
    if not argv and not explain:
        raise Invalid("which program?", hint="credvault exec -- CMD ARG…, or --shell 'STRING'")
    file = release.find_program(run, argv) if argv else None
    selection = add_descriptors(run, parse_selection(run, options), options)
    run.usage_status = EXIT_EXEC_FAILED  # from here on, what is wrong is in files and in the vault
    selection = add_files(run, selection, options["env_files"])
    inheritance = Inheritance(pristine, keep, split_words(preserve), preserve_env)
    found, child = release.choose(run, selection, inheritance)
    masks = is_masked(run, mask)
    if file is None or explain:
        _explain(run, found, child, masked_streams() if masks else [])
        return 0
    if mask:  # in CI nobody may have thought of it
        warn_of_files(run)
    return release.start(run, file, argv, found, child, selection.if_missing, masks)


def _child_words(words: Sequence[str], shell: str | None) -> list[str]:
    if shell is not None:
        if words:
            raise Invalid("give --shell STRING or a program, not both")
        return ["cmd", "/c", shell] if os.name == "nt" else ["/bin/sh", "-c", shell]
    return list(words)


def _explain(run: Run, found: Injections, child: ChildEnvironment, masked: Sequence[str]) -> None:
    injected = [
        {
            "variable": injection.variable or None,
            "form": injection.form,
            "name": None if injection.record is None else str(injection.record.name),
            "version": None if injection.record is None else injection.record.version,
            "source": injection.source,
            "shadows": injection.variable in child.overwritten,
            "expired": injection.record is not None and injection.record.is_expired(run.clock()),
        }
        for injection in release.injected_by(found, child)
    ]
    skipped = [{"name": str(record.name), "reason": reason} for record, reason in found.skipped]
    skipped += [{"name": what, "reason": "not there"} for what, _ in found.missing]
    skipped += [{"name": variable, "reason": "the caller's value is preserved"} for variable in child.preserved]
    if run.out.json:
        run.out.fact({"inject": injected, "skip": skipped, "remove": child.removed, "mask": masked})
        return
    rows = [
        [
            fact["variable"] or fact["form"],
            fact["name"] or ("nothing" if fact["form"] == STDIN else "a text"),
            fact["version"],
            fact["source"],
            ", ".join(_remarks(fact)),
        ]
        for fact in injected
    ]
    rows += [[None, fact["name"], None, None, f"skipped: {fact['reason']}"] for fact in skipped]
    rows += [[variable, None, None, None, "removed: it may unlock a vault"] for variable in child.removed]
    rows += [[None, None, None, None, f"masked: {', '.join(masked)}"]] if masked else []
    run.out.table(["variable", "secret", "version", "from", "remark"], [[shown(c) for c in row] for row in rows])


def _remarks(fact: Mapping[str, object]) -> list[str]:
    remarks = {"shadows": "shadows the caller's", "expired": "expired"}
    forms = {FILE: ["path of a file"], FD: ["number of a descriptor"]}
    return forms.get(str(fact["form"]), []) + [words for member, words in remarks.items() if fact[member]]
