"""Every spelling of a value that must not come out: as it is, line by line, encoded, quoted for shells and formats.

Knows nothing of streams: `matching.py` looks for what this lists. Not listed is what cannot be told beforehand:
compressed or encrypted text, text that is quoted twice, base64 within longer text that is broken into lines.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import unquote_to_bytes

from credvault.model.value import SecretValue

MARK = b"[REDACTED]"
# Below this a value is likely a word of its own somewhere: requirements.md M136.
MIN_BYTES = 6
# What is longer is looked for in pieces of at least half of this, so that what a matcher holds back has a bound, and a
# good part of a long secret is hidden although the rest of it does not come.
MAX_FORM_BYTES = 512
# A longer value is looked for as it is, line by line, in base64 and in hexadecimal, but in none of thirty quoted forms.
# Of 64 KiB those took 2 s to make and enter, where they were many.
MAX_QUOTED_BYTES = 16 * 1024

_PASSWORD = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^:/?#@\s]*:([^/?#\s]+)@")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WORD = _LETTERS + b"0123456789_"
_CONTROLS = bytes(range(32)) + b"\x7f"
_NAMED_CONTROLS = {8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r"}
_ALL = bytes(range(256))


class _Quoting:
    """One way to quote bytes, as a table: what each of `changed` becomes."""

    def __init__(self, changed: dict[int, bytes]) -> None:
        self._kept = bytes(byte for byte in _ALL if byte not in changed)
        self._table = [changed.get(byte, bytes([byte])) for byte in _ALL]

    def changes(self, text: bytes) -> bool:
        return bool(text.translate(None, self._kept))

    def __call__(self, text: bytes) -> bytes:
        return b"".join(map(self._table.__getitem__, text))


def is_maskable(value: SecretValue) -> bool:
    """Say whether a value is long enough to be hidden: `MIN_BYTES`, final line ends not counted."""
    return len(_text(value)) >= MIN_BYTES


def hidden_forms(value: SecretValue) -> set[bytes]:
    """Return what a stream must not show of a value; empty where it is too short (`is_maskable`).

    Each form has `MIN_BYTES` to `MAX_FORM_BYTES` bytes. Line ends at the end of a value belong to no form. The password
    in a URL is hidden by itself too: programs take such values apart.
    """
    text = _text(value)
    password = _PASSWORD.match(text)
    texts = {text, *((password[1], unquote_to_bytes(password[1])) if password else ())}
    return {piece for each in texts if len(each) >= MIN_BYTES for form in _forms(each) for piece in _pieces(form)}


def _forms(text: bytes) -> Iterator[bytes]:
    forms = {text, text.replace(b"\n", b"\r\n"), text.hex().encode(), text.hex().upper().encode(), *_base64(text)}
    # What is no text has no lines: it would have thousands, each with all its quoted forms.
    lines = [] if b"\0" in text else text.splitlines()  # of bytes: at LF, CRLF and CR, and nowhere else
    texts = {text, *lines}
    if len(lines) > 1:
        # A terminal shows LF as CRLF, and programs turn one into the other.
        texts |= {b"\n".join(lines), b"\r\n".join(lines)}
    if len(text) > MAX_QUOTED_BYTES:
        forms |= texts
    else:
        quoted = {spelt for each in texts for spelt in _quoted(each)}
        forms |= quoted
        if len(lines) > 1:
            forms |= {spelt.replace(b"\n", b"\r\n") for spelt in quoted}
    return (form for form in forms if len(form) >= MIN_BYTES)


def _text(value: SecretValue) -> bytes:
    return value.reveal().rstrip(b"\r\n")


def _pieces(form: bytes) -> Iterable[bytes]:
    count = -(-len(form) // MAX_FORM_BYTES)
    cuts = [len(form) * number // count for number in range(count + 1)]
    return (form[start:end] for start, end in pairwise(cuts))


def _base64(text: bytes) -> Iterator[bytes]:
    """Yield the characters that the text alone decides, at each of three offsets, and in lines as `base64` prints."""
    for offset in range(3):
        encoded = b64encode(bytes(offset) + text)[(0, 2, 3)[offset] : (offset + len(text)) * 8 // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))
        if offset:
            continue
        for width in (64, 76):  # RFC 7468, RFC 2045
            lines = [encoded[start : start + width] for start in range(0, len(encoded), width)]
            yield b"\n".join(lines)
            yield b"\r\n".join(lines)


def _quoted(text: bytes) -> Iterator[bytes]:
    """Yield the text, and each quoted form of it that differs."""
    yield text
    for quoting in _QUOTINGS:
        if quoting.changes(text):
            yield quoting(text)
    if text.isascii() and b"\x7f" not in text:
        return
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        yield repr(text)[2:-1].encode("ascii")
        return
    ascii_only = json.dumps(decoded)[1:-1].encode("ascii")
    for spelt in (ascii_only, _upper_escapes(decoded)):
        yield spelt
        yield spelt.replace(b"/", b"\\/")
    yield repr(text)[2:-1].encode("ascii")
    yield repr(decoded)[1:-1].encode("utf-8", "backslashreplace")


def _upper_escapes(text: str) -> bytes:
    """Return JSON with hexadecimal digits in upper case, as .NET writes it."""
    return "".join(
        character if character.isascii() and character.isprintable() and character not in '"\\' else _units(character)
        for character in text
    ).encode("ascii")


def _units(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
    if character in named:
        return named[character]
    units = character.encode("utf-16-be").hex().upper()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _percent(kept: bytes, *, plus: bool = False) -> Iterator[_Quoting]:
    """Yield percent-encoding (RFC 3986) that keeps letters, digits, '_' and these, with digits of both cases."""
    for digits in ("%%%02X", "%%%02x"):
        changed = {byte: (digits % byte).encode() for byte in _ALL if byte not in _WORD + kept}
        if plus:
            changed[32] = b"+"
        yield _Quoting(changed)


def _backslashed(characters: bytes) -> dict[int, bytes]:
    return {byte: b"\\" + bytes([byte]) for byte in characters}


def _json(more: dict[int, bytes]) -> _Quoting:
    """Return RFC 8259 with all but what it must escape as it is, and more."""
    controls = {byte: b"\\u%04x" % byte for byte in range(32)}
    return _Quoting({**controls, **_NAMED_CONTROLS, **_backslashed(b'"\\'), **more})


_SLASH = {0x2F: b"\\/"}
_MARKUP = {byte: b"\\u%04x" % byte for byte in b"<>&"}
_OCTAL = {byte: b"\\%03o" % byte for byte in _ALL if byte in _CONTROLS or byte > 127}
_ANSI_C = {**_NAMED_CONTROLS, 7: b"\\a", 11: b"\\v", 27: b"\\E", **_backslashed(b"'\\")}
_IN_BETWEEN = {byte: b"$'%s'" % spelt for byte, spelt in _NAMED_CONTROLS.items()}
_HEX = {byte: b"\\x%02x" % byte for byte in _CONTROLS}
_ENTITIES = {0x26: b"&amp;", 0x3C: b"&lt;", 0x3E: b"&gt;"}

_QUOTINGS = (
    *_percent(b"-.~"),  # quote(safe=""), curl
    *_percent(b"-.~/"),  # quote()
    *_percent(b"-.~", plus=True),  # quote_plus
    *_percent(b"-.*", plus=True),  # forms of browsers
    *_percent(b"-.~!*'()"),  # encodeURIComponent
    *_percent(b"-.~!*'();,/?:@&=+$#"),  # encodeURI
    _json({}),
    _json(_SLASH),  # PHP
    _json(_MARKUP),  # Go
    _Quoting({0x27: b"'\"'\"'"}),  # shlex.quote
    _Quoting({0x27: b"'\\''"}),
    _Quoting(_backslashed(b"'\\")),  # fish
    _Quoting(_backslashed(b'"\\$`')),
    _Quoting(_backslashed(b" \t\"'\\|&;()<>!{}*[?]^$`,")),  # printf %q of bash
    _Quoting({**_IN_BETWEEN, **_backslashed(b" \"'\\|&;()<>{}*[?]^$`")}),  # ${(q)…} of zsh
    _Quoting(_backslashed(b" \"'\\|&;()<>{}*[?]$%~#")),  # string escape of fish
    _Quoting({**_OCTAL, **_ANSI_C}),  # $'…' in the C locale
    _Quoting({**_OCTAL, **{byte: bytes([byte]) for byte in range(128, 256)}, **_ANSI_C}),
    _Quoting({**_HEX, 9: b"\\t", 10: b"\\n", 13: b"\\r", 0x5C: b"\\\\"}),  # repr in double quotes
    _Quoting({**_HEX, 9: b"\\t", 10: b"\\n", 13: b"\\r", **_backslashed(b"'\\")}),
    _Quoting(_ENTITIES),
    _Quoting({**_ENTITIES, 0x22: b"&quot;", 0x27: b"&#x27;"}),  # html.escape
    _Quoting({**_ENTITIES, 0x22: b"&quot;", 0x27: b"&#39;"}),
    _Quoting({**_ENTITIES, 0x22: b"&#34;", 0x27: b"&#39;"}),  # Go
    _Quoting({**_ENTITIES, 0x22: b"&quot;", 0x27: b"&apos;"}),  # XML
)
