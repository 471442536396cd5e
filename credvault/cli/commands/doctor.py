"""`credvault doctor`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.lifecycle.diagnosis import WRONG, Finding, examine
from credvault.model.errors import CredvaultError
from credvault.model.unlocking import names_a_key


@verb("doctor")
@click.option("--verify", is_flag=True, help="read and open everything in the vault")
@click.pass_obj
def command(run: Run, *, verify: bool) -> int:
    """Say what is wrong with settings, permissions, slots and the vault, each with its mend. Exits 0 when nothing is
    wrong; advice is not wrong.

    Example: credvault doctor --verify
    """
    findings: list[Finding] = []
    try:
        settings = run.settings
        has_key = names_a_key(settings.flags.key_file, settings.environ)
        file = run.vault_file(warn=False)
        findings.extend(examine(settings, file, unlock=has_key or verify or run.can_ask, verify=verify))
    except CredvaultError as exc:
        findings += [Finding(WRONG, "settings", exc.message, exc.hint, exc.exit_status)]
    if run.out.json:
        run.out.fact([{key: fact for key, fact in f._asdict().items() if key != "status" and fact} for f in findings])
    else:
        for finding in findings:
            run.out.finding(finding.level, finding.subject, finding.text, finding.mend)
    return next((finding.status for finding in findings if finding.level == WRONG), 0)
