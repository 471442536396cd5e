"""Our own JSON in: variables, and records as `--json` shows them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credvault.delivery.formats import jsonobject
from credvault.model.errors import InvalidValue
from credvault.transfer.importers.base import Item, Skipped, Source
from credvault.transfer.importers.jsonfile import read
from credvault.transfer.plan import Choices, plan_rows


def items(folder: Path, content: Any) -> list[Item | Skipped]:
    path = folder / "secrets.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return list(read(Source(str(path), {})))


def test_variables_and_folders_of_them_are_read(tmp_path: Path) -> None:
    found = items(tmp_path, {"TOKEN": "a\nb", "db": {"port": 5432, "password": "p/é", "tls": True}, "x/y": "z"})

    assert [(item.path, item.value.reveal()) for item in found if isinstance(item, Item)] == [
        (("TOKEN",), b"a\nb"),
        (("db", "port"), b"5432"),
        (("db", "password"), "p/é".encode()),
        (("db", "tls"), b"true"),
        (("x", "y"), b"z"),
    ]


@pytest.mark.parametrize(
    "number", ["1.10", "12e34", "1E5", "1e400", "0.1000000000000000055511151231257827", "-7", "10"]
)
def test_number_is_a_value_as_it_is_spelled(tmp_path: Path, number: str) -> None:
    (item,) = items(tmp_path, f'{{"NUMBER": {number}}}'.encode())

    assert isinstance(item, Item)
    assert item.value.reveal() == number.encode()


@given(st.text())
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_export_writes_comes_back_byte_for_byte(tmp_path: Path, text: str) -> None:
    written = jsonobject.whole([jsonobject.entry("VARIABLE", text.encode()), jsonobject.entry("OTHER", b"x")])

    found = items(tmp_path, written)

    assert [(item.path, item.value.reveal()) for item in found if isinstance(item, Item)] == [
        (("VARIABLE",), text.encode()),
        (("OTHER",), b"x"),
    ]


def test_what_is_no_value_is_skipped_with_a_reason(tmp_path: Path) -> None:
    found = items(tmp_path, {"a": [1], "b": None})

    assert found == [Skipped(("a",), "it is a list, not a value"), Skipped(("b",), "it is null")]


def test_record_keeps_what_a_vault_can_hold_of_it(tmp_path: Path) -> None:
    record = {
        "namespace": "db",
        "key": "prod/main",
        "version": 7,
        "type": "database",
        "delivery": "executor_only",
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2021-01-01T00:00:00Z",
        "value_changed_at": "2021-01-01T00:00:00Z",
        "updated_by": "alice",
        "fields": {"host": "h", "port": 1},
        "tags": ["a"],
        "last_used_at": "2022-01-01T00:00:00Z",
        "shape": "of the future",
        "value_base64": "/wA=",
    }

    (item,) = items(tmp_path, record)

    assert isinstance(item, Item)
    assert (item.path, item.value.reveal()) == (("db", "prod", "main"), b"\xff\x00")
    assert item.facts == {
        "type": "database",
        "delivery": "executor_only",
        "created_at": "2020-01-01T00:00:00Z",
        "fields": {"host": "h", "port": 1},
        "tags": ["a"],
        "metadata": {},
    }
    assert item.remark == "without shape"


def test_list_of_records_without_values_says_where_values_are(tmp_path: Path) -> None:
    found = items(tmp_path, [{"namespace": "a", "key": "b", "version": 1}])

    assert found == [Skipped(("a", "b"), "it comes without its value, which 'credvault get --json' gives")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"canary",
        b'{"a": "canary"',
        b'{"a": "canary", "a": "canary2"}',
        b'{"a": "\\ud800canary"}',
        b'{"a": NaN}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"\xff\xfe",
        b'"canary"',
        b"[1]",
        b'{"namespace": "a", "key": "b", "value": 7}',
        b'{"namespace": "a", "key": "b", "value_base64": "canary?"}',
    ],
)
def test_hostile_or_foreign_json_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidValue) as failure:
        items(tmp_path, content)

    assert "canary" not in failure.value.message
    assert "secrets.json" in failure.value.message


@pytest.mark.parametrize("kind", ["database", "bank account"])
@pytest.mark.parametrize("metadata", [True, 7, [1], "canary"])
def test_metadata_that_are_none_are_no_crash_and_not_lost(tmp_path: Path, kind: str, metadata: object) -> None:
    found = items(tmp_path, {"namespace": "a", "key": "b", "value": "v", "type": kind, "metadata": metadata})

    (row,) = plan_rows(found, Choices())

    assert (row.action, row.reason) == ("invalid", "metadata must be an object")
