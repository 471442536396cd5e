"""`credvault slot`: list, add, change, remove."""

import click

from credvault.cli.context import Run
from credvault.cli.keys import discard_key_file, keyfile_slot, passphrase_slot, raw_slot
from credvault.cli.options import GlobalOptions, verb
from credvault.cli.output import shown, shown_time
from credvault.lifecycle import custody
from credvault.model.errors import CredvaultError, Invalid


class SlotGroup(GlobalOptions, click.Group):
    """The group of the slot commands."""


@click.group("slot", cls=SlotGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show, add, change and remove ways to unlock the vault file. A vault has 1 to 16 slots, and any one opens it.

    Example: credvault slot add --new-key-file ~/ci.key --label ci
    """


@verb("list")
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


@verb("add")
@click.option("--generate-key", is_flag=True, help="make a raw key and print it, once")
@click.option("--new-key-file", metavar="F", help="make a key and put it in the new file F, mode 0600")
@click.option("--new-passphrase-file", metavar="F", help="take the new passphrase from the file F")
@click.option("--iterations", type=int, metavar="N", help="of PBKDF2 for a passphrase (600000 or more)")
@click.option("--label", metavar="TEXT", help="a label for the slot")
@click.pass_obj
def add(
    run: Run,
    *,
    generate_key: bool,
    new_key_file: str | None,
    new_passphrase_file: str | None,
    iterations: int | None,
    label: str | None,
) -> None:
    """Add a way to unlock: a passphrase, asked for twice, or a new key. No secret is encrypted anew.

    Example: credvault slot add --new-key-file ~/ci.key --label ci
    """
    if sum((generate_key, new_key_file is not None, new_passphrase_file is not None)) > 1:
        raise Invalid("give one of --generate-key, --new-key-file and --new-passphrase-file")
    is_key = generate_key or new_key_file is not None
    if is_key and iterations is not None:
        raise Invalid("a key needs no iterations; they are for a passphrase")
    if not is_key:
        custody.check_iterations(iterations, run.kdf)
    file = run.vault_file()
    file.open().close()  # unlocked before anything is made or asked
    if new_key_file is not None:
        slot = keyfile_slot(new_key_file, label)
    elif generate_key:
        slot = raw_slot(run, label)
    else:
        slot = passphrase_slot(run, label, iterations, new_passphrase_file)
    try:
        slot_id = custody.add_slot(file, slot, run.clock())
    except CredvaultError:
        if new_key_file is not None:
            discard_key_file(file, new_key_file, slot)
        raise
    run.out.say(f"added slot {slot_id} ({slot.type})")


@verb("change")
@click.argument("slot_id", metavar="ID")
@click.option("--new-passphrase-file", metavar="F", help="take the new passphrase from the file F")
@click.option("--iterations", type=int, metavar="N", help="of PBKDF2 (600000 or more)")
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


@verb("remove")
@click.argument("slot_id", metavar="ID")
@click.option("-y", "--yes", is_flag=True, help="do not ask")
@click.option("--rekey", is_flag=True, help="make a new data key too, so that the removed key is worth nothing")
@click.pass_obj
def remove(run: Run, slot_id: str, *, yes: bool, rekey: bool) -> None:
    """Remove a way to unlock. Who held it may know the data key, and old copies of the file still open by it; with
    --rekey a new data key ends that.

    Example: credvault slot remove 2 --rekey
    """
    file = run.vault_file()
    custody.check_removable(file.read_head().slots, slot_id)
    file.open().close()
    run.confirm(f"Remove slot {slot_id}?", yes=yes)
    if rekey:
        from credvault.cli.commands.rekey import rekey_file

        rekey_file(run, file, (), (), yes=yes, without=slot_id)
        run.out.say(f"removed slot {slot_id}")
        return
    custody.remove_slot(file, slot_id)
    run.out.say(f"removed slot {slot_id}")
    run.out.warn("who held it may know the data key, and old copies still open by it; 'credvault rekey' ends that")


for each in (list_slots, add, change, remove):
    command.add_command(each)
