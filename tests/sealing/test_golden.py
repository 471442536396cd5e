"""The golden files and the files to refuse, read by the program and by a reader written from the format page alone."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from credvault.model.errors import CredvaultError, class_for_code
from credvault.model.names import parse_name
from credvault.sealing.entries import Entry
from credvault.sealing.keys import parse_key
from credvault.sealing.slots import KDF_LIMITS
from credvault.sealing.vaultfile import Limits
from tests import independent_reader
from tests.sealing.vaults import VECTORS, file_at, material_of, verify

Case = dict[str, Any]
CASES: list[Case] = json.loads((VECTORS / "cases.json").read_text(encoding="ascii"))
REAL = Limits(kdf=KDF_LIMITS)


def bytes_of(case: Case) -> bytes:
    """Return the file of a case, edited as it says."""
    data: bytes = (VECTORS / case["file"]).read_bytes()
    for edit in case.get("edits", ()):
        data = data[: edit["at"]] + edit["put"].encode("latin-1") + data[edit["at"] + edit["cut"] :]
    return data


def placed(case: Case, folder: Path) -> Path:
    """Return where the file of a case is now, after the one that was seen there before."""
    path = folder / "vault.json"
    if "seen_before" in case:
        path.write_bytes((VECTORS / case["seen_before"]).read_bytes())
        with file_at(path, key=material_of(case["key"]), limits=REAL).open():
            pass
    path.write_bytes(bytes_of(case))
    return path


def stored_value(version: dict[str, Any]) -> bytes | None:
    """Return the value of a version as a case has it."""
    if "value_base64" in version:
        return base64.b64decode(version["value_base64"])
    return version["value"].encode() if "value" in version else None


def as_case(entry: Entry) -> dict[str, Any]:
    """Return what an entry says, in the words of a case, values decoded."""
    versions = [
        {
            "version": stored.version,
            "state": stored.state,
            "created_at": stored.created_at,
            "updated_by": stored.updated_by,
            "value": None if stored.value is None else stored.value.reveal(),
        }
        for stored in entry.versions
    ]
    return {"record": dict(entry.facts), "versions": versions}


def expected(case: Case) -> dict[str, Any]:
    """Return the secrets of a case, values decoded."""
    secrets = {}
    for name, secret in case["facts"]["secrets"].items():
        shown = [
            {**{k: v for k, v in version.items() if k != "value_base64"}, "value": stored_value(version)}
            for version in secret["versions"]
        ]
        secrets[name] = {"record": secret["record"], "versions": shown}
    return secrets


def reader_says(data: bytes, key: dict[str, str]) -> dict[str, Any]:
    """Return what the independent reader makes of a file; raises its Rejected."""
    if key["kind"] == "passphrase":
        return independent_reader.read(data, passphrase=key["secret"])
    return independent_reader.read(data, key=key["secret"])


def names_of(cases: list[Case]) -> list[str]:
    return [case["name"].replace(" ", "-") for case in cases]


ACCEPTED = [case for case in CASES if case["expect"] == "ok"]
REFUSED = [case for case in CASES if case["expect"] not in ("ok", "rolled_back")]
ROLLED_BACK = [case for case in CASES if case["expect"] == "rolled_back"]


@pytest.mark.parametrize("case", ACCEPTED, ids=names_of(ACCEPTED))
def test_golden_file_opens_and_says_what_was_put_in(case: Case, tmp_path: Path) -> None:
    path = placed(case, tmp_path)
    file = file_at(path, key=material_of(case["key"]), limits=REAL)

    with file.open() as vault:
        entries = verify(vault)
        listed = {str(record.name): record for record in vault.records()}

    facts = case["facts"]
    assert (vault.head.generation, vault.bucket_count) == (facts["gen"], facts["buckets"])
    assert vault.key.fingerprint == facts["fingerprint"]
    assert {str(name): as_case(entry) for name, entry in entries.items()} == expected(case)
    assert listed.keys() == facts["secrets"].keys()
    assert all(listed[str(name)].version == entry.current.version for name, entry in entries.items())


@pytest.mark.parametrize("case", ACCEPTED, ids=names_of(ACCEPTED))
def test_golden_file_gives_each_current_version(case: Case, tmp_path: Path) -> None:
    """The first active version; where none is, the newest, with the reason why it is not given out."""
    path = placed(case, tmp_path)

    with file_at(path, key=material_of(case["key"]), limits=REAL).open() as vault:
        found = vault.find_many([parse_name(name) for name in case["facts"]["secrets"]])

    assert {str(name) for name in found} == case["facts"]["secrets"].keys()
    for name, entry in found.items():
        versions = expected(case)[str(name)]["versions"]
        current = next((version for version in versions if version["state"] == "active"), versions[0])
        if current["state"] == "active":
            assert entry.secret().value.reveal() == current["value"]
        else:
            code = "not_found" if current["state"] == "pending" else f"version_{current['state']}"
            with pytest.raises(class_for_code(code)):
                entry.secret()


@pytest.mark.parametrize("case", ACCEPTED, ids=names_of(ACCEPTED))
def test_independent_reader_reads_the_same(case: Case) -> None:
    said = reader_says(bytes_of(case), case["key"])

    wanted = expected(case)
    for secret in wanted.values():
        for version in secret["versions"]:
            known = version["state"] in independent_reader.STATES
            if not known or secret["record"]["delivery"] == "brokered":
                version["value"] = None  # never given out
    assert said["entries"] == wanted
    assert (said["gen"], len(said["indexes"])) == (case["facts"]["gen"], case["facts"]["buckets"])
    assert said["fingerprint"] == case["facts"]["fingerprint"]


@pytest.mark.parametrize("case", REFUSED, ids=names_of(REFUSED))
def test_file_is_refused_with_its_code(case: Case, tmp_path: Path) -> None:
    path = placed(case, tmp_path)
    before = path.read_bytes()

    with pytest.raises(CredvaultError) as caught:
        with_everything_opened(path, case)

    assert type(caught.value) is class_for_code(case["expect"])
    assert "value" not in caught.value.message.replace("value_changed_at", "")
    assert path.read_bytes() == before


@pytest.mark.parametrize("case", REFUSED, ids=names_of(REFUSED))
def test_file_to_refuse_ends_every_read_in_a_typed_error_or_the_truth(case: Case, tmp_path: Path) -> None:
    """`get` and `list` read less than a verification: they may not see the fault, and never trip over it."""
    path = placed(case, tmp_path)
    truths = {"default/a": (b"value",), "default/b": (b"value", b"\xff\x00\xfe")}
    wrong: list[str] = []

    try:
        with file_at(path, key=material_of(case["key"]), limits=REAL).open() as vault:
            for name, values in truths.items():
                try:
                    found = vault.find(parse_name(name))
                    wrong += [name] if found is not None and found.secret().value.reveal() not in values else []
                except CredvaultError:
                    continue
            list(vault.records())
    except CredvaultError:
        pass

    assert wrong == []


def with_everything_opened(path: Path, case: Case) -> None:
    with file_at(path, key=material_of(case["key"]), limits=REAL).open() as vault:
        verify(vault)


@pytest.mark.parametrize("case", REFUSED, ids=names_of(REFUSED))
def test_independent_reader_refuses_the_same(case: Case) -> None:
    with pytest.raises(independent_reader.Rejected) as caught:
        reader_says(bytes_of(case), case["key"])

    # The reader has a code of its own for what a newer program wrote; here it is Damaged with a hint.
    code = {"unsupported_version": "damaged"}.get(caught.value.code, caught.value.code)
    assert code in (case["expect"], case.get("or"))


@pytest.mark.parametrize("case", ROLLED_BACK, ids=names_of(ROLLED_BACK))
def test_file_seen_in_a_newer_state_is_rolled_back(case: Case, tmp_path: Path) -> None:
    path = placed(case, tmp_path)

    with pytest.raises(CredvaultError) as caught:
        file_at(path, key=material_of(case["key"]), limits=REAL).open()

    assert type(caught.value) is class_for_code("rolled_back")


@pytest.mark.parametrize("case", ROLLED_BACK, ids=names_of(ROLLED_BACK))
def test_independent_reader_sees_the_same_rollback(case: Case) -> None:
    """The reader keeps no pins: what it reads of both files says which one is older, other or foreign."""
    before = (VECTORS / case["seen_before"]).read_bytes()

    seen, now = reader_says(before, case["key"]), reader_says(bytes_of(case), case["key"])

    foreign = now["fingerprint"] != seen["fingerprint"]
    other = now["gen"] == seen["gen"] and before != bytes_of(case)
    assert foreign or other or now["gen"] < seen["gen"]


def test_every_refused_file_has_its_case() -> None:
    files = {f"refused/{path.name}" for path in (VECTORS / "refused").iterdir()}

    assert files == {case["file"] for case in CASES if case["file"].startswith("refused/")}
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_every_key_of_the_vectors_is_marked_as_a_key() -> None:
    """But for the mistyped one."""
    keys = [case["key"] for case in CASES if case["key"]["kind"] != "passphrase" and case["name"] != "a mistyped key"]

    assert {len(parse_key(key["secret"], "a case")) for key in keys} == {32}
