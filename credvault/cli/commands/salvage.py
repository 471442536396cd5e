"""`credvault salvage`."""

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.lifecycle import custody
from credvault.lifecycle.salvage import read_damaged, rescue
from credvault.model.errors import Damaged
from credvault.model.text import counted
from credvault.sealing.sources import key_material


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
    material = key_material(run.settings.flags.key_file, run.settings.environ, damaged.slots, run.ask_key)
    rescued = rescue(damaged, material)
    target = run.vault_file_at(output, material)
    custody.create_vault(target, custody.NewSlot(material.kind, material), run.clock(), rescued.entries)
    run.out.say(f"rescued {counted(len(rescued.entries), 'secret')} into {target.path}")
    if run.out.json:
        run.out.fact(
            {"path": target.path, "rescued": [str(entry.name) for entry in rescued.entries], "lost": list(rescued.lost)}
        )
    if rescued.lost:
        raise Damaged(f"lost: {', '.join(rescued.lost)}", hint="an older backup may still have them")
