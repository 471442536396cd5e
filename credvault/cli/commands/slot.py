"""`credvault slot`: list, add, change, remove."""

import click

from credvault.cli.commands.rekey import rekey_file, rekey_options
from credvault.cli.context import Run
from credvault.cli.keys import (
    discard_keyring_keys,
    new_key_file,
    new_keyring_key,
    passphrase_slot,
    raw_slot,
)
from credvault.cli.options import verb, verb_group
from credvault.cli.output import shown, shown_time
from credvault.lifecycle import custody
from credvault.model.errors import Invalid
from credvault.sealing.slots import RAW


@verb_group("slot")
def command() -> None:
    """Show, add, change and remove ways to unlock the vault file. A vault has 1 to 16 slots, and any one opens it.

    Example: credvault slot add --new-key-file ~/ci.key --label ci
    """


@verb("list", short_help="show the slots; needs no key")
@click.pass_obj
def list_slots(run: Run) -> None:
    """Show the slots; needs no key.

    Example: credvault slot list
    """
    head = run.vault_file().read_head()
    facts = [
        {
            "id": slot["id"],
            "type": slot["type"],
            "label": slot.get("label"),
            "created_at": slot.get("created_at"),
            "iterations": slot["kdf"]["iterations"] if isinstance(slot.get("kdf"), dict) else None,
        }
        for slot in head.slots
    ]
    if run.out.json:
        run.out.fact([{key: value for key, value in fact.items() if value is not None} for fact in facts])
        return
    cells = [
        [shown(f["id"]), shown(f["type"]), shown(f["label"]), shown_time(f["created_at"]), shown(f["iterations"])]
        for f in facts
    ]
    run.out.table(["id", "type", "label", "created", "iterations"], cells)


@verb("add", short_help="add a passphrase or a new key")
@click.option("--generate-key", is_flag=True, help="make a raw key and print it, once")
@click.option("--new-key-file", "key_path", metavar="F", help="make a key and put it in the new file F, mode 0600")
@click.option("--keyring", is_flag=True, help="make a key and keep it in the OS keyring")
@click.option("--new-passphrase-file", metavar="F", help="take the new passphrase from the file F")
@click.option("--iterations", type=int, metavar="N", help="PBKDF2 iterations for a passphrase (600000 or more)")
@click.option("--label", metavar="TEXT", help="a label for the slot")
@click.pass_obj
def add(
    run: Run,
    *,
    generate_key: bool,
    key_path: str | None,
    keyring: bool,
    new_passphrase_file: str | None,
    iterations: int | None,
    label: str | None,
) -> None:
    """Add a way to unlock: a passphrase, asked for twice, or a new key. No secret is encrypted anew.

    Example: credvault slot add --new-key-file ~/ci.key --label ci
    """
    if sum((generate_key, key_path is not None, keyring, new_passphrase_file is not None)) > 1:
        raise Invalid("give one of --generate-key, --new-key-file, --keyring and --new-passphrase-file")
    is_key = generate_key or keyring or key_path is not None
    if is_key and iterations is not None:
        raise Invalid("a key needs no iterations; they are for a passphrase")
    if not is_key:
        custody.check_iterations(iterations, run.kdf)
    file = run.vault_file()
    with file.open() as vault:  # unlocked before anything is made or asked
        slot_id = custody.check_addable(file, vault.head.slots, label)
    if key_path is not None:
        with new_key_file(file, key_path, label) as slot:
            slot_id = custody.add_slot(file, slot, run.clock())
    elif keyring:
        with new_keyring_key(run, file, label) as slot:
            slot_id = custody.add_slot(file, slot, run.clock())
    elif generate_key:
        slot = raw_slot(run, label, id=slot_id, type=RAW)
        # What is printed with the key must be true of it.
        slot_id = custody.add_slot(file, slot, run.clock(), slot_id if run.out.json else None)
    else:
        slot = passphrase_slot(run, label, iterations, new_passphrase_file)
        slot_id = custody.add_slot(file, slot, run.clock())
    run.out.say(f"added slot {slot_id} ({slot.type})")
    if run.out.json and not generate_key:
        run.out.fact({"id": slot_id, "type": slot.type})


@verb("change", short_help="give a slot a new passphrase, or more iterations")
@click.argument("slot_id", metavar="ID")
@click.option("--new-passphrase-file", metavar="F", help="take the new passphrase from the file F")
@click.option("--iterations", type=int, metavar="N", help="PBKDF2 iterations (600000 or more)")
@click.pass_obj
def change(run: Run, slot_id: str, *, new_passphrase_file: str | None, iterations: int | None) -> None:
    """Give a passphrase slot a new passphrase, asked for twice, or more iterations, with the same one typed again.

    Who knew the old one may know the data key, and old copies of the file still open by it: 'credvault rekey'
    ends that.

    Example: credvault slot change 1 --iterations 1200000
    """
    custody.check_iterations(iterations, run.kdf)
    file = run.vault_file()
    custody.check_passphrase_slot(file.read_head().slots, slot_id)
    file.open().close()
    slot = passphrase_slot(run, None, iterations, new_passphrase_file)
    custody.change_slot(file, slot_id, slot, run.clock())
    run.out.say(f"changed slot {slot_id}; old copies of the file still open by the old passphrase")
    if run.out.json:
        run.out.fact({"id": slot_id, "type": slot.type})


@verb("remove", short_help="remove a way to unlock")
@click.argument("slot_id", metavar="ID")
@click.option("-y", "--yes", is_flag=True, help="do not ask")
@click.option("--rekey", is_flag=True, help="make a new data key too, so that the removed key is worth nothing")
@rekey_options
@click.option("--drop-others", is_flag=True, help="with --rekey: drop every other slot whose key is not at hand too")
@click.pass_obj
def remove(
    run: Run,
    slot_id: str,
    *,
    yes: bool,
    rekey: bool,
    key_files: tuple[str, ...],
    passphrase_files: tuple[str, ...],
    drop_others: bool,
) -> None:
    """Remove a way to unlock. Whoever held it may know the data key, and old copies of the file still open with it.
    --rekey makes a new data key, which ends that, and keeps the other slots whose keys are given.

    Example: credvault slot remove 2 --rekey --with-key-file ~/ci.key
    """
    if not rekey and (key_files or passphrase_files or drop_others):
        raise Invalid("--with-key-file, --with-passphrase-file and --drop-others go with --rekey")
    file = run.vault_file()
    head = file.read_head()
    custody.check_removable(head.slots, slot_id)
    file.open().close()
    run.confirm(f"Remove slot {slot_id}?", yes=yes)
    if rekey:
        facts = rekey_file(run, file, key_files, passphrase_files, drop_others, "--drop-others", without=slot_id)
        run.out.say(f"removed slot {slot_id}")
        if run.out.json:
            run.out.fact({"id": slot_id, **facts})
        return
    custody.remove_slot(file, slot_id)
    removed = [slot for slot in head.slots if slot["id"] == slot_id]
    discard_keyring_keys(run, file.path, head.vault_id, removed)
    run.out.say(f"removed slot {slot_id}")
    run.out.warn("who held it may know the data key, and old copies still open by it; 'credvault rekey' ends that")
    if run.out.json:
        run.out.fact({"id": slot_id})


for each in (list_slots, add, change, remove):
    command.add_command(each)
