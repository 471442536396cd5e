"""`gitlab`, as GitLab reads a report of variables. No GitLab here: what reads is written from its documentation
("Pass dotenv variables to specific jobs", and that of the runner on expansion), and as strict as the strictest.
"""

import re
from pathlib import Path

import pytest

from credvault.delivery.formats import render
from credvault.model.errors import InvalidValue
from tests.delivery.formats.proof import injection, is_text, refused_after_proof

VARIABLE = re.compile(r"\$\$|\$(\w+)|\$\{(\w+)\}")


def read_report(report: bytes) -> dict[str, bytes]:
    """Return the variables of a report as a later job has them, or fail as GitLab does."""
    assert len(report) < 5_120, "Dotenv Artifact Too Big"
    read = {}
    for line in report.decode("utf-8").split("\n")[:-1]:
        name, equals, value = line.partition("=")
        assert equals, "Invalid Format"
        assert re.fullmatch(r"\w+", name, re.ASCII)
        value = value.strip("\0\t\n\v\f\r ")
        # Of a variable that is not set nothing is left.
        read[name] = VARIABLE.sub(lambda match: "$" if match[0] == "$$" else "", value).encode()
    assert len(read) <= 150, "Dotenv files cannot have more than 150 variables"
    return read


def test_every_value_arrives_in_a_later_job(tmp_path: Path) -> None:
    refused = refused_after_proof("gitlab", read_report, tmp_path, count=100_000, batch=150, batch_bytes=3_000)

    assert refused
    for value in refused:
        is_line = is_text(value) and b"\n" not in value and b"$" not in value
        assert not is_line or value.strip(b"\t\v\f\r ") != value or len(value) > 5_000


REFUSED = {
    "a newline": (b"a\nb", "the value has a newline"),
    "a blank at the end": (b"a ", "begins or ends with a blank"),
    "a carriage return at the end": (b"a\r", "begins or ends with a blank"),
    "a tab at the start": (b"\ta", "begins or ends with a blank"),
    "a dollar": (b"a$b", "the value has a $ in it"),
    "not UTF-8": (b"\xff", "not UTF-8"),
}


@pytest.mark.parametrize(("value", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_gitlab_would_alter_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        render("gitlab", [injection(value)])

    assert refused.value.message.startswith("A (the test) cannot be exported as gitlab: ")
    assert reason in refused.value.message


def test_quotes_and_blanks_inside_are_the_value_s_own() -> None:
    text = render("gitlab", [injection(b"'a' \"b\" # c \\n")])

    assert text == b"A='a' \"b\" # c \\n\n"
    assert read_report(text) == {"A": b"'a' \"b\" # c \\n"}


def test_report_is_as_large_as_gitlab_takes_and_no_larger() -> None:
    largest = injection(b"x" * (5_119 - len("A=\n")))

    assert len(render("gitlab", [largest])) == 5_119
    with pytest.raises(InvalidValue, match="5120 bytes and 1 variables; GitLab takes less than 5120") as refused:
        render("gitlab", [injection(b"x" * (5_120 - len("A=\n")))])
    assert "--only" in str(refused.value.hint)


def test_report_has_as_many_variables_as_gitlab_takes_and_no_more() -> None:
    variables = [injection(b"x", f"V{number}") for number in range(151)]

    assert len(read_report(render("gitlab", variables[:150]))) == 150
    with pytest.raises(InvalidValue, match=r"151 variables; .* at most 150"):
        render("gitlab", variables)
