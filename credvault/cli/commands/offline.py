"""`credvault offline`: save, status, forget."""

import os

import click

from credvault.backends.file import open_vault_file
from credvault.backends.offline import Label
from credvault.backends.places import place_of
from credvault.backends.registry import open_copy
from credvault.cli.context import Run
from credvault.cli.keys import passphrase_slot
from credvault.cli.options import verb, verb_group
from credvault.cli.output import shown
from credvault.config import Settings
from credvault.config.offline import age_limit, copied_profile, copy_path, copy_settings
from credvault.lifecycle import offline
from credvault.lifecycle.custody import NewSlot
from credvault.model import times
from credvault.model.errors import Locked, WrongKey
from credvault.model.text import counted
from credvault.sealing.sources import explicit_key


@verb_group("offline")
def command() -> None:
    """Keep an encrypted copy of a profile's secrets for when its store cannot be reached. The profile allows it by
    offline = true in config.toml. The copy answers where --offline is given, and nowhere else; max_age = "8h" in the
    profile, or --max-age, says how old it may be.

    Example: credvault offline save --profile prod
    """


@verb("save")
@click.argument("globs", nargs=-1, metavar="[GLOB]...")
@click.option("--executor-only", is_flag=True, help="copy executor_only secrets too")
@click.option("--past", is_flag=True, help="copy earlier versions too")
@click.pass_obj
def save(run: Run, globs: tuple[str, ...], *, executor_only: bool, past: bool) -> None:
    """Make the offline copy, or put the secrets of now in the place of all that it holds: every runtime_env secret, or
    those that match a GLOB. It is a vault file that opens by the key that is set when it is first made (CREDVAULT_KEY,
    CREDVAULT_PASSPHRASE_FILE, --key-file, …), else by a passphrase that is asked for. Where anything fails, the copy
    stays as it was.

    Example: credvault offline save --profile prod 'shop/**' --executor-only
    """
    settings = copy_settings(run.settings)
    copy = open_vault_file(
        settings, run.asking_for(settings.path.value), kdf=run.kdf, warn=run.out.warn, detail=run.out.detail
    )
    # The key first: no value waits here while somebody types.
    slot = None if os.path.lexists(copy.path) else _new_slot(run, settings)
    if slot is None:
        try:
            copy.open().close()
        except WrongKey as exc:
            exc.hint = "the copy opens by the key that it was made with; 'credvault offline forget' removes it"
            raise
    now = times.time_text(run.clock())
    patterns = run.globs(globs)
    with run.open_vault() as vault:
        fetched = offline.fetch(
            vault, patterns, namespace=run.settings.namespace.value, executor_only=executor_only, past=past
        )
    profile = copied_profile(run.settings).name
    label = Label(
        profile, run.settings.backend.value, place_of(run.settings), now, tuple(patterns), executor_only, past
    )
    offline.save(copy, slot, label, fetched.entries)
    if run.out.json:
        secrets = len(fetched.entries)
        run.out.fact({**_described(label), "path": copy.path, "secrets": secrets, "left_out": fetched.left_out})
    left_out = f", without {fetched.left_out} executor_only (--executor-only)" if fetched.left_out else ""
    run.out.say(f"saved {counted(len(fetched.entries), 'secret')} of profile {profile}{left_out}")


@verb("status")
@click.pass_obj
def status(run: Run) -> None:
    """Show of what store the offline copy is, since when, and what it holds; names none of it.

    Example: credvault offline status --profile prod
    """
    settings = copy_settings(run.settings)
    ask = run.asking_for(settings.path.value)
    copy = open_copy(settings, ask, kdf=run.kdf, warn=run.out.warn, detail=run.out.detail, clock=run.clock)
    try:
        label, secrets = copy.label(), copy.count()
    finally:
        copy.close()
    age, limit, size = copy.age(label), age_limit(run.settings), os.stat(settings.path.value).st_size
    facts = {**_described(label), "path": settings.path.value, "secrets": secrets, "bytes": size, "age_seconds": age}
    if run.out.json:
        run.out.fact({**facts, "max_age_seconds": limit.seconds if limit else None})
        return
    allowed = "any age" if limit is None else times.duration_text(limit.seconds)
    is_old = limit is not None and age > limit.seconds
    run.out.table(
        ["fact", "value"],
        [
            ["profile", shown(label.profile)],
            ["store", shown(f"{label.backend} {label.place}")],
            ["path", shown(settings.path.value)],
            ["saved", f"{label.saved_at}, {times.duration_text(age)} ago"],
            ["allowed", allowed + (", so it is too old" if is_old else "")],
            ["holds", f"{counted(secrets, 'secret')}: {shown(label.choice)}"],
            ["size", counted(size, "byte")],
        ],
    )


@verb("forget")
@click.pass_obj
def forget(run: Run) -> None:
    """Remove the offline copy. What it holds is in the store still.

    Example: credvault offline forget --profile prod
    """
    profile = copied_profile(run.settings)
    path = copy_path(run.settings, profile)
    offline.forget(path)
    if run.out.json:
        run.out.fact({"profile": profile.name, "path": path})
    run.out.say(f"forgot the offline copy of profile {profile.name}")


for each in (save, status, forget):
    command.add_command(each)


def _new_slot(run: Run, settings: Settings) -> NewSlot:
    """Return a slot for the key that is set, or for a passphrase that is typed twice; raises Locked."""
    material = explicit_key(settings.flags.key_file, settings.environ)
    if material is not None:
        return NewSlot(material.kind, material, iterations=None)
    if not run.can_ask:
        raise Locked(
            "there is no key for the new copy, and no terminal to ask for a passphrase",
            hint="set CREDVAULT_KEY_FILE, CREDVAULT_KEY or CREDVAULT_PASSPHRASE_FILE, or give --key-file",
        )
    run.out.say(f"{settings.path.value} is sealed by a passphrase of its own")
    return passphrase_slot(run, None, None)


def _described(label: Label) -> dict[str, object]:
    return {**label._asdict(), "globs": list(label.globs)}
