"""`credvault test`."""

import os
from collections.abc import Callable, Sequence

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import shown
from credvault.cli.progress import progress
from credvault.lifecycle.trial import Trial, TrialOptions, run_trials, verdict
from credvault.model.names import Name
from credvault.model.record import DELIVERIES


@verb("test")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--offline", is_flag=True, help="only decrypt and check the format; contact nobody")
@click.option("--allow-host", "hosts", multiple=True, metavar="HOST", help="a value may be sent there; may be repeated")
@click.option("--timeout", type=click.FloatRange(0.1, 600), metavar="S", help="seconds for each probe in all (30)")
@click.pass_obj
def command(run: Run, *, names: tuple[str, ...], offline: bool, hosts: tuple[str, ...], timeout: float | None) -> None:
    """Try whether credentials still work: all, or those named. Each is decrypted, its format is
    checked, and it is tried at its service; it is ok, rejected, unreachable, or untestable where nobody can be asked.

    Known services are github, gitlab, openai, anthropic, slack and stripe; a secret's own probe may ask others, on
    hosts that you allow. Exits 11 if any is rejected, else 6 if any is unreachable.

    Example: credvault test openai/api_key github/token
    """
    options = TrialOptions(
        run.settings.state_folder,
        offline=offline,
        allow_hosts=hosts,
        limit=timeout,
        commands=run.settings.config.get("probes", {}),
        environ=os.environ,
        clock=run.clock,
    )
    parsed = [run.name(name) for name in names]
    with run.open_vault() as vault:
        if not parsed:
            parsed = [record.name for record in vault.list(run.globs(())) if record.delivery in DELIVERIES]
        with progress(run.out, "testing", len(parsed)) as advance:
            trials = run_trials(vault, parsed, options, progress=advance, confirm=_confirm(run))
    _show(run, trials)
    error = verdict(trials)
    if error is not None:
        raise error


def _confirm(run: Run) -> Callable[[Name, str], bool] | None:
    if not run.can_ask:
        return None
    from credvault.cli.prompt import ask_yes

    return lambda name, host: ask_yes(f"Send the value of {name} to {host}, now and from now on?")


def _show(run: Run, trials: Sequence[Trial]) -> None:
    if run.out.json:
        facts = [
            {
                "namespace": trial.name.namespace,
                "key": trial.name.key,
                "result": trial.result,
                "level": trial.level,
                "detail": trial.detail,
            }
            for trial in trials
        ]
        run.out.fact(facts)
        return
    rows = [[str(trial.name), shown(trial.result), shown(trial.detail)] for trial in trials]
    run.out.table(["name", "result", "detail"], rows)
