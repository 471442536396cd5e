"""An entry of a password manager, and the secrets that it becomes: one rule for all of them, by which nothing is lost.

The password is the secret NAME. What else is secret gets a name below it: `NAME/totp`, `NAME/LABEL` of a hidden
field, `NAME/attachment/FILE`. What is not becomes fields and the note of NAME.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from credvault.model.record import MAX_FACT_BYTES
from credvault.model.value import SecretValue
from credvault.transfer.importers.base import Item, Skipped, secret_of

# Room for the marks of a table of fields as a record counts them.
_MAX_FIELDS_BYTES = MAX_FACT_BYTES - 1024
_MAX_FIELD_BYTES = 4 * 1024

Pairs = Iterable[tuple[str, str]]


class Card(NamedTuple):
    """An entry as a password manager has it. `plain` and `hidden` are labelled texts, `files` named contents.

    `facts` are those of the record besides type, fields and note.
    """

    path: tuple[str, ...]
    password: str = ""
    note: str = ""
    plain: Pairs = ()
    hidden: Pairs = ()
    totp: Iterable[str] = ()
    files: Iterable[tuple[str, bytes]] = ()
    facts: Mapping[str, Any] = {}
    type: str = "password"
    remark: str = ""


def items_of(card: Card) -> Iterator[Item | Skipped]:
    """Yield the secrets of an entry.

    Where it has no password its note is the value, else its plain fields as a JSON object.
    """
    fields, long_fields = _fields(card.plain)
    note, remark, kind = card.note, "", card.type
    below = [
        *((("note",), secret_of(note)) for _ in [0] if _is_long(note) and card.password),
        *(((label,), secret_of(text)) for label, text in [*long_fields, *card.hidden] if text),
        *((("totp",), secret_of(text)) for text in card.totp if text),
        *((("attachment", name), SecretValue(content)) for name, content in card.files),
    ]
    value = secret_of(card.password)
    if not card.password and note:
        value, note, kind, remark = secret_of(note), "", "secret", "its note is the value"
    elif not card.password and fields:
        value, fields = secret_of(json.dumps(fields, ensure_ascii=False)), {}
        kind, remark = "secret", "its fields, as JSON, are the value"
    facts = {**card.facts, "type": kind, "fields": fields, "note": "" if _is_long(note) else note}
    if len(value):
        yield Item(card.path, value, facts, "; ".join(filter(None, [remark, card.remark])))
    elif not below:
        yield Skipped(card.path, "there is nothing in it")
    common = {member: fact for member, fact in card.facts.items() if member in ("service", "tags", "expires_at")}
    for path, content in _told_apart(below):
        yield Item(card.path, content, common, below=path)


def _is_long(text: str) -> bool:
    return len(text.encode("utf-8", "surrogateescape")) > _MAX_FIELDS_BYTES


def _fields(plain: Pairs) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the labelled texts that fit into a record, and those that do not, or have a label for the second time."""
    fields: dict[str, str] = {}
    others = []
    size = 0
    for label, text in plain:
        if not text:
            continue
        cost = len(f"{label!r}{text!r}".encode()) + 4
        if label and label not in fields and cost <= _MAX_FIELD_BYTES and size + cost <= _MAX_FIELDS_BYTES:
            fields[label] = text
            size += cost
        else:
            others.append((label or "field", text))
    return fields, others


def _told_apart(
    below: Iterable[tuple[tuple[str, ...], SecretValue]],
) -> Iterator[tuple[tuple[str, ...], SecretValue]]:
    """Yield the parts of one entry with a number after a label that comes again: they are one entry's, not two."""
    seen: dict[tuple[str, ...], int] = {}
    for path, content in below:
        key = tuple(part.casefold() for part in path)
        seen[key] = seen.get(key, 0) + 1
        yield (path if seen[key] == 1 else (*path[:-1], f"{path[-1]}-{seen[key]}")), content


def host_of(url: str) -> str | None:
    """Return the host of a web address, or None for what is none: what a service is known by."""
    from urllib.parse import urlsplit

    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host and "." in host else None
