"""An export of 1Password: the archive .1pux (support.1password.com/1pux-format) or the poorer .csv."""

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from credvault.model.errors import Damaged, InvalidValue
from credvault.model.value import MAX_VALUE_BYTES
from credvault.transfer.importers.base import (
    MAX_SOURCE_BYTES,
    Item,
    Skipped,
    Source,
    moment_of,
    object_of,
    objects_of,
    parse_json,
    text_of,
)
from credvault.transfer.importers.cards import Card, host_of, items_of
from credvault.transfer.importers.onepasswordfields import Gathered, gather

_DATABASE, _LOGIN = "102", "001"
_ZIP_MARK = b"PK\x03\x04"
_COLUMNS = ("title", "url", "username", "password", "otpauth", "favorite", "archived", "tags", "notes")

# What 1Password calls the fields of a database, and what records do.
_DATABASE_FIELDS = {
    "database_type": "engine",
    "hostname": "host",
    "port": "port",
    "database": "database",
    "username": "username",
}


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the secrets of an export; raises InvalidValue, Damaged, NotFound, StorageError."""
    data = source.read_bytes()
    return _read_archive(data, source.shown) if data.startswith(_ZIP_MARK) else _read_csv(data, source.shown)


class _Archive:
    """A .1pux file. However much it claims to hold, no more is unpacked than a source may have."""

    def __init__(self, data: bytes, shown: str) -> None:
        self._shown = shown
        self._left = MAX_SOURCE_BYTES
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self._names = {name.partition("__")[0].lower(): name for name in self._zip.namelist()}
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
            raise Damaged(f"{shown} is an archive that is damaged or cut off") from None

    def unpack(self, name: str) -> bytes:
        """Return a member of the archive; raises Damaged."""
        try:
            with self._zip.open(name=name, mode="r") as member:
                content = member.read(self._left + 1)
        except KeyError:
            raise InvalidValue(f"{self._shown} is not an export of 1Password: it has no {name}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError):
            raise Damaged(f"{self._shown} is damaged: {name} cannot be unpacked") from None
        self._left -= len(content)
        if self._left < 0:
            raise Damaged(f"{self._shown} unpacks to more than an export may have")
        return content

    def attachment(self, document_id: str) -> bytes | str:
        """Return the content of an attached file, or why there is none."""
        name = self._names.get(f"files/{document_id}".lower())
        if name is None:
            return "the archive does not hold it"
        size = self._zip.getinfo(name).file_size
        if size > MAX_VALUE_BYTES:
            return f"it has {size} bytes; a secret has at most {MAX_VALUE_BYTES}"
        return self.unpack(name)


def _read_archive(data: bytes, shown: str) -> Iterator[Item | Skipped]:
    archive = _Archive(data, shown)
    content = parse_json(archive.unpack("export.data"), f"{shown} (export.data)")
    if not isinstance(content, dict) or not isinstance(content.get("accounts"), list):
        raise InvalidValue(f"{shown} is not an export of 1Password: it has no accounts")
    accounts = objects_of(content, "accounts")
    for account in accounts:
        above = (_name(account, "accountName"),) if len(accounts) > 1 else ()
        for vault in objects_of(account, "vaults"):
            for item in objects_of(vault, "items"):
                # Older archives have each item in an object of its own.
                whole = object_of(item, "item") or item
                yield from _items(whole, (*above, _name(vault, "name")), archive)


def _name(holder: Mapping[str, Any], member: str) -> str:
    return text_of(object_of(holder, "attrs").get(member)) or "untitled"


def _items(item: Mapping[str, Any], above: tuple[str, ...], archive: _Archive) -> Iterator[Item | Skipped]:
    overview = object_of(item, "overview")
    path = (*above, text_of(overview.get("title")) or "untitled")
    if item.get("trashed") is True or item.get("state") == "trashed":
        yield Skipped(path, "it is in the trash")
        return
    gathered = gather(item, overview)
    files: list[tuple[str, bytes]] = []
    for name, document_id in gathered.files:
        content = archive.attachment(document_id)
        if isinstance(content, bytes):
            files.append((name, content))
        else:
            yield Skipped((*path, "attachment", name), content)
    yield from items_of(_card(item, path, overview, gathered, files))


def _card(
    item: Mapping[str, Any],
    path: tuple[str, ...],
    overview: Mapping[str, Any],
    gathered: Gathered,
    files: list[tuple[str, bytes]],
) -> Card:
    listed = overview.get("tags")
    tags = [text_of(tag) for tag in listed if tag] if isinstance(listed, list) else []
    metadata: dict[str, Any] = {"source_updated_at": moment_of(item.get("updatedAt"))}
    plain, kind = gathered.plain, "password" if item.get("categoryUuid") == _LOGIN else "secret"
    if item.get("categoryUuid") == _DATABASE and gathered.password:
        # A database has the fields that make a connection string, and no others.
        kind = "database"
        found = {ours: gathered.by_id[theirs] for theirs, ours in _DATABASE_FIELDS.items() if theirs in gathered.by_id}
        metadata |= dict(pair for pair in plain if pair not in found.values())
        plain = [(ours, text) for ours, (_, text) in found.items()]
    urls = [text for label, text in gathered.plain if label.startswith("url")]
    return Card(
        path,
        gathered.password,
        gathered.note,
        plain,
        gathered.hidden,
        gathered.totp,
        files,
        {
            "service": next(filter(None, map(host_of, urls)), None),
            "tags": [*tags, *(["archived"] if item.get("state") == "archived" else [])],
            "created_at": moment_of(item.get("createdAt")),
            "metadata": {label: fact for label, fact in metadata.items() if fact},
        },
        type=kind,
        remark=f"without its history of {gathered.earlier}" if gathered.earlier else "",
    )


def _read_csv(data: bytes, shown: str) -> Iterator[Item | Skipped]:
    try:
        text = data.decode("utf-8-sig")
        csv.field_size_limit(MAX_SOURCE_BYTES)
        rows = list(csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise InvalidValue(f"{shown} is neither a .1pux archive nor a CSV file in UTF-8") from None
    if not rows or not {"title", "password"} <= {(column or "").lower() for column in rows[0]}:
        raise InvalidValue(f"{shown} is not an export of 1Password: a CSV has Title, Password and others in line 1")
    for row in rows:
        yield from items_of(_card_of_row({(column or "").lower(): cell for column, cell in row.items()}))


def _card_of_row(row: Mapping[str, Any]) -> Card:
    others = [(column, cell) for column, cell in row.items() if column not in _COLUMNS and isinstance(cell, str)]
    extra = row.get("")
    url = row.get("url", "")
    is_archived = row.get("archived", "").lower() == "true"
    return Card(
        (row["title"] or "untitled",),
        row["password"],
        row.get("notes", ""),
        [("username", row.get("username", "")), ("url", url), *others]
        + ([("more", json.dumps(extra))] if isinstance(extra, list) else []),
        totp=[row.get("otpauth", "")],
        facts={
            "service": host_of(url) if url else None,
            "tags": [tag for tag in row.get("tags", "").split(";") if tag] + (["archived"] if is_archived else []),
        },
    )
