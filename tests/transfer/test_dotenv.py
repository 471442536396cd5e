"""Files of variables: read as python-dotenv reads them, byte for byte."""

import io
from pathlib import Path

import dotenv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import credvault.delivery.formats.dotenv as written_dotenv
from credvault.model.errors import InvalidValue
from credvault.transfer.importers.base import Item, Skipped, Source
from credvault.transfer.importers.dotenv import _parse, read

# What the grammar is made of, and what it trips over.
PIECES = ["A", "b", "=", "'", '"', "\\", "#", " ", "\t", "\n", "\r", "\r\n", "export ", "${B}", "n", "é", "\u2028", "$"]


def items(folder: Path, content: bytes) -> list[Item | Skipped]:
    path = folder / ".env"
    path.write_bytes(content)
    return list(read(Source(str(path), {})))


def values(folder: Path, content: bytes) -> dict[str, bytes]:
    return {item.path[0]: item.value.reveal() for item in items(folder, content) if isinstance(item, Item)}


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=3_000, deadline=None)
def test_reads_what_python_dotenv_reads_or_refuses_the_line(text: str) -> None:
    bindings = list(dotenv.parser.parse_stream(io.StringIO(text, newline="")))

    try:
        mine = [(name, value) for _, name, value, _ in _parse(text, "x")]
    except InvalidValue:
        assert any(binding.error for binding in bindings)
        return

    assert mine == [(binding.key, binding.value) for binding in bindings if binding.key is not None]
    assert not any(binding.error for binding in bindings)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_file_is_what_python_dotenv_makes_of_it(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_bytes(text.encode())
    theirs = dotenv.dotenv_values(tmp_path / ".env", interpolate=False)

    try:
        mine = values(tmp_path, text.encode())
    except InvalidValue:
        return

    assert mine == {name: value.encode() for name, value in theirs.items() if value is not None}


@given(st.binary(max_size=40) | st.text(st.sampled_from("a'\"\\$`!# \t\n\r\u2028é{}=")).map(str.encode))
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_export_writes_comes_back_byte_for_byte(tmp_path: Path, value: bytes) -> None:
    try:
        written = written_dotenv.entry("VARIABLE", value)
    except InvalidValue:
        return  # export refuses what this format cannot carry

    assert values(tmp_path, b"BEFORE=1\n" + written + b"AFTER=2\n") == {
        "BEFORE": b"1",
        "VARIABLE": value,
        "AFTER": b"2",
    }


def test_values_are_taken_as_they_are_written(tmp_path: Path) -> None:
    content = (
        b'# a comment\n\nexport TOKEN=abc\nPEM=\'-----BEGIN\nKEY-----\n\'\nQUOTED="a\\nb\\"c"\n'
        b"HASH=a#b\nSPACED = two words  \nSINGLE='it\\'s \\n'\nREF=${HOME}/x\n"
    ) + b"BYTES=\xff\xfe\n"

    assert values(tmp_path, content) == {
        "TOKEN": b"abc",
        "PEM": b"-----BEGIN\nKEY-----\n",
        "QUOTED": b'a\nb"c',
        "HASH": b"a#b",
        "SPACED": b"two words",
        "SINGLE": b"it's \\n",
        "REF": b"${HOME}/x",
        "BYTES": b"\xff\xfe",
    }


def test_variable_keeps_its_name_whatever_its_case(tmp_path: Path) -> None:
    found = [item for item in items(tmp_path, b"token=a\nmy.key=b\n") if isinstance(item, Item)]

    assert [(item.path, item.facts) for item in found] == [(("token",), {"env_name": "token"}), (("my.key",), {})]


def test_comment_that_is_left_off_and_reference_that_is_kept_are_said(tmp_path: Path) -> None:
    found = items(tmp_path, b"A=x # why\nB=${A}\nC='x # y'\n")

    assert [item.remark for item in found if isinstance(item, Item)] == [
        "less the comment behind it",
        "${…} in it is taken as it is",
        "",
    ]


def test_variable_set_twice_has_its_last_value_and_the_first_is_said_to_be_skipped(tmp_path: Path) -> None:
    found = items(tmp_path, b"A=1\nB=2\nA=3\nLONE\n")

    assert found[0] == Skipped(("A",), "set again in line 3")
    assert found[3] == Skipped(("LONE",), "line 4 gives it no value")
    assert values(tmp_path, b"A=1\nB=2\nA=3\n") == {"B": b"2", "A": b"3"}


@pytest.mark.parametrize("line", ["A='canary", 'A="canary', "=canary", "two canaries", "A='x' canary", "'A=canary"])
def test_line_that_is_no_variable_is_named_and_not_quoted(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidValue, match=r"\.env, line 2:") as failure:
        items(tmp_path, f"FINE=1\n{line}\n".encode())

    assert "canary" not in f"{failure.value.message}{failure.value.hint}"


def test_long_runs_of_blanks_take_no_time(tmp_path: Path) -> None:
    """A pattern that is tried at each blank takes hours over these; the suite's limit for a test would end it."""
    blanks = b" " * 1_000_000

    found = values(tmp_path, b"A=x" + blanks + b"y\nB=x" + blanks + b"# c\n" + b"\n" * 100_000 + b"C=1\n")

    assert found == {"A": b"x" + blanks + b"y", "B": b"x", "C": b"1"}
