"""`credvault salvage`."""

from contextlib import AbstractContextManager, nullcontext

import click

from credvault.cli.context import Run
from credvault.cli.keys import new_keyring_key
from credvault.cli.options import verb
from credvault.lifecycle import custody
from credvault.lifecycle.custody import NewSlot
from credvault.lifecycle.salvage import read_damaged, rescue
from credvault.model.errors import Damaged
from credvault.model.text import counted
from credvault.sealing.slots import KEYRING, KeyMaterial
from credvault.sealing.sources import key_material
from credvault.sealing.vaultfile import VaultFile


@verb("salvage")
@click.option("-o", "--output", metavar="FILE", required=True, help="the new vault file")
@click.pass_obj
def command(run: Run, *, output: str) -> None:
    """Rescue what still opens in a damaged vault file into a new one, and name what is lost. The damaged file is not
    touched. The new one opens by the key that is used now.

    Example: credvault salvage -o rescued.json
    """
    source = run.vault_file()
    damaged = read_damaged(source)
    material = key_material(
        run.settings.flags.key_file,
        run.settings.environ,
        damaged.slots,
        run.ask_key,
        vault_id=damaged.headers[0]["vault_id"],
        detail=run.out.detail,
    )
    rescued = rescue(damaged, material)
    target = run.vault_file_at(output, material)
    with _slot_for(run, target, material) as slot:
        custody.create_vault(target, slot, run.clock(), rescued.entries)
    run.out.say(f"rescued {counted(len(rescued.entries), 'secret')} into {target.path}")
    if run.out.json:
        run.out.fact(
            {"path": target.path, "rescued": [str(entry.name) for entry in rescued.entries], "lost": list(rescued.lost)}
        )
    if rescued.lost:
        raise Damaged(f"lost: {', '.join(rescued.lost)}", hint="an older backup may still have them")


def _slot_for(run: Run, target: VaultFile, material: KeyMaterial) -> AbstractContextManager[NewSlot]:
    """Return the slot that the new vault gets: for a key of its own where the OS keyring has that of the old one."""
    if material.kind == KEYRING:
        return new_keyring_key(run, target, None)
    return nullcontext(NewSlot(material.kind, material))
