"""Names of profiles that are shell code: completed, run, and taken for nothing but names by bash, zsh and fish."""

import json
import time

import pytest

from tests.completions.conftest import Place, StartShell
from tests.interactive import Shell
from tests.patience import SECONDS

# By the letter that each starts with, so that it and TAB are enough.
HOSTILE = {
    "a": "a$(touch marker)",
    "b": "b`touch marker`",
    "c": "c;touch marker",
    "d": "d'touch marker'",
    "e": 'e"$(touch marker)"',
    "f": "f\\$(touch marker)\\",
    "g": "g|touch marker&",
    "h": "h>marker",
    "i": "i{marker,x}*?[m]",
    "j": "j!touch",
    "k": "k  two blanks  ",
    "l": "l=~/marker:~root",
    "m": "m#no comment %s %q %{$(touch marker)%}",
    "n": "nünïcode 😀",
    "o": "o (touch marker)",
    "p": "p<(touch marker)",
    "q": "q^touch^marker",
}
# These are not offered: no line of a shell can show them as they are.
UNPRINTABLE = [
    "y\nz$(touch marker)",
    "y\x1b[31mred",
    "y\x07bell",
    "y\ttab",
    "y\u202eright to left",
    "y\x7f",
]


@pytest.fixture
def place_of_profiles(place: Place) -> Place:
    """A desk whose settings have a profile of each of those names."""
    names = [*HOSTILE.values(), *UNPRINTABLE]
    # As TOML spells texts, but for U+007F.
    spelt = [json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007F") for name in names]
    text = "".join(f'[profiles.{name}]\nbackend = "file"\n' for name in spelt)
    place.desk.home.write(".config/credvault/config.toml", text)
    return place


def test_profile_is_completed_as_one_word_and_runs_nothing(
    place_of_profiles: Place, start: StartShell, kind: str
) -> None:
    place = place_of_profiles
    shell = start(kind)
    received = {}

    for letter in HOSTILE:
        line = complete_somehow(shell, f"credvault --profile {letter}")
        place.calls()
        shell.run(f"{line}--version")
        received[letter] = place.calls()

    assert received == {letter: [["--profile", name, "--version"]] for letter, name in HOSTILE.items()}
    assert not (place.folder / "marker").exists()


def test_what_is_typed_with_backslashes_is_part_of_the_word(
    place_of_profiles: Place, start: StartShell, kind: str
) -> None:
    place = place_of_profiles
    shell = start(kind)
    received = []

    for typed in (r"k\ ", r"k\ \ tw", r"l\=", r"c\;touch\ m"):
        line = complete_somehow(shell, f"credvault --profile {typed}")
        place.calls()
        shell.run(f"{line}--version")
        received += place.calls()

    assert received == [["--profile", HOSTILE[letter], "--version"] for letter in "kklc"]


def test_what_does_not_print_is_not_offered(place_of_profiles: Place, start: StartShell, kind: str) -> None:
    shell = start(kind)
    assert complete_somehow(shell, "credvault --profile a") != "credvault --profile a"

    line = shell.complete("credvault --profile y", tabs=2)

    assert line == "credvault --profile y"
    assert b"31mred" not in shell.seen
    assert not (place_of_profiles.folder / "marker").exists()


def complete_somehow(shell: Shell, typed: str) -> str:
    """Return what TAB makes of a line, which is something else; a busy machine may need another one."""
    until = time.monotonic() + SECONDS
    while (line := shell.complete(typed)) == typed and time.monotonic() < until:
        pass
    return line


TYPED = ("$(touch marker)", "`touch marker`", "'$(touch marker)", '"$(touch marker)', "<(touch marker)")
BEFORE = ("credvault get ", "credvault --profile ", "credvault -n ", "credvault exec -e VAR=", "credvault list -o ")


def test_what_is_typed_is_not_run_by_tab(place: Place, start: StartShell, kind: str) -> None:
    place.desk.held()
    # The widget that TAB is bound to in zsh expands what is before the cursor, whatever the command is.
    shell = start(kind, "bindkey '^I' complete-word" if kind == "zsh" else "")

    for typed in TYPED:
        for before in BEFORE:
            shell.complete(f"{before}{typed}", tabs=2)
        shell.complete(f"credvault --vault {typed} get ", tabs=2)
        shell.complete(f"credvault -n {typed} get ", tabs=2)

    assert not (place.folder / "marker").exists()


def test_program_of_that_name_in_the_folder_is_not_run(place: Place, start: StartShell, kind: str) -> None:
    place.desk.home.write("credvault", "#!/bin/sh\ntouch marker\n", 0o755)
    place.desk.held()
    shell = start(kind)

    for typed in ("./credvault get opena", f"{place.folder}/credvault get opena"):
        shell.complete(typed, tabs=2)

    assert not (place.folder / "marker").exists()
