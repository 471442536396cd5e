"""The facts of a secret as the custom metadata of a KV secret: one key for each, texts of at most 512 bytes.

Besides them stands who wrote which version, which the engine does not keep. Pure.
"""

import json
from collections.abc import Mapping
from typing import Any

from credvault.model import record as model
from credvault.model.errors import InvalidValue
from credvault.model.names import Name
from credvault.model.text import printable

# What the engine holds (OpenBao and Vault, KV v2).
MAX_KEYS = 64
MAX_KEY_BYTES = 128
MAX_TEXT_BYTES = 512

# Who wrote which versions, as JSON: {"1-3": "alice", "5": "bob"}. What is missing was written by another program.
WRITERS = "writers"
# Where that does not matter: the facts that are there are the secret's own.
BY_ANYBODY = {WRITERS: '{"1-999999999":"anybody"}'}

_LISTS = ("consumers", "tags")
_OBJECTS = ("metadata", "fields", "probe")
# With these there is no default to look for.
_COMPLETE = frozenset(model.REQUIRED)


def to_custom(facts: Mapping[str, Any]) -> dict[str, str | None]:
    """Return facts as custom metadata, None for what is unset; raises InvalidValue for what it cannot hold."""
    custom: dict[str, str | None] = {}
    for member, fact in facts.items():
        text = None if fact in (None, "", (), [], {}) else _text(fact)
        if text is not None and len(text.encode("utf-8")) > MAX_TEXT_BYTES:
            raise InvalidValue(
                f"{printable(member)} takes {len(text.encode('utf-8'))} bytes, and the server holds at most "
                f"{MAX_TEXT_BYTES} of each fact",
                hint="shorten it, or keep it in a secret of its own",
            )
        if len(member.encode("utf-8")) > MAX_KEY_BYTES:
            raise InvalidValue(f"{printable(member)[:40]}… is longer than {MAX_KEY_BYTES} bytes")
        custom[member] = text
    return custom


def check_count(custom: Mapping[str, str | None]) -> None:
    """Raise InvalidValue for more facts than custom metadata can hold."""
    count = sum(text is not None for text in custom.values())
    if count > MAX_KEYS:
        raise InvalidValue(
            f"the secret has {count} facts, and the server holds at most {MAX_KEYS}",
            hint="what other programs keep in its custom metadata counts: 'bao kv metadata get' shows it",
        )


def from_custom(
    name: Name, custom: Mapping[str, str], version: int, created: str, changed: str
) -> tuple[dict[str, Any], list[str]]:
    """Return the facts in custom metadata, and the members that it holds in another form than theirs.

    What is not there has its default: another program may have written the secret. `created` is when the engine made
    it, `changed` when it took `version`, the current one. What says who may receive the secret is never passed over:
    it is taken for what it may mean.
    """
    facts = {member: _parse(member, text) for member, text in custom.items() if member != WRITERS}
    unreadable: list[str] = []
    try:
        model.check_facts(facts, required=())
    except InvalidValue:
        facts, unreadable = _readable(facts, custom)
    if writer_of(version, custom) is None:
        # A value that another program put there, which wrote no fact.
        facts.pop("updated_by", None)
        facts |= {"updated_at": changed, "value_changed_at": changed}
    if not facts.keys() >= _COMPLETE:
        stamps = {"created_at": created, "updated_at": changed, "value_changed_at": changed}
        facts = model.first_facts(name, {**stamps, **facts})
    return facts, unreadable


def seconds(moment: str) -> str:
    """Return a time of the engine, which has nanoseconds, as records have it."""
    return f"{moment[:19]}Z"


def writer_of(version: int, custom: Mapping[str, str]) -> str | None:
    """Return who wrote a version, or None where that is not known."""
    for span, who in _writers(custom).items():
        first, last = _span(span)
        if first <= version <= last:
            return who
    return None


def with_writer(custom: Mapping[str, str], version: int, who: str) -> str:
    """Return the text of WRITERS after `who` wrote `version`; the oldest are forgotten where it gets too long."""
    writers = _writers(custom)
    span = str(version)
    if writers:
        last_span, last_who = list(writers.items())[-1]
        first, last = _span(last_span)
        if last_who == who and last == version - 1:
            del writers[last_span]
            span = f"{first}-{version}"
    writers[span] = who
    while len(_text(writers).encode("utf-8")) > MAX_TEXT_BYTES and len(writers) > 1:
        del writers[next(iter(writers))]
    return _text(writers)


def _text(fact: Any) -> str:
    """Return a fact as text: as it is if the engine takes it so, else as JSON. It takes what prints alone."""
    if isinstance(fact, str) and fact.isprintable() and not fact.startswith('"'):
        return fact
    text = json.dumps(fact, ensure_ascii=False, separators=(",", ":"))
    return text if text.isprintable() else json.dumps(fact, separators=(",", ":"))


def _parse(member: str, text: str) -> Any:
    """Return what a text says, for a fact of that member."""
    if member not in _LISTS and member not in _OBJECTS and not text.startswith('"'):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # As a person writes a list: tags=prod,db.
        return [part.strip() for part in text.split(",") if part.strip()] if member in _LISTS else text


def _readable(facts: Mapping[str, Any], custom: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the facts that are some, a list that is none as the one text that it is; and the other members."""
    readable: dict[str, Any] = {}
    others = []
    for member, fact in facts.items():
        try:
            model.check_facts({member: fact}, required=())
            readable[member] = fact
        except InvalidValue:
            if member in _LISTS:
                readable[member] = [custom[member]]
            else:
                others.append(member)
    return readable, others


def _writers(custom: Mapping[str, str]) -> dict[str, str]:
    try:
        writers = json.loads(custom.get(WRITERS, "{}"))
        if isinstance(writers, dict) and all(isinstance(who, str) and _span(span) for span, who in writers.items()):
            return writers
    except (ValueError, RecursionError):
        pass
    return {}


def _span(span: str) -> tuple[int, int]:
    first, _, last = span.partition("-")
    return int(first), int(last or first)
