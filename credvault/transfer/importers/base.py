"""What an importer is given and what it gives: a source to read, items and what is not one. Never writes.

An importer is a function `read(source)` in a file of its own. It raises for a source that it cannot read, and yields
`Skipped` for a part of it that becomes no secret, so that nothing is lost in silence.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from credvault.infile import read_file, read_infile
from credvault.model import times
from credvault.model.errors import CredvaultError, InvalidValue, Locked
from credvault.model.record import TYPES
from credvault.model.text import printable
from credvault.model.value import SecretValue
from credvault.sealing.jsontext import BadJSON, distinct_members, refuse

# More is no export of secrets, but a bomb or a slip.
MAX_SOURCE_BYTES = 256 * 1024 * 1024
_MAX_PASSWORD_FILE_BYTES = 64 * 1024

# What other programs call types that we have another word for.
_OTHER_TYPES = {"oauth_token": "oauth"}


class Item(NamedTuple):
    """One secret as a source has it: where it stands there, its value, and the facts that a record can hold.

    What belongs to an entry besides its password has the entry's `path` and its own place `below` that. `remark` is
    what a person should know of how it was read.
    """

    path: tuple[str, ...]
    value: SecretValue
    facts: Mapping[str, Any] = {}
    remark: str = ""
    below: tuple[str, ...] = ()


class Skipped(NamedTuple):
    """What is in a source and becomes no secret, and why. With an `error`, it is one that could not be read."""

    path: tuple[str, ...]
    reason: str
    error: CredvaultError | None = None


class Source(NamedTuple):
    """What is to be read, and what may be needed for that.

    `ask` asks a person for a password without echo, None where nobody can be asked. `whole` takes the text of an
    entry of `pass` as its value.
    """

    path: str
    environ: Mapping[str, str]
    ask: Callable[[str], str] | None = None
    password_file: str | None = None
    key_file: str | None = None
    whole: bool = False

    @property
    def shown(self) -> str:
        """The path as a person may be shown it."""
        return "stdin" if self.path == "-" else printable(self.path)

    def read_bytes(self) -> bytes:
        """Return the content of the file, or of stdin for `-`; raises NotFound, Invalid, StorageError."""
        return read_infile(self.path, MAX_SOURCE_BYTES, what="source")

    def read_text(self) -> str:
        """Return the content as text, bytes that are none of UTF-8 as surrogates."""
        return self.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff")

    def read_json(self) -> Any:
        """Return what the file says as JSON; raises InvalidValue, NotFound, StorageError."""
        return parse_json(self.read_bytes(), self.shown)

    def password(self) -> str:
        """Return the password of the source: from the file named for it, else from a person.

        Raises Locked where there is neither, StorageError, NotFound.
        """
        if self.password_file is not None:
            data = read_file(self.password_file, _MAX_PASSWORD_FILE_BYTES)
            try:
                return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError:
                raise InvalidValue(f"{printable(self.password_file)} does not hold text (UTF-8)") from None
        if self.ask is None:
            raise Locked(f"{self.shown} needs a password, and there is no terminal to ask on", hint="--password-file F")
        return self.ask(f"Password of {self.shown}")


class Number(float):
    """A number of JSON that is no integer, and how it is spelled there: as a value, 1.10 is not 1.1."""

    def __init__(self, text: str) -> None:
        self.text = text


def parse_json(data: bytes, shown: str) -> Any:
    """Return what JSON text says; raises InvalidValue for what is none, or names a member twice."""
    try:
        value = json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=distinct_members, parse_float=Number, parse_constant=refuse
        )
        # Half of a surrogate pair, which JSON can spell, has no bytes.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    # Deep nesting ends in RecursionError, thousands of digits in ValueError. What is wrong is not quoted.
    except (BadJSON, ValueError, RecursionError):
        raise InvalidValue(f"{shown} is not JSON, or names a member twice") from None
    return value


def objects_of(holder: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    """Return the list of objects under a name, empty where there is none; raises InvalidValue for anything else."""
    listed = holder.get(member)
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise InvalidValue(f"{member} is not a list of objects, so this is not an export of that program")
    return listed


def object_of(holder: Mapping[str, Any], member: str) -> dict[str, Any]:
    """Return the object under a name, empty where there is none."""
    found = holder.get(member)
    return found if isinstance(found, dict) else {}


def text_of(fact: object) -> str:
    """Return a fact as text: JSON for what is none, nothing for null."""
    if isinstance(fact, str):
        return fact
    if isinstance(fact, Number):
        return fact.text
    return "" if fact is None else json.dumps(fact)


def secret_of(text: str) -> SecretValue:
    """Return text as a value, byte for byte what it was read from."""
    return SecretValue(text.encode("utf-8", "surrogateescape"))


def type_facts(word: object) -> dict[str, Any]:
    """Return the facts that a source's word for a type leads to: one that we do not have is kept in the metadata."""
    if not isinstance(word, str) or not word:
        return {}
    known = _OTHER_TYPES.get(word, word)
    return {"type": known} if known in TYPES else {"type": "secret", "metadata": {"source_type": word}}


def moment_of(time: object) -> str | None:
    """Return a time as records have it, or None for what is none: RFC 3339, naive ones as UTC, or epoch seconds."""
    from datetime import UTC, datetime

    try:
        if isinstance(time, str):
            when = datetime.fromisoformat(time)
            time = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        if isinstance(time, int | float) and 0 < time < times.END_OF_TIME:
            return times.time_text(time)
    except (ValueError, OverflowError, OSError):
        pass
    return None
