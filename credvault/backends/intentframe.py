"""What IntentFrame keeps in the OS keyring, to be read: values by its naming, names and facts from its database.

Services are `com.intentframe.vault.<namespace>`, users are keys; `credentials.db` (SQLite) has no values. Nothing of
it is ever written.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from credvault.model import record as model
from credvault.model import times
from credvault.model.errors import InvalidName, InvalidValue, StorageError
from credvault.model.names import Name, parse_name
from credvault.model.text import printable

SERVICE = "com.intentframe.vault."
UNKNOWN_TIME = "1970-01-01T00:00:00Z"
"""When what nobody has a time of was made and changed."""

_FOLDER, _DATABASE, _TABLE = ".intentframe/data", "credentials.db", "credential_metadata"


def default_facts(name: Name) -> dict[str, Any]:
    """Return the facts of a secret of which nothing is known but its name."""
    return model.first_facts(name, {"updated_at": UNKNOWN_TIME, "value_changed_at": UNKNOWN_TIME})


def database_path(environ: Mapping[str, str]) -> str:
    """Return where the database is, if there is one."""
    home = environ.get("HOME") or os.path.expanduser("~")
    folder = environ.get("INTENTFRAME_DATA_DIR") or os.path.join(home, _FOLDER)
    return os.path.abspath(os.path.join(os.path.expanduser(folder), _DATABASE))


def read_facts(environ: Mapping[str, str]) -> dict[Name, Mapping[str, Any]]:
    """Return the facts of each secret in the database, none where there is none or it is new; raises StorageError.

    Rows whose name is none of ours are left out: they cannot be asked for.
    """
    path = database_path(environ)
    if not os.path.isfile(path):
        return {}
    import sqlite3
    from urllib.parse import quote

    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [_TABLE]).fetchone():
                return {}  # nothing was stored yet
            database.row_factory = sqlite3.Row
            return dict(_parse_rows(database.execute(f"SELECT * FROM {_TABLE}")))  # noqa: S608 - a constant
    except sqlite3.Error as exc:
        hint = "it is IntentFrame's: mend it there, or name a folder without one in INTENTFRAME_DATA_DIR"
        raise StorageError(f"cannot read {printable(path)}: {printable(str(exc))}", hint=hint) from None


def _parse_rows(rows: Any) -> Iterator[tuple[Name, Mapping[str, Any]]]:
    for row in rows:
        members = dict(row)
        try:
            name = parse_name(f"{members.get('namespace')}/{members.get('key')}")
        except InvalidName:
            continue
        facts = {**default_facts(name), **_facts(members)}
        try:
            model.check_facts(facts)
            model.check_together(facts)
        except InvalidValue:
            facts = default_facts(name)
        yield name, facts


def _facts(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says, in our words; what it says in another form is left out."""
    facts = {
        "delivery": members.get("delivery_mode"),
        "env_name": members.get("env_name"),
        "created_at": _time(members.get("created_at")),
        "updated_at": _time(members.get("updated_at")),
        "value_changed_at": _time(members.get("updated_at")),
        "consumers": _texts(members.get("allowed_consumers")),
    }
    return {member: fact for member, fact in facts.items() if fact}


def _time(text: object) -> str | None:
    """Return an ISO 8601 time as ours are; one without a zone is in UTC."""
    for form in (text, f"{text}Z") if isinstance(text, str) else ():
        with suppress(InvalidValue):
            return times.parse_moment(form, 0)
    return None


def _texts(text: object) -> list[str] | None:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(item, str) and item for item in found) else None
