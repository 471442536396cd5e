"""An export of Bitwarden (or Vaultwarden) as JSON: plain, or protected by a password of its own.

One that is tied to an account opens by that account only, and is refused.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from credvault.model.errors import InvalidValue, Unsupported
from credvault.model.text import printable
from credvault.transfer.importers.base import (
    Item,
    Skipped,
    Source,
    moment_of,
    object_of,
    objects_of,
    parse_json,
    text_of,
)
from credvault.transfer.importers.bitwardenlock import open_protected
from credvault.transfer.importers.cards import Card, host_of, items_of

_LOGIN, _NOTE, _CARD, _IDENTITY, _SSH_KEY = 1, 2, 3, 4, 5
_TEXT, _HIDDEN, _BOOLEAN, _LINKED = 0, 1, 2, 3

_PARTS = {_LOGIN: "login", _NOTE: "secureNote", _CARD: "card", _IDENTITY: "identity", _SSH_KEY: "sshKey"}
# What is secret in a card, an identity or a key.
_SECRET = frozenset({"number", "code", "ssn", "passportNumber", "licenseNumber", "privateKey"})


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield the secrets of an export; raises InvalidValue, Unsupported, Locked, WrongKey, Damaged, NotFound."""
    data = source.read_bytes()
    if data.lstrip()[:6].lower() in (b"folder", b"collec"):
        hint = "export it as JSON: a CSV leaves out cards, identities and keys"
        raise Unsupported(f"{source.shown} is a CSV export, which is not read", hint=hint)
    content = parse_json(data, source.shown)
    if isinstance(content, dict) and content.get("encrypted") is True:
        if content.get("passwordProtected") is not True:
            raise Unsupported(
                f"{source.shown} is tied to a Bitwarden account, and opens by that account only",
                hint="export it again as 'password protected', or as plain JSON",
            )
        content = parse_json(open_protected(source, content), source.shown)
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise InvalidValue(f"{source.shown} is not an export of Bitwarden: it has no items")
    listed = [*objects_of(content, "folders"), *objects_of(content, "collections")]
    folders = {text_of(each.get("id")): text_of(each.get("name")) for each in listed}
    for item in objects_of(content, "items"):
        path = (*_folder(item, folders), text_of(item.get("name")) or "untitled")
        if item.get("deletedDate"):
            yield Skipped(path, "it is in the trash")
        elif type(item.get("type")) is not int or item["type"] not in _PARTS:
            # What is in it would be lost.
            reason = "it is of a type that is not known here"
            yield Skipped(path, reason, Unsupported(f"'{printable('/'.join(path))}' cannot be read: {reason}"))
        else:
            yield from items_of(_card(item, path))


def _folder(item: Mapping[str, Any], folders: Mapping[str, str]) -> tuple[str, ...]:
    """Return the folder of an item, or its first collection; Bitwarden nests them by slashes in their names."""
    listed = item.get("collectionIds")
    ids = [item.get("folderId"), *(listed if isinstance(listed, list) else [])]
    name = next((folders[text_of(each)] for each in ids if folders.get(text_of(each))), "")
    return tuple(part for part in name.split("/") if part)


def _card(item: Mapping[str, Any], path: tuple[str, ...]) -> Card:
    kind = item["type"]
    part = object_of(item, _PARTS[kind])
    plain: list[tuple[str, str]] = []
    hidden: list[tuple[str, str]] = []
    urls: list[str] = []
    if kind == _LOGIN:
        urls = [text_of(each.get("uri")) for each in objects_of(part, "uris")]
        plain = [("username", text_of(part.get("username")))]
        plain += [("url" if number == 1 else f"url {number}", url) for number, url in enumerate(filter(None, urls), 1)]
        hidden = [("passkey", json.dumps(each)) for each in objects_of(part, "fido2Credentials")]
    elif kind != _NOTE:  # its part only says that it is one
        for member, fact in part.items():
            if member != "privateKey":
                (hidden if member in _SECRET else plain).append((member, text_of(fact)))
    for field in objects_of(item, "fields"):
        if field.get("type") != _LINKED:  # that is the username or password again
            pair = (text_of(field.get("name")) or "field", text_of(field.get("value")))
            (hidden if field.get("type") == _HIDDEN else plain).append(pair)
    earlier = len(objects_of(item, "passwordHistory"))
    return Card(
        path,
        text_of(part.get("password" if kind == _LOGIN else "privateKey")) if kind in (_LOGIN, _SSH_KEY) else "",
        text_of(item.get("notes")),
        plain,
        hidden,
        [text_of(part.get("totp"))] if kind == _LOGIN else [],
        facts={
            "service": next(filter(None, map(host_of, urls)), None),
            "created_at": moment_of(item.get("creationDate")),
            "metadata": {"source_updated_at": time} if (time := moment_of(item.get("revisionDate"))) else {},
        },
        type="password" if kind == _LOGIN else "secret",
        remark=f"without its history of {earlier}" if earlier else "",
    )
