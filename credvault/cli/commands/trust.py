"""`credvault trust`."""

import os
from collections.abc import Sequence

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import shown
from credvault.config import PROJECT_FILE, Flags, Settings, load_settings, project_files, state_folder
from credvault.delivery.selection import Wanted
from credvault.delivery.trust import Trust, wanted_by
from credvault.model.errors import Denied, Invalid, NotFound
from credvault.model.reference import SCHEME
from credvault.model.text import counted, printable


@verb("trust")
@click.argument("path", required=False)
@click.option("-y", "--yes", is_flag=True, help="do not ask")
@click.option("--list", "is_list", is_flag=True, help="show what was trusted, and whether it has changed since")
@click.option("--remove", is_flag=True, help="stop trusting it")
@click.pass_obj
def command(run: Run, path: str | None, *, yes: bool, is_list: bool, remove: bool) -> None:
    """Let your shell load a project's variables on entering its folder (see 'credvault shellenv'). What is trusted
    is the .credvault.toml as it is now; once it changes or is moved, it has to be trusted again. PATH is the file, or a
    folder in its project; without PATH it is the nearest file upwards. 'credvault exec' needs no trust.

    Example: credvault trust ~/work/shop -y
    """
    trust = Trust(state_folder(os.environ))
    if is_list:
        if path is not None or remove:
            raise Invalid("--list shows all of them; leave out PATH and --remove")
        _list(run, trust)
    elif remove:
        _remove(run, trust, path)
    else:
        _pin(run, trust, path, yes=yes)


def _pin(run: Run, trust: Trust, path: str | None, *, yes: bool) -> None:
    folder = _folder(path)
    if not os.path.isdir(folder):
        raise NotFound(f"there is no folder {printable(folder)}", hint=f"PATH is a folder, or a {PROJECT_FILE}")
    settings = load_settings(Flags(), os.environ, folder)
    project = settings.project
    if project is None and settings.notices:
        raise Denied(settings.notices[0], hint="a project's file is yours, and others may not write it: chmod go-w")
    if project is None or (_is_file(path) and os.path.dirname(project.path) != folder):
        raise NotFound(f"there is no {PROJECT_FILE} in {printable(folder)}{'' if _is_file(path) else ' or above'}")
    wanted = wanted_by(project, default=settings.namespace.value)
    if trust.allows(project):
        run.out.say(f"{project.path} is trusted already")
    else:
        _show(run, settings, wanted)
        run.confirm(f"Load {counted(len(wanted), 'variable')} on entering {os.path.dirname(project.path)}?", yes=yes)
        trust.pin(project)
        run.out.say(f"trusted {project.path}")
    if run.out.json:
        run.out.fact({"path": project.path, "env": {item.variable: str(item.content) for item in wanted}})


def _show(run: Run, settings: Settings, wanted: Sequence[Wanted]) -> None:
    """Say what a project would load, names only, and from which vault where that is its own choice."""
    for item in wanted:
        run.out.say(f"{item.variable} from {str(item.content).removeprefix(SCHEME)}")
    if settings.in_project:
        run.out.say(f"in the project's own vault {settings.path.value}")


def _list(run: Run, trust: Trust) -> None:
    states = [(path, trust.state(path)) for path in trust.paths()]
    if run.out.json:
        run.out.fact([{"path": path, "state": state} for path, state in states])
    else:
        run.out.table(["state", "path"], [[state, shown(path)] for path, state in states])


def _remove(run: Run, trust: Trust, path: str | None) -> None:
    """Trust a file no more; it may be gone, or no project's file any longer."""
    folder = _folder(path)
    trusted = trust.paths()
    places = list(project_files(folder))[: 1 if _is_file(path) else None]
    found = next((place for place in places if place in trusted), None)
    if found is None:
        hint = "'credvault trust --list' shows what is"
        raise NotFound(f"nothing is trusted in {printable(folder)}{'' if _is_file(path) else ' or above'}", hint=hint)
    trust.forget(found)
    if run.out.json:
        run.out.fact({"removed": found})
    run.out.say(f"{found} is no longer trusted")


def _is_file(path: str | None) -> bool:
    """Say whether PATH names the file itself: then no other will do."""
    return path is not None and os.path.basename(path) == PROJECT_FILE


def _folder(path: str | None) -> str:
    """Return the real path of the folder that a person means: the current one, that of a project's file, or PATH."""
    if path == "":
        raise Invalid("PATH is empty", hint="leave it out for the nearest project's file")
    try:
        return os.path.realpath(os.path.dirname(path) if path and _is_file(path) else path or os.getcwd())
    except OSError:
        raise NotFound("the current folder was removed") from None
