"""`credvault offline`: save, status, forget."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from credvault.backends.file import open_vault_file
from credvault.backends.offline import LABEL_NAME, Label, check_is_copy, hints_of_copy
from credvault.backends.places import place_of
from credvault.backends.registry import open_copy
from credvault.cli.context import Run
from credvault.cli.keys import discard_keyring_keys, new_keyring_key, passphrase_slot
from credvault.cli.options import verb, verb_group
from credvault.cli.output import shown
from credvault.config.offline import age_limit, copied_profile, copy_settings
from credvault.lifecycle import offline
from credvault.lifecycle.custody import NewSlot
from credvault.model import times
from credvault.model.errors import CredvaultError, Invalid, Locked
from credvault.model.text import counted, printable
from credvault.sealing.sources import explicit_key
from credvault.sealing.vaultfile import VaultFile


@verb_group("offline")
def command() -> None:
    """Keep an encrypted copy of a profile's secrets for when its store cannot be reached. The profile allows it by
    offline = true in config.toml. The copy answers where --offline is given, and nowhere else; max_age = "8h" in the
    profile, or --max-age, says how old it may be.

    Example: credvault offline save --profile prod
    """


@verb("save", short_help="make the copy, or make it anew")
@click.argument("globs", nargs=-1, metavar="[GLOB]...")
@click.option("--executor-only", is_flag=True, help="copy executor_only secrets too")
@click.option("--past", is_flag=True, help="copy earlier versions too")
@click.option("--keyring", is_flag=True, help="for a first copy, make a key and keep it in the OS keyring")
@click.pass_obj
def save(run: Run, globs: tuple[str, ...], *, executor_only: bool, past: bool, keyring: bool) -> None:
    """Make the offline copy, or replace all that it holds: every runtime_env secret, or those that match a GLOB, as
    they are now. The copy is a vault file. It opens with the key that is set when it is first made (CREDVAULT_KEY,
    CREDVAULT_PASSPHRASE_FILE, --key-file, …), with one in the OS keyring (--keyring), or else with a passphrase that
    is asked for. If anything fails, the copy stays as it was.

    Example: credvault offline save --profile prod 'shop/**' --executor-only
    """
    settings = copy_settings(run.settings)
    copy = open_vault_file(
        settings, run.asking_for(settings.path.value), kdf=run.kdf, warn=run.out.warn, detail=run.out.detail
    )
    patterns, namespace = run.globs(globs), run.settings.namespace.value
    profile = copied_profile(run.settings).name
    # The key first: no value waits here while somebody types.
    with _key_of(run, copy, keyring) as slot:
        now = times.time_text(run.clock())
        with run.open_vault() as vault:
            fetched = offline.fetch(vault, patterns, namespace=namespace, executor_only=executor_only, past=past)
        place = place_of(run.settings)
        label = Label(profile, run.settings.backend.value, place, now, tuple(patterns), executor_only, past)
        offline.save(copy, slot, label, fetched.entries)
    if run.out.json:
        secrets = len(fetched.entries)
        run.out.fact({**_described(label), "path": copy.path, "secrets": secrets, "left_out": fetched.left_out})
    left_out = f", without {fetched.left_out} executor_only (--executor-only)" if fetched.left_out else ""
    run.out.say(f"saved {counted(len(fetched.entries), 'secret')} of profile {profile}{left_out}")


@verb("status", short_help="show of what it is, how old, and how much it holds")
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
            ["saved", copy.age_in_words(label)],
            ["allowed", allowed + (", so it is too old" if is_old else "")],
            ["holds", f"{counted(secrets, 'secret')}: {shown(label.choice)}"],
            ["size", counted(size, "byte")],
        ],
    )


@verb("forget", short_help="remove the copy")
@click.pass_obj
def forget(run: Run) -> None:
    """Remove the offline copy. What it holds is in the store still.

    Example: credvault offline forget --profile prod
    """
    profile = copied_profile(run.settings).name
    settings = copy_settings(run.settings, is_removed=True)
    path = settings.path.value
    # Of a link, that alone: what it leads to may be a vault of which this is no copy.
    target, head = os.path.realpath(path) if os.path.islink(path) else None, None
    if target is None:
        with suppress(CredvaultError):  # one that is damaged is removed all the same
            head = open_vault_file(settings, None).read_head()
    offline.forget(path)
    if head is not None:
        discard_keyring_keys(run, path, head.vault_id, head.slots)
    if target is not None:
        run.out.warn(f"it was a link; what it led to is there still: {printable(target)}")
    if run.out.json:
        run.out.fact({"profile": profile, "path": path})
    run.out.say(f"forgot the offline copy of profile {profile}")


for each in (save, status, forget):
    command.add_command(each)


@contextmanager
def _key_of(run: Run, copy: VaultFile, keyring: bool) -> Iterator[NewSlot | None]:
    """Unlock a copy that is there, or give the slot of a new one; a key in the keyring goes again where that fails."""
    if os.path.lexists(copy.path):
        if keyring:
            raise Invalid("the copy has its key already", hint="without --keyring it is saved anew under that one")
        with hints_of_copy(run.settings), copy.open() as opened:
            check_is_copy(opened.find(LABEL_NAME) is not None, copy.path, run.settings)
        yield None
    elif keyring:
        with new_keyring_key(run, copy, None) as slot:
            yield slot
    else:
        yield _new_slot(run, copy.path)


def _new_slot(run: Run, path: str) -> NewSlot:
    """Return a slot for the key that is set, or for a passphrase that is typed twice; raises Locked."""
    material = explicit_key(run.settings.flags.key_file, run.settings.environ)
    if material is not None:
        return NewSlot(material.kind, material, iterations=None)
    if not run.can_ask:
        raise Locked(
            "there is no key for the new copy, and no terminal to ask for a passphrase",
            hint="give --keyring or --key-file, or set CREDVAULT_KEY_FILE, CREDVAULT_KEY or CREDVAULT_PASSPHRASE_FILE",
        )
    run.out.say(f"{path} is to have a passphrase of its own")
    return passphrase_slot(run, None, None)


def _described(label: Label) -> dict[str, object]:
    return {**label._asdict(), "globs": list(label.globs)}
