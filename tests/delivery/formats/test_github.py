"""`github-actions`, as a runner reads it. There is no runner here: what reads is written from the documentation
("Workflow commands for GitHub Actions"), for a runner on Linux and for one on Windows.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from credvault.delivery.formats import github, render
from credvault.model.errors import InvalidValue
from tests.delivery.formats.hard import random_values
from tests.delivery.formats.proof import injection, is_text, refused_after_proof


def read_environment_file(content: bytes, line_end: str = "\n") -> dict[str, bytes]:
    """Return the variables that later steps have: NAME=value, or NAME<<DELIMITER, lines, DELIMITER."""
    lines = re.split(f"({line_end})", content.decode("utf-8"))
    texts, ends = lines[::2], [*lines[1::2], ""]
    read: dict[str, bytes] = {}
    at = 0
    while at < len(texts):
        name, sign, rest = re.match(r"(?s)([^=<]*)(<<|=|)(.*)", texts[at]).groups()  # type: ignore[union-attr]
        at += 1
        if not sign:
            assert not name, "Invalid format"
        elif sign == "=":
            read[name] = rest.encode()
        else:
            assert rest in texts[at:], "Matching delimiter not found"
            end = texts.index(rest, at)
            value = "".join(text + end for text, end in zip(texts[at:end], ends[at:end], strict=True))
            read[name] = value.removesuffix(ends[end - 1]).encode() if end > at else b""
            at = end + 1
    return read


def read_masks(stdout: bytes) -> list[str]:
    """Return what a log is to hide, by the commands in the output of a step, which is cut into lines first."""
    masks = []
    for line in re.split(r"\r\n|\r|\n", stdout.decode("utf-8")):
        if line.startswith("::add-mask::"):
            data = line.removeprefix("::add-mask::")
            masks.append(data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%"))
        else:
            assert line == ""
    return masks


@pytest.mark.parametrize("line_end", ["\n", "\r\n|\n"], ids=["Linux", "Windows"])
def test_every_value_arrives_in_later_steps(line_end: str, tmp_path: Path) -> None:
    refused = refused_after_proof(
        "github-actions", lambda content: read_environment_file(content, line_end), tmp_path, count=20_000
    )

    assert refused
    assert not any(is_text(value) and not value.endswith(b"\r") for value in refused)


def test_delimiter_is_never_a_line_of_the_value() -> None:
    value = b"a\ncredvault_1\nINJECTED=b"
    drawn: Iterator[str] = iter(["credvault_1", "credvault_2"])

    block = github.entry("A", value, lambda: next(drawn))

    assert block == b"A<<credvault_2\na\ncredvault_1\nINJECTED=b\ncredvault_2\n"
    assert read_environment_file(block) == {"A": value}


def test_delimiter_is_another_one_each_time() -> None:
    blocks = {github.entry("A", b"a") for _ in range(100)}

    assert len(blocks) == 100


def test_each_line_of_each_value_is_masked_once() -> None:
    masks = github.masks([b"one", b"two\r\nthree\n\n  \nfour%0A\rfive", b"one\n six ::stop-commands::x"])

    assert masks == (
        b"::add-mask::one\n::add-mask::two\n::add-mask::three\n::add-mask::four%250A\n::add-mask::five\n"
        b"::add-mask:: six ::stop-commands::x\n"
    )
    assert read_masks(masks) == ["one", "two", "three", "four%0A", "five", " six ::stop-commands::x"]


def test_masks_of_every_value_are_its_lines() -> None:
    for value in random_values(20_000):
        if not is_text(value):
            continue
        lines = [line for line in re.split("\r\n|\r|\n", value.decode()) if line.strip()]

        assert read_masks(github.masks([value])) == list(dict.fromkeys(lines))


@pytest.mark.parametrize(
    "variable", ["GITHUB_SHA", "GITHUB_ENV", "github_path", "RUNNER_TEMP", "NODE_OPTIONS", "Node_Options"]
)
def test_variable_of_the_runner_is_refused(variable: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        render("github-actions", [injection(b"canary-7Qw", variable)])

    assert refused.value.message == (
        f"{variable} (the test) cannot be exported as github-actions: GitHub lets no step set that variable"
    )
    assert "-e VAR=NAME gives it another variable" in str(refused.value.hint)


def test_token_of_github_may_be_set() -> None:
    assert read_environment_file(render("github-actions", [injection(b"x", "GITHUB_TOKEN")])) == {"GITHUB_TOKEN": b"x"}


@pytest.mark.parametrize(("value", "reason"), [(b"\xff", "not UTF-8"), (b"a\r", "carriage return")])
def test_what_a_runner_would_alter_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason):
        render("github-actions", [injection(value)])
