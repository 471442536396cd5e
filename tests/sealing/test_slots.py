"""Slots: what opens a vault, and adding and removing ways to."""

import base64
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import Damaged, WrongKey
from credvault.sealing.draft import Draft
from credvault.sealing.keys import DataKey
from credvault.sealing.slots import (
    KDF_LIMITS,
    MAX_SLOTS,
    KdfLimits,
    KeyMaterial,
    Slot,
    check_slots,
    make_slot,
    passphrase_bytes,
    unwrap,
)
from credvault.testing import CHEAP_KDF
from tests.sealing.vaults import (
    KEY,
    RAW,
    TIME,
    entry,
    file_at,
    new_file,
    passphrase_material,
    put,
    raw_material,
    raw_slot,
    value_of,
)

OTHER = bytes(32)


def slot_of(slot_type: str, secret: bytes = RAW) -> Slot:
    return make_slot("1", slot_type, secret, KEY, created_at=TIME)


def words_slot(passphrase: str, slot_id: str = "words") -> Slot:
    secret = passphrase_bytes(passphrase)
    return make_slot(slot_id, "passphrase", secret, KEY, created_at=TIME, iterations=CHEAP_KDF.read_minimum)


def opens(slots: list[Slot], material: KeyMaterial) -> bool:
    """Say whether the material unwraps the data key."""
    try:
        return unwrap(slots, material, KEY.vault_id).reveal() == KEY.reveal()
    except WrongKey:
        return False


@pytest.mark.parametrize(
    ("slot_type", "kind", "does"),
    [
        ("raw", "raw", True),
        ("keyfile", "raw", True),
        ("keyring", "keyring", True),
        ("keyring", "raw", False),
        ("raw", "keyring", False),
        ("keyfile", "keyring", False),
        ("raw", "passphrase", False),
    ],
)
def test_slot_opens_by_its_own_kind_of_key(slot_type: str, kind: str, does: bool) -> None:
    assert opens([slot_of(slot_type)], raw_material(RAW, kind)) is does


def test_slot_refuses_another_secret_and_another_vault() -> None:
    slot = slot_of("raw")

    assert not opens([slot], raw_material(OTHER))
    with pytest.raises(WrongKey):
        unwrap([slot], raw_material(), "f" * 32)


def test_refusal_names_where_the_key_came_from_and_what_would_open() -> None:
    slots = [slot_of("keyring"), {"id": "2", "type": "la\x1bter"}]

    with pytest.raises(WrongKey) as wrong:
        unwrap([slot_of("raw")], raw_material(OTHER), KEY.vault_id)
    with pytest.raises(WrongKey) as kind:
        unwrap(slots, passphrase_material("x"), KEY.vault_id)

    assert "the test" in wrong.value.message
    assert kind.value.message.startswith("the test ")
    assert kind.value.message.endswith(r"keyring, la\x1bter")


@pytest.mark.parametrize("member", ["id", "created_at", "label"])
def test_every_member_of_a_slot_is_bound_to_its_wrap(member: str) -> None:
    slot = make_slot("1", "raw", RAW, KEY, created_at=TIME, label="laptop")

    assert opens([slot], raw_material())
    assert not opens([{**slot, member: "edited"}], raw_material())


@pytest.mark.parametrize("member", ["iterations", "salt"])
def test_parameters_of_a_derivation_are_bound_to_its_wrap(member: str) -> None:
    slot = dict(words_slot("words"))
    changed = {"iterations": 1001, "salt": base64.b64encode(bytes(32)).decode()}
    edited = {**slot, "kdf": {**slot["kdf"], member: changed[member]}}

    assert opens([slot], passphrase_material("words"))
    assert not opens([edited], passphrase_material("words"))


def test_salts_and_wraps_of_two_slots_of_one_passphrase_differ() -> None:
    first, second = words_slot("words"), words_slot("words")

    assert first["kdf"]["salt"] != second["kdf"]["salt"]
    assert first["wrap"] != second["wrap"]


def test_second_passphrase_slot_opens_when_the_first_does_not() -> None:
    slots = [words_slot("alice", "1"), words_slot("bob", "2")]

    assert opens(slots, passphrase_material("alice"))
    assert opens(slots, passphrase_material("bob"))
    assert not opens(slots, passphrase_material("eve"))


@pytest.mark.parametrize("text", ["Ångström", "pâté", "한국어", "ﬁn", "e\u0323\u0301"])
def test_passphrase_is_the_same_however_its_letters_are_composed(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))

    assert passphrase_bytes(composed) == passphrase_bytes(decomposed) == composed.encode()
    assert opens([words_slot(composed)], passphrase_material(decomposed))


def test_passphrase_keeps_what_only_looks_alike_apart() -> None:
    """NFC and not NFKC: a ligature is not its letters, and no letter loses its case."""
    assert passphrase_bytes("ﬁ") != passphrase_bytes("fi")
    assert passphrase_bytes("É") != passphrase_bytes("é")


@given(st.text(max_size=40, alphabet=st.characters(exclude_categories=["Cs"])))
def test_passphrase_is_its_nfc_in_utf_8(text: str) -> None:
    assert passphrase_bytes(text) == unicodedata.normalize("NFC", text).encode("utf-8")


@given(st.binary(max_size=40))
def test_passphrase_that_is_no_utf_8_keeps_its_bytes(raw: bytes) -> None:
    """As the environment hands it over: undecodable bytes arrive as lone surrogates and leave as they came."""
    text = raw.decode("utf-8", "surrogateescape")

    assert passphrase_bytes(text) == unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")


# Slots of a file.


def test_added_slot_opens_and_re_encrypts_no_entry(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json")
    put(file, entry("default/a"))
    before = (tmp_path / "vault.json").read_bytes().partition(b'"buckets":[\n')[2]

    file.update(lambda draft: draft.slots.append(words_slot("wörds")))

    opened = file_at(tmp_path / "vault.json", key=passphrase_material("wörds"))
    with opened.open() as vault:
        assert value_of(vault, "default/a") == b"value"
        assert vault.head.generation == 3
    assert (tmp_path / "vault.json").read_bytes().partition(b'"buckets":[\n')[2] == before


def test_removed_slot_opens_no_more_and_lingers_in_no_backup(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json", slots=[raw_slot(), raw_slot("2", OTHER)])
    assert opens(list(file.read_head().slots), raw_material(OTHER))

    def remove(draft: Draft) -> None:
        draft.slots = [slot for slot in draft.slots if slot["id"] != "2"]
        draft.removes = True

    file.update(remove)

    for name in ("vault.json", "vault.json.bak"):
        with pytest.raises(WrongKey):
            file_at(tmp_path / name, key=raw_material(OTHER)).open()
        file_at(tmp_path / name).open().close()


def test_unknown_slot_is_kept_by_a_writer_as_it_is(tmp_path: Path) -> None:
    later = {"id": "later", "type": "hardware", "box": {"n": [1, True, None, "é"]}}
    file = new_file(tmp_path / "vault.json", slots=[raw_slot(), later])

    put(file, entry("default/a"))
    file.update(lambda draft: draft.slots.append(raw_slot("3", OTHER)))

    assert [slot["id"] for slot in file.read_head().slots] == ["1", "later", "3"]
    assert file.read_head().slots[1] == later


def test_seventeenth_slot_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json", slots=[raw_slot(str(number)) for number in range(MAX_SLOTS)])
    before = (tmp_path / "vault.json").read_bytes()

    with pytest.raises(Damaged):
        file.update(lambda draft: draft.slots.append(raw_slot("17")))

    assert (tmp_path / "vault.json").read_bytes() == before
    assert not (tmp_path / "vault.json.bak").exists()
    assert not list(tmp_path.glob("*.tmp-*"))


def test_new_data_key_opens_by_the_slots_it_was_given(tmp_path: Path) -> None:
    file = new_file(tmp_path / "vault.json", slots=[raw_slot(), raw_slot("2", OTHER)])
    put(file, entry("default/a"), entry("default/b", b"other"))
    new_key = DataKey(bytes(range(100, 132)), KEY.vault_id)

    def rekey(draft: Draft) -> None:
        draft.replace_all(list(draft.entries()), new_key, [raw_slot(key=new_key)])

    file.update(rekey)

    with file.open() as vault, file_at(tmp_path / "vault.json").open() as fresh:
        assert value_of(vault, "default/b") == value_of(fresh, "default/b") == b"other"
        assert fresh.key.fingerprint == new_key.fingerprint
    with pytest.raises(WrongKey):
        file_at(tmp_path / "vault.json", key=raw_material(OTHER)).open()


def test_limits_of_derivations_are_those_of_the_format_page() -> None:
    assert KdfLimits(600_000, 100_000, 10_000_000, 20_000_000) == KDF_LIMITS


def test_derivations_at_the_limits_pass() -> None:
    slot = dict(words_slot("x"))
    slots = [{**slot, "id": str(n), "kdf": {**slot["kdf"], "iterations": n}} for n in (100_000, 9_900_000, 10_000_000)]

    check_slots(slots, KDF_LIMITS)
    with pytest.raises(Damaged):
        check_slots([*slots, {**slot, "kdf": {**slot["kdf"], "iterations": 100_000}}], KDF_LIMITS)
