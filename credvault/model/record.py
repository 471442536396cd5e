"""The record of a secret: its facts, what they may be, and how they look as JSON. Never a value."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from credvault.model import environment, times
from credvault.model.errors import InvalidValue
from credvault.model.names import Name
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue

TYPES = (
    "secret",
    "api_key",
    "access_token",
    "token",
    "oauth",
    "password",
    "connection_string",
    "certificate",
    "database",
)
EXECUTOR_ONLY = "executor_only"
RUNTIME_ENV = "runtime_env"
DELIVERIES = (EXECUTOR_ONLY, RUNTIME_ENV)
DATABASE_FIELDS = ("engine", "host", "port", "database", "username", "sslmode")

ACTIVE, PENDING, DELETED, DESTROYED = STATES = ("active", "pending", "deleted", "destroyed")

MAX_FACT_BYTES = 16 * 1024
# A vault file holds integers of at most 20 digits, and nesting of 32 in all (format.md 1.3).
MAX_NUMBER = 10**18
MAX_FACT_DEPTH = 8

# The members of a record as the vault file has them, in the order that people are shown them (format.md 1.2).
REQUIRED = ("type", "delivery", "created_at", "updated_at", "value_changed_at")
_TEXTS = ("service", "env_name", "note", "expires_at", "rotate_every", "updated_by")
_LISTS = ("consumers", "tags")
_MAPS = ("metadata", "fields")
MEMBERS = (*REQUIRED, *_TEXTS, *_LISTS, *_MAPS, "probe")
# What stands beside facts where a record or its secret is shown.
_NO_FACTS = frozenset({"namespace", "key", "version", "uri", "value", "value_base64", "data"})


class Record(NamedTuple):
    """The facts of one secret; times are RFC 3339 text in UTC.

    What a secret URI leads to has the URI's provider and mount for a namespace, and the path for a key.
    `list` gives records without `created_at`, `note`, `metadata`, `fields` and `probe`, because a store's index
    may not hold them. `extra` holds members that a newer program wrote; they are kept.
    """

    namespace: str
    key: str
    version: int
    type: str
    delivery: str
    updated_at: str
    value_changed_at: str
    created_at: str | None = None
    service: str | None = None
    env_name: str | None = None
    note: str | None = None
    expires_at: str | None = None
    rotate_every: str | None = None
    updated_by: str | None = None
    consumers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str | int | float | bool] = {}
    fields: Mapping[str, str | int] = {}
    probe: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = {}

    @property
    def name(self) -> Name:
        """Where the secret lives."""
        return Name(self.namespace, self.key)

    def is_expired(self, now: float) -> bool:
        """Say whether `expires_at` has passed at `now` (seconds since the epoch)."""
        return self.expires_at is not None and not times.is_before(times.time_text(now), self.expires_at)

    def facts(self) -> dict[str, Any]:
        """Return the members that are set, as JSON has them; without namespace, key and version."""
        known = {member: _plain(getattr(self, member)) for member in MEMBERS}
        return {
            **self.extra,
            **{member: value for member, value in known.items() if value not in (None, [], {})},
        }

    def members(self) -> dict[str, Any]:
        """Return the record as `--json` shows it: namespace, key, version, then every fact that is set."""
        # What a newer program wrote into the record must not pass for the name, or the value.
        facts = {member: value for member, value in self.facts().items() if member not in _NO_FACTS}
        return {"namespace": self.namespace, "key": self.key, "version": self.version, **facts}


_UNSET: Mapping[str, Any] = {field: Record._field_defaults.get(field) for field in Record._fields}


class Secret(NamedTuple):
    """One version of a secret: its record and its value."""

    record: Record
    value: SecretValue


class Version(NamedTuple):
    """One version of a secret, without its value."""

    version: int
    state: str
    created_at: str
    updated_by: str


def record_from_facts(name: Name, version: int, facts: Mapping[str, Any]) -> Record:
    """Return the Record of facts that `check_facts` accepts; members it does not know are kept in `extra`."""
    # By place, 1.2 µs and not 2.8 by twenty names: `list` makes one of each secret.
    fields = dict(_UNSET)
    extra: dict[str, Any] = {}
    for member, value in facts.items():
        if member in _CHECKS:
            fields[member] = tuple(value) if member in _LISTS else value
        else:
            extra[member] = value
    fields["namespace"], fields["key"], fields["version"], fields["extra"] = *name, version, extra
    return Record(*fields.values())


def merge_facts(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a secret's facts after `changes`; a change to None unsets, what is not named stays."""
    merged = {**old, **changes}
    return {member: _plain(value) for member, value in merged.items() if value not in (None, "", (), [], {})}


def first_facts(name: Name, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a new secret: what is given, and defaults for the rest.

    A variable that is given, or a key written like one (`OPENAI_API_KEY`), makes the delivery `runtime_env`.
    """
    facts = {"type": "secret", "created_at": given["updated_at"], **merge_facts({}, given)}
    delivery = facts.setdefault(
        "delivery", RUNTIME_ENV if "env_name" in facts or _is_variable_key(name) else EXECUTOR_ONLY
    )
    if delivery == RUNTIME_ENV and "env_name" not in facts and _is_variable_key(name):
        facts["env_name"] = name.key
    return facts


def next_facts(name: Name, old: Mapping[str, Any] | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a secret's facts after `changes`, those of a new one where `old` is None; raises InvalidValue."""
    facts = first_facts(name, changes) if old is None else merge_facts(old, changes)
    check_facts(facts)
    check_together(facts)
    return facts


def check_facts(facts: Mapping[str, Any], required: Collection[str] = REQUIRED) -> None:
    """Raise InvalidValue unless every known member of `facts` has the form that format.md 1.2 gives it.

    A type or delivery this version does not know passes when reading; `check_choices` is for what people set.
    """
    for member in required:
        if member not in facts:
            raise InvalidValue(f"the record has no {member}")
    # By what is there, not by what might be: most secrets have a third of the members, and `list` checks them all.
    for member, value in facts.items():
        if member in _CHECKS:
            _CHECKS[member](value, member)


def expiry_warnings(records: Iterable[Record], now: float) -> list[str]:
    """Return what a person is to be told of those that have expired at `now` (seconds since the epoch)."""
    return [f"{record.name} expired at {record.expires_at}" for record in records if record.is_expired(now)]


def check_choices(facts: Mapping[str, Any], *, allow_env: Collection[str] = ()) -> None:
    """Raise InvalidValue for given facts that a person may not set, although a file may hold them.

    Types, deliveries and variable names are checked against their closed tables; texts against their size.
    """
    for member, choices in (("type", TYPES), ("delivery", DELIVERIES)):
        choice = facts.get(member)
        if choice is not None and choice not in choices:
            hint = f"it is one of {', '.join(choices)}"
            raise InvalidValue(f"there is no {member} '{printable(str(choice))}'", hint=hint)
    if facts.get("env_name") is not None:
        environment.check_variable(facts["env_name"], allowed=allow_env)
    for member in facts:
        if member not in MEMBERS:
            raise InvalidValue(f"a record has no {printable(member)}", hint=f"it has {', '.join(MEMBERS)}")
    check_holdable(facts)


def check_holdable(facts: Mapping[str, Any]) -> None:
    """Raise InvalidValue for given facts that no store of ours could hold: their texts, numbers, nesting and size."""
    for member, value in facts.items():
        _check_plain(value, member)
        if len(str(value).encode("utf-8")) > MAX_FACT_BYTES:
            raise InvalidValue(f"{member} is longer than {MAX_FACT_BYTES} bytes")


def check_together(facts: Mapping[str, Any]) -> None:
    """Raise InvalidValue for facts that are right one by one, and wrong together."""
    if facts["delivery"] == RUNTIME_ENV and "env_name" not in facts:
        raise InvalidValue("delivery runtime_env needs a variable", hint="give --env VAR or --runtime-env")
    unknown = next((field for field in facts.get("fields", {}) if field not in DATABASE_FIELDS), None)
    if facts["type"] == "database" and unknown is not None:
        hint = f"a database has {', '.join(DATABASE_FIELDS)}"
        raise InvalidValue(f"a database has no field '{printable(unknown)}'", hint=hint)


def derived_env_name(name: Name) -> str:
    """Return the variable for a name: namespace (unless default) and key, upper-cased, the rest '_'."""
    whole = name.key if name.namespace == "default" else f"{name.namespace}_{name.key}"
    return "".join(c.upper() if c.isalnum() else "_" for c in whole)


def _check_plain(value: object, member: str, depth: int = 0) -> None:
    """Raise InvalidValue for what a vault file could not hold: bad text, NaN, long numbers, deep nesting."""
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidValue(f"{member} is not valid text (UTF-8)")
    if isinstance(value, float) and not abs(value) < MAX_NUMBER:
        raise InvalidValue(f"{member} holds what is not a number, or one too large")
    if isinstance(value, int) and not abs(value) < MAX_NUMBER:
        raise InvalidValue(f"{member} holds a number that is too large")
    if isinstance(value, Mapping | list | tuple):
        if depth == MAX_FACT_DEPTH:
            raise InvalidValue(f"{member} is nested too deep")
        for item in (*value, *value.values()) if isinstance(value, Mapping) else value:
            _check_plain(item, member, depth + 1)


def _is_variable_key(name: Name) -> bool:
    return environment.is_variable(name.key) and name.key == name.key.upper()


def _check_text(value: object, member: str) -> None:
    if not (isinstance(value, str) and value):
        raise InvalidValue(f"{member} must be text")


def _check_time(value: object, member: str) -> None:
    if not times.is_time(value):
        raise InvalidValue(f"{member} must be a time such as 2027-01-31T12:00:00Z")


def _check_duration(value: object, member: str) -> None:
    if not times.is_duration(value):
        raise InvalidValue(f"{member} must be a duration such as 90d")


def _check_list(value: object, member: str) -> None:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise InvalidValue(f"{member} must be a list of texts")


def _check_probe(value: object, member: str) -> None:
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise InvalidValue(f"{member} must be an object with a kind")


def _check_map(value: object, member: str, kinds: tuple[type, ...]) -> None:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"{member} must be an object")
    for key, item in value.items():
        # bool is an int to isinstance, and not a field's.
        right = isinstance(item, kinds) and (bool in kinds or not isinstance(item, bool))
        if not (isinstance(key, str) and key and right):
            raise InvalidValue(f"{member} must hold plain values under names")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


# Last, where the functions are there: what each member must be.
_CHECKS: Mapping[str, Callable[[object, str], None]] = {
    **dict.fromkeys(("type", "delivery", *_TEXTS), _check_text),
    **dict.fromkeys(("created_at", "updated_at", "value_changed_at", "expires_at"), _check_time),
    "rotate_every": _check_duration,
    **dict.fromkeys(_LISTS, _check_list),
    "metadata": lambda value, member: _check_map(value, member, (str, int, float, bool)),
    "fields": lambda value, member: _check_map(value, member, (str, int)),
    "probe": _check_probe,
}
