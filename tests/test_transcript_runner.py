"""The transcripts' harness itself: it fails where a transcript and the program differ, and only there.

Played against ordinary commands, with transcripts made here.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import terminal
from tests.patience import LIMITS, SECONDS
from tests.stage import Stage, play
from tests.terminal import Ran, run_in_script, run_on_terminal
from tests.transcript import TranscriptError, parse

ASK = r"""import getpass; getpass.getpass("Passphrase: "); print("opened")"""
CANARY = "canary-4f1b9c~~~~"  # with a + in its base64, or a - where that is for URLs
Run = Callable[[str, Path, float], Ran]


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    return tmp_path / "sample.txt"


def failures_of(transcript: Path, text: str, command_seconds: float = SECONDS, prompt_seconds: float = SECONDS) -> str:
    """Return what playing the text as a transcript found wrong; empty is a pass."""
    transcript.write_text(text, encoding="utf-8")
    failures = play(transcript, command_seconds=command_seconds, prompt_seconds=prompt_seconds)
    return "\n\n".join(failures)


def recording_of(transcript: Path, text: str) -> str:
    """Return what a recording made of the text, which must then pass."""
    transcript.write_text(text, encoding="utf-8")
    assert play(transcript, record=True) == []
    assert play(transcript) == []
    return transcript.read_text(encoding="utf-8")


# What a transcript says is compared.


def test_runner_accepts_what_is_as_written(transcript: Path) -> None:
    text = r"""
# A comment, and commands of more than one line.
$ printf 'a\n\n  b\n# c\n' &&
>   { echo careful >&2; exit 3; }
a
|
  b
| # c
! careful
? 3

$ echo "one
> two"
one
two
"""

    assert failures_of(transcript, text) == ""


@pytest.mark.parametrize(
    ("command", "expected", "differing"),
    [
        ("echo a", "b", "stdout differs"),
        ("echo a", "", "stdout differs"),
        ("printf 'a\nb\n'", "a", "stdout differs"),
        ("printf 'a\nb\n'", "b\na", "stdout differs"),
        ("true", "a", "stdout differs"),
        ("echo", "", "stdout differs"),
        ("printf a", "a", "stdout differs"),
        ("echo a", "a\n\\no newline", "stdout differs"),
        ("echo 'a '", "a", "stdout differs"),
        ("echo a >&2", "! b", "stderr differs"),
        ("echo a >&2", "", "stderr differs"),
        ("true", "! a", "stderr differs"),
        ("printf a >&2", "! a", "stderr differs"),
        ("echo a >&2", "a", "stdout and stderr differ"),
        ("echo a", "! a", "stdout and stderr differ"),
        ("exit 3", "", "status differs"),
        ("true", "? 3", "status differs"),
        ("exit 3", "? 4", "status differs"),
        ("echo a; exit 3", "b", "stdout and status differ"),
    ],
)
def test_runner_reports_each_difference(transcript: Path, command: str, expected: str, differing: str) -> None:
    source = "$ " + command.replace("\n", "\\n")

    failures = failures_of(transcript, f"{source}\n{expected}\n" if expected else f"{source}\n")

    assert failures.startswith(f"{transcript}:1: {differing}\n{source}\n--- expected\n+++ got\n")


def test_runner_shows_a_changed_line_among_all_that_was_said(transcript: Path) -> None:
    text = "\n".join(
        ["# why", "$ seq 1 12; echo because >&2; exit 3", *map(str, range(1, 12)), "0", "! [...]", "? 3", ""]
    )

    failures = failures_of(transcript, text)

    assert failures.startswith(f"{transcript}:2: stdout differs\n")
    shown = failures.splitlines()[5:]
    assert shown == [*(f" {n}" for n in range(1, 12)), "-0", "+12", " ! [...]", " ? 3"]


def test_runner_stops_at_the_first_command_that_fails(transcript: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"

    failures = failures_of(transcript, f"$ exit 3\n$ touch {witness}\n$ exit 4\n")

    assert failures.count("status differs") == 1
    assert not witness.exists()


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("a[...]z", "a to z", "a to z."),
        ("a[...]", "a", "b"),
        ("at <time>", "at 2031-02-03T04:05:06Z", "at 2031-02-03T04:05:06+00:00"),
        ("at <time>", "at 2031-02-03T04:05:06.789Z", "at 2031-02-03 04:05:06Z"),
        ("<key>", f"cvk1_{'a' * 43}_{'b' * 6}", f"cvk1_{'a' * 42}_{'b' * 6}"),
        ("<id>", "9f86d081884c7d65", "9f86 d081"),
        ("<digits> bytes", "42 bytes", "-42 bytes"),
        ("in <path>: no", "in /etc/x-y.z: no", "in etc/x: no"),
        ("see <path>", "see <path>", "see <time>"),
        ("see <other>", "see <other>", "see <otter>"),
        ("a.c", "a.c", "abc"),
    ],
)
def test_pattern_fits_its_kind_and_nothing_else(transcript: Path, pattern: str, fitting: str, other: str) -> None:
    fits = failures_of(transcript, f'% env TEXT={fitting}\n$ echo "$TEXT"\n{pattern}\n')
    differs = failures_of(transcript, f'% env TEXT={other}\n$ echo "$TEXT"\n{pattern}\n')

    assert fits == ""
    assert "stdout differs" in differs


@pytest.mark.parametrize("lines", ["a\n...\nd", "...", "...\nd", "a\nb\n...\nc\nd\n...", "a\n...\nc\n...\nd"])
def test_dots_stand_for_any_number_of_lines(transcript: Path, lines: str) -> None:
    assert failures_of(transcript, f"$ printf 'a\\nb\\nc\\nd\\n'\n{lines}\n") == ""


@pytest.mark.parametrize("lines", ["b\n...", "...\nc", "a\n...\ne\n...", "d\n...\na", "| ..."])
def test_dots_do_not_excuse_the_lines_around_them(transcript: Path, lines: str) -> None:
    assert "stdout differs" in failures_of(transcript, f"$ printf 'a\\nb\\nc\\nd\\n'\n{lines}\n")


@pytest.mark.parametrize(
    ("printed", "spelled", "look_alike"),
    [
        (r"\033[1m", "<x1b>[1m", r"<x1b>[1m"),
        (r"a\tb", "a<tab>b", "a b"),
        (r"a\tb", "a\tb", "a    b"),
        (r"a ", "a<x20>", "a"),
        (r"a  ", "a  ", "a "),
        (r"a\r", "a<x0d>", "a"),
        (r"\377", "<xff>", r"\303\277"),
        (r"\342\200\256a", "<u202e>a", "a"),
        (r"\303\251", "é", "e"),
        (r"\\x1b[1m", r"\x1b[1m", r"\033[1m"),
        (r"<x1b>", "<x3c>x1b>", r"\033"),
    ],
)
def test_characters_that_cannot_be_seen_are_compared_by_their_spelling(
    transcript: Path, printed: str, spelled: str, look_alike: str
) -> None:
    assert failures_of(transcript, f"$ printf '{printed}\\n'\n{spelled}\n") == ""
    assert "stdout differs" in failures_of(transcript, f"$ printf '{look_alike}\\n'\n{spelled}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n", "1: output without a command"),
        ("$ echo\n\na\n", "3: output without a command"),
        ("$ echo\n# why\n? 3\n", "3: output without a command"),
        ("$ echo a\na\n> b\n", "3: a command that goes on below its output"),
        ("$\n", "1: no command"),
        ("% conjure x\n", "1: unknown directive"),
        ("$ cat\n< a\n", "2: nobody types without a terminal"),
        ("$$ cat\n! a\n", "2: a terminal has one screen"),
        ("$$ cat\n...\n< a\n", "3: typed at no particular prompt"),
        ("$ echo\n? many\n", "2: invalid literal for int"),
        ("$ echo\n\\no newline\n", "2: no line before it"),
    ],
)
def test_malformed_transcript_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(TranscriptError, match=message):
        parse(text)


# A transcript has a place of its own.


def test_commands_of_a_transcript_share_empty_folders(transcript: Path) -> None:
    text = """
$ pwd; echo "$HOME $TMPDIR"; ls -A . ~ "$TMPDIR" | grep -v :
<cwd>
<home> <tmp>
|
|
$ echo one > a; echo two > ~/b
$ cat a ~/b
one
two
"""

    assert failures_of(transcript, text) == ""
    assert failures_of(transcript, text) == ""


def test_environment_is_minimal(transcript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "XDG_CONFIG_HOME", "CREDVAULT_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "from the caller")
    text = """
$ env -u PWD -u SHLVL -u _ | grep -v ^COVERAGE_ | sort
HOME=<home>
LANG=C.UTF-8
PATH=<path>[...]
TERM=xterm-256color
TMPDIR=<tmp>
$ command -v python
<path>/python
"""

    assert failures_of(transcript, text) == ""


def test_script_has_no_terminal_and_empty_stdin(transcript: Path) -> None:
    text = """
$ cat; test ! -t 0 && (echo > /dev/tty)
! [...]/dev/tty: No such device or address
? 1
"""

    assert failures_of(transcript, text) == ""


def test_directives_prepare_what_commands_find(transcript: Path) -> None:
    text = """
% env GREETING=good day
% env WHERE=$HOME/settings
% env PRICE=$$5
$ echo "$GREETING, $WHERE, $PRICE"
good day, <home>/settings, $5
% unset GREETING
$ echo "${GREETING-unset}"
unset
% file $WHERE/deep/a.toml
    [a]
      b = 1

    c = 2

$ cat ~/settings/deep/a.toml
[a]
  b = 1
|
c = 2
% file empty
$ wc -c < empty
0
% cwd sub
$ pwd
<cwd>/sub
% cwd .
$ pwd; printf 'no newline'
<cwd>
no newline
\\no newline
% capture SEEN
$ echo "$SEEN" | tail -n 1
no newline
"""

    assert failures_of(transcript, text) == ""


@pytest.mark.parametrize("directive", ["canary $NOT_CAPTURED", "env PRICE=5$", "env NAME", "canary short"])
def test_directive_that_would_do_nothing_fails(transcript: Path, directive: str) -> None:
    assert failures_of(transcript, f"\n% {directive}\n").startswith(f"{transcript}:2: ")


def test_needs_skips_where_the_program_is_not_installed(transcript: Path) -> None:
    assert "status differs" in failures_of(transcript, "% needs sh\n$ exit 3\n")
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        failures_of(transcript, "% needs no-such-program\n$ exit 3\n")


# On a terminal.


def test_terminal_is_the_controlling_one_with_80_columns(transcript: Path) -> None:
    text = """
$$ stty size; test -t 0 -a -t 1 -a -t 2 && echo all three
24 80
all three
$$ echo "to the person" >/dev/tty | cat >/dev/null 2>&1
to the person
"""

    assert failures_of(transcript, text) == ""


def test_screen_merges_stdout_and_stderr(transcript: Path) -> None:
    command = "$$ echo a; echo b >&2; exit 3"

    assert failures_of(transcript, f"{command}\na\nb\n? 3\n") == ""
    assert "screen differs" in failures_of(transcript, f"{command}\na\n? 3\n")
    assert "status differs" in failures_of(transcript, f"{command}\na\nb\n")


def test_answers_are_typed_at_their_prompts(transcript: Path) -> None:
    text = """
$$ for n in 1 2; do read -p 'Sure? [y/N] ' a; sleep 0.1; echo "you said $a"; done
> read -p more:; echo "[$REPLY]"
Sure? [y/N]
< yes
you said yes
Sure? [y/N]
< no
you said no
more:
<
[]
"""

    assert failures_of(transcript, text) == ""


def test_typing_waits_for_output_that_is_not_a_prompt(transcript: Path) -> None:
    text = """
$$ read a; sleep 0.3; echo "got $a"; read b; echo "got $b"
< x
got x
|
< y
got y
"""

    assert failures_of(transcript, text) == ""


def test_hidden_input_must_not_show(transcript: Path) -> None:
    hidden = f"$$ python -c '{ASK}'\nPassphrase:\n<* correct horse\nopened\n"

    assert failures_of(transcript, hidden) == ""
    assert "-< correct horse\n+<* correct horse" in failures_of(transcript, hidden.replace("<*", "<"))


def test_input_that_shows_is_not_taken_for_hidden(transcript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "ECHO_SECONDS", 0.5)
    shown = "$$ read -p 'Passphrase: ' p; echo opened\nPassphrase:\n< correct horse\nopened\n"

    assert failures_of(transcript, shown) == ""
    assert "-<* correct horse\n+< correct horse" in failures_of(transcript, shown.replace("< c", "<* c"))


def test_hidden_input_waits_until_the_echo_is_off(transcript: Path) -> None:
    text = f"$$ printf 'Passphrase: '; sleep 0.4; python -c '{ASK.replace('Passphrase: ', '')}'\n"

    assert failures_of(transcript, f"{text}Passphrase:\n<* correct horse\nopened\n") == ""


def test_line_that_stays_open_after_typing_is_marked(transcript: Path) -> None:
    text = "$$ read -sp 'PIN: ' pin; echo opened\nPIN:\n<* 1234\n\\no newline\nopened\n"

    assert failures_of(transcript, text) == ""
    assert "+\\no newline" in failures_of(transcript, text.replace("\\no newline\n", ""))


def test_control_characters_reach_the_program(transcript: Path) -> None:
    text = """
$$ read -p 'Name: ' name
Name:
< ^C
\\no newline
? 130
$$ cat; echo end
< a
a
|
< ^D
end
"""

    assert failures_of(transcript, text) == ""


def test_interrupt_works_although_the_test_run_ignores_it(transcript: Path) -> None:
    text = "$$ sh -c 'echo ready; exec sleep 600'\nready\n|\n< ^C\n\\no newline\n? 130\n"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    try:
        failures = failures_of(transcript, text)
    finally:
        ignored = signal.signal(signal.SIGINT, before)

    assert failures == ""
    assert ignored is signal.SIG_IGN


def test_prompt_that_never_comes_fails_within_its_limit(transcript: Path) -> None:
    text = "$$ echo Nothing to ask; sleep 600\nSure?\n< y\n"

    for seconds in LIMITS:
        failures = failures_of(transcript, text, prompt_seconds=seconds)
        if "+Nothing to ask" in failures:
            break

    assert f"did not come to the next prompt within {seconds:g} s" in failures
    assert "-Sure?\n-< y\n+Nothing to ask\n+? 137" in failures


def test_wrong_line_above_a_right_prompt_does_not_stop_the_typing(transcript: Path) -> None:
    text = "$$ echo a; read -p 'Sure? ' a; echo done\nb\nSure?\n< y\ndone\n"

    failures = failures_of(transcript, text)

    assert failures.splitlines()[-5:] == ["-b", "+a", " Sure?", " < y", " done"]


def test_escape_sequences_are_compared_unless_stripped(transcript: Path) -> None:
    command = r"$$ printf '\033[1;31mred\033[0m \033]0;title\007\033(Bplain\n'"

    spelled = failures_of(transcript, f"{command}\n<x1b>[1;31mred<x1b>[0m <x1b>]0;title<x07><x1b>(Bplain\n")
    unstripped = failures_of(transcript, f"{command}\nred plain\n")
    stripped = failures_of(transcript, f"% strip-escapes\n{command}\nred plain\n")

    assert spelled == ""
    assert "screen differs" in unstripped
    assert stripped == ""


# Nothing hangs, nothing stays.


@pytest.mark.parametrize("mark", ["$", "$$"])
def test_command_that_hangs_is_killed_and_reported(transcript: Path, mark: str) -> None:
    for seconds in LIMITS:
        failures = failures_of(transcript, f"{mark} echo started; sleep 600\nstarted\n", command_seconds=seconds)
        if "\n started" in failures:
            break

    assert failures.startswith(f"{transcript}:1: was still running after {seconds:g} s, status differs\n")
    assert failures.endswith("\n started\n+? 137")


@pytest.mark.parametrize(
    "run",
    [
        lambda command, folder, seconds: run_in_script(command, os.environ, folder, seconds),
        lambda command, folder, seconds: run_on_terminal(command, os.environ, folder, [], lambda _: None, seconds, 20),
    ],
    ids=["script", "terminal"],
)
def test_children_of_a_command_that_hangs_are_killed_too(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    # A pipe is at its end once nobody has it open for writing.
    command = "trap '' HUP; exec 3>alive; (echo started >&3; sleep 600) & sleep 600"

    with open(os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as alive:
        os.set_blocking(alive.fileno(), True)
        for seconds in LIMITS:
            overdue = run(command, tmp_path, seconds).overdue
            if said := alive.readall():
                break

    assert overdue == f"was still running after {seconds:g} s"
    assert said == b"started\n"


def test_background_process_that_keeps_the_output_open_is_reported(transcript: Path) -> None:
    for seconds in LIMITS:
        failures = failures_of(transcript, "$ setsid sleep 600 & echo a\na\n", command_seconds=seconds)
        if "left a process" in failures:
            break

    assert f"left a process behind that still held its output after {seconds:g} s" in failures


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only /proc tells whose a process is")
def test_processes_left_behind_are_ended(transcript: Path, tmp_path: Path) -> None:
    number = tmp_path / "pid"

    failures = failures_of(transcript, f"$ setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $! > {number}\n")

    assert failures == ""
    status = Path(f"/proc/{number.read_text().strip()}/stat")
    assert not status.exists() or status.read_text().rpartition(") ")[2].startswith("Z")


def test_folders_are_gone_afterwards(transcript: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    failures_of(transcript, f"$ pwd > {kept}; mkdir sub; touch sub/file; chmod 0 sub\n")

    assert not os.path.lexists(kept.read_text().strip())
    assert not os.path.lexists(Path(kept.read_text().strip()).parent)


# Canaries.


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ("$ echo {} >&2", "stderr"),
        ("% reveals\n$ echo {} >&2", "stderr"),
        ("$ echo 'a{}b'", "stdout"),
        ("$ printf 'x{}' | base64", "stdout"),
        ("% reveals\n$ echo {} >/dev/null\n$ echo {}", "stdout"),
        ("$$ echo {}", "screen"),
        ("$$ read -p 'Passphrase: ' p\nPassphrase:\n< {}", "screen"),
    ],
)
def test_canary_in_output_fails(transcript: Path, command: str, where: str) -> None:
    wild = "\n..." if "read" not in command else ""
    text = f"% canary {CANARY}\n{command.format(CANARY, CANARY)}{wild}\n" + "! ...\n" * (">&2" in command)

    failures = failures_of(transcript, text)

    assert f"{where} shows the canary {CANARY}" in failures


def test_canary_may_show_where_it_is_revealed(transcript: Path) -> None:
    text = f"""
$ echo {CANARY}
{CANARY}
% canary {CANARY}
% reveals
$ echo {CANARY}
{CANARY}
% reveals
$$ echo {CANARY}
{CANARY}
$$ python -c '{ASK}'
Passphrase:
<* {CANARY}
opened
"""

    assert failures_of(transcript, text) == ""


@pytest.mark.parametrize(
    "command",
    [
        "echo {} > here",
        "mkdir -p ~/.local/state; printf 'a\\0{}' > ~/.local/state/log",
        "echo {} > $TMPDIR/left",
        "touch {}.txt",
        "mkdir {}",
        "printf 'key: {}' | base64 > here",
        "printf 'keys: {}' | base64 > here",
        "printf '{}' | base64 > here",
        "printf '{}' | base64 | tr +/ -_ > here",
        "printf '{}' | python -c 'print(input().encode().hex())' > here",
        "mkdir sub; echo {} > sub/file; chmod 0 sub/file sub",
    ],
)
def test_canary_left_in_a_file_fails(transcript: Path, command: str) -> None:
    failures = failures_of(transcript, f"$ {command.format(CANARY)}\n% canary {CANARY}\n")

    assert f"holds the canary {CANARY}" in failures


def test_canary_may_lie_where_it_is_allowed(transcript: Path) -> None:
    text = f"$ mkdir d; echo {CANARY} | tee d/file ~/file\n{CANARY}\n% canary {CANARY}\n% canary-in d\n"

    elsewhere = failures_of(transcript, text)
    allowed = failures_of(transcript, text + "% canary-in $HOME/file\n")

    assert elsewhere == f"{transcript}: home/file holds the canary {CANARY}"
    assert allowed == ""


def test_captured_value_can_be_a_canary(transcript: Path) -> None:
    text = f"$ echo {CANARY}\n{CANARY}\n% capture KEY\n% canary $KEY\n$ echo key=$KEY >&2\n! key=[...]\n"

    assert f"stderr shows the canary {CANARY}" in failures_of(transcript, text)


def test_files_are_searched_after_a_failure_too(transcript: Path) -> None:
    failures = failures_of(transcript, f"% canary {CANARY}\n$ echo {CANARY} > here; exit 3\n")

    assert "status differs" in failures
    assert "cwd/here holds the canary" in failures


# Recording.


def test_recording_replaces_only_what_no_longer_fits(transcript: Path) -> None:
    text = """# Why this is here.
% env NAME=value

$ printf '10 bytes\\n\\n# odd\\n' && echo "took 3 s" >&2
<digits> bytes
gone
! took [...]
$ echo "$NAME"; exit 4
! gone
? 5
# Untouched: stderr first.
$ echo a; echo b >&2
! b
a
"""

    recorded = recording_of(transcript, text)

    assert (
        recorded
        == """# Why this is here.
% env NAME=value

$ printf '10 bytes\\n\\n# odd\\n' && echo "took 3 s" >&2
<digits> bytes
|
| # odd
! took [...]
$ echo "$NAME"; exit 4
value
? 4
# Untouched: stderr first.
$ echo a; echo b >&2
! b
a
"""
    )


def test_recording_names_what_the_next_run_would_change(transcript: Path) -> None:
    key = f"cvk1_{'a' * 43}_{'b' * 6}"
    text = f"$ date -u +%FT%TZ; echo 2001-01-01T00:00:00Z in $HOME; echo {key}; printf '\\033 \\377 '\n"

    recorded = recording_of(transcript, text)

    assert recorded == (f"{text}<time>\n2001-01-01T00:00:00Z in <home>\n<key>\n<x1b> <xff><x20>\n\\no newline\n")


def test_recording_types_at_prompts_that_changed(transcript: Path) -> None:
    text = """$$ read -p 'Really? ' a; echo "you said $a"; cat
Sure?
< y
< more
< ^D
"""

    recorded = recording_of(transcript, text)

    assert (
        recorded
        == """$$ read -p 'Really? ' a; echo "you said $a"; cat
Really?
< y
you said y
|
< more
more
|
< ^D
"""
    )


def test_leak_is_not_recorded(transcript: Path) -> None:
    text = f"% canary {CANARY}\n$ echo {CANARY}\n"
    transcript.write_text(text, encoding="utf-8")

    failures = play(transcript, record=True)

    assert "stdout shows the canary" in failures[0]
    assert transcript.read_text(encoding="utf-8") == text


# One transcript for several stores.


def test_runner_passes_over_what_is_for_a_store_that_can_do_more(transcript: Path, tmp_path: Path) -> None:
    transcript.write_text("% when versions\n$ echo $STORE-v\na-v\n% when bytes\n$ exit 3\n% end\n$ echo $STORE\na\n")

    def furnish(stage: Stage) -> None:
        stage.env["STORE"] = "a"

    assert play(transcript, prepare=furnish, abilities=["versions"]) == []
    assert "status differs" in "".join(play(transcript, prepare=furnish, abilities=["bytes"]))
    assert "stdout differs" in "".join(play(transcript, abilities=["versions"]))


def test_runner_knows_the_abilities_of_stores(transcript: Path) -> None:
    assert "unknown ability" in failures_of(transcript, "% when version\n$ exit 3\n")


def test_recording_keeps_what_was_passed_over(transcript: Path) -> None:
    text = "% when versions\n$ echo a\nb\n! c\n? 3\n% end\n$ echo d\n"
    transcript.write_text(text)

    assert play(transcript, record=True) == []

    assert transcript.read_text() == text + "d\n"
