"""The printed form of a key, and what is derived from a vault's data key."""

import base64
import hashlib
import hmac
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import WrongKey
from credvault.sealing.keys import DataKey, new_key, parse_key, print_key

KEYS = st.binary(min_size=32, max_size=32)
PRINTED = print_key(bytes(range(32)))
ALPHABET = string.ascii_letters + string.digits + "-_"


def refusal_of(text: str) -> WrongKey:
    """Return the error that a key is refused with, after looking that it does not quote the key."""
    with pytest.raises(WrongKey) as caught:
        parse_key(text, "CREDVAULT_KEY")
    shown = f"{caught.value.message} {caught.value.hint}"
    assert "CREDVAULT_KEY" in shown
    assert len(text) < 8 or text[5:13] not in shown
    return caught.value


def test_key_is_printed_as_the_format_says() -> None:
    key = bytes(range(32))
    body = base64.urlsafe_b64encode(key).decode().rstrip("=")
    checksum = base64.urlsafe_b64encode(hashlib.sha256(b"credvault/key\0" + key).digest()).decode()[:6]

    printed = print_key(key)

    assert printed == f"cvk1_{body}_{checksum}"
    assert (len(body), len(printed)) == (43, 55)
    assert "=" not in printed


@given(KEYS)
def test_printed_key_reads_back(key: bytes) -> None:
    assert parse_key(print_key(key), "a test") == key


@pytest.mark.parametrize("position", range(len(PRINTED)))
def test_every_typo_of_one_character_is_refused(position: int) -> None:
    for character in ALPHABET + "=+/ .é\n\0":
        if character == PRINTED[position]:
            continue

        refusal_of(PRINTED[:position] + character + PRINTED[position + 1 :])


@pytest.mark.parametrize("position", range(len(PRINTED)))
def test_every_character_left_out_or_doubled_is_refused(position: int) -> None:
    refusal_of(PRINTED[:position] + PRINTED[position + 1 :])
    refusal_of(PRINTED[:position] + PRINTED[position] + PRINTED[position:])


@pytest.mark.parametrize("position", [n for n in range(5, len(PRINTED) - 1) if PRINTED[n] != PRINTED[n + 1]])
def test_two_neighbours_exchanged_are_refused(position: int) -> None:
    first, second = PRINTED[position], PRINTED[position + 1]

    refusal_of(PRINTED[:position] + second + first + PRINTED[position + 2 :])


@pytest.mark.parametrize(
    "text", ["", " ", "cvk1_", PRINTED + "\n", " " + PRINTED, PRINTED.upper(), PRINTED * 2, "cvk2" + PRINTED[4:]]
)
def test_other_text_is_refused(text: str) -> None:
    refusal_of(text)


def test_passphrase_in_the_place_of_a_key_is_told_so() -> None:
    error = refusal_of("correct horse battery staple")

    assert error.hint is not None
    assert "passphrase" in error.hint


def test_typo_is_told_apart_from_a_wrong_length() -> None:
    typo = refusal_of(PRINTED[:-1] + ("A" if PRINTED[-1] != "A" else "B"))
    short = refusal_of(PRINTED[:-1])

    assert "mistyped" in typo.message
    assert "54 characters" in short.message


def test_new_keys_differ() -> None:
    keys = {new_key() for _ in range(100)}

    assert {len(key) for key in keys} == {32}
    assert len(keys) == 100


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 for 32 bytes, in the standard library: one block."""
    return hmac.digest(hmac.digest(salt, ikm, "sha256"), info + b"\x01", "sha256")


def test_derived_keys_are_those_of_the_format_page() -> None:
    dek, vault_id = bytes(range(32)), "00112233445566778899aabbccddeeff"
    salt = bytes.fromhex(vault_id)
    id_key = hkdf(dek, salt, b"credvault/v1/id")
    entry_id = hmac.digest(id_key, b'["default","DB_PASSWORD"]', "sha256")[:16].hex()

    key = DataKey(dek, vault_id)

    assert key.mac_key == hkdf(dek, salt, b"credvault/v1/mac")
    assert key.index_key == hkdf(dek, salt, b"credvault/v1/index")
    assert key.fingerprint == hkdf(dek, salt, b"credvault/v1/fp").hex()
    assert key.entry_id("default", "DB_PASSWORD") == entry_id
    assert key.entry_key(entry_id) == hkdf(dek, salt, b"credvault/v1/entry\0" + entry_id.encode())
    assert key.reveal() == dek


def test_names_that_print_alike_have_ids_of_their_own() -> None:
    key = DataKey(bytes(32), "0" * 32)

    assert key.entry_id("a", "b/c") != key.entry_id("a/b", "c")


def test_vaults_of_one_data_key_share_no_derived_key() -> None:
    first, second = DataKey(bytes(32), "0" * 32), DataKey(bytes(32), "1" * 32)

    assert first.mac_key != second.mac_key
    assert first.entry_id("default", "a") != second.entry_id("default", "a")
    assert first.fingerprint != second.fingerprint


def test_data_key_does_not_show_itself() -> None:
    dek = b"canary-canary-canary-canary-cana"
    key = DataKey(dek, "0" * 32)

    shown = f"{key!r} {key} {[key]}"

    assert "canary" not in shown
    assert dek.hex() not in shown
