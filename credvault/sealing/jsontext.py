"""Strict JSON: one canonical way to write it, and a reader that takes nothing twice and nothing odd."""

import json
from collections.abc import Callable
from typing import Any, Never

MAX_DEPTH = 32
MAX_DIGITS = 20

_CONTAINERS = (dict, list)
_INFINITY = float("inf")  # math.inf, without the 0.15 ms that loading math takes


# Made once: json.dumps makes one for each call, which takes longer than to write a name.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


class BadJSON(Exception):
    """The text is not JSON as we write it. Holds no part of the text."""


def canonical(value: object) -> bytes:
    """Return `C(value)` of format.md: JSON with sorted keys, no spaces, ASCII."""
    return _ENCODER.encode(value).encode("ascii")


def parse_strict(data: bytes, *, floats: bool = False) -> Any:
    """Return what JSON text says.

    Raises BadJSON for duplicate members, NaN and infinities, depth over 32, integers over 20 digits, and floats
    unless allowed.
    """
    return _parse(data, floats=floats, object_pairs_hook=distinct_members)


def parse_canonical(data: bytes, *, compare: bool = True) -> Any:
    """Return what `canonical` wrote; raises BadJSON for the same facts written any other way.

    Without `compare` that is taken on trust, for half the time.
    """
    # No hook for a member that is there twice, 0.08 ms of 0.34 for an index: what is read of it is written once.
    value = _parse(data, floats=False, object_pairs_hook=None)
    if compare and canonical(value) != data:
        raise BadJSON
    return value


def _parse(data: bytes, *, floats: bool, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None) -> Any:
    try:
        value = json.loads(
            data.decode("ascii"),
            object_pairs_hook=object_pairs_hook,
            parse_int=_integer,
            parse_float=_finite if floats else refuse,
            parse_constant=refuse,
        )
    # ValueError covers JSONDecodeError and UnicodeDecodeError; deep nesting ends in RecursionError.
    except (ValueError, RecursionError):
        raise BadJSON from None
    _check_depth(value, MAX_DEPTH)
    return value


def distinct_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members, as a hook of `json`; raises BadJSON for one that is there twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJSON
    return members


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise BadJSON
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    # 1e999 is infinite to Python, and could not be written again.
    if abs(number) == _INFINITY:
        raise BadJSON
    return number


def refuse(_: str) -> Never:
    """Raise BadJSON: the hook of `json` for NaN and infinities, and for what else is not taken."""
    raise BadJSON


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, _CONTAINERS):
        if left == 0:
            raise BadJSON
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, _CONTAINERS):  # asked before the call, for most items are none
                _check_depth(item, left - 1)
