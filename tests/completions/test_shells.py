"""What TAB does to a line in a real bash, zsh and fish on a pty."""

import re
import time

import pytest

from tests.completions.conftest import LOADING, SETUPS, Place, StartShell
from tests.home import PRINTED_KEY
from tests.interactive import PROMPT, Shell
from tests.patience import SECONDS
from tests.render_docs import COMPLETIONS


def complete(shell: Shell, typed: str, expected: str) -> str:
    """Return what a line becomes; TAB again for a while where it is not what is expected.

    On a machine that is busy the program offers nothing in time, as it should.
    """
    until = time.monotonic() + SECONDS
    while (line := shell.complete(typed)) != expected and time.monotonic() < until:
        pass
    return line


STATIC = [
    ("credvault hist", "credvault history "),
    ("credvault --json --profile home hist", "credvault --json --profile home history "),
    ("credvault slot cha", "credvault slot change "),
    ("credvault -q slot --json rem", "credvault -q slot --json remove "),
    ("credvault --no-in", "credvault --no-input "),
    ("credvault get --no-newl", "credvault get --no-newline "),
    ("credvault slot remove 3 --reke", "credvault slot remove 3 --rekey "),
    ("credvault list --type connec", "credvault list --type connection_string "),
    ("credvault list --type=connec", "credvault list --type=connection_string "),
    ("credvault --color alw", "credvault --color always "),
    ("credvault completion zs", "credvault completion zsh "),
    ("credvault get x -o fi", "credvault get x -o file-of-mine "),
    ("credvault get x --output=fi", "credvault get x --output=file-of-mine "),
    ("credvault --vault fi", "credvault --vault file-of-mine "),
    ("credvault add x --from-env A_VARI", "credvault add x --from-env A_VARIABLE "),
    ("credvault exec -- a-prog", "credvault exec -- a-program "),
    ("credvault exec a-prog", "credvault exec a-program "),
    ("credvault exec --pristine -- a-prog", "credvault exec --pristine -- a-program "),
    ("credvault exec -- a-program first-w", "credvault exec -- a-program first-word "),
    (
        "credvault exec --keep A_VARIABLE -- a-program first-w",
        "credvault exec --keep A_VARIABLE -- a-program first-word ",
    ),
    ("credvault exec a-program x first-w", "credvault exec a-program x first-word "),
    ("credvault list > fi", "credvault list > file-of-mine "),
]
# After these there is nothing to be offered.
NOTHING = [
    "credvault no-such-command x",
    "credvault add x --note ",
    "credvault get one ",
    "credvault get --version ",
    "credvault slot remove 3 ",
    "credvault exec -e VAR",
]
OWN = {
    "bash": "_own() { COMPREPLY=($(compgen -W 'first-word second-word' -- \"$2\")); }; complete -F _own a-program",
    "zsh": "_own() { compadd first-word second-word }; compdef _own a-program",
    "fish": "complete -c a-program -f -a 'first-word second-word'",
}


def test_commands_options_choices_files_and_programs_are_completed_without_a_process(
    place: Place, start: StartShell, kind: str
) -> None:
    place.desk.home.write("file-of-mine", "")
    place.desk.home.write("bin/a-program", "#!/bin/sh\n", 0o755)
    place.desk.held()
    shell = start(kind, OWN[kind], A_VARIABLE="x")

    lines = {typed: shell.complete(typed) for typed, _ in STATIC}
    unchanged = {typed: shell.complete(typed) for typed in NOTHING}

    assert lines == dict(STATIC)
    # Where there is nothing else, zsh offers options.
    assert {typed: line.removesuffix("-") for typed, line in unchanged.items()} == {typed: typed for typed in NOTHING}
    assert place.calls() == []


NAMES = [
    ("credvault get opena", "credvault get openai/"),
    ("credvault get openai/a", "credvault get openai/api_key "),
    ("credvault get openai/pr", "credvault get openai/prod/"),
    ("credvault get openai/prod/t", "credvault get openai/prod/token "),
    ("credvault get bar", "credvault get bare "),
    ("credvault get mail/email.user@gm", "credvault get mail/email.user@gmail.com/"),
    ("credvault get other-space/x", "credvault get other-space/x+y "),
    ("credvault -n openai get api", "credvault -n openai get api_key "),
    ("credvault get -n openai openai/a", "credvault get -n openai openai/api_key "),
    ("credvault -nopenai get api", "credvault -nopenai get api_key "),
    ("credvault delete bare openai/a", "credvault delete bare openai/api_key "),
    ("credvault list opena", "credvault list openai/"),
    ("credvault exec -e VAR=openai/a", "credvault exec -e VAR=openai/api_key "),
    ("credvault exec --db openai/a", "credvault exec --db openai/api_key "),
    ("credvault exec --db=openai/a", "credvault exec --db=openai/api_key "),
    ("credvault list -n other", "credvault list -n other-space "),
    ("credvault --namespace=other", "credvault --namespace=other-space "),
    ("credvault exec -n ma", "credvault exec -n mail "),
]


def test_names_are_completed_from_what_the_agent_holds(place: Place, start: StartShell, kind: str) -> None:
    place.desk.held()
    shell = start(kind)

    lines = {typed: complete(shell, typed, expected) for typed, expected in NAMES}

    assert lines == dict(NAMES)
    assert {words[0] for words in place.calls()} == {"__complete"}
    assert b"canary" not in shell.seen


def test_names_are_completed_with_a_raw_key_at_hand(place: Place, start: StartShell, kind: str) -> None:
    some = [*NAMES[:5], NAMES[7], NAMES[12]]
    shell = start(kind, CREDVAULT_KEY=PRINTED_KEY)

    lines = {typed: complete(shell, typed, expected) for typed, expected in some}

    assert lines == dict(some)
    assert b"canary" not in shell.seen


def test_key_file_on_the_line_is_used(place: Place, start: StartShell, kind: str) -> None:
    shell = start(kind)
    words = "credvault --key-file key get openai/a"

    assert complete(shell, words, f"{words}pi_key ") == f"{words}pi_key "


WAYS_THAT_TAKE_LONG = {
    "nothing": {},
    "a passphrase": {"CREDVAULT_PASSPHRASE": "not used"},
    "a command": {"CREDVAULT_PASSPHRASE_COMMAND": "touch marker"},
    "an empty key": {"CREDVAULT_KEY": ""},
    "no key": {"CREDVAULT_KEY": "not a key"},
    "a key of another vault": {"CREDVAULT_KEY_FILE": "no-such-file"},
}


@pytest.mark.parametrize("environ", WAYS_THAT_TAKE_LONG.values(), ids=WAYS_THAT_TAKE_LONG)
def test_locked_vault_offers_nothing_asks_nothing_and_says_nothing(
    place: Place, start: StartShell, kind: str, environ: dict[str, str]
) -> None:
    del place.desk.home.environ["CREDVAULT_NO_INPUT"]
    shell = start(kind, **environ)

    for typed in ("credvault get opena", "credvault -n ma", "credvault exec -e VAR=op", "credvault delete bare op"):
        line = shell.complete(typed, tabs=2)

        assert line == typed
        assert shell.screen == [f"{PROMPT}{typed}@@"]
    assert not (place.folder / "marker").exists()


def test_vault_of_a_profile_or_a_path_on_the_line_is_meant(place: Place, start: StartShell, kind: str) -> None:
    home = place.desk.home
    home.write(".config/credvault/config.toml", '[profiles.work]\npath = "../../work.json"\nnamespace = "team"\n')
    for name in ("team/only-here", "elsewhere/x"):
        if not (place.folder / "work.json").exists():
            assert home.run("--vault", "work.json", "init", CREDVAULT_KEY_FILE=str(home.key_file)).status == 0
        done = home.run("--vault", "work.json", "add", name, "--stdin", stdin=b"v", **place.desk.key)
        assert done.status == 0, done
    place.desk.held()
    place.desk.hold(place.folder / "work.json")
    shell = start(kind)
    expected = [
        ("credvault --profile work get only", "credvault --profile work get only-here "),
        ("credvault get --profile=work elsew", "credvault get --profile=work elsewhere/"),
        ("credvault --vault work.json get tea", "credvault --vault work.json get team/"),
        ("credvault --profile wo", "credvault --profile work "),
        ("credvault --profile=wo", "credvault --profile=work "),
    ]

    lines = {typed: complete(shell, typed, line) for typed, line in expected}

    assert lines == dict(expected)
    assert shell.complete("credvault --profile work get opena") == "credvault --profile work get opena"


def test_several_names_are_listed(place: Place, start: StartShell, kind: str) -> None:
    place.desk.held()
    shell = start(kind)

    # fish leaves out what all begin with.
    listed = shell.list("credvault get openai/prod/", "url", tabs=2 if kind == "bash" else 1)

    assert re.search(r"nai/prod/token\s+\S*nai/prod/url\b", listed)
    assert "api_key" not in listed


def test_help_of_options_is_shown_where_the_shell_shows_it(place: Place, start: StartShell) -> None:
    shell = start("zsh")

    shell.complete("credvault slot remove --re", tabs=2)

    assert "make a new data key too" in " ".join(shell.screen)


@pytest.mark.parametrize("strictness", ["set -u", "set -e", "set -eu", "shopt -s failglob nocasematch; set -o posix"])
def test_strict_bash_stays_alive(place: Place, start: StartShell, strictness: str) -> None:
    place.desk.held()
    place.desk.home.write("bin/a-program", "#!/bin/sh\n", 0o755)
    shell = start("bash", strictness)
    expected = [*NAMES[:3], *STATIC[:4], ("credvault exec a-prog", "credvault exec a-program ")]

    lines = {typed: complete(shell, typed, line) for typed, line in expected}
    nothing = [shell.complete(typed) for typed in ("credvault get no-such/", "credvault x y", "credvault get one tw")]

    assert lines == dict(expected)
    assert nothing == ["credvault get no-such/", "credvault x y", "credvault get one tw"]


@pytest.mark.parametrize("breaks", ["", " ", ":", "=", "=:@"])
def test_bash_cuts_words_where_it_is_told(place: Place, start: StartShell, breaks: str) -> None:
    place.desk.held()
    shell = start("bash", f"COMP_WORDBREAKS=$' \\t\\n\"\\'><;|&(''{breaks}'")
    expected = [row for row in NAMES if "=" in row[0] or "@" in row[0]]

    lines = {typed: complete(shell, typed, line) for typed, line in expected}

    assert lines == dict(expected)


def test_open_quotes_in_bash_are_kept(place: Place, start: StartShell) -> None:
    place.desk.held()
    shell = start("bash")

    assert complete(shell, 'credvault get "openai/a', 'credvault get "openai/api_key"') == (
        'credvault get "openai/api_key"'
    )
    assert complete(shell, "credvault get 'openai/a", "credvault get 'openai/api_key'") == (
        "credvault get 'openai/api_key'"
    )


def test_zsh_loads_the_function_by_itself(place: Place, start: StartShell) -> None:
    place.desk.held()
    first = f"PS1='{PROMPT}'; fpath=({COMPLETIONS} $fpath); autoload -U compinit; compinit -u -D"
    shell = start("zsh", loading=first)

    assert complete(shell, *NAMES[0]) == NAMES[0][1]
    assert complete(shell, *NAMES[1]) == NAMES[1][1]
    assert shell.complete("credvault slot cha") == "credvault slot change "


@pytest.mark.parametrize("shell", SETUPS)
def test_loading_says_nothing_and_needs_no_vault(place: Place, start: StartShell, shell: str) -> None:
    place.desk.home.vault.unlink()

    started = start(shell)

    assert [line for line in started.lines() if line] == [PROMPT.strip()]
    assert LOADING[shell].split("credvault ")[1].split()[0] == "completion"
