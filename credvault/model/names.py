"""The one parser of names, namespaces and globs (spec.md 2). A bad name is an error, never repaired."""

import re
from collections.abc import Callable, Collection, Iterable

from credvault.model.errors import Invalid, InvalidName
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

DEFAULT_NAMESPACE = "default"
# What a store calls a name that it has no id for: all of them, so nothing can be remembered under it.
NO_REFERENCE = "-"
MAX_SEGMENT_BYTES = 255
MAX_KEY_SEGMENTS = 16
MAX_NAME_BYTES = 1024
# Of the number of a version: more than any secret will have, and what every store, request and URI takes.
MAX_VERSION_DIGITS = 15
# More wildcards than any name has segments only serve to make matching slow.
MAX_WILDCARDS = 16

# Texts, not a pattern: compiling that took 0.14 ms of every start.
_FIRST = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_OTHERS = _FIRST + "_.@+-"
_ALLOWED = "[NAMESPACE/]KEY, each part from A-Z a-z 0-9 _ . @ + - and starting with a letter or digit"


class Name(NamedTuple):
    """Where a secret lives: a namespace and a key of 1 to 16 segments joined by '/'.

    Only `parse_name` makes one, so that a Name is always well formed.
    """

    namespace: str
    key: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.key}"


def parse_name(text: str, *, namespace: str | None = None, default: str = DEFAULT_NAMESPACE) -> Name:
    """Return the Name that `text` spells.

    A bare key is in `namespace` if one is given explicitly, else in `default`. Raises InvalidName for anything
    but the grammar, and Invalid where `text` names another namespace than the explicit one.
    """
    if len(text) > MAX_NAME_BYTES:
        raise InvalidName(f"name is longer than {MAX_NAME_BYTES} bytes: {printable(text[:40])}…")
    first, slash, rest = text.partition("/")
    if not slash:
        return Name(parse_namespace(default if namespace is None else namespace), _parse_key(text, text))
    parsed = Name(_parse_segment(first, text, "namespace"), _parse_key(rest, text))
    if namespace is not None and parsed.namespace != namespace:
        raise Invalid(
            f"{text} is in namespace {parsed.namespace}, but -n says {printable(namespace)}",
            hint="leave out -n, or write the key alone",
        )
    return parsed


def parse_namespace(text: str) -> str:
    """Return `text` if it is a namespace; raises InvalidName."""
    return _parse_segment(text, text, "namespace")


def _parse_key(key: str, whole: str) -> str:
    segments = key.split("/")
    if len(segments) > MAX_KEY_SEGMENTS:
        raise InvalidName(f"key has {len(segments)} segments, at most {MAX_KEY_SEGMENTS} are allowed: {_short(whole)}")
    for segment in segments:
        _parse_segment(segment, whole, "key")
    return key


def _is_segment(text: str) -> bool:
    return bool(text) and text[0] in _FIRST and not text.strip(_OTHERS)


def _parse_segment(segment: str, whole: str, what: str) -> str:
    if not _is_segment(segment):
        way = "; URIs are for get, check, redact, export and exec -e" if "://" in whole else ""
        raise InvalidName(f"{_complaint(segment, what)} in name '{_short(whole)}'", hint=f"a name is {_ALLOWED}{way}")
    if len(segment) > MAX_SEGMENT_BYTES:
        raise InvalidName(f"part of a name is longer than {MAX_SEGMENT_BYTES} bytes: {_short(segment)}")
    return segment


def _complaint(segment: str, what: str) -> str:
    if not segment:
        return f"empty {what}"
    position = len(segment) - len(segment.lstrip(_OTHERS)) if segment[0] in _FIRST else 0
    character = segment[position]
    place = f"at position {position + 1} of" if position else "at the start of"
    return f"character '{printable(character)}' (U+{ord(character):04X}) is not allowed {place} the {what}"


def _short(text: str) -> str:
    shown = printable(text[:60])
    return shown if len(text) <= 60 else shown + "…"


def is_version_number(text: str) -> bool:
    """Say whether `text` is the number of a version, counted from 1, as references, URIs and requests have it."""
    return text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= MAX_VERSION_DIGITS


def compile_globs(globs: Iterable[str], *, namespace: str = DEFAULT_NAMESPACE) -> Callable[[Name], bool]:
    """Return a function that says whether a Name matches any of `globs`; no globs match everything.

    `*` stands for any characters but '/', `**` for any at all. A glob without a slash is about keys of
    `namespace`, one that ends in '/' about everything below. Raises InvalidName for other characters.
    """
    patterns = [_glob_parts(_whole_glob(glob, namespace)) for glob in globs]
    if not patterns:
        return lambda name: True
    return lambda name: any(_is_match(parts, str(name)) for parts in patterns)


def glob_namespaces(globs: Iterable[str], *, namespace: str = DEFAULT_NAMESPACE) -> frozenset[str] | None:
    """Return the namespaces that what matches any of `globs` can be in, or None where it can be in any.

    As `compile_globs` takes them. A pattern that begins with no namespace matches nothing, so it adds none.
    """
    firsts = {_whole_glob(glob, namespace).partition("/")[0] for glob in globs}
    if not firsts or any("*" in first for first in firsts):
        return None
    return frozenset(filter(_is_segment, firsts))


def is_pattern(glob: str) -> bool:
    """Say whether a glob is no name of one secret: it has a wildcard, or means everything below."""
    return "*" in glob or glob.endswith("/")


def unmatched(globs: Iterable[str], names: Collection[Name], *, namespace: str = DEFAULT_NAMESPACE) -> str | None:
    """Return the first of `globs` that none of the names matches, or None."""
    for glob in globs:
        matches = compile_globs([glob], namespace=namespace)
        if not any(map(matches, names)):
            return glob
    return None


def compile_word_globs(globs: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that says whether a word without slashes (a variable) matches any of `globs`."""
    patterns = [_glob_parts(glob) for glob in globs]
    return lambda word: any(_is_match(parts, word) for parts in patterns)


def _whole_glob(glob: str, namespace: str) -> str:
    if glob.endswith("/"):
        glob += "**"
    return glob if not glob or "/" in glob or glob.startswith("**") else f"{namespace}/{glob}"


def _glob_parts(glob: str) -> list[str]:
    if len(glob) > MAX_NAME_BYTES or glob.count("*") > 2 * MAX_WILDCARDS:
        raise InvalidName(f"pattern is too long or has too many wildcards: {_short(glob)}")
    bad = re.search(r"[^A-Za-z0-9_.@+/*-]", glob)
    if bad or not glob:
        shown = f"character '{printable(bad[0])}' is not allowed in" if bad else "empty"
        raise InvalidName(f"{shown} pattern '{_short(glob)}'", hint="a pattern is a name with * or ** in it")
    return [part for part in re.split(r"(\*+)", glob) if part]


def _is_match(parts: list[str], text: str) -> bool:
    # Not a regular expression: one of 15 wildcards backtracks for hours over a name that almost matches. This takes
    # at most parts × characters steps: `ends` is everywhere that the parts so far can end.
    ends = {0}
    for part in parts:
        if not part.startswith("*"):
            ends = {end + len(part) for end in ends if text.startswith(part, end)}
        elif part == "*":
            ends = _ends_of_star(ends, text)
        elif ends:
            ends = set(range(min(ends), len(text) + 1))
    return len(text) in ends


def _ends_of_star(starts: set[int], text: str) -> set[int]:
    ends: set[int] = set()
    for start in sorted(starts):
        if start not in ends:
            slash = text.find("/", start)
            ends.update(range(start, (len(text) if slash < 0 else slash) + 1))
    return ends
