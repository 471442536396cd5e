"""Times and durations as text: RFC 3339 in UTC with `Z`, and `15m`, `8h`, `14d`, `12w`.

Times stay text in records: two of them compare as text, so that no command pays for a calendar it does not use.
The clock is the caller's: every function takes `now` as seconds since the epoch.
"""

import time
from functools import lru_cache

from credvault.model.errors import InvalidValue
from credvault.model.text import printable

# More seconds than this are longer than the years that can be written.
MAX_DIGITS = 12
# 10000-01-01, the first year RFC 3339 cannot write.
END_OF_TIME = 253_402_300_800
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def time_text(now: float) -> str:
    """Return seconds since the epoch as `2026-11-22T01:02:03Z`, fractions dropped."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))


def is_time(text: object) -> bool:
    """Say whether `text` is a time of this one form, of a day that exists."""
    return isinstance(text, str) and _is_time_text(text)


# Secrets made together share their times, and `list` checks three of each: without this it takes twice as long.
@lru_cache(maxsize=4096)
def _is_time_text(text: str) -> bool:
    # Neither a pattern nor datetime: every `get` checks a time, and those took 0.9 ms of its 29.
    second, rest = text[:19], text[19:]  # its marks are at 4, 7, 10, 13, 16
    if second[4::3] != "--T::" or not _is_digits(second[:4] + second[5:7] + second[8::3] + second[9::3]):
        return False
    if rest != "Z" and not (rest[:1] == "." and rest[-1:] == "Z" and _is_digits(rest[1:-1])):
        return False
    year, month, day = int(second[:4]), int(second[5:7]), int(second[8:10])
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= _days_of(year, month):
        return False
    return int(second[11:13]) < 24 and int(second[14:16]) < 60 and int(second[17:]) < 60


def time_of_date(header: str) -> str | None:
    """Return the time in the header `Date` of an answer, to the second, or None where it has none (RFC 9110, 5.6.7)."""
    # "Sun, 06 Nov 1994 08:49:37 GMT": the one form that is sent.
    day, month, year = header[5:7], header[8:11], header[12:16]
    if month not in _MONTHS or header[25:] != " GMT":
        return None
    text = f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{header[17:25]}Z"
    return text if is_time(text) else None


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _days_of(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _DAYS[month - 1]


def is_duration(text: object) -> bool:
    """Say whether `text` is a duration such as `90d`."""
    return isinstance(text, str) and text[-1:] in _SECONDS and _is_digits(text[:-1]) and text[0] != "0"


def is_before(earlier: str, later: str) -> bool:
    """Say whether the time `earlier` is before the time `later`."""
    # Without the Z, a time with a fraction sorts after the same second without one.
    return earlier[:-1] < later[:-1]


def parse_duration(text: str) -> int:
    """Return a duration in seconds; raises InvalidValue."""
    if not is_duration(text):
        raise InvalidValue(f"'{printable(text)}' is not a duration", hint="write 15m, 8h, 14d or 12w")
    if len(text) - 1 > MAX_DIGITS:
        raise InvalidValue(f"'{printable(text[:20])}…' is too long a duration")
    return int(text[:-1]) * _SECONDS[text[-1]]


def duration_text(seconds: int) -> str:
    """Return seconds as a person reads them, in at most two units: `8h`, `7h 59m`, `15m`, `30s`."""
    parts = []
    left = max(seconds, 0)
    for unit in ("w", "d", "h", "m", "s"):
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def parse_time(text: str) -> float:
    """Return seconds since the epoch of a time that `is_time`; raises InvalidValue."""
    if not is_time(text):
        raise InvalidValue(f"'{printable(text)}' is not a time", hint="write 2027-01-31T12:00:00Z")
    return _epoch(text)


def parse_moment(text: str, now: float) -> str:
    """Return the time a person means by a date, a time with a zone, or a duration from now.

    A date alone is its first second in UTC. Raises InvalidValue for anything else, and for a time without a zone.
    """
    from datetime import UTC, datetime

    if is_duration(text):
        moment = now + parse_duration(text)
        if moment >= END_OF_TIME:
            raise InvalidValue(f"'{printable(text)}' from now is past the year 9999")
        return time_text(moment)
    try:
        when = datetime.fromisoformat(text)
        if "T" not in text and " " not in text:
            when = when.replace(tzinfo=UTC)
        if when.tzinfo is None:
            raise InvalidValue(f"'{printable(text)}' has no time zone", hint="end it in Z for UTC")
        return time_text(when.timestamp())
    except (ValueError, OverflowError):
        hint = "write a date (2027-01-31), a time (2027-01-31T12:00:00Z) or a duration (90d)"
        raise InvalidValue(f"'{printable(text)}' is not a time", hint=hint) from None


def _epoch(text: str) -> float:
    from datetime import datetime

    # datetime keeps microseconds; RFC 3339 allows more digits than that.
    seconds, dot, fraction = text[:-1].partition(".")
    return datetime.fromisoformat(seconds + "+00:00").timestamp() + float(f"0.{fraction}" if dot else 0)
