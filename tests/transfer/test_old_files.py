"""The files of the programs that came before: FPAI's `.credentials` and agentskills' `vault.enc`."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from credvault.model.errors import CredvaultError, Damaged, Locked, NotFound, WrongKey
from credvault.transfer.importers import agentskills, fpai
from credvault.transfer.importers.base import Item, Skipped, Source
from credvault.transfer.importers.fernetfile import fernet_key, key_from_passphrase
from credvault.transfer.plan import Choices, plan_rows

FPAI_KEY = "0" * 64
FERNET_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def derived(passphrase: str, salt: bytes) -> bytes:
    """Return a key as those programs derive it, by another implementation than ours."""
    return base64.urlsafe_b64encode(hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 100_000, 32))


def fpai_file(folder: Path, content: Any, key: str = FPAI_KEY) -> Source:
    path = folder / ".credentials"
    path.write_bytes(Fernet(derived(key, b"fpai-credentials-salt")).encrypt(json.dumps(content, indent=2).encode()))
    return Source(str(path), {"FPAI_CREDENTIALS_KEY": key})


def database(password: str, key: bytes, **facts: Any) -> dict[str, Any]:
    token = Fernet(key).encrypt(password.encode()).decode()
    whole = {"user_id": "alice", "name": "my_db", "db_type": "postgres", "host": "db.example.org", "port": 5432}
    return {**whole, "database": "prod", "username": "dbuser", "encrypted_password": token, **facts}


def skills_file(folder: Path, content: Mapping[str, Any], key: bytes, variable: str) -> Source:
    path = folder / "vault.enc"
    path.write_bytes(Fernet(key).encrypt(json.dumps(content).encode()))
    return Source(str(path), {"CREDENTIAL_MASTER_KEY": variable})


def test_long_numbers_in_metadata_of_fpai_are_kept_as_text(tmp_path: Path) -> None:
    metadata = {"guild": 1234567890123456789, "large": 1e300, "n": 7, "half": 0.5, "yes": True}
    (item,) = fpai.read(fpai_file(tmp_path, {"bot": {"value": "canary", "metadata": metadata}}))

    (row,) = plan_rows([item], Choices())

    assert row.action == "add", row.reason
    assert row.facts["metadata"] == {**metadata, "guild": "1234567890123456789", "large": "1e+300"}


@pytest.mark.parametrize(
    ("passphrase", "salt", "key"),
    [
        (FPAI_KEY, b"fpai-credentials-salt", "_m75ZkWDPBq6_v1Pj6eTH0papLNlw-hjLTsPZLOJpD8="),
        ("correct horse battery staple", b"agentskills_salt", "f6NgZpxTtSW9hFznfBirpsR96PZXxn97uO4asF0K700="),
    ],
)
def test_keys_are_derived_as_the_published_vectors_say(passphrase: str, salt: bytes, key: str) -> None:
    assert key_from_passphrase(passphrase, salt) == fernet_key(key)


def test_fpai_credentials_keep_type_service_metadata_and_times(tmp_path: Path) -> None:
    source = fpai_file(
        tmp_path,
        {
            "_metadata": {"version": "2", "last_updated": "2025-01-01T00:00:00"},
            "anthropic_api_key": {"value": "sk-ant-é\n", "type": "api_key", "service": "anthropic", "metadata": {}},
            "card": {
                "value": "4111",
                "type": "credit_card",
                "service": None,
                "metadata": {"environment": "development", "n": 1, "nested": {"a": [1]}},
                "created_at": "2025-01-02T03:04:05.678",
                "updated_at": "2025-02-02T03:04:05+01:00",
                "updated_by": "session-1",
            },
            "bare": {"value": "x"},
            "empty": {"type": "secret"},
        },
    )

    found = list(fpai.read(source))

    assert [item.path for item in found] == [("anthropic_api_key",), ("card",), ("bare",), ("empty",)]
    first, card, bare, empty = found
    assert isinstance(first, Item)
    assert isinstance(card, Item)
    assert isinstance(bare, Item)
    assert first.value.reveal() == "sk-ant-é\n".encode()
    assert (first.facts["type"], first.facts["service"]) == ("api_key", "anthropic")
    assert (card.facts["type"], card.facts["created_at"]) == ("secret", "2025-01-02T03:04:05Z")
    assert card.facts["metadata"] == {
        "source_type": "credit_card",
        "source_updated_at": "2025-02-02T02:04:05Z",
        "source_updated_by": "session-1",
        "environment": "development",
        "n": 1,
        "nested": '{"a": [1]}',
    }
    assert bare.facts["type"] == "api_key"
    assert empty == Skipped(("empty",), "it has no value that is text")


@pytest.mark.parametrize("kind", ["a Fernet key", "a passphrase"])
def test_databases_of_agentskills_become_databases_of_their_owner(tmp_path: Path, kind: str) -> None:
    passphrase = "correct horse battery staple"
    key, variable = {
        "a Fernet key": (FERNET_KEY.encode(), FERNET_KEY),
        "a passphrase": (derived(passphrase, b"agentskills_salt"), passphrase),
    }[kind]
    content = {
        "alice_my_db_1": database("p/ü", key, description="main", created_at="2025-01-01T00:00:00", ssl_mode="require"),
        "alice_my_db_2": database("later", key),
        "bob_my_db_1": database("bobs", key, user_id="bob", connection_timeout=30),
        "nobody": {"name": "x"},
    }

    found = list(agentskills.read(skills_file(tmp_path, content, key, variable)))

    first, later, bobs, nobody = found
    assert isinstance(first, Item)
    assert isinstance(bobs, Item)
    assert (first.path, first.value.reveal()) == (("user.alice", "my_db"), "p/ü".encode())
    assert first.facts["type"] == "database"
    assert first.facts["fields"] == {
        "engine": "postgres",
        "host": "db.example.org",
        "port": 5432,
        "database": "prod",
        "username": "dbuser",
        "sslmode": "require",
    }
    assert (first.facts["note"], first.facts["created_at"]) == ("main", "2025-01-01T00:00:00Z")
    assert later == Skipped(("user.alice", "my_db"), "alice_my_db_2 is a later one of the same owner and name")
    assert (bobs.path, bobs.value.reveal()) == (("user.bob", "my_db"), b"bobs")
    assert bobs.facts["metadata"] == {"credential_id": "bob_my_db_1", "connection_timeout": 30}
    assert isinstance(nobody, Skipped)


def test_password_that_does_not_open_is_named_and_the_rest_read(tmp_path: Path) -> None:
    key = FERNET_KEY.encode()
    content = {
        "1": database("a", Fernet.generate_key()),
        "2": database("b", key, name="cut", encrypted_password="gAAAAA"),
        "3": database("c", key, name="fine"),
    }

    found = list(agentskills.read(skills_file(tmp_path, content, key, FERNET_KEY)))

    assert [isinstance(part, Skipped) and isinstance(part.error, Damaged) for part in found] == [True, True, False]


@pytest.mark.parametrize(
    ("reader", "variable", "wrong"),
    [(fpai, "FPAI_CREDENTIALS_KEY", "1" * 64), (agentskills, "CREDENTIAL_MASTER_KEY", "another")],
)
def test_no_key_a_wrong_key_and_a_damaged_file_are_told_apart(
    tmp_path: Path, reader: Any, variable: str, wrong: str
) -> None:
    """Neither program's own faults are ours: no key is made up, and no error leads to an empty result (C45, C46)."""
    path = tmp_path / "file"
    sound = Fernet(derived(FPAI_KEY, b"fpai-credentials-salt")).encrypt(b'{"a": {"value": "canary"}}')

    def failure(content: bytes | None, environ: Mapping[str, str]) -> CredvaultError:
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(CredvaultError) as raised:
            list(reader.read(Source(str(path), environ)))
        assert "canary" not in f"{raised.value.message}{raised.value.hint}"
        return raised.value

    assert isinstance(failure(sound, {}), Locked)
    assert isinstance(failure(sound, {variable: ""}), Locked)
    assert isinstance(failure(sound, {variable: wrong}), WrongKey)
    assert isinstance(failure(sound[:-30], {variable: wrong}), Damaged)
    assert isinstance(failure(b'{"a": {"value": "canary"}}', {variable: wrong}), Damaged)
    assert isinstance(failure(b"", {variable: wrong}), Damaged)
    assert isinstance(failure(None, {variable: wrong}), NotFound)


def test_content_that_is_no_object_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="does not hold what that program writes"):
        list(fpai.read(fpai_file(tmp_path, ["canary"])))


def test_key_of_44_characters_that_is_no_fernet_key_is_refused(tmp_path: Path) -> None:
    source = skills_file(tmp_path, {}, FERNET_KEY.encode(), "!" * 44)

    with pytest.raises(WrongKey, match="44 characters"):
        list(agentskills.read(source))
