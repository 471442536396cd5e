"""`credvault rekey`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from credvault.cli.context import Run
from credvault.cli.keys import discard_keyring_keys, keyring_keys
from credvault.cli.options import verb
from credvault.lifecycle import custody
from credvault.model.errors import Invalid
from credvault.model.text import counted, printable
from credvault.sealing.sources import key_from_file, passphrase_from_file
from credvault.sealing.vaultfile import VaultFile

F = TypeVar("F", bound=Callable[..., Any])


def rekey_options(function: F) -> F:
    """Give a command the options for keys of slots that are to be kept."""
    decorators = (
        click.option(
            "--with-key-file",
            "key_files",
            multiple=True,
            metavar="F",
            help="keep the slot that this key opens",
        ),
        click.option(
            "--with-passphrase-file",
            "passphrase_files",
            multiple=True,
            metavar="F",
            help="keep the slot that this passphrase opens",
        ),
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


@verb("rekey")
@rekey_options
@click.option("-y", "--yes", is_flag=True, help="do not ask before dropping slots")
@click.pass_obj
def command(run: Run, *, key_files: tuple[str, ...], passphrase_files: tuple[str, ...], yes: bool) -> None:
    """Encrypt the vault under a new data key. Slots whose key is at hand are kept: the one that unlocks now,
    and those given. The others are named, and dropped if you say yes.

    Example: credvault rekey --with-key-file ~/ci.key
    """
    facts = rekey_file(run, run.vault_file(), key_files, passphrase_files, yes, "-y")
    if run.out.json:
        run.out.fact(facts)


def rekey_file(
    run: Run,
    file: VaultFile,
    key_files: Sequence[str],
    passphrase_files: Sequence[str],
    drop: bool,
    drop_flag: str,
    *,
    without: str | None = None,
) -> dict[str, Any]:
    """Rekey a vault file, keeping what can be kept but for the slot `without`; return what was done, as JSON has it.

    Before other slots go a person is asked, unless `drop` is set, which `drop_flag` on the command line does.
    """
    file.open().close()
    head = file.read_head()
    materials = [file.material, *map(key_from_file, key_files), *map(passphrase_from_file, passphrase_files)]
    materials += keyring_keys(run, head, without)
    dropped = list(custody.dropped_by_rekey(file, materials, without))
    others = [slot for slot in dropped if slot["id"] != without]
    if others:
        named = ", ".join(
            f"{printable(s['id'])} ({printable(' '.join([s['type'], s.get('label', '')]).strip())})" for s in others
        )
        run.out.warn(f"no key at hand opens these slots, so they would be dropped: {named}")
        if not drop and not run.can_ask:
            raise Invalid(
                "this drops slots, and there is no terminal to ask on",
                hint=f"give their keys with --with-key-file or --with-passphrase-file, or {drop_flag}",
            )
        run.confirm("Drop them?", yes=drop)
    count = custody.rekey(file, materials, [slot["id"] for slot in dropped])
    discard_keyring_keys(run, file.path, head.vault_id, dropped)
    run.out.say(f"encrypted {counted(count, 'secret')} under a new data key")
    return {"secrets": count, "dropped": [slot["id"] for slot in others]}
