"""Table, picture and README block are made of the facts alone, and say what is missing."""

import json
from xml.etree import ElementTree

import pytest

from tests.benchmarks.bars import GET_COLD, GET_WARM
from tests.benchmarks.credvault_cases import WARM, name
from tests.benchmarks.facts import Facts
from tests.benchmarks.plot import plot, ticks
from tests.benchmarks.readme import END, START, block, rewritten
from tests.benchmarks.report import report, same_job
from tests.benchmarks.rounds import facts_of, series
from tests.benchmarks.stores import OPENBAO, curl_of, exec_from


@pytest.fixture
def found() -> Facts:
    return facts_of(
        series("pass show", [29, 30, 31]),
        series(GET_COLD, [35, 36, 37]),
        series(GET_WARM, [9, 10, 11]),
        series(name("list", WARM, 10_000), [599, 600, 601]),
        left_out={"keyring": "there is no dbus-daemon on this machine"},
    )


def test_facts_survive_json(found: Facts) -> None:
    assert json.loads(json.dumps(found)) == found


def test_same_job_is_sorted_by_ratio_and_holds_nothing_else(found: Facts) -> None:
    assert [case for case, _ in same_job(found)] == [GET_WARM, "pass show", GET_COLD]


def test_report_shows_ratio_span_and_milliseconds(found: Facts) -> None:
    assert "| pass show | 3.00 | 2.90–3.10 | 30 |" in report(found)


def test_report_says_which_peer_was_left_out_and_why(found: Facts) -> None:
    assert "Left out: keyring, because there is no dbus-daemon on this machine." in report(found)


def test_growth_shows_what_was_not_measured_as_a_dash(found: Facts) -> None:
    assert "| list, warm | – | – | 60.00 × · 600 ms | – |" in report(found)


def test_report_shows_a_bar_that_is_not_met() -> None:
    text = report(facts_of(series(GET_WARM, [12, 12, 12])))

    assert f"| {GET_WARM} | 1 × bare Python | 1.200 | **not met** |" in text


def test_plot_is_one_picture_without_anything_from_elsewhere(found: Facts) -> None:
    text = plot(found)

    root = ElementTree.fromstring(text)  # noqa: S314  # ours
    elements = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert elements == {"svg", "title", "desc", "style", "text", "line", "circle"}
    assert "url(" not in text
    assert "@import" not in text


def test_plot_names_every_program_and_its_time(found: Facts) -> None:
    root = ElementTree.fromstring(plot(found))  # noqa: S314  # ours
    words = [element.text for element in root.iter() if element.tag.endswith("}text")]

    assert words[-6:] == [GET_WARM, "1.00 × · 10 ms", "pass show", "3.0 × · 30 ms", GET_COLD, "3.6 × · 36 ms"]


@pytest.mark.parametrize(
    ("most", "expected"), [(2.0, [1, 2]), (2.1, [1, 2, 5]), (136, [1, 2, 5, 10, 20, 50, 100, 200])]
)
def test_ticks_reach_past_the_slowest(most: float, expected: list[int]) -> None:
    assert ticks(most) == expected


def test_readme_block_replaces_what_stood_between_its_markers(found: Facts) -> None:
    text = f"before\n{START}old\n{END}\nafter\n"

    new = rewritten(text, found)

    assert new == f"before\n{START}{block(found)}\n{END}\nafter\n"
    assert rewritten(new, found) == new


def test_readme_without_markers_is_refused(found: Facts) -> None:
    with pytest.raises(ValueError, match="no markers"):
        rewritten("before\nafter\n", found)


def test_report_has_exec_beside_curl_with_the_same_requests() -> None:
    ours, theirs = series(exec_from(OPENBAO), [89, 90, 91]), series(curl_of(OPENBAO), [59, 60, 61])

    lines = report(facts_of(ours, theirs)).splitlines()

    place = lines.index(f"| {exec_from(OPENBAO)} | 9.00 | 8.90–9.10 | 90 |")
    assert lines[place + 1] == f"| {curl_of(OPENBAO)} | 6.00 | 5.90–6.10 | 60 |"
    assert f"| {exec_from(OPENBAO)}, to {curl_of(OPENBAO)} | 1.5 × | 1.500 | met |" in lines
