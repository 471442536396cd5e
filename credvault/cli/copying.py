"""`copy` at the command line: the two places that its options name, and how its plan and its end are shown."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from credvault.backends.places import place_of
from credvault.cli import plans
from credvault.cli.context import Run
from credvault.cli.options import F, add_options
from credvault.config import FILE_BACKEND, Settings
from credvault.model.errors import Invalid, Locked, WrongKey
from credvault.model.text import counted, printable
from credvault.transfer.copying import Copy, Outcome
from credvault.transfer.copyplan import CopyRow

_COLUMNS = ("name", "action", "versions", "reason")


def place_options(function: F) -> F:
    """Add the options that choose the two places, each as the global ones choose one."""
    return add_options(
        function,
        [
            click.option("--from", "from_profile", metavar="P", help="from the profile P of config.toml"),
            click.option("--from-vault", metavar="FILE", help="from the vault file FILE"),
            click.option("--from-backend", metavar="B", help="from the backend B with its default settings"),
            click.option("--from-key-file", metavar="F", help="unlock the first with the key in the file F"),
            click.option("--to", "to_profile", metavar="P", help="to the profile P of config.toml"),
            click.option("--to-vault", metavar="FILE", help="to the vault file FILE"),
            click.option("--to-backend", metavar="B", help="to the backend B with its default settings"),
            click.option("--to-key-file", metavar="F", help="unlock the second with the key in the file F"),
        ],
    )


def find_places(run: Run, options: Mapping[str, Any]) -> tuple[Settings, Settings]:
    """Return the settings of both places; raises Invalid where they are one, or one is named twice, and ConfigError."""
    if all(options[f"{side}_{kind}"] is None for side in ("from", "to") for kind in ("profile", "vault", "backend")):
        raise Invalid("where to?", hint="--to P, --to-vault FILE or --to-backend B names it, --from… where from")
    here, there = _find_place(run, options, "from"), _find_place(run, options, "to")
    if _is_same(here, there):
        hint = "--to P, --to-vault FILE or --to-backend B names another one, --from… where from"
        raise Invalid(f"both places are the same, {name_place(here)}", hint=hint)
    return here, there


def name_place(settings: Settings) -> str:
    """Return what a place is called: its vault file, its profile, or its backend."""
    if settings.backend.value == FILE_BACKEND:
        return settings.path.value
    if settings.profile is not None:
        return f"the profile {printable(settings.profile.name)}"
    return f"the backend {printable(settings.backend.value)}"


@contextmanager
def opening(settings: Settings, side: str) -> Iterator[None]:
    """Say of which place it is that a key is missing or wrong: there are two."""
    try:
        yield
    except (Locked, WrongKey) as exc:
        exc.message = f"{name_place(settings)}: {exc.message}"
        way_out = f"--{side}-key-file F names a key for this one alone"
        exc.hint = f"{exc.hint}; {way_out}" if exc.hint else way_out
        raise


def show_plan(run: Run, rows: Sequence[CopyRow], *, is_last: bool) -> None:
    """Show a plan, or say that there is none."""
    plans.show_plan(run, rows, _COLUMNS, is_last=is_last)
    if not rows:
        run.out.say("there is nothing to copy")


def say_what_stays(run: Run, copy: Copy, there: Settings, *, versions: bool) -> None:
    """Tell the user once what the other store cannot keep of any secret."""
    if versions and not copy.keeps_versions:
        run.out.say(f"{name_place(there)} keeps no versions: the current one of each is copied")
    if not copy.keeps_facts:
        run.out.say(f"{name_place(there)} keeps no facts: values alone are copied")


def show_outcome(run: Run, rows: Sequence[CopyRow], outcome: Outcome, there: Settings) -> None:
    """Say what was done, if anything was, with --json the plan and the counts as the answer."""
    # Said first: it is done, whether or not the answer can be written.
    if outcome.secrets:
        versions = f" ({counted(outcome.versions, 'version')})" if outcome.versions != outcome.secrets else ""
        run.out.say(f"copied {counted(outcome.secrets, 'secret')}{versions} to {name_place(there)}, and read back")
    if outcome.shortened:
        run.out.warn(f"of {counted(outcome.shortened, 'secret')} it keeps fewer versions than there are")
    if outcome.restamped:
        run.out.say(f"of {counted(outcome.restamped, 'secret')} it keeps its own times or writers")
    if run.out.json:
        counted_up = {"copied": outcome.secrets, "versions": outcome.versions}
        stays = {"shortened": outcome.shortened, "restamped": outcome.restamped}
        run.out.fact({"plan": [row.members() for row in rows], **counted_up, **stays})


def _find_place(run: Run, options: Mapping[str, Any], side: str) -> Settings:
    profile, vault, backend = (options[f"{side}_{kind}"] for kind in ("profile", "vault", "backend"))
    key_file = options[f"{side}_key_file"]
    if sum(choice is not None for choice in (profile, vault, backend)) > 1:
        raise Invalid(f"give one of --{side}, --{side}-vault and --{side}-backend")
    for option, text in (("", profile), ("-vault", vault), ("-backend", backend), ("-key-file", key_file)):
        if text == "":
            # Likely a variable that is not set: going on with the default would copy something else.
            raise Invalid(f"--{side}{option} is empty")
    if all(choice is None for choice in (profile, vault, backend, key_file)):
        return run.settings
    return run.settings_elsewhere(side, profile=profile, vault=vault, backend=backend, key_file=key_file)


def _is_same(here: Settings, there: Settings) -> bool:
    return here.backend.value == there.backend.value and place_of(here) == place_of(there)
