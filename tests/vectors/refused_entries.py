"""Entries to refuse. Each opens under its own key in a signed file: only its content is wrong."""

from collections.abc import Iterator
from typing import Any

from credvault.sealing.crypto import pad
from credvault.sealing.jsontext import canonical
from tests.vectors.parts import (
    TIME,
    Json,
    assemble,
    bucket,
    entry,
    entry_id,
    entry_token,
    header,
    index_row,
    version,
)

GOOD = entry("default/a")
ID = entry_id(GOOD)


def file(members: object, row: Json | None = None) -> bytes:
    """Return a signed file with one entry; bytes are sealed without padding."""
    rows = {ID: index_row(GOOD) if row is None else row}
    return assemble(canonical(header()), [bucket(rows, [(ID, entry_token(members, ID))])])


def entries() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, reason and file of every entry to refuse."""
    yield from texts()
    for name, (change, reason) in members().items():
        yield name, reason, file({**GOOD, **change})
    for name, (facts, reason) in records().items():
        broken = {**GOOD, "record": {**GOOD["record"], **facts}}
        # The index says the same, as far as it holds the member: a reader must look at the entry itself.
        yield f"with {name}", reason, file(broken, index_row(broken))
    for member in GOOD["record"]:
        facts = {name: value for name, value in GOOD["record"].items() if name != member}
        yield f"without {member}", "a member of the record is missing", file({**GOOD, "record": facts})
    for name, (versions, reason) in histories().items():
        yield f"with {name}", reason, file({**GOOD, "versions": versions})


def texts() -> Iterator[tuple[str, str, bytes]]:
    """Yield entries that are not JSON, or not padded, as they should be."""
    text = canonical(GOOD)
    yield "that is no JSON", "it is JSON", file(pad(b"secret"))
    yield "with a member twice", "members are there once", file(pad(text[:-1] + b',"key":"a"}'))
    yield "with NaN", "no NaN", file(pad(metadata(b"NaN")))
    yield "with an infinite number", "no such number", file(pad(metadata(b"1e999")))
    yield "not ASCII", "JSON is ASCII", file(pad(text.replace(b"tester", "tést".encode())))
    yield "without padding", "it is padded", file(text)
    yield "with padding but no 0x80", "0x80 starts the padding", file(text + bytes(-len(text) % 64))
    yield "with too much padding", "to the next step only", file(pad(text) + bytes(64))
    yield "with padding not zero", "zeros after 0x80", file(pad(text)[:-1] + b"\1")
    yield "under the key of another", "a token opens under its id", file(b"")


def members() -> dict[str, tuple[Json, str]]:
    """Return changes to an entry."""
    return {
        "of another name": ({"key": "b"}, "the id is that of the name"),
        "with a number as key": ({"key": 1}, "names are text"),
        "with a list as namespace": ({"namespace": ["default"]}, "names are text"),
        "with a member more": ({"x": 1}, "unknown members are refused"),
        "with a record that is a list": ({"record": []}, "a record is an object"),
        "with versions that are an object": ({"versions": {"1": version()}}, "versions is an array"),
        "with versions that are text": ({"versions": "1"}, "versions is an array"),
        "with versions that are a number": ({"versions": 1}, "versions is an array"),
        "without versions": ({"versions": []}, "at least one"),
    }


def records() -> dict[str, tuple[Json, str]]:
    """Return changes to a record."""
    return {
        "a type that is no text": ({"type": 1}, "type is text"),
        "a delivery that is no text": ({"delivery": ["runtime_env"]}, "delivery is text"),
        "a created_at that is no time": ({"created_at": "yesterday"}, "a time"),
        "an updated_at without zone": ({"updated_at": TIME[:-1]}, "times end in Z"),
        "a value_changed_at of hour 25": ({"value_changed_at": "2026-11-22T25:00:00Z"}, "a time"),
        "an expires_at of null": ({"expires_at": None}, "unset is absent"),
        "a rotate_every without unit": ({"rotate_every": "90"}, "a duration"),
        "a rotate_every of zero": ({"rotate_every": "0d"}, "a duration"),
        "a service that is no text": ({"service": 1}, "service is text"),
        "a note of null": ({"note": None}, "unset is absent"),
        "consumers that are text": ({"consumers": "web"}, "an array of texts"),
        "consumers that are numbers": ({"consumers": [1]}, "an array of texts"),
        "tags of null": ({"tags": None}, "unset is absent"),
        "tags that are an object": ({"tags": {"a": "b"}}, "an array of texts"),
        "metadata that is a list": ({"metadata": ["a"]}, "an object"),
        "metadata within metadata": ({"metadata": {"a": {"b": "c"}}}, "plain values"),
        "metadata of null": ({"metadata": {"a": None}}, "unset is absent"),
        "a field that is true": ({"fields": {"port": True}}, "text or integer"),
        "a field that is a fraction": ({"fields": {"port": 5432.5}}, "text or integer"),
        "a probe that is text": ({"probe": "tcp"}, "an object with a kind"),
        "a probe without kind": ({"probe": {"host": "example.org"}}, "an object with a kind"),
        "a probe of null": ({"probe": None}, "unset is absent"),
    }


def histories() -> dict[str, tuple[list[Any], str]]:
    """Return versions to refuse."""
    return {
        "versions oldest first": ([version(1), version(2)], "newest first"),
        "a version twice": ([version(2), version(2)], "a number is there once"),
        "version 0": ([version(0)], "versions count from 1"),
        "version true": ([changed(version=True)], "true is no integer"),
        "a version as text": ([changed(version="1")], "it is an integer"),
        "a version that is text": (["value"], "a version is an object"),
        "a version with a member more": ([changed(x=1)], "unknown members are refused"),
        "a version without state": ([changed(state=None)], "a member is missing"),
        "a version with a number as state": ([changed(state=1)], "state is text"),
        "a version without created_at": ([changed(created_at=None)], "a member is missing"),
        "a version of no time": ([changed(created_at="2026")], "a time"),
        "a version without updated_by": ([changed(updated_by=None)], "a member is missing"),
        "a version without value": ([changed(value=None)], "active versions have a value"),
        "a deleted version without value": ([changed(state="deleted", value=None)], "it can be brought back"),
        "a destroyed version with a value": ([changed(state="destroyed")], "destroyed for good"),
        "a version with two values": ([changed(value_base64="AA==")], "one of the two"),
        "a value that is a number": ([changed(value=1)], "a value is text"),
        "a value that is half a surrogate pair": ([changed(value="\ud800")], "a value is UTF-8"),
        "a value in base64 that is a number": ([changed(value=None, value_base64=1)], "base64 is text"),
        "a value in base64 that is none": ([changed(value=None, value_base64="a")], "base64 with padding"),
        "a value in base64 not ASCII": ([changed(value=None, value_base64="éééé")], "base64 is ASCII"),
        "a value in base64 with a line end": ([changed(value=None, value_base64="AA==\n")], "nothing but base64"),
        "a value in base64 in another spelling": ([changed(value=None, value_base64="AB==")], "unused bits are 0"),
    }


def changed(**changes: Any) -> Json:
    """Return a version with members changed; a change to None leaves one out."""
    return {member: value for member, value in {**version(), **changes}.items() if value is not None}


def metadata(number: bytes) -> bytes:
    """Return the text of an entry with a number in it that canonical JSON would not write."""
    text = canonical({**GOOD, "record": {**GOOD["record"], "metadata": {"number": 12345}}})
    return text.replace(b"12345", number)
