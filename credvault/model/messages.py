"""What the bodies between a client and an agent (later a server) say: secrets, records, changes, errors as JSON.

The same members as `--json` shows. The heads are in `wire`.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from credvault.model.errors import CredvaultError, class_for_code
from credvault.model.names import Name, parse_name
from credvault.model.record import Record, Secret, Version, record_from_facts
from credvault.model.value import SecretValue
from credvault.model.wire import BadMessage

_NO_FACTS = ("namespace", "key", "version", "reference", "value", "value_base64")


def encode(members: Mapping[str, Any]) -> bytes:
    """Return an object as the body of a message."""
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def decode(body: bytes | bytearray) -> dict[str, Any]:
    """Return the object in a body; raises BadMessage."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        raise BadMessage from None
    if not isinstance(members, dict):
        raise BadMessage
    return members


def value_members(value: SecretValue) -> dict[str, str]:
    """Return a value as JSON shows it: `value` if the bytes are UTF-8 text, else `value_base64`."""
    shown = value.reveal()
    try:
        return {"value": shown.decode("utf-8")}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(shown).decode("ascii")}


def parse_value(members: Mapping[str, Any]) -> SecretValue | None:
    """Return the value that `value_members` wrote, or None where there is none; raises BadMessage."""
    try:
        if "value" in members:
            return SecretValue(members["value"].encode("utf-8"))
        if "value_base64" in members:
            return SecretValue(base64.b64decode(members["value_base64"], validate=True))
    except (AttributeError, TypeError, ValueError):
        raise BadMessage from None
    return None


def record_members(record: Record, reference: str) -> dict[str, Any]:
    """Return a record as JSON, with the store's reference of its name for the trail."""
    return {**record.members(), "reference": reference}


def parse_record(members: Any) -> tuple[Record, str]:
    """Return the record and the reference that `record_members` wrote; raises BadMessage."""
    try:
        name = parse_name(f"{members['namespace']}/{members['key']}")
        facts = {member: fact for member, fact in members.items() if member not in _NO_FACTS}
        return record_from_facts(name, int(members["version"]), facts), str(members["reference"])
    except (CredvaultError, AttributeError, KeyError, TypeError, ValueError):
        raise BadMessage from None


def secret_members(secret: Secret, reference: str) -> dict[str, Any]:
    """Return a secret with its value as JSON."""
    return {**record_members(secret.record, reference), **value_members(secret.value)}


def parse_secret(members: Any) -> tuple[Secret, str]:
    """Return the secret and the reference that `secret_members` wrote; raises BadMessage."""
    record, reference = parse_record(members)
    value = parse_value(members)
    if value is None:
        raise BadMessage
    return Secret(record, value), reference


def parse_version(members: Any) -> Version:
    """Return one version of a history; raises BadMessage."""
    try:
        return Version(
            int(members["version"]), str(members["state"]), str(members["created_at"]), str(members["updated_by"])
        )
    except (KeyError, TypeError, ValueError):
        raise BadMessage from None


def change_members(name: Name, value: SecretValue | None, facts: Mapping[str, Any], expect: int) -> dict[str, Any]:
    """Return a change to one secret as JSON: a fact that is null is unset, `expect` is a version, 0 or -1."""
    members: dict[str, Any] = {"name": str(name), "facts": dict(facts), "expect": expect}
    return members if value is None else {**members, **value_members(value)}


def parse_change(members: Any) -> tuple[Name, SecretValue | None, dict[str, Any], int]:
    """Return what `change_members` wrote; raises BadMessage, InvalidName."""
    try:
        name, facts, expect = members["name"], members["facts"], members["expect"]
    except (KeyError, TypeError):
        raise BadMessage from None
    if not isinstance(name, str) or not isinstance(facts, dict) or type(expect) is not int:
        raise BadMessage
    if not isinstance(facts.get("env_name"), str | None):
        raise BadMessage
    return parse_name(name), parse_value(members), facts, expect


def parse_names(members: Mapping[str, Any], member: str) -> list[Name]:
    """Return the names that a message lists; raises BadMessage, InvalidName."""
    names = members.get(member)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadMessage
    return [parse_name(name) for name in names]


def parse_pins(members: Mapping[str, Any]) -> list[tuple[Name, int]]:
    """Return the versions of secrets that a message lists beside names, if any; raises BadMessage, InvalidName."""
    pins = members.get("versions", [])
    if not isinstance(pins, list):
        raise BadMessage
    for pin in pins:
        if not (isinstance(pin, list) and len(pin) == 2 and isinstance(pin[0], str) and type(pin[1]) is int):
            raise BadMessage
    return [(parse_name(name), version) for name, version in pins]


def error_members(error: CredvaultError) -> dict[str, Any]:
    """Return an error as JSON shows it (spec.md 5.6)."""
    facts = {"code": error.code, "reason": error.reason, "message": error.message, "hint": error.hint}
    return {"error": {member: text for member, text in facts.items() if text is not None}}


def parse_error(body: bytes) -> CredvaultError:
    """Return the error in a body, of the class that its code stands for; raises BadMessage."""
    error = decode(body).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        raise BadMessage
    hint, reason = (text if isinstance(text := error.get(member), str) else None for member in ("hint", "reason"))
    return class_for_code(str(error.get("code")))(error["message"], hint=hint, reason=reason)
