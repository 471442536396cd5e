"""What a header may ask for is checked before any work is done for it (format.md 1.2, 1.3)."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from credvault.model.errors import Damaged, WrongKey
from credvault.sealing.jsontext import canonical
from credvault.sealing.slots import KDF_LIMITS
from credvault.sealing.vaultfile import Limits
from tests.sealing.vaults import file_at, passphrase_material
from tests.vectors.parts import ITERATIONS, PASSPHRASE, Json, assemble, bucket, header, passphrase_slot, raw_slot

REAL = Limits(kdf=KDF_LIMITS)

# Opens a file with a passphrase in a fresh interpreter, and says how it ended and whether the derivation was even
# imported: `crypto.pbkdf2` imports it on first use, so nothing can have been derived where it is not.
OPEN = """
import sys
from pathlib import Path
from credvault.model.errors import CredvaultError
from credvault.sealing.slots import KDF_LIMITS
from credvault.sealing.vaultfile import Limits
from tests.sealing.vaults import file_at, passphrase_material
try:
    file_at(Path(sys.argv[1]), key=passphrase_material(sys.argv[2]), limits=Limits(kdf=KDF_LIMITS)).open()
    ended = "opened"
except CredvaultError as exc:
    ended = exc.code
derivation = "cryptography.hazmat.primitives.kdf.pbkdf2" in sys.modules
sys.stdout.write(f"{ended} {derivation}")
"""


def asking(iterations: Any) -> Json:
    """Return a passphrase slot that asks for this many iterations."""
    return {**SLOT, "kdf": {**SLOT["kdf"], "iterations": iterations}}


SLOT = passphrase_slot("words")
TOO_MUCH = {
    **{f"iterations {count!r}": [asking(count)] for count in (-1, 0, 1, True, 1.5, "600000", 10**7 + 1, 10**12)},
    "one below the least": [asking(ITERATIONS - 1)],
    "17 slots": [SLOT, *(raw_slot(str(number)) for number in range(16))],
    "30 million in all": [{**asking(10**7), "id": str(number)} for number in range(3)],
    "one over 20 million in all": [
        {**asking(count), "id": str(count)} for count in (10**7, 10**7 - ITERATIONS, ITERATIONS + 1)
    ],
}


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of what the library was asked to derive from, one for each call."""
    calls: list[int] = []

    class Counting:
        def __init__(self, *args: Any) -> None:
            self._derivation = PBKDF2HMAC(*args)

        def derive(self, secret: bytes) -> bytes:
            calls.append(len(secret))
            return self._derivation.derive(secret)

    monkeypatch.setattr("cryptography.hazmat.primitives.kdf.pbkdf2.PBKDF2HMAC", Counting)
    return calls


def written(folder: Path, slots: list[Json]) -> Path:
    """Return a signed file with these slots and no secrets."""
    path = folder / "vault.json"
    path.write_bytes(assemble(canonical(header(slots)), [bucket({}, [])]))
    return path


@pytest.mark.parametrize("slots", TOO_MUCH.values(), ids=[name.replace(" ", "-") for name in TOO_MUCH])
def test_header_that_asks_too_much_is_damaged_before_any_derivation(
    slots: list[Json], derivations: list[int], tmp_path: Path
) -> None:
    path = written(tmp_path, slots)

    with pytest.raises(Damaged) as caught:
        file_at(path, key=passphrase_material(PASSPHRASE), limits=REAL).open()

    assert (type(caught.value), caught.value.exit_status) == (Damaged, 10)
    assert derivations == []


def test_header_that_asks_what_it_may_is_derived_from_once_for_each_slot(
    derivations: list[int], tmp_path: Path
) -> None:
    """The counter above counts: the same header, with bounds kept, is worked for."""
    slots = [passphrase_slot("other", "another passphrase"), passphrase_slot("words"), passphrase_slot("third")]
    path = written(tmp_path, slots)
    derivations.clear()

    file_at(path, key=passphrase_material(PASSPHRASE), limits=REAL).open().close()

    assert derivations == [len(PASSPHRASE), len(PASSPHRASE)]


def test_wrong_passphrase_is_derived_from_once_for_each_passphrase_slot(derivations: list[int], tmp_path: Path) -> None:
    path = written(tmp_path, [passphrase_slot("words"), raw_slot()])
    derivations.clear()

    with pytest.raises(WrongKey):
        file_at(path, key=passphrase_material("wrong"), limits=REAL).open()

    assert derivations == [len("wrong")]


@pytest.mark.parametrize(
    ("slots", "ended"),
    [
        ([asking(10**12)], "damaged False"),
        ([asking(True)], "damaged False"),
        (TOO_MUCH["17 slots"], "damaged False"),
        (TOO_MUCH["30 million in all"], "damaged False"),
        ([SLOT], "opened True"),
    ],
    ids=["iterations", "true", "slots", "sum", "as-it-may"],
)
def test_header_that_asks_too_much_does_not_even_load_the_derivation(
    slots: list[Json], ended: str, tmp_path: Path
) -> None:
    path = written(tmp_path, slots)

    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path), PASSPHRASE], capture_output=True, text=True, check=True
    )

    assert done.stdout == ended


def test_other_derivation_than_the_one_there_is_is_damaged(derivations: list[int], tmp_path: Path) -> None:
    weaker = {**SLOT, "kdf": {**SLOT["kdf"], "name": "pbkdf2-hmac-sha1"}}
    salt = {**SLOT, "kdf": {**SLOT["kdf"], "salt": base64.b64encode(bytes(8)).decode()}}

    for edited in (weaker, salt):
        with pytest.raises(Damaged):
            file_at(written(tmp_path, [edited]), key=passphrase_material(PASSPHRASE), limits=REAL).open()

    assert derivations == []


def test_parameters_that_were_edited_within_bounds_cannot_unwrap(tmp_path: Path) -> None:
    """A lower count, signed anew by nobody: the count is in the key that wraps."""
    slot = passphrase_slot("words", iterations=ITERATIONS + 1)
    slot["kdf"]["iterations"] = ITERATIONS

    with pytest.raises(WrongKey):
        file_at(written(tmp_path, [slot]), key=passphrase_material(PASSPHRASE), limits=REAL).open()
