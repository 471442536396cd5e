"""The way back from an import: a file of names and versions, never of values, and what is done with it.

Written before the vault is, so that no import is without one, and completed after it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from credvault import files
from credvault.backends.base import Change
from credvault.config import Settings
from credvault.infile import read_file
from credvault.model.errors import (
    BackendUnavailable,
    Conflict,
    CredvaultError,
    Damaged,
    Invalid,
    InvalidValue,
    StorageError,
)
from credvault.model.names import Name, parse_name
from credvault.model.record import ACTIVE, Record, Secret
from credvault.model.text import listed, printable
from credvault.model.times import is_before, is_time, time_text
from credvault.transfer.importing import PURPOSE
from credvault.transfer.plan import FILLABLE, WRITTEN, Row
from credvault.vault import Vault

_FORMAT = "credvault-import-undo"
_MAX_BYTES = 64 * 1024 * 1024
_HINT = "'credvault history NAME' shows what happened; what you do not want you delete or rotate by hand"


class Step(NamedTuple):
    """What an import did to one secret: the version it made of which one, and the facts that it filled in.

    `before` is 0 where there was none. `updated_at` is when it was written, if the import came so far; that was not
    before `since`.
    """

    name: Name
    before: int
    after: int
    filled: Sequence[str]
    since: str
    updated_at: str | None = None


class Undoing(NamedTuple):
    """What undoing an import comes to: what is removed, what gets its old value again, and what is undone already."""

    removed: Sequence[Name]
    restored: Sequence[Change]
    done: Sequence[Name]


def steps_of(rows: Sequence[Row], now: float) -> list[Step]:
    """Return what a plan will do, from `now` on (seconds since the epoch)."""
    since = time_text(now)
    return [
        Step(row.name, row.before or 0, (row.before or 0) + 1, sorted(row.facts) if row.before else (), since)
        for row in rows
        if row.action in WRITTEN and row.name is not None
    ]


def done_steps(steps: Sequence[Step], records: Sequence[Record]) -> list[Step]:
    """Return the steps as they were done."""
    return [
        step._replace(after=record.version, updated_at=record.updated_at)
        for step, record in zip(steps, records, strict=True)
    ]


def default_path(settings: Settings, source: str, now: float) -> str:
    """Return where the undo file of an import at `now` (seconds since the epoch) goes, a name that is free."""
    stamp = time_text(now).replace(":", "").replace("-", "")
    path = os.path.join(_folder(settings), f"{stamp}-{source}")
    number = 1
    while os.path.lexists(f"{path}{f'-{number}' if number > 1 else ''}.json"):
        number += 1
    return f"{path}{f'-{number}' if number > 1 else ''}.json"


def write_undo(path: str, settings: Settings, steps: Sequence[Step], *, replace: bool) -> None:
    """Write the undo file, mode 0600; raises AlreadyExists unless `replace`, StorageError."""
    content = {
        "format": _FORMAT,
        "v": 1,
        **_place(settings),
        "steps": [
            {"name": str(s.name), "before": s.before, "after": s.after, "filled": list(s.filled), "since": s.since}
            | ({} if s.updated_at is None else {"updated_at": s.updated_at})
            for s in steps
        ],
    }
    if os.path.dirname(path) == _folder(settings):
        files.make_private_folder(os.path.dirname(path))
    files.create_file(path, [json.dumps(content, indent=1).encode("ascii"), b"\n"], replace=replace)


def read_undo(path: str, settings: Settings) -> list[Step]:
    """Return what an undo file says; raises NotFound, StorageError, and Invalid for another file or vault."""
    data = read_file(path, _MAX_BYTES)
    try:
        content = json.loads(data)
        if content["format"] != _FORMAT or content["v"] != 1:
            raise ValueError
        place = {member: content[member] for member in _place(settings)}
        steps = [_step(members) for members in content["steps"]]
    except (ValueError, KeyError, TypeError, RecursionError, CredvaultError):
        raise InvalidValue(f"{printable(path)} is not an undo file of 'credvault import'") from None
    if place != _place(settings):
        other = printable(str(place["vault"]))
        raise Invalid(f"{printable(path)} is of another vault, {other}", hint="choose that one with --vault")
    return steps


def plan_undoing(vault: Vault, steps: Sequence[Step]) -> Undoing:
    """Return what is to be done; raises Conflict for what somebody changed since, NotFound for a lost version."""
    there = vault.get_many([step.name for step in steps], purpose=PURPOSE)
    removed, restored, done = [], [], []
    changed: list[str] = []
    for step in steps:
        secret = there.get(step.name)
        old = vault.get(step.name, step.before, purpose=PURPOSE) if step.before and secret else None
        if _is_undone(step, secret, old):
            done.append(step.name)
        elif secret is None or not _is_as_imported(step, secret) or _was_there_before(vault, step):
            changed.append(str(step.name))
        elif old is None:
            removed.append(step.name)
        else:
            unset: Mapping[str, Any] = dict.fromkeys(step.filled)
            restored.append(Change(step.name, old.value, unset, step.after))
    if changed:
        raise Conflict(f"changed since the import: {listed(changed, 5)}; nothing was undone", hint=_HINT)
    return Undoing(removed, restored, done)


def undo(vault: Vault, steps: Sequence[Step], shown: Undoing) -> None:
    """Do what was `shown`: old values again, as new versions, in one step, and then what was added removed in another.

    What is interrupted between the two can be done again. Raises Conflict where somebody changed one meanwhile: a
    person may have thought about it for long, and removing asks for no version.
    """
    if plan_undoing(vault, steps) != shown:
        raise Conflict("somebody else is undoing it too; nothing was undone", hint="look, and do it again")
    if shown.restored:
        vault.put_many(shown.restored, purpose=PURPOSE)
    if shown.removed:
        vault.delete(shown.removed)


def forget(path: str) -> None:
    """Remove an undo file that has done its work."""
    files.discard(os.path.expanduser(path))


def was_in_vain(vault: Vault, steps: Sequence[Step], failure: CredvaultError) -> bool:
    """Say whether nothing of an import that failed is in the vault, so that its undo file is of no use."""
    if not isinstance(failure, BackendUnavailable | Damaged | StorageError):
        return True  # refused, and so nothing was written
    with suppress(CredvaultError):
        undoing = plan_undoing(vault, steps)
        return not undoing.removed and not undoing.restored
    return False


def _is_as_imported(step: Step, secret: Secret) -> bool:
    at = secret.record.updated_at
    # Of an import that was stopped it is not known when it wrote. What was there before it began is not its own.
    is_its_time = not is_before(at, step.since) if step.updated_at is None else at == step.updated_at
    return secret.record.version == step.after and is_its_time


def _was_there_before(vault: Vault, step: Step) -> bool:
    """Say whether a secret that the import is to have made has older versions: removing takes them all."""
    if step.before or step.after == 1:
        return False
    return any(older.version < step.after for older in vault.history(step.name) if older.state == ACTIVE)


def _is_undone(step: Step, secret: Secret | None, old: Secret | None) -> bool:
    if step.before == 0:
        return secret is None
    if secret is None or old is None:
        return False
    # Or it never happened: the import was stopped before it wrote.
    is_other = secret.record.version > step.after or secret.record.version == step.before
    return is_other and secret.value == old.value


def _folder(settings: Settings) -> str:
    return os.path.join(settings.state_folder, "imports")


def _place(settings: Settings) -> dict[str, str]:
    return {"backend": settings.backend.value, "vault": os.path.realpath(settings.path.value)}


def _step(members: Any) -> Step:
    name, before, after = parse_name(members["name"]), members["before"], members["after"]
    filled, since, updated_at = members["filled"], members["since"], members.get("updated_at")
    if type(before) is not int or type(after) is not int or not is_time(since):
        raise ValueError
    if updated_at is not None and not is_time(updated_at):
        raise ValueError
    if not isinstance(filled, list) or not all(member in FILLABLE for member in filled):
        raise ValueError
    return Step(name, before, after, tuple(filled), since, updated_at)
