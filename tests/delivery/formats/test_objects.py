"""`json` and `yaml`, as Python, Node.js and PyYAML read them."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from credvault.delivery.formats import render
from credvault.model.errors import InvalidValue
from tests.delivery.formats.proof import injection, is_text, need, refused_after_proof


def encoded(read: object) -> Mapping[str, bytes]:
    assert isinstance(read, dict)
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in read.items())
    return {name: value.encode() for name, value in read.items()}


def test_every_text_is_read_by_python_from_json(tmp_path: Path) -> None:
    refused = refused_after_proof("json", lambda text: encoded(json.loads(text)), tmp_path, count=100_000)

    assert refused
    assert not any(is_text(value) for value in refused)


def test_every_text_is_read_by_node_from_json(tmp_path: Path) -> None:
    need("node")
    script = (
        "const read = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "for (const [name, value] of Object.entries(read)) process.stdout.write(`${name}=${value}\\0`)"
    )

    def consumer(text: bytes) -> Mapping[str, bytes]:
        done = subprocess.run(["node", "-e", script], input=text, capture_output=True, timeout=60, check=True)
        pairs = [entry.partition(b"=") for entry in done.stdout.split(b"\0")]
        return {name.decode(): value for name, _, value in pairs}

    assert refused_after_proof("json", consumer, tmp_path, count=10_000)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_every_text_is_read_by_pyyaml(loader: type, tmp_path: Path) -> None:
    refused = refused_after_proof(
        "yaml",
        lambda text: encoded(yaml.load(text, loader)),  # noqa: S506 - both are safe
        tmp_path,
        count=5_000,
    )

    assert refused
    assert not any(is_text(value) for value in refused)


# What YAML takes for something else than text, as a variable and as a value.
WORDS = "NO no Yes on OFF y N null Null NULL true FALSE _ nan inf".split()
NO_NAMES = [
    "~",
    "1e3",
    "0x1F",
    "0o17",
    "017",
    "1_000",
    "12:30:45",
    "2026-11-26",
    ".inf",
    "<<",
    "=",
    "- a",
    "? a",
    "&a",
    "*a",
]


@pytest.mark.parametrize(
    "word", [*WORDS, *NO_NAMES, "!!python/none", "{}", "[]", "'", "--- a", "%YAML 1.1", "# a", "a: b"]
)
def test_word_of_yaml_is_text(word: str) -> None:
    variable = word if word in WORDS else "A"

    read = yaml.safe_load(render("yaml", [injection(word.encode(), variable)]))

    assert read == {variable: word}


def test_both_are_ascii_on_a_line_for_each_variable() -> None:
    variables = [injection('it\'s "é" 😀\n'.encode(), "A"), injection(b"", "B")]

    assert render("json", variables) == b'{\n  "A": "it\'s \\"\\u00e9\\" \\ud83d\\ude00\\n",\n  "B": ""\n}\n'
    assert render("yaml", variables) == b'"A": "it\'s \\"\\u00e9\\" \\U0001f600\\n"\n"B": ""\n'


def test_of_no_variables_both_are_an_empty_object() -> None:
    assert json.loads(render("json", [])) == {}
    assert yaml.safe_load(render("yaml", [])) == {}


@pytest.mark.parametrize("format_name", ["json", "yaml"])
def test_bytes_that_are_no_text_are_refused(format_name: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        render(format_name, [injection(b"canary\xff")])

    assert refused.value.message == f"A (the test) cannot be exported as {format_name}: the value is not UTF-8 text"
    assert refused.value.hint is not None
    assert "shell" in refused.value.hint
    assert "canary" not in refused.value.hint
