"""What `--env-file` takes, and what it refuses without quoting it."""

import os
from pathlib import Path

import pytest

from credvault.delivery.envfile import read_env_file
from credvault.model.errors import CredvaultError, Invalid, InvalidName, InvalidURI, NotFound, StorageError
from credvault.model.names import Name
from credvault.model.reference import Reference
from credvault.model.uri import SecretURI, parse_uri
from credvault.model.value import SecretValue

CANARY = "canary-3Qx"


def read(path: Path, data: bytes) -> list[tuple[str, bytes | Reference | SecretURI]]:
    path.write_bytes(data)
    wanted = read_env_file(str(path), default="team")
    return [(w.variable, w.content.reveal() if isinstance(w.content, SecretValue) else w.content) for w in wanted]


TEXTS = {
    "plain": (b"A=b\n", b"b"),
    "without a final newline": (b"A=b", b"b"),
    "blanks around": (b"  A \t=\t b c \t\n", b"b c"),
    "CRLF": (b"A=b\r\n", b"b"),
    "a byte order mark": (b"\xef\xbb\xbfA=b\n", b"b"),
    "export": (b"export A=b\n", b"b"),
    "export and a tab": (b"export\t A=b\n", b"b"),
    "equals signs in it": (b"A==b=c==\n", b"=b=c=="),
    "empty": (b"A=\n", b""),
    "empty in quotes": (b'A=""\n', b""),
    "double quotes": (b'A=" b "\n', b" b "),
    "single quotes": (b"A=' b '\n", b" b "),
    "only one pair of quotes": (b"A=''b''\n", b"'b'"),
    "quotes inside": (b"A=b\"c'd\n", b"b\"c'd"),
    "nothing special in quotes": (b'A="\\n$HOME`id`#"\n', b"\\n$HOME`id`#"),
    "a hash sign is no comment": (b"A=b # c\n", b"b # c"),
    "not UTF-8": (b"A=\xff\xfe\n", b"\xff\xfe"),
    "characters at which str.splitlines cuts": (
        "A=a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\n".encode(),
        "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g".encode(),
    ),
    "a no-break space at its end": ("A=b\u00a0\n".encode(), "b\u00a0".encode()),
    "a carriage return inside": (b"A=b\rc\n", b"b\rc"),
    "another scheme": (b"A=op://a/b\n", b"op://a/b"),
}


@pytest.mark.parametrize(("data", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_text_is_taken_as_it_is(tmp_path: Path, data: bytes, text: bytes) -> None:
    assert read(tmp_path / "env", data) == [("A", text)]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# A=b\n", b"  # A=b\n\t\n", b"\r\n", b"\xef\xbb\xbf"])
def test_blank_lines_and_comments_are_passed_over(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path / "env", data) == []


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("credvault://a/b", Reference(Name("a", "b"))),
        ("credvault://b", Reference(Name("team", "b"))),
        ("'credvault://a/b#host'", Reference(Name("a", "b"), "host")),
        ('"credvault://a/b/c?version=3"', Reference(Name("a", "b/c"), None, 3)),
        ("credvault://a/b?version=3#host", Reference(Name("a", "b"), "host", 3)),
        ("openbao+kv2://secret/a#b?version=3", parse_uri("openbao+kv2://secret/a#b?version=3")),
        ("'HashiCorp://secret/a#b'", parse_uri("hashicorp+kv2://secret/a#b")),
    ],
)
def test_reference_is_taken_as_one(tmp_path: Path, text: str, reference: Reference) -> None:
    assert read(tmp_path / "env", f"export A={text}\r\n".encode()) == [("A", reference)]


BAD = {
    "no equals sign": f"{CANARY}\n".encode(),
    "a variable with a blank": f"A {CANARY}=b\n".encode(),
    "a variable with a minus": f"{CANARY}=b\n".encode(),
    "no variable": f"={CANARY}\n".encode(),
    "a variable that is not UTF-8": b"\xff=" + CANARY.encode(),
    "a text of several lines": f'A="-----BEGIN\n{CANARY}==\n-----END"\n'.encode(),
    "a quote alone": b"A='\n",
    "a quote that is not closed": f"A='{CANARY}\n".encode(),
    "a quote that closes too early": f'A="b" {CANARY}\n'.encode(),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_line_that_is_neither_is_named_and_not_quoted(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "env"

    with pytest.raises(Invalid) as caught:
        read(path, b"FINE=1\n" + data)

    assert f"{path}:2 " in caught.value.message
    assert CANARY not in caught.value.message + str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "error"),
    [("", InvalidName), ("a b", InvalidName), ("a/b#", InvalidURI), ("a?version=x", InvalidURI), ("../b", InvalidName)],
)
def test_bad_reference_is_named_by_its_line(tmp_path: Path, text: str, error: type[CredvaultError]) -> None:
    path = tmp_path / "env"

    with pytest.raises(error) as caught:
        read(path, f"\nA=credvault://{text}\n".encode())

    assert caught.value.message.startswith(f"{path}:2: ")


def test_what_is_no_readable_file_of_a_sane_size_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    (tmp_path / "fits").write_bytes(b"#" * (4 * 1024 * 1024))

    for name, error in (("nosuch", NotFound), ("pipe", StorageError), (".", StorageError), ("large", StorageError)):
        with pytest.raises(error):
            read_env_file(str(tmp_path / name), default="team")
    assert read_env_file(str(tmp_path / "fits"), default="team") == []
