"""`shell` and `fish`, as real shells take them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from credvault.delivery.formats import render
from credvault.model.environment import is_variable
from credvault.model.errors import InvalidValue
from tests.delivery.formats.hard import MARKER
from tests.delivery.formats.proof import injection, need, refused_after_proof
from tests.delivery.formats.shells import ENVIRONMENT, FISH_READ, FISHES, READ, SHELLS, environment_after

Way = tuple[Sequence[str], str]

WAYS = [("shell", name, way) for name, way in SHELLS.items()] + [("fish", name, way) for name, way in FISHES.items()]


@pytest.mark.parametrize(("format_name", "way"), [(f, w) for f, _, w in WAYS], ids=[name for _, name, _ in WAYS])
def test_every_value_arrives_and_nothing_runs(format_name: str, way: Way, tmp_path: Path) -> None:
    need(way[0][0])

    # Evaluated as in a profile, all of them; the other ways differ in how a shell comes by the text.
    count = 10_000 if way[1] in (READ, FISH_READ) or len(way[0]) > 3 else 100_000

    refused = refused_after_proof(
        format_name, lambda text: environment_after(way, text, tmp_path), tmp_path, count=count
    )

    assert refused == []


# What a value would do where its variable is a number, a prompt or a list to the shell.
HOSTILE = [f"a[$(touch {MARKER})]", f"$(touch {MARKER})", "it's", "17", "a:b::~/c:"]
# How a shell says which variables it knows; what bash(1) has besides is only there while a function runs.
KNOWN = {
    "dash": "set | sed -n 's/=.*//p'",
    "bash": "compgen -v; echo BASH_ARGC BASH_ARGV BASH_COMMAND FUNCNAME LINENO MAILCHECK PIPESTATUS PS0 PS3 SRANDOM",
    "zsh": "zmodload zsh/parameter zsh/zle zsh/terminfo zsh/termcap zsh/datetime zsh/system zsh/zutil zsh/langinfo"
    " zsh/mapfile zsh/sched zsh/complete; print -l ${(k)parameters}; echo ARGV0 KEYTIMEOUT LISTMAX STTY",
    "fish": "set -n",
}


@pytest.mark.parametrize("shell", KNOWN)
def test_variable_that_means_something_to_a_shell_is_refused_or_arrives(shell: str, tmp_path: Path) -> None:
    need(shell)
    format_name = "fish" if shell == "fish" else "shell"
    options = {"dash": [], "bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    ways = [([shell, *options, *mode, "-c"], {"fish": FISH_READ}.get(shell, READ)) for mode in ([], ["-i"])]
    known = subprocess.run(
        [shell, *options, "-c", KNOWN[shell]], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    names = sorted({name for name in known if is_variable(name)})
    lost = []

    for name in names:
        for value in HOSTILE:
            try:
                text = render(format_name, [injection(value.encode(), name)])
            except InvalidValue:
                continue
            for way in ways:
                if environment_after(way, text, tmp_path).get(name) != value.encode():
                    lost.append((name, value, way))
            assert not (tmp_path / MARKER).exists(), (name, value)

    assert len(names) > 3
    assert lost == []


@pytest.mark.parametrize("variable", ["RANDOM", "PS3", "OPTIND", "path", "status", "PROMPT", "RPS1", "_"])
def test_variable_of_a_shell_is_refused_with_what_can_carry_it(variable: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        render("shell", [injection(b"canary-1Zx", variable)])

    assert variable in refused.value.message
    assert "a shell gives that variable a meaning of its own" in refused.value.message
    assert "credvault exec" in str(refused.value.hint)
    assert "canary-1Zx" not in f"{refused.value.message} {refused.value.hint}"


def test_shell_has_one_quoted_line_for_a_value_of_one_line() -> None:
    written = render("shell", [injection(b"it's $HOME", "A"), injection(b"", "B")])

    assert written == b"export A='it'\\''s $HOME'\nexport B=''\n"


def test_fish_has_one_quoted_line_for_a_value_of_one_line() -> None:
    written = render("fish", [injection(b"it's \\ $HOME", "A"), injection(b"", "B")])

    assert written == b"set -gx A 'it\\'s \\\\ $HOME'\nset -gx B ''\n"
