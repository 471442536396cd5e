"""`dotenv`, as python-dotenv and npm's dotenv read it: each value the same in both, or refused."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from dotenv import dotenv_values

from credvault.delivery.formats import render
from credvault.model.errors import InvalidValue
from tests.delivery.formats.hard import NASTY, random_values
from tests.delivery.formats.proof import VALUES, injection, is_carried, is_text, need, refused_after_proof

NPM = Path(__file__).parent / "npm"

Readers = Callable[[Sequence[bytes]], Sequence[Mapping[str, Mapping[str, bytes]]]]


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what npm/package-lock.json pins, installed."""
    need("npm")
    need("node")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", "read.cjs"):
        shutil.copy(NPM / name, folder)
    # With the environment as it is: npm finds its settings there, and what it has downloaded before.
    words = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0 and os.environ.get("CI") != "true":
        pytest.skip("npm cannot install its packages here")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def readers(npm: Path, tmp_path: Path) -> Readers:
    """What each reader makes of files, by its name."""

    def of_python(text: bytes) -> dict[str, bytes]:
        file = tmp_path / ".env"
        file.write_bytes(text)
        return {variable: (value or "").encode() for variable, value in dotenv_values(file).items()}

    def read(texts: Sequence[bytes]) -> list[Mapping[str, Mapping[str, bytes]]]:
        files = json.dumps([base64.b64encode(text).decode() for text in texts]).encode()
        done = subprocess.run(["node", "read.cjs"], cwd=npm, input=files, capture_output=True, timeout=60, check=True)
        of_npm = [
            {
                reader: {variable: base64.b64decode(value) for variable, value in variables.items()}
                for reader, variables in by_reader.items()
            }
            for by_reader in json.loads(done.stdout)
        ]
        return [{"python-dotenv": of_python(text), **by_reader} for text, by_reader in zip(texts, of_npm, strict=True)]

    return read


def test_every_value_is_read_the_same_by_all_readers(readers: Readers, tmp_path: Path) -> None:
    def consumer(text: bytes) -> Mapping[str, bytes]:
        (by_reader,) = readers([text])
        assert all(variables == by_reader["python-dotenv"] for variables in by_reader.values())
        return by_reader["python-dotenv"]

    refused = refused_after_proof("dotenv", consumer, tmp_path, count=30_000)

    # Strung together from what is hard, a good part has no spelling that all read the same; the next test says which.
    assert 0 < len(refused) < 0.7 * (VALUES or 30_000)


def test_value_is_refused_only_where_no_spelling_is_read_the_same(readers: Readers) -> None:
    values = [value for value in (*NASTY, *random_values(2_000)) if len(value) < 1_000 and is_text(value)]
    refused = [value for value in values if not is_carried("dotenv", value)]
    # A file for each, in which a quote that is not closed finds another one.
    tried = [(value, text) for value in refused for text in spellings(value)]

    read = readers([b"A=%s\n# '\"`\nB='b'\n" % text for _, text in tried])

    worked = [
        (value, text)
        for (value, text), by_reader in zip(tried, read, strict=True)
        if all(variables == {"A": value, "B": b"b"} for variables in by_reader.values())
    ]
    assert len(refused) > 100
    assert worked == []


def spellings(value: bytes) -> list[bytes]:
    """Return the ways to write a value that come to mind."""
    escaped = value.replace(b"\r", rb"\r")
    return [
        # As it is, but for a start that npm's may take for a quote: by luck of what follows, it does not.
        *([] if value.startswith(b"`") else [value]),
        *(quote + value + quote for quote in (b"'", b'"', b"`")),
        b'"%s"' % escaped,
        b'"%s"' % escaped.replace(b"\n", rb"\n"),
        b'"%s"' % value.replace(b"\\", rb"\\").replace(b'"', rb"\"").replace(b"\n", rb"\n").replace(b"\r", rb"\r"),
        b"'%s'" % value.replace(b"\\", rb"\\").replace(b"'", rb"\'"),
        b'"%s"' % value.replace(b"$", rb"\$"),
    ]


SPELLED = {
    "plain": (b"abc", b"A='abc'\n"),
    "empty": (b"", b"A=''\n"),
    "lines": (b"a\nb\n", b"A='a\nb\n'\n"),
    "a single quote": (b"it's", b'A="it\'s"\n'),
    "both quotes": (b'it\'s a "b" c', b'A=it\'s a "b" c\n'),
    "a carriage return": (b"a\r\nb", b'A="a\\r\nb"\n'),
    "a folder of Windows": (b"C:\\new\\", b"A=C:\\new\\\n"),
    "a hash sign": (b"a #b", b"A='a #b'\n"),
    "a dollar": (b"$HOME $(id) ${", b"A='$HOME $(id) ${'\n"),
}


@pytest.mark.parametrize(("value", "text"), SPELLED.values(), ids=SPELLED.keys())
def test_spelling_is_the_simplest_that_all_read_the_same(value: bytes, text: bytes, readers: Readers) -> None:
    assert render("dotenv", [injection(value)]) == text
    assert all(variables == {"A": value} for variables in readers([text])[0].values())


REFUSED = {
    "a reference that python-dotenv replaces": (b"a${HOME}b", "the value has ${…} in it"),
    "both quotes and a hash sign": (b'it\'s "#1"', "readers of such files differ"),
    "both quotes and lines": (b'it\'s\n"b"', "readers of such files differ"),
    "not UTF-8": (b"\xff", "the value is not UTF-8 text"),
}


@pytest.mark.parametrize(("value", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_common_spelling_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        render("dotenv", [injection(value)])

    assert refused.value.message.startswith(f"A (the test) cannot be exported as dotenv: {reason}")
    assert "shell" in str(refused.value.hint)


def test_variable_that_is_no_member_in_javascript_is_refused(readers: Readers) -> None:
    with pytest.raises(InvalidValue, match="npm's dotenv loses that variable"):
        render("dotenv", [injection(b"a", "__proto__")])

    assert readers([b"__proto__='a'\n"])[0]["newest"] == {}  # that is why
