"""The facts of a field in the custom metadata of its namespace: `KEY#FACT` for each, where they are not the defaults.

The engine holds 64 texts for a namespace, which its secrets share. So a secret without facts of its own takes none,
and when it was written, and by whom, is kept beside facts alone. Each fact has a text to itself, so that the server
merges edits of different facts. A name has no '#', so no key is taken for another. Pure.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from credvault.backends.hashicorp import facts as custom_facts
from credvault.backends.hashicorp.kv2 import Reading
from credvault.model import record as model
from credvault.model.errors import InvalidValue
from credvault.model.names import Name
from credvault.model.record import Record, record_from_facts

_STAMPS = ("created_at", "updated_at", "updated_by", "value_changed_at")
# Time and user of the last change as one text, a JSON list.
_UPDATED = "updated"
# A value that is there before its facts are: whatever they will be, it becomes no variable meanwhile.
_NEW = "new"
_MARK = "#"


def record_of(name: Name, reading: Reading, tell: Callable[[Name, Sequence[str]], None]) -> Record:
    """Return the record of a field; its version is the namespace's, and so are its times where none are kept.

    `tell` is told of facts that are kept in another form than theirs.
    """
    facts, unreadable = read_facts(name, reading)
    tell(name, unreadable)
    return record_from_facts(name, reading.version, facts)


def read_facts(name: Name, reading: Reading) -> tuple[dict[str, Any], list[str]]:
    """Return the facts of a field, defaults where none are kept, and those that are kept in another form."""
    own = _own_texts(name, reading.custom)
    if own.pop(_NEW, None):
        own = {"delivery": model.EXECUTOR_ONLY}
    if _UPDATED in own:
        updated = _parse_updated(own.pop(_UPDATED))
        since = own.get("created_at", updated.get("updated_at", ""))
        own = {"value_changed_at": since, **own, **updated, **custom_facts.BY_ANYBODY}
    changed = custom_facts.seconds(reading.created_time)
    return custom_facts.from_custom(name, own, reading.version, changed, changed)


def has_facts(name: Name, reading: Reading) -> bool:
    """Say whether facts of a field are kept."""
    return bool(_own_texts(name, reading.custom))


def _own_texts(name: Name, custom: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that are kept of a field, by the fact."""
    start = name.key + _MARK
    return {key.removeprefix(start): text for key, text in custom.items() if key.startswith(start)}


def texts_after(name: Name, facts: Mapping[str, Any], custom: Mapping[str, str]) -> dict[str, str | None]:
    """Return what changes in the custom metadata, None for what goes, so that it tells the facts of a field.

    Raises InvalidValue for what it cannot hold.
    """
    stamps = {member: facts[member] for member in _STAMPS if member in facts}
    is_plain = facts == model.first_facts(name, stamps)
    wanted = {} if is_plain else custom_facts.to_custom(_packed(name, facts))
    old = _own_texts(name, custom)
    changed = {member: wanted.get(member) for member in {**old, **wanted} if wanted.get(member) != old.get(member)}
    return {_key(name, member): text for member, text in changed.items()}


def mark_of(name: Name) -> dict[str, str]:
    """Return what marks a field as one whose facts are still to come."""
    return {_key(name, _NEW): "facts follow"}


def forgotten(name: Name, custom: Mapping[str, str]) -> dict[str, None]:
    """Return what goes from the custom metadata with a field."""
    return {_key(name, member): None for member in _own_texts(name, custom)}


def is_stamp(key: str) -> bool:
    """Say whether a key of custom metadata is that of a stamp, which says nothing of who may have a secret."""
    return key.rpartition(_MARK)[2] in (*_STAMPS, _UPDATED)


def check_count(namespace: str, custom: Mapping[str, str | None]) -> None:
    """Raise InvalidValue for more than the custom metadata of a namespace can hold."""
    count = sum(text is not None for text in custom.values())
    if count > custom_facts.MAX_KEYS:
        raise InvalidValue(
            f"the facts of namespace {namespace} are {count}, and the server holds at most {custom_facts.MAX_KEYS}",
            hint='secrets without facts take none; another namespace, or layout = "secret", has room for more',
        )


def _packed(name: Name, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts without what reading them finds by itself."""
    packed = dict(facts)
    packed[_UPDATED] = [packed.pop(member) for member in ("updated_at", "updated_by") if member in facts]
    if packed["value_changed_at"] == packed["created_at"]:
        del packed["value_changed_at"]
    for member in ("type", "delivery"):
        others = {each: fact for each, fact in facts.items() if each != member}
        if model.first_facts(name, others)[member] == facts[member]:
            del packed[member]
    return packed


def _parse_updated(text: str) -> dict[str, str]:
    try:
        updated = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(updated, list) or not all(isinstance(each, str) for each in updated):
        return {}
    return dict(zip(("updated_at", "updated_by"), updated, strict=False))


def _key(name: Name, member: str) -> str:
    key = f"{name.key}{_MARK}{member}"
    if len(key.encode("utf-8")) > custom_facts.MAX_KEY_BYTES:
        raise InvalidValue(
            f"the server holds no facts of {name}: its key is too long for that",
            hint=f"with '#{member}' behind it, it has more than {custom_facts.MAX_KEY_BYTES} bytes",
        )
    return key
