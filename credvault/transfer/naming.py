"""Which name each secret of a source gets: as it stands there, or as a mapping says. Pure.

A name that the grammar refuses is not repaired in silence: `propose` makes one by fixed rules, the plan shows it
beside the source's own, and two that come to the same are an error.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import NamedTuple

from credvault.model.errors import Invalid, InvalidName
from credvault.model.names import Name, parse_name
from credvault.model.text import printable

_REFUSED = re.compile(r"[^A-Za-z0-9_.@+-]+")
_NOT_FIRST = "_.@+-"


class Naming(NamedTuple):
    """How names are made: `mapped` are names by what a source calls them, `prefix` is text put before all others.

    With a `namespace` everything is in that one; else the first part of a path is, and what has one part is in
    `default`.
    """

    mapped: Mapping[str, Name] = {}
    prefix: str = ""
    namespace: str | None = None
    default: str = "default"


def label_of(path: Sequence[str]) -> str:
    """Return what the plan calls a secret of a source: its path there, made safe to show."""
    return printable("/".join(path))


def name_for(label: str, path: Sequence[str], naming: Naming, below: Sequence[str] = ()) -> Name:
    """Return the name of a secret, or of a part `below` it; raises InvalidName where none can be made of its path."""
    hint = f"give it one: {mapping_of(label)}"
    parts, parts_below = [_fitting(part) for part in path], [_fitting(part) for part in below]
    mapped = naming.mapped.get(label)
    if not all(parts_below) or not (mapped or all(parts)):
        raise InvalidName(f"no name can be made of '{label}'", hint=hint)
    whole = "/".join([*([naming.namespace] if naming.namespace else []), naming.prefix + "/".join(parts)])
    try:
        name = mapped or parse_name(whole, default=naming.default)
        return parse_name("/".join([str(name), *parts_below])) if below else name
    except InvalidName as exc:
        raise InvalidName(f"'{label}': {exc.message}", hint=hint) from None


def mapping_of(label: str) -> str:
    """Return the option that gives a name to what a source calls `label`, as a shell takes it."""
    return f"--map {quote(f'{label}=NAME')}"


def _fitting(part: str) -> str:
    """Return a part of a path as names may be written; empty where nothing is left of it.

    Accents are dropped, each run of other characters becomes one `_`, none at the ends. Of a part in another script
    the letters become `u` and their code points.
    """
    if part and not _REFUSED.search(part) and part[0] not in _NOT_FIRST:
        return part
    plain = "".join(c for c in unicodedata.normalize("NFKD", part) if not unicodedata.combining(c))
    fitting = _REFUSED.sub("_", plain).lstrip(_NOT_FIRST)
    if not part.endswith("_"):
        fitting = fitting.rstrip("_")
    return fitting or "-".join(f"u{ord(c):x}" for c in part if c.isalnum())


def parse_mapping(texts: Iterable[str], *, default: str) -> dict[str, Name]:
    """Return names by labels of `OLD=NEW`; raises Invalid, InvalidName."""
    mapped: dict[str, Name] = {}
    for text in texts:
        # A name holds no '=', what a source calls a secret may.
        old, equals, new = text.rpartition("=")
        if not equals or not old or not new:
            raise Invalid(f"'{printable(text)}' is not OLD=NEW")
        _keep(mapped, old, parse_name(new, default=default))
    return mapped


def parse_mapping_file(text: str, shown: str, *, default: str) -> dict[str, Name]:
    """Return names by labels of lines `OLD<tab>NEW`, further columns ignored; raises Invalid, InvalidName.

    That is what `import --dry-run` prints in a pipe. Blank lines are passed over, and those that start with '#' and
    hold no tab; with one, it may be a comment, or be of a secret that is called so.
    """
    mapped: dict[str, Name] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or (line.startswith("#") and "\t" not in line):
            continue
        old, _, rest = line.rstrip("\r").partition("\t")
        new = rest.partition("\t")[0]
        if new == "-":  # what the plan shows for no name
            continue
        if not old or not new:
            raise Invalid(f"{shown}, line {number}: that is not OLD, a tab, and NEW")
        try:
            name = parse_name(new, default=default)
        except InvalidName as exc:
            raise InvalidName(f"{shown}, line {number}: {exc.message}", hint=exc.hint) from None
        _keep(mapped, old, name)
    return mapped


def _keep(mapped: dict[str, Name], old: str, new: Name) -> None:
    label = printable(old)
    if mapped.setdefault(label, new) != new:
        raise Invalid(f"'{label}' is given two names, {mapped[label]} and {new}")
