"""Times and durations as text."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.errors import InvalidValue
from credvault.model.times import (
    is_before,
    is_duration,
    is_time,
    parse_duration,
    parse_moment,
    parse_time,
    time_of_date,
    time_text,
)

NOW = 1_795_309_323.9  # 2026-11-22T01:02:03.9Z
MOMENTS = st.integers(0, 253_402_300_799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(MOMENTS)
def test_time_is_written_and_read_back(moment: datetime) -> None:
    text = time_text(moment.timestamp())

    assert is_time(text)
    assert parse_time(text) == moment.replace(microsecond=0).timestamp()


@given(MOMENTS, MOMENTS)
def test_times_compare_as_text_as_they_compare_as_moments(first: datetime, second: datetime) -> None:
    texts = [moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27) for moment in (first, second)]

    assert is_before(*texts) is (first < second)


def test_time_with_a_fraction_is_after_its_second() -> None:
    assert is_before("2026-11-22T01:02:03Z", "2026-11-22T01:02:03.1Z")
    assert is_before("2026-11-22T01:02:03.9Z", "2026-11-22T01:02:04Z")
    assert not is_before("2026-11-22T01:02:03Z", "2026-11-22T01:02:03Z")


@pytest.mark.parametrize(
    "text",
    ["2026-11-22T01:02:03Z", "2024-02-29T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"],
)
def test_time_of_the_one_form_is_a_time(text: str) -> None:
    assert is_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T01:02Z",
        "2026-11-22 01:02:03Z",
        "2026-11-22t01:02:03z",
        "2026-11-22T01:02:03",
        "2026-11-22T01:02:03+00:00",
        "2026-11-22T01:02:03.Z",
        "2026-11-22T01:02:03,5Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-22T24:00:01Z",
        "2026-11-22T00:60:00Z",
        "2026-11-22T00:00:60Z",
        "0000-01-01T00:00:00Z",
        " 2026-11-22T01:02:03Z",
        "2026-11-22T01:02:03Z\n",
        "\u0662026-11-22T01:02:03Z",
        "2026-11-22T01:02:03.\u0663Z",
        "26-11-22T01:02:03Z",
        "-2026-11-22T01:02:03Z",
        None,
        1,
        1.5,
        b"2026-11-22T01:02:03Z",
    ],
)
def test_anything_else_is_no_time(text: object) -> None:
    assert not is_time(text)
    if isinstance(text, str):
        with pytest.raises(InvalidValue):
            parse_time(text)


FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", re.ASCII)


def is_time_by_the_calendar(text: str) -> bool:
    """The same verdict, slowly: a pattern, and a datetime that can be made."""
    if not FORM.fullmatch(text):
        return False
    try:
        datetime(*(int(part) for part in re.split("[-T:]", text[:19])), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return False
    return True


NUMBERS = st.tuples(*(st.integers(0, top) for top in (9999, 13, 32, 25, 61, 61)))


@given(NUMBERS, st.sampled_from(["", ".0", ".123456789"]))
def test_any_day_and_second_is_one_where_the_calendar_has_it(numbers: tuple[int, ...], fraction: str) -> None:
    text = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*numbers) + fraction + "Z"

    assert is_time(text) is is_time_by_the_calendar(text)


@pytest.mark.parametrize("year", [*range(1, 9), 96, 100, 400, 1900, 1996, 2000, 2023, 2024, 2100, 2400, 9999])
def test_every_last_of_a_month_is_a_day_and_the_next_is_none(year: int) -> None:
    for month in range(1, 13):
        for day in range(27, 33):
            text = f"{year:04}-{month:02}-{day:02}T00:00:00Z"
            assert is_time(text) is is_time_by_the_calendar(text)


@given(st.text("0123456789-T:.Z \n+\u0663", max_size=25), st.integers(0, 20), st.integers(0, 3))
def test_a_time_that_is_edited_is_judged_as_by_the_calendar(edit: str, at: int, cut: int) -> None:
    true = "2026-11-22T01:02:03Z"
    text = true[:at] + edit[:3] + true[at + cut :]

    assert is_time(text) is is_time_by_the_calendar(text)
    assert is_time(edit) is is_time_by_the_calendar(edit)


@given(st.text("0123456789smhdw \n+-.\u0661\u00b2", max_size=6))
def test_a_duration_is_what_its_pattern_says(text: str) -> None:
    assert is_duration(text) is (re.fullmatch("[1-9][0-9]*[smhdw]", text) is not None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("15m", 900), ("8h", 28_800), ("14d", 1_209_600), ("12w", 7_257_600)]
)
def test_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert is_duration(text)
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "d", "90", "0d", "-1d", "+1d", "1.5h", "1 d", "1D", "1y", "1d ", "1d\n", "01d", "1h30m", "\u0661d"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    assert not is_duration(text)
    with pytest.raises(InvalidValue, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", "2027-01-31T00:00:00Z"),
        ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
        ("2027-01-31 12:00:00-05:30", "2027-01-31T17:30:00Z"),
        ("90d", "2027-02-20T01:02:03Z"),
        ("1s", "2026-11-22T01:02:04Z"),
    ],
)
def test_moment_is_a_date_a_time_or_a_duration_from_now(text: str, moment: str) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2027-02-30", "31.01.2027", "0d", "999999999w", "10000-01-01", "\x1b[2J"]
)
def test_what_is_no_moment_is_refused_in_a_printable_line(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_moment(text, NOW)

    assert caught.value.message.isprintable()


def test_time_without_a_zone_is_refused() -> None:
    """Whose noon is it?"""
    with pytest.raises(InvalidValue, match="has no time zone"):
        parse_moment("2027-01-31T12:00:00", NOW)


@given(st.text(max_size=20))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        moment = parse_moment(text, NOW)
    except InvalidValue:
        return

    assert is_time(moment)


def test_longest_duration_that_fits_is_taken() -> None:
    left = datetime(9999, 12, 31, tzinfo=UTC) - datetime.fromtimestamp(NOW, UTC)

    assert parse_moment(f"{left.days}d", NOW).startswith("9999-12-3")
    with pytest.raises(InvalidValue, match="past the year 9999"):
        parse_moment(f"{(left + timedelta(days=3)).days}d", NOW)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
        ("Thu, 31 Dec 2026 23:59:59 GMT", "2026-12-31T23:59:59Z"),
        ("", None),
        ("now", None),
        ("Sunday, 06-Nov-94 08:49:37 GMT", None),
        ("Sun Nov  6 08:49:37 1994", None),
        ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT+1", None),
        ("Sun, 31 Feb 2026 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        ("Sun, \u0660\u0666 Nov 1994 08:49:37 GMT", None),
    ],
)
def test_date_of_an_answer_is_a_time_or_none(header: str, text: str | None) -> None:
    assert time_of_date(header) == text
