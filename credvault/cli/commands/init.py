"""`credvault init`."""

import os

import click

from credvault.cli.context import Run
from credvault.cli.keys import new_key_file, new_keyring_key, passphrase_slot, raw_slot, slot_from_environment
from credvault.cli.options import verb
from credvault.lifecycle import custody
from credvault.model.errors import AlreadyExists, Invalid, Locked


@verb("init")
@click.option("--generate-key", is_flag=True, help="make a raw key and print it, once")
@click.option("--key-file", metavar="F", help="make a key and put it in the new file F, mode 0600")
@click.option("--keyring", is_flag=True, help="make a key and keep it in the OS keyring")
@click.option("--iterations", type=int, metavar="N", help="PBKDF2 iterations for a passphrase (600000 or more)")
@click.option("--label", metavar="TEXT", help="a label for the slot")
@click.pass_obj
def command(
    run: Run, *, generate_key: bool, key_file: str | None, keyring: bool, iterations: int | None, label: str | None
) -> None:
    """Make a vault file. A passphrase is asked for twice, or taken from the environment; or a key is made, and with
    --keyring kept where your desktop keeps its secrets, so that nothing is asked for while you are logged in.

    Example: credvault init
    """
    if key_file is None:
        # Before the verb it is the global option of that name; here there is nothing yet to unlock with it.
        key_file = run.settings.flags.key_file
    if sum((generate_key, key_file is not None, keyring)) > 1:
        raise Invalid("give one of --generate-key, --key-file and --keyring")
    if iterations is not None:
        if generate_key or keyring or key_file is not None:
            raise Invalid("a key needs no iterations; they are for a passphrase")
        custody.check_iterations(iterations, run.kdf)
    file = run.vault_file()
    if os.path.lexists(file.path):
        raise AlreadyExists(f"there is a file at {file.path} already", hint="name another one with --vault")
    file.check_no_backup()
    custody.check_label(label)
    if generate_key:
        custody.create_vault(file, raw_slot(run, label, path=file.path), run.clock())
        run.out.say(f"made {file.path}")
    elif key_file is not None:
        with new_key_file(file, key_file, label) as slot:
            custody.create_vault(file, slot, run.clock())
        run.out.say(f"made {file.path}")
        if run.out.json:
            run.out.fact({"path": file.path})
    elif keyring:
        with new_keyring_key(run, file, label) as slot:
            custody.create_vault(file, slot, run.clock())
        run.out.say(f"made {file.path}; its key is in {slot.material.source}, and nowhere else")
        run.out.say("'credvault slot add' makes a second way in, for when that is lost")
        if run.out.json:
            run.out.fact({"path": file.path})
    else:
        make_with_passphrase(run, iterations, label)
        if run.out.json:
            run.out.fact({"path": file.path})


def make_with_passphrase(run: Run, iterations: int | None = None, label: str | None = None) -> None:
    """Make the vault file of this run with the environment's key, or a passphrase that is asked for."""
    file = run.vault_file()
    file.check_no_backup()
    slot = slot_from_environment(run, label, iterations)
    if slot is None:
        if not run.can_ask:
            raise Locked(
                "there is no key for the new vault, and no terminal to ask for a passphrase",
                hint="give --generate-key or --key-file F, or set CREDVAULT_PASSPHRASE_FILE",
            )
        slot = passphrase_slot(run, label, iterations)
    custody.create_vault(file, slot, run.clock())
    run.remember_passphrase(slot.material)
    run.out.say(f"made {file.path}")
