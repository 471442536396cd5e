"""Our own JSON: a flat object of variables, as `export --format json` writes it, or records with their values.

An object within the flat one is a folder: its members get its name before theirs.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from credvault.model.errors import InvalidValue
from credvault.model.record import MEMBERS
from credvault.model.value import SecretValue
from credvault.transfer.importers.base import Item, Skipped, Source, secret_of, text_of, type_facts

# What `--json` shows besides the record, and what the vault sets itself.
_NOT_CARRIED = frozenset(
    "namespace key version value value_base64 updated_at updated_by value_changed_at last_used_at last_tested_at"
    " last_test".split()
)


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the secrets of a file; raises InvalidValue for JSON that is neither of the two forms."""
    content = source.read_json()
    if isinstance(content, list):
        for number, record in enumerate(content, 1):
            if not _is_record(record):
                raise InvalidValue(f"{source.shown}: entry {number} is not a record with namespace and key")
            yield _of_record(record, source.shown)
    elif _is_record(content):
        yield _of_record(content, source.shown)
    elif isinstance(content, dict):
        yield from _of_variables(content, (), source.shown)
    else:
        raise InvalidValue(f"{source.shown} holds neither an object nor a list", hint='{"VARIABLE": "value", …}')


def _is_record(content: object) -> bool:
    return isinstance(content, dict) and all(isinstance(content.get(part), str) for part in ("namespace", "key"))


def _of_record(record: Mapping[str, Any], shown: str) -> Item | Skipped:
    path = (record["namespace"], *record["key"].split("/"))
    value = _value_of(record, f"{shown}: {'/'.join(path)}")
    if value is None:
        return Skipped(path, "it comes without its value, which 'credvault get --json' gives")
    facts = {member: fact for member, fact in record.items() if member in MEMBERS and member not in _NOT_CARRIED}
    unknown = sorted(set(record) - set(facts) - _NOT_CARRIED)
    if facts.get("type") is not None:
        named = type_facts(facts["type"])
        metadata = facts.get("metadata") or {}
        if isinstance(metadata, dict):  # anything else no record can have, and the plan says so
            metadata = {**metadata, **named.get("metadata", {})}
        facts |= {**named, "metadata": metadata}
    return Item(path, value, facts, f"without {', '.join(unknown)}" if unknown else "")


def _value_of(record: Mapping[str, Any], shown: str) -> SecretValue | None:
    if isinstance(record.get("value"), str):
        return secret_of(record["value"])
    if isinstance(record.get("value_base64"), str):
        try:
            return SecretValue(base64.b64decode(record["value_base64"], validate=True))
        except (binascii.Error, ValueError):
            raise InvalidValue(f"{shown}: value_base64 is not base64") from None
    if "value" in record or "value_base64" in record:
        raise InvalidValue(f"{shown}: its value is not text")
    return None


def _of_variables(members: Mapping[str, Any], above: tuple[str, ...], shown: str) -> Iterator[Item | Skipped]:
    for name, value in members.items():
        path = (*above, *name.split("/"))
        if isinstance(value, dict):
            yield from _of_variables(value, path, shown)
        elif isinstance(value, list):
            yield Skipped(path, "it is a list, not a value")
        elif value is None:
            yield Skipped(path, "it is null")
        elif isinstance(value, str):
            yield Item(path, secret_of(value))
        else:  # a number or a truth value, as JSON spells it
            yield Item(path, secret_of(text_of(value)))
