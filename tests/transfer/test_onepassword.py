"""Exports of 1Password, made by hand from their published form (support.1password.com/1pux-format)."""

import copy
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from credvault.model.errors import CredvaultError, Damaged, InvalidValue
from credvault.model.value import MAX_VALUE_BYTES
from credvault.transfer.importers import onepassword
from credvault.transfer.importers.base import Item, Skipped, Source


def field(title: str, field_id: str, **value: Any) -> dict[str, Any]:
    return {"title": title, "id": field_id, "value": value, "indexAtSource": 0, "guarded": False, "multiline": False}


def item(title: str, category: str, details: dict[str, Any], **facts: Any) -> dict[str, Any]:
    overview = {"subtitle": "", "title": title, "url": "", "tags": [], **facts.pop("overview", {})}
    whole = {"uuid": "u", "favIndex": 0, "createdAt": 1577934245, "updatedAt": 1609556645, "state": "active"}
    return {**whole, "categoryUuid": category, "details": details, "overview": overview, **facts}


LOGIN = item(
    "GitHub",
    "001",
    {
        "loginFields": [
            {"value": "alice", "id": "", "name": "username", "fieldType": "T", "designation": "username"},
            {"value": "p4ss é", "id": "", "name": "password", "fieldType": "P", "designation": "password"},
            {"value": "second", "id": "", "name": "other", "fieldType": "P"},
        ],
        "notesPlain": "a note",
        "sections": [
            {
                "title": "Security",
                "fields": [
                    field("one-time password", "TOTP_1", totp="otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"),
                    field("PIN", "p1", concealed="1234"),
                    field("mail", "m1", email={"email_address": "a@example.org", "provider": None}),
                    field("home", "h1", address={"street": "S", "city": "C"}),
                    field("born", "b1", date=1),
                    field("scan", "f1", file={"fileName": "scan.bin", "documentId": "doc1", "decryptedSize": 3}),
                    field("big", "f2", file={"fileName": "big.bin", "documentId": "doc2", "decryptedSize": 3}),
                    field("lost", "f3", file={"fileName": "lost.bin", "documentId": "nosuch", "decryptedSize": 3}),
                ],
            }
        ],
        "passwordHistory": [{"value": "older", "time": 1}],
    },
    overview={"url": "https://github.com", "urls": [{"label": "", "url": "https://github.com"}], "tags": ["work"]},
)
DATABASE = item(
    "db",
    "102",
    {
        "sections": [
            {
                "title": "",
                "fields": [
                    field("Typ", "database_type", menu="postgresql"),
                    field("Server", "hostname", string="db.example.org"),
                    field("Port", "port", string="5432"),
                    field("Datenbank", "database", string="prod"),
                    field("Benutzer", "username", string="app"),
                    field("Passwort", "password", concealed="db-pass"),
                    field("Alias", "alias", string="main"),
                ],
            }
        ]
    },
)
CREDENTIAL = item(
    "api", "112", {"sections": [{"title": "", "fields": [field("credential", "credential", concealed="token")]}]}
)
KEY = item(
    "key",
    "114",
    {
        "sections": [
            {"fields": [field("private key", "k", sshKey={"privateKey": "PEM\n", "metadata": {"type": "rsa"}})]}
        ]
    },
)
EXPORT = {
    "accounts": [
        {
            "attrs": {"accountName": "me", "name": "me"},
            "vaults": [
                {
                    "attrs": {"uuid": "v", "name": "Personal", "type": "P"},
                    "items": [
                        LOGIN,
                        DATABASE,
                        CREDENTIAL,
                        KEY,
                        item("doc", "006", {"documentAttributes": {"fileName": "a.txt", "documentId": "doc1"}}),
                        item("note", "003", {"notesPlain": "canary note"}, state="archived"),
                        {"item": item("nested", "005", {"password": "generated"})},
                        item("gone", "001", {"password": "x"}, trashed=True),
                    ],
                }
            ],
        }
    ]
}


def archive(content: Any, files: dict[str, bytes] | None = None) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("export.attributes", json.dumps({"version": 3}))
        pack.writestr("export.data", content if isinstance(content, bytes) else json.dumps(content))
        for name, body in (files or {}).items():
            pack.writestr(name, body)
    return data.getvalue()


def read(folder: Path, data: bytes, name: str = "export.1pux") -> tuple[dict[str, Item], dict[str, str]]:
    (folder / name).write_bytes(data)
    found = list(onepassword.read(Source(str(folder / name), {})))
    items = {"/".join((*part.path, *part.below)): part for part in found if isinstance(part, Item)}
    return items, {"/".join(part.path): part.reason for part in found if isinstance(part, Skipped)}


FILES = {"files/doc1__scan.bin": b"\x00\xff1", "files/doc2__big.bin": bytes(MAX_VALUE_BYTES + 1)}


def test_items_of_an_archive_become_secrets_and_nothing_is_lost(tmp_path: Path) -> None:
    items, skipped = read(tmp_path, archive(EXPORT, FILES))

    assert {name: item.value.reveal() for name, item in items.items()} == {
        "Personal/GitHub": "p4ss é".encode(),
        "Personal/GitHub/other": b"second",
        "Personal/GitHub/Security PIN": b"1234",
        "Personal/GitHub/totp": b"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP",
        "Personal/GitHub/attachment/scan.bin": b"\x00\xff1",
        "Personal/db": b"db-pass",
        "Personal/api": b"token",
        "Personal/key": b"PEM\n",
        "Personal/doc/attachment/a.txt": b"\x00\xff1",
        "Personal/note": b"canary note",
        "Personal/nested": b"generated",
    }
    too_big = f"it has {MAX_VALUE_BYTES + 1} bytes; a secret has at most {MAX_VALUE_BYTES}"
    assert skipped == {
        "Personal/GitHub/attachment/big.bin": too_big,
        "Personal/GitHub/attachment/lost.bin": "the archive does not hold it",
        "Personal/gone": "it is in the trash",
    }


def test_facts_are_carried_over(tmp_path: Path) -> None:
    items, _ = read(tmp_path, archive(EXPORT, FILES))

    login, database = items["Personal/GitHub"], items["Personal/db"]
    assert login.facts["fields"] == {
        "username": "alice",
        "url": "https://github.com",
        "Security mail": "a@example.org",
        "Security home": '{"street": "S", "city": "C"}',
        "Security born": "1",
    }
    assert (login.facts["type"], login.facts["note"], login.facts["service"]) == ("password", "a note", "github.com")
    assert (login.facts["tags"], login.facts["created_at"]) == (["work"], "2020-01-02T03:04:05Z")
    assert login.facts["metadata"] == {"source_updated_at": "2021-01-02T03:04:05Z"}
    assert login.remark == "without its history of 1"
    assert database.facts["type"] == "database"
    assert database.facts["fields"] == {
        "engine": "postgresql",
        "host": "db.example.org",
        "port": "5432",
        "database": "prod",
        "username": "app",
    }
    assert database.facts["metadata"]["Alias"] == "main"
    assert items["Personal/note"].facts["tags"] == ["archived"]
    assert items["Personal/key"].facts["fields"] == {"type": "rsa"}


@pytest.mark.parametrize(("value", "text"), [("canary", "canary"), (["canary"], '["canary"]'), (7, "7")])
def test_field_whose_value_is_of_no_kind_is_not_lost(tmp_path: Path, value: object, text: str) -> None:
    odd = {"title": "odd", "id": "x", "value": value}
    content: dict[str, Any] = copy.deepcopy(EXPORT)
    content["accounts"][0]["vaults"][0]["items"] = [item("api", "112", {"sections": [{"fields": [odd]}]})]

    items, _ = read(tmp_path, archive(content))

    assert {name: part.value.reveal().decode() for name, part in items.items()} == {"Personal/api/odd": text}


def test_items_of_several_accounts_are_below_their_names(tmp_path: Path) -> None:
    account = EXPORT["accounts"][0]
    other = {**account, "attrs": {"accountName": "other"}}

    items, _ = read(tmp_path, archive({"accounts": [account, other]}))

    assert {"me/Personal/api", "other/Personal/api"} <= set(items)


def test_csv_is_read(tmp_path: Path) -> None:
    rows = (
        "Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes,Color\n"
        'GitHub,https://github.com,alice,"p,4""ss\nword",otpauth://x,false,true,work;home,a note,red\n'
    )

    items, _ = read(tmp_path, b"\xef\xbb\xbf" + rows.encode(), "export.csv")

    assert {name: item.value.reveal() for name, item in items.items()} == {
        "GitHub": b'p,4"ss\nword',
        "GitHub/totp": b"otpauth://x",
    }
    facts = items["GitHub"].facts
    assert facts["fields"] == {"username": "alice", "url": "https://github.com", "color": "red"}
    assert (facts["tags"], facts["note"], facts["service"]) == (["work", "home", "archived"], "a note", "github.com")


def bomb() -> bytes:
    return archive(b'{"accounts": "' + bytes(260 << 20) + b'"}')


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (archive(EXPORT)[:-30], Damaged),
        (archive(EXPORT)[:200], Damaged),
        (archive(b"canary"), InvalidValue),
        (archive([]), InvalidValue),
        (archive({"accounts": [7]}), InvalidValue),
        (archive({"accounts": [{"vaults": [{"items": ["canary"]}]}]}), InvalidValue),
        (archive({"accounts": [{"vaults": 7}]}), InvalidValue),
        (b"", InvalidValue),
        (b"canary", InvalidValue),
        (b"\xff\xfe", InvalidValue),
        (b'Title,Password\n"canary', InvalidValue),
        (b"Name,Secret\ncanary,canary\n", InvalidValue),
        (b"PK\x03\x04canary", Damaged),
    ],
)
def test_what_is_no_export_or_damaged_is_a_typed_error(
    tmp_path: Path, data: bytes, error: type[CredvaultError]
) -> None:
    with pytest.raises(error) as failure:
        read(tmp_path, data)

    assert "canary" not in failure.value.message


def test_changed_byte_of_an_attachment_is_damage(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as pack:
        pack.writestr("export.data", json.dumps(EXPORT))
        pack.writestr("files/doc1__scan.bin", b"an attachment")

    with pytest.raises(Damaged, match="cannot be unpacked"):
        read(tmp_path, data.getvalue().replace(b"an attachment", b"an attachmenu"))


def test_archive_that_unpacks_to_more_than_there_may_be_is_refused(tmp_path: Path) -> None:
    data = bomb()
    assert len(data) < 1 << 20

    with pytest.raises(Damaged, match="unpacks to more"):
        read(tmp_path, data)


def test_archive_without_its_content_is_no_export(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as pack:
        pack.writestr("other", b"canary")

    with pytest.raises(InvalidValue, match=r"it has no export\.data"):
        read(tmp_path, data.getvalue())
