"""`credvault doctor`."""

from collections.abc import Iterator

import click

from credvault.backends.file import FileBackend
from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.config import FILE_BACKEND
from credvault.lifecycle import diagnosis, profiles
from credvault.lifecycle.copystate import examine_copy
from credvault.lifecycle.findings import OK, WRONG, Finding, as_far_as_possible, for_place
from credvault.model.text import printable
from credvault.model.unlocking import names_a_key


@verb("doctor")
@click.option("--verify", is_flag=True, help="read and open everything in the vault")
@click.pass_obj
def command(run: Run, *, verify: bool) -> int:
    """Say what is wrong with settings, permissions, slots and the vault, each with its mend; and what works of every
    other profile, unless an option chooses one. Exits 0 when nothing is wrong; advice is not wrong.

    Example: credvault doctor --verify
    """
    findings = list(as_far_as_possible("settings", _examine(run, verify)))
    if run.out.json:
        run.out.fact([{key: fact for key, fact in f._asdict().items() if key != "status" and fact} for f in findings])
    else:
        for finding in findings:
            of = f"profile {printable(finding.profile)}, " if finding.profile is not None else ""
            run.out.finding(finding.level, f"{of}{finding.subject}", finding.text, finding.mend)
    return next((finding.status for finding in findings if finding.level == WRONG), 0)


def _examine(run: Run, verify: bool) -> Iterator[Finding]:
    settings = run.settings
    yield from diagnosis.examine_surroundings(settings)
    for finding in as_far_as_possible("settings", _examine_current(run, verify)):
        yield for_place(finding, settings.flags)
    for finding in as_far_as_possible("offline copy", examine_copy(settings)):
        yield for_place(finding, settings.flags)
    if not run.chooses_vault:
        yield from profiles.examine_profiles(settings)


def _examine_current(run: Run, verify: bool) -> Iterator[Finding]:
    settings = run.settings
    if settings.backend.value == FILE_BACKEND:
        file = run.vault_file(warn=False)
        yield from diagnosis.examine_store(FileBackend(file))
        has_key = names_a_key(settings.flags.key_file, settings.environ)
        for finding in diagnosis.examine_keyring_slots(settings, file):
            has_key = has_key or finding.level == OK
            yield finding
        yield from diagnosis.examine_contents(file, unlock=has_key or verify or run.can_ask, verify=verify)
        return
    with run.open_vault() as vault:
        yield from diagnosis.examine_store(vault.backend)
