"""The sources there are: one static table; an importer is loaded by name when it is used."""

from collections.abc import Iterable
from importlib import import_module

from credvault.model.errors import Invalid
from credvault.model.text import printable
from credvault.transfer.importers.base import Item, Skipped, Source

SOURCES = ("dotenv", "json", "pass", "gopass", "keepass", "bitwarden", "1password", "fpai", "agentskills")
# Where the module cannot have the name of its source.
_MODULES = {"json": "jsonfile", "pass": "passstore", "1password": "onepassword"}


def read_source(name: str, source: Source) -> Iterable[Item | Skipped]:
    """Return what a source of the given kind holds; raises Invalid for an unknown kind, and what its importer does."""
    if name not in SOURCES:
        raise Invalid(f"there is no source '{printable(name)}'", hint=f"sources are {', '.join(SOURCES)}")
    module = import_module(f"credvault.transfer.importers.{_MODULES.get(name, name)}")
    found: Iterable[Item | Skipped] = module.read(source)
    return found
