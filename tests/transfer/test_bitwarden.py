"""Exports of Bitwarden, made by hand from their published form; protected ones by other libraries than ours."""

import base64
import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

import argon2.low_level
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from credvault.model.errors import CredvaultError, Damaged, InvalidValue, Unsupported, WrongKey
from credvault.transfer.importers import bitwarden
from credvault.transfer.importers.base import Item, Skipped, Source

PASSWORD = "the password of the tests é"

LOGIN: dict[str, Any] = {
    "id": "i1",
    "organizationId": None,
    "folderId": "f1",
    "type": 1,
    "reprompt": 0,
    "name": "GitHub / main",
    "notes": "a note",
    "favorite": False,
    "fields": [
        {"name": "room", "value": "12", "type": 0, "linkedId": None},
        {"name": "PIN", "value": "hidden-1", "type": 1, "linkedId": None},
        {"name": "PIN", "value": "hidden-2", "type": 1, "linkedId": None},
        {"name": "yes", "value": "true", "type": 2},
        {"name": "linked", "value": None, "type": 3, "linkedId": 100},
    ],
    "login": {
        "uris": [{"match": None, "uri": "https://www.github.com/login"}, {"match": None, "uri": "androidapp://x"}],
        "username": "alice",
        "password": "p4ss word é",
        "totp": "JBSWY3DPEHPK3PXP",
        "fido2Credentials": [{"keyValue": "passkey-value"}],
    },
    "passwordHistory": [{"lastUsedDate": "2020-01-01T00:00:00.000Z", "password": "older"}],
    "creationDate": "2020-01-02T03:04:05.678Z",
    "revisionDate": "2021-01-02T03:04:05.678Z",
    "deletedDate": None,
    "collectionIds": None,
}
EXPORT: dict[str, Any] = {
    "encrypted": False,
    "folders": [{"id": "f1", "name": "Work/Code"}],
    "items": [
        LOGIN,
        {"type": 2, "name": "note", "notes": "canary note\n", "secureNote": {"type": 0}, "folderId": None},
        {
            "type": 3,
            "name": "card",
            "card": {"cardholderName": "A", "number": "4111", "code": "123", "expYear": "2030"},
        },
        {"type": 4, "name": "me", "identity": {"firstName": "Alice", "ssn": "1-2-3", "city": None}},
        {"type": 5, "name": "key", "sshKey": {"privateKey": "-----BEGIN\n", "publicKey": "ssh-ed25519 A"}},
        {"type": 1, "name": "old", "login": {"password": "x"}, "deletedDate": "2022-01-01T00:00:00Z"},
        {"type": 1, "name": "empty", "login": {}},
        {"type": 1, "name": "only totp", "login": {"totp": "SEED"}},
    ],
}


def file_of(folder: Path, content: Any) -> Source:
    path = folder / "export.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    (folder / "password").write_text(f"{PASSWORD}\n")
    return Source(str(path), {}, password_file=str(folder / "password"))


def read(source: Source) -> tuple[dict[str, Item], dict[str, str]]:
    found = list(bitwarden.read(source))
    items = {"/".join((*part.path, *part.below)): part for part in found if isinstance(part, Item)}
    return items, {"/".join(part.path): part.reason for part in found if isinstance(part, Skipped)}


def protected(content: Any, kind: str = "pbkdf2", password: str = PASSWORD, **changes: Any) -> dict[str, Any]:
    """Return an export as Bitwarden protects it by a password, made with hashlib, argon2-cffi and hmac."""
    salt = base64.b64encode(os.urandom(16)).decode()
    if kind == "pbkdf2":
        facts = {"kdfType": 0, "kdfIterations": 5_000}
        key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 5_000, 32)
    else:
        facts = {"kdfType": 1, "kdfIterations": 2, "kdfMemory": 16, "kdfParallelism": 2}
        hashed = hashlib.sha256(salt.encode()).digest()
        kind_id = argon2.low_level.Type.ID
        key = argon2.low_level.hash_secret_raw(password.encode(), hashed, 2, 16 * 1024, 2, 32, kind_id)
    # One block of HKDF-Expand (RFC 5869, 2.3).
    enc, mac = (hmac.digest(key, info + b"\x01", "sha256") for info in (b"enc", b"mac"))

    def sealed(text: bytes) -> str:
        iv, padding = os.urandom(16), 16 - len(text) % 16
        encryptor = Cipher(AES(enc), CBC(iv)).encryptor()
        data = encryptor.update(text + bytes([padding]) * padding) + encryptor.finalize()
        parts = (iv, data, hmac.digest(mac, iv + data, "sha256"))
        return "2." + "|".join(base64.b64encode(part).decode() for part in parts)

    whole = {"encrypted": True, "passwordProtected": True, "salt": salt, **facts}
    sample = sealed(b"a sample")
    return {**whole, "encKeyValidation_DO_NOT_EDIT": sample, "data": sealed(json.dumps(content).encode()), **changes}


def test_items_of_every_type_become_secrets_and_nothing_is_lost(tmp_path: Path) -> None:
    items, skipped = read(file_of(tmp_path, EXPORT))

    assert {name: item.value.reveal().decode() for name, item in items.items()} == {
        "Work/Code/GitHub / main": "p4ss word é",
        "Work/Code/GitHub / main/passkey": '{"keyValue": "passkey-value"}',
        "Work/Code/GitHub / main/PIN": "hidden-1",
        "Work/Code/GitHub / main/PIN-2": "hidden-2",
        "Work/Code/GitHub / main/totp": "JBSWY3DPEHPK3PXP",
        "note": "canary note\n",
        "card": '{"cardholderName": "A", "expYear": "2030"}',
        "card/number": "4111",
        "card/code": "123",
        "me": '{"firstName": "Alice"}',
        "me/ssn": "1-2-3",
        "key": "-----BEGIN\n",
        "only totp/totp": "SEED",
    }
    assert skipped == {"old": "it is in the trash", "empty": "there is nothing in it"}


def test_facts_of_a_login_are_carried_over(tmp_path: Path) -> None:
    items, _ = read(file_of(tmp_path, EXPORT))
    login = items["Work/Code/GitHub / main"]

    assert login.path == ("Work", "Code", "GitHub / main")
    assert login.facts["fields"] == {
        "username": "alice",
        "url": "https://www.github.com/login",
        "url 2": "androidapp://x",
        "room": "12",
        "yes": "true",
    }
    assert (login.facts["type"], login.facts["note"], login.facts["service"]) == ("password", "a note", "github.com")
    assert login.facts["created_at"] == "2020-01-02T03:04:05Z"
    assert login.facts["metadata"] == {"source_updated_at": "2021-01-02T03:04:05Z"}
    assert login.remark == "without its history of 1"
    assert items["key"].facts["fields"] == {"publicKey": "ssh-ed25519 A"}
    assert items["note"].remark == "its note is the value"


def test_collection_of_an_organization_is_its_folder(tmp_path: Path) -> None:
    item = {**LOGIN, "folderId": None, "collectionIds": ["c2", "c1"]}
    content = {"encrypted": False, "collections": [{"id": "c2", "name": "Team"}], "items": [item]}

    items, _ = read(file_of(tmp_path, content))

    assert ("Team", "GitHub / main") in [item.path for item in items.values()]


@pytest.mark.parametrize("kind", ["pbkdf2", "argon2id"])
def test_export_that_a_password_protects_is_opened(tmp_path: Path, kind: str) -> None:
    plain = read(file_of(tmp_path, EXPORT))

    opened = read(file_of(tmp_path, protected(EXPORT, kind)))

    assert opened == plain


def flipped(text: str) -> str:
    iv, data, mac = text.removeprefix("2.").split("|")
    return f"2.{iv}|{('B' if data[0] == 'A' else 'A')}{data[1:]}|{mac}"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "another"}, WrongKey),
        ({"data": None}, Damaged),
        ({"data": "2.AAAA|BBBB"}, Damaged),
        ({"data": "flipped"}, Damaged),
        ({"encKeyValidation_DO_NOT_EDIT": "0.AAAA"}, WrongKey),
        ({"kdfIterations": 2_000_001}, InvalidValue),
        ({"kdfIterations": 0}, InvalidValue),
        ({"kdfIterations": True}, InvalidValue),
        ({"kdfIterations": "5000"}, InvalidValue),
        ({"kdfIterations": 1.5}, InvalidValue),
        ({"kdfType": 7}, InvalidValue),
        ({"kdfType": 1, "kdfIterations": 2, "kdfMemory": 1 << 20, "kdfParallelism": 1}, InvalidValue),
        ({"kdfType": 1, "kdfIterations": 2, "kdfMemory": 64, "kdfParallelism": 1000}, InvalidValue),
        ({"kdfType": 1, "kdfIterations": 11, "kdfMemory": 64, "kdfParallelism": 1}, InvalidValue),
        ({"passwordProtected": False}, Unsupported),
    ],
)
def test_protected_export_that_is_wrong_is_a_typed_error(
    tmp_path: Path, changes: dict[str, Any], error: type[CredvaultError]
) -> None:
    content = protected({"items": [{"name": "canary"}]}, **changes)
    if changes.get("data") == "flipped":
        content["data"] = flipped(protected(EXPORT)["data"])

    with pytest.raises(error) as failure:
        read(file_of(tmp_path, content))

    assert "canary" not in failure.value.message


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"folder,favorite,type,name\n,,login,canary\n", Unsupported),
        (b"canary", InvalidValue),
        (b"[]", InvalidValue),
        (b'{"items": 7}', InvalidValue),
        (b'{"items": ["canary"]}', InvalidValue),
        (b'{"items": [{"type": 1, "fields": 7}]}', InvalidValue),
        (b'{"items": [], "folders": 7}', InvalidValue),
        (b'{"items": [{"type": 1, "login": {"uris": ["canary"]}}]}', InvalidValue),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes, error: type[CredvaultError]) -> None:
    with pytest.raises(error) as failure:
        read(file_of(tmp_path, content))

    assert "canary" not in failure.value.message


def test_odd_facts_in_an_export_are_kept_as_they_are(tmp_path: Path) -> None:
    content = {"items": [{"type": 2, "name": 7, "notes": {"a": 1}, "collectionIds": [7], "creationDate": 7}]}

    items, _ = read(file_of(tmp_path, content))

    assert {name: item.value.reveal() for name, item in items.items()} == {"7": b'{"a": 1}'}


@pytest.mark.parametrize("kind", [6, [], "1", True, None])
def test_item_of_a_type_that_is_not_known_is_not_taken_for_an_empty_one(tmp_path: Path, kind: object) -> None:
    content = {"items": [{"type": kind, "name": "bank", "notes": "canary", "bankAccount": {"iban": "canary"}}]}

    (found,) = bitwarden.read(file_of(tmp_path, content))

    assert isinstance(found, Skipped)
    assert isinstance(found.error, Unsupported)
    assert "canary" not in found.reason + found.error.message
