"""`import` at the command line: what its options choose, and how its plan is shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from credvault.cli import plans
from credvault.cli.context import Run
from credvault.infile import read_file
from credvault.model.errors import Invalid
from credvault.model.names import parse_namespace
from credvault.model.text import counted, printable
from credvault.transfer.naming import Naming, parse_mapping, parse_mapping_file
from credvault.transfer.plan import ADD, BY_ITS_NAME, Choices, Row
from credvault.transfer.undo import Undoing

_COLUMNS = ("source", "name", "action", "type", "env_name", "reason")
_MAX_MAPPING_BYTES = 4 * 1024 * 1024


def build_choices(run: Run, options: Mapping[str, Any]) -> Choices:
    """Return what the options choose; raises Invalid, InvalidName, NotFound, StorageError."""
    if options["runtime_env"] and options["executor_only"]:
        raise Invalid("give one of --runtime-env and --executor-only")
    namespace = run.explicit_namespace
    if namespace is not None:
        parse_namespace(namespace)
    default = namespace or run.settings.namespace.value
    mapped = parse_mapping(options["mappings"], default=default)
    if options["map_file"] is not None:
        path = options["map_file"]
        text = read_file(path, _MAX_MAPPING_BYTES).decode("utf-8", "surrogateescape")
        mapped = {**parse_mapping_file(text, printable(path), default=default), **mapped}
    naming = Naming(mapped, options["prefix"], namespace, run.settings.namespace.value)
    return Choices(naming, options["runtime_env"], options["executor_only"], options["allow_env"])


def show_plan(run: Run, rows: Sequence[Row], *, is_last: bool) -> None:
    """Show a plan, and say how many get a variable that nobody asked for."""
    plans.show_plan(run, rows, _COLUMNS, is_last=is_last)
    if not rows:
        run.out.say("the source holds nothing")
    named = sum(row.action == ADD and BY_ITS_NAME in row.reason for row in rows)
    if named:
        run.out.say(f"{counted(named, 'name')} written like a variable: exec gives such a secret to programs")
        run.out.say("--executor-only gives it to none")


def show_undoing(run: Run, undoing: Undoing) -> None:
    """Write what undoing an import comes to as the answer."""
    actions = [
        *((str(name), "remove") for name in undoing.removed),
        *((str(change.name), "restore") for change in undoing.restored),
        *((str(name), "done") for name in undoing.done),
    ]
    if run.out.json:
        run.out.fact({"undo": [{"name": name, "action": action} for name, action in actions]})
    else:
        run.out.table(("name", "action"), actions)
