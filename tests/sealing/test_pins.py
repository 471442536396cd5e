"""Pins as they are kept in the state folder: odd and long paths, garbage, and which pin replaces which."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credvault.model.pin import Pin
from credvault.state import PinStore

VAULT = "0" * 32
FIRST, SECOND = Pin(1, "a" * 64, "f" * 64), Pin(2, "b" * 64, "f" * 64)
FOREIGN = Pin(3, "c" * 64, "e" * 64)

# What a path of one segment or many can be: anything but NUL, undecodable bytes included.
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60).map("/".__add__)


@pytest.fixture
def pins(tmp_path: Path) -> PinStore:
    return PinStore(str(tmp_path / "state"))


def pin_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "state").rglob("*") if path.suffix == ".json" and path.is_file()]


def test_nothing_is_known_of_a_path_at_first(pins: PinStore, tmp_path: Path) -> None:
    assert pins.take("/vault.json") == {}
    assert os.listdir(tmp_path) == []


def test_newer_pin_replaces_and_older_one_does_not(pins: PinStore) -> None:
    pins.keep("/v", VAULT, FIRST)
    pins.keep("/v", VAULT, SECOND)
    pins.keep("/v", VAULT, FIRST)

    assert pins.take("/v") == {VAULT: [SECOND]}


def test_other_pin_of_the_same_generation_or_data_key_does_not_replace(pins: PinStore) -> None:
    pins.keep("/v", VAULT, FIRST)
    pins.keep("/v", VAULT, FIRST._replace(mac="b" * 64))
    pins.keep("/v", VAULT, FOREIGN)

    assert pins.take("/v") == {VAULT: [FIRST]}


def test_forced_pin_replaces_whatever_is_there(pins: PinStore) -> None:
    pins.keep("/v", VAULT, SECOND)

    pins.keep("/v", VAULT, FIRST, force=True)

    assert pins.take("/v") == {VAULT: [FIRST]}


def test_announced_pin_stands_beside_until_it_is_kept(pins: PinStore) -> None:
    pins.keep("/v", VAULT, SECOND)

    pins.announce("/v", VAULT, FOREIGN)

    assert pins.take("/v") == {VAULT: [SECOND, FOREIGN]}
    pins.keep("/v", VAULT, FOREIGN)
    assert pins.take("/v") == {VAULT: [FOREIGN]}


def test_vaults_and_paths_keep_their_own(pins: PinStore) -> None:
    pins.keep("/v", VAULT, FIRST)
    pins.keep("/v", "1" * 32, SECOND)
    pins.keep("/w", VAULT, FOREIGN)

    assert pins.take("/v") == {VAULT: [FIRST], "1" * 32: [SECOND]}
    assert pins.take("/w") == {VAULT: [FOREIGN]}


def test_pin_file_is_private(pins: PinStore, tmp_path: Path) -> None:
    pins.keep("/some/where/vault.json", VAULT, FIRST)

    (file,) = pin_files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


# Pairs that would be one file were anything in them taken for something else.
TWINS = [
    ("/a/b", "/a%2Fb"),
    ("/a%2Fb", "/a%252Fb"),
    ("/a\\b", "/a%5Cb"),
    ("/a", "/A"),
    ("/é", "/e\u0301"),
    ("/a", "/a.json"),
    ("/a", "/a.json.lock"),
    ("/a b", "/a%20b"),
    ("/..", "/."),
    ("/" + "x" * 250, "/" + "x" * 251),
    ("/" + "x" * 197 + "/y", "/" + "x" * 197 + "%2Fy"),
    ("/\udcff", "/\udcfe"),
]


@pytest.mark.parametrize(("first", "second"), TWINS)
def test_paths_that_look_alike_have_pins_of_their_own(first: str, second: str, pins: PinStore) -> None:
    pins.keep(first, VAULT, FIRST)
    pins.keep(second, VAULT, FOREIGN)

    assert pins.take(first) == {VAULT: [FIRST]}
    assert pins.take(second) == {VAULT: [FOREIGN]}


@pytest.mark.parametrize("length", [1, 190, 199, 200, 201, 254, 600])
@pytest.mark.parametrize("character", ["x", "/", "%", "é", "\U0001f511", "\n", "\udcff", "."])
def test_pin_of_a_long_path_is_kept(character: str, length: int, pins: PinStore, tmp_path: Path) -> None:
    path = "/" + character * length

    pins.keep(path, VAULT, FIRST)

    assert pins.take(path) == {VAULT: [FIRST]}
    (file,) = pin_files(tmp_path)
    assert max(len(os.fsencode(part)) for part in file.parts) <= 255


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS)
def test_no_path_leaves_the_folder_of_the_pins(tmp_path: Path, path: str) -> None:
    store = PinStore(str(tmp_path / "state"))

    store.keep(path, VAULT, FIRST, force=True)

    assert store.take(path) == {VAULT: [FIRST]}
    assert os.listdir(tmp_path) == ["state"]
    assert os.listdir(tmp_path / "state") == ["pins"]


GARBAGE = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b'{"v": null}',
    b'{"v": 1}',
    b'{"v": "text"}',
    b'{"v": {"a": 1}}',
    b'{"v": [1]}',
    b'{"v": [null]}',
    b'{"v": [[]]}',
    b'{"v": [[1]]}',
    b'{"v": [["x", "y", "z"]]}',
    b'{"v": [[1, "y"]]}',
    b'{"v": [{}]}',
    b'{"v": [{"a": 1}]}',
    b'{"v": [[Infinity, "y", "z"]]}',
    b'{"v": [[NaN, "y", "z"]]}',
    b"[" * 100_000,
    b'{"v": ' * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_pin_file_that_cannot_be_read_counts_as_none_and_is_mended(
    garbage: bytes, pins: PinStore, tmp_path: Path
) -> None:
    """It guards against old files, and must lock nobody out."""
    pins.keep("/v", VAULT, FIRST)
    (file,) = pin_files(tmp_path)
    file.write_bytes(garbage)

    assert VAULT not in pins.take("/v")
    pins.keep("/v", VAULT, SECOND)

    assert pins.take("/v")[VAULT] == [SECOND]


def test_folder_in_the_place_of_a_pin_file_counts_as_none(pins: PinStore, tmp_path: Path) -> None:
    pins.keep("/v", VAULT, FIRST)
    (file,) = pin_files(tmp_path)
    file.unlink()
    file.mkdir()

    assert pins.take("/v") == {}
