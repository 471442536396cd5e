"""Templates: what begins a reference, what stays as it is, and what is said of what is wrong."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.access.identity import Identity
from credvault.access.policy import owner_policy
from credvault.audit import Trail
from credvault.backends.memory import MemoryBackend
from credvault.delivery import template as module
from credvault.delivery.template import fill, parse_template
from credvault.model.errors import InvalidURI, InvalidValue, NotFound
from credvault.model.names import Name
from credvault.model.reference import Reference
from credvault.vault import Vault

CANARY = b"canary-{{ credvault://a/other }}-\0\r\n\xff\\1 \\g<0>"
OPENING = re.compile(rb"\{\{[ \t]*credvault://")


def memory_vault(folder: str) -> Vault:
    me = Identity("me")
    made = Vault(
        MemoryBackend(), policy=owner_policy(me), trail=Trail(folder, lambda: 0.0), identity=me, clock=lambda: 0.0
    )
    made.add("a/key", CANARY)
    made.add("a/other", b"other")
    made.add("a/db", b"password", type="database", fields={"host": "db.example.org", "port": 5433})
    made.rotate("a/other", b"newer")
    return made


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return memory_vault(str(tmp_path))


def filled(vault: Vault, text: bytes) -> bytes:
    return b"".join(fill(vault, parse_template(text, source="t", default="a")).chunks)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{{ credvault://a/other }}", b"newer"),
        (b"{{credvault://a/other}}", b"newer"),
        (b"{{\t credvault://a/other\t }}", b"newer"),
        (b"{{ credvault://other }}", b"newer"),
        (b"{{ CREDVAULT://a/other }}", b"newer"),
        (b"{{ credvault://a/other?version=1 }}{{ credvault://a/other }}", b"othernewer"),
        (b"{{ credvault://a/db#host }}:{{ credvault://a/db#port }}", b"db.example.org:5433"),
        (b"{{ credvault://a/db#host?version=1 }}{{ credvault://a/db?version=1#host }}", b"db.example.org" * 2),
        (b"<{{ credvault://a/key }}>", b"<" + CANARY + b">"),
        (b"{{{ credvault://a/other }}}", b"{newer}"),
        (b"{{{{ credvault://a/other }}}}", b"{{newer}}"),
        (b"\\{{ credvault://a/other }}", b"{{ credvault://a/other }}"),
        (b"\\{{ credvault://a//broken", b"{{ credvault://a//broken"),
        (b"\\\\{{ credvault://a/other }}", b"\\newer"),
        (b"\\\\\\{{ credvault://a/other }}", b"\\{{ credvault://a/other }}"),
        (b"\\\\\\\\{{ credvault://a/other }}\\", b"\\\\newer\\"),
        (b"\xff\xfe\0{{ credvault://a/other }}\r\n\x80", b"\xff\xfe\0newer\r\n\x80"),
        (b"\xef\xbb\xbf{{ credvault://a/other }}", b"\xef\xbb\xbfnewer"),
    ],
)
def test_reference_becomes_what_it_refers_to_and_nothing_else_changes(
    vault: Vault, text: bytes, expected: bytes
) -> None:
    assert filled(vault, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b'{{ .Values.image }} {{- if x }} {{ include "a" . }} {{/* c */}} {{ "{{" }}',
        b"{% for x in y %}{{ x | upper }}{# c #}{% endfor %}",
        b"${{ secrets.TOKEN }}",
        b"credvault://a/other",
        b"{ { credvault://a/other }}",
        b"{{ 'credvault://a/other' }}",
        b"{{- credvault://a/other }}",
        b"{{\ncredvault://a/other }}",
        b"{{ op://a/other }}",
        b"\\{{ x }} \\\\{{ y }}",
        b"{{ credvault:/",
    ],
)
def test_what_is_no_reference_stays_as_it_is(vault: Vault, text: bytes) -> None:
    assert filled(vault, text) == text


@given(st.binary(max_size=200).filter(lambda data: not OPENING.search(data)))
def test_bytes_without_a_reference_stay_as_they_are(data: bytes) -> None:
    template = parse_template(data, source="t")

    assert (b"".join(part for part in template.parts if isinstance(part, bytes)), template.lines) == (data, {})


PIECES = st.lists(
    st.one_of(
        st.text("{}\\ \n\r\tab#?é", max_size=8).map(str.encode),
        st.sampled_from([Reference(Name("a", "key")), Reference(Name("b", "c/d"), "f", 3)]),
    ),
    max_size=12,
)


@given(PIECES)
def test_every_reference_is_found_whatever_stands_around_it(pieces: list[bytes | Reference]) -> None:
    # A backslash is doubled where it would stand before a reference; braces around one are its own.
    text = b""
    expected = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            text += piece.rstrip(b"\\")
            expected += piece.rstrip(b"\\")
        else:
            text += f"{{{{ {piece} }}}}".encode()
            expected += b"<value>"

    template = parse_template(text, source="t")

    assert b"".join(part if isinstance(part, bytes) else b"<value>" for part in template.parts) == expected
    assert sum(map(len, template.lines.values())) == sum(isinstance(piece, Reference) for piece in pieces)


def test_everything_that_is_wrong_is_named_with_line_and_column(vault: Vault) -> None:
    text = (
        b"first {{ credvault://a/key\n"
        b"  {{ credvault://a//b }}{{ credvault://ok }}{{ credvault://op://x }}\r\n"
        b"\xff {{ credvault://a/key#a#b }} {{ credvault://a/{x} }}\n"
        b"{{ credvault://a/key?version=0 }} {{ credvault:// }} {{ credvault://a {{ credvault://b }}"
    )

    with pytest.raises(InvalidURI) as caught:
        parse_template(text, source="t")

    assert caught.value.message.split("; ") == [
        "t:1:7: a reference is not closed by }} on its line",
        "t:2:3: empty key in name 'a//b'",
        "t:2:45: 'credvault://op://x' is not a reference to a secret",
        "t:3:3: 'credvault://a/key#a#b' has more than one '#'",
        "t:3:31: a reference is not closed by }} on its line",
        "t:4:1: 'credvault://a/key?version=0' has a query that is not version=N",
        "t:4:35: empty key in name ''",
        "t:4:54: a reference is not closed by }} on its line",
    ]


def test_everything_that_is_missing_is_named_with_its_lines(vault: Vault) -> None:
    text = (
        b"{{ credvault://a/none }}{{ credvault://a/key }}\n\n{{ credvault://a/none }}{{ credvault://a/none }}\n"
        b"{{ credvault://a/key#host }}{{ credvault://a/key?version=7 }}"
    )

    with pytest.raises(NotFound) as caught:
        filled(vault, text)

    assert caught.value.message == "not there: a/none (t:1, 3), a/key#host (t:4), a/key?version=7 (t:4)"
    assert b"canary" not in caught.value.message.encode()


def test_small_template_does_not_become_a_huge_file(vault: Vault) -> None:
    vault.add("a/large", b"x" * 1024 * 1024)

    with pytest.raises(InvalidValue, match="has more than"):
        filled(vault, b"{{ credvault://a/large }}" * 65)

    assert len(filled(vault, b"{{ credvault://a/large }}" * 64)) == module.MAX_FILLED_BYTES


@pytest.mark.parametrize("unit", [b"{", b"\\", b"{{ ", b"{{ credvault://a/key }}", b"\\{{ credvault://a }}"])
def test_large_template_takes_no_more_than_a_moment(unit: bytes) -> None:
    """Four MiB on one line: what takes time by the square of that would not end."""
    text = unit * (module.MAX_TEMPLATE_BYTES // len(unit))

    template = parse_template(text, source="t")

    assert sum(map(len, template.lines.values())) == (len(text) // len(unit) if unit.startswith(b"{{ cred") else 0)


@pytest.mark.parametrize("unit", [b"{{ credvault://\n", b"{{ credvault://- }}\n"])
def test_of_many_mistakes_the_first_twenty_are_named(unit: bytes) -> None:
    for count in (20, 21, 200_000):
        with pytest.raises(InvalidURI) as caught:
            parse_template(unit * count, source="t")

        named = caught.value.message.split("; ")
        assert [text.split(": ")[0] for text in named[:20]] == [f"t:{line}:1" for line in range(1, 21)]
        assert named[20:] == (["and more"] if count > 20 else [])


def test_of_much_that_is_missing_the_first_twenty_are_named(vault: Vault) -> None:
    many = b"".join(b"{{ credvault://a/none%d }}\n" % number for number in range(1000))
    often = b"{{ credvault://a/none }}\n" * 1000

    with pytest.raises(NotFound) as of_many:
        filled(vault, many)
    with pytest.raises(NotFound) as of_one:
        filled(vault, often)

    assert of_many.value.message.endswith(", a/none19 (t:20) and 980 more")
    assert of_one.value.message.endswith(", 19, 20 and 980 more)")


def test_template_with_too_many_references_is_refused_before_any_is_looked_up() -> None:
    units = [b"{{ credvault://a/n%d }}" % number for number in range(module.MAX_REFERENCES + 1)]

    template = parse_template(b"".join(units[1:]) * 2, source="t")
    with pytest.raises(InvalidValue) as caught:
        parse_template(b"".join(units), source="t")

    assert len(template.lines) == module.MAX_REFERENCES
    assert caught.value.message == "t has more than 4096 different references"
