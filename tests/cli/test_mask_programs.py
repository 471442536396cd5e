"""Programs that use a terminal to the full, under --mask, as a person sees them."""

import pytest

from tests.cli.mask import MARK, MASKED, shell
from tests.conftest import Cli
from tests.screen import Screen

PROMPT = "read -sp 'Password: ' word </dev/tty; echo; echo ${#word} letters"


def see_size(screen: Screen, lines: int, columns: int) -> None:
    """Ask vim for its size until it is that.

    vim loses a new size that it is told of while it takes a command: where that happened it is given once more.
    """

    def is_so() -> bool:
        screen.rest()
        screen.type(":set lines? columns?\r")
        screen.rest()
        found = f"lines={lines}" in screen.text and f"columns={columns}" in screen.text
        screen.type("\r")
        screen.rest()
        if not found:
            screen.resize(lines, columns - 1)
            screen.rest()
            screen.resize(lines, columns)
        return found

    screen.wait(is_so, f"{lines} lines of {columns} columns")


def test_vim_edits_saves_is_resized_stopped_and_continued(stocked: Cli) -> None:
    with shell(stocked) as screen:
        cooked = screen.modes
        screen.run(f"{MASKED} vim -u NONE -N file", '"file" [New]')
        screen.type("ifirst line\rsecond")
        screen.see("first line\nsecond\n~", "-- INSERT --")
        screen.type("\x1b:read !echo $TOKEN\r")
        screen.see(MARK)
        screen.type(":write\r")
        screen.see('"file" [New] 3L')
        screen.type("\x1a")
        screen.see("Stopped")
        screen.run("cat file | tr a-z A-Z", "FIRST LINE\nSECOND\nCANARY-TOKEN")
        screen.resize(12, 60)
        screen.run("fg", "first line\nsecond\n")
        see_size(screen, 12, 60)
        screen.resize(30, 100)
        see_size(screen, 30, 100)
        screen.type("\r:quit\r")
        screen.run("echo status $?", "status 0")

        assert screen.modes == cooked


def test_less_shows_and_searches(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c '(seq 500; echo $TOKEN; seq 501 999) | less'", "1\n2\n3\n")
        screen.type("G")
        screen.see("998\n999")
        screen.type("?REDACTED\r")
        screen.rest()
        screen.type("g/^500\r")
        screen.see(f"500\n{MARK}\n501")
        screen.type("q")
        screen.run("echo status $?", "status 0")


def test_top_draws_and_ends_by_a_key(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} top -d 0.5", "load average", "PID USER")
        screen.rest(0.2)
        screen.type("h")
        screen.see("Help for Interactive Commands")
        screen.type("q")
        screen.see("load average", "PID USER")
        screen.rest(0.2)
        screen.type("q")
        screen.run("echo status $?", "status 0")


def test_python_evaluates_asks_and_is_interrupted(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} python3 -q", "\n>>>")
        screen.type("import os, getpass; os.environ['TOKEN']\r")
        screen.see(f"'{MARK}'")
        screen.type("len(getpass.getpass())\r")
        screen.see("\nPassword:")
        screen.type("hidden\r")
        screen.see("\n6\n>>>")
        screen.type("while True: pass\r\r")
        screen.rest()
        screen.type("\x03")
        screen.see("KeyboardInterrupt\n>>>")
        screen.type("exit(3)\r")
        screen.run("echo status $?", "status 3")

        assert b"hidden" not in screen.output


def test_git_commits_with_an_editor(stocked: Cli) -> None:
    stocked.env.update(EDITOR="vim -u NONE -N", GIT_CONFIG_NOSYSTEM="1")
    stocked.run(
        ["sh", "-c", "git init -q . && git config user.name n && git config user.email e@x && touch a && git add a"]
    )
    with shell(stocked) as screen:
        screen.run(f"{MASKED} git commit", "Please enter the commit message")
        screen.type("ithe subject\x1b:wq\r")
        screen.see("1 file changed")
        screen.run(f"{MASKED} git log --color", "the subject")
        screen.see("Author: n <e@x>")
        assert b"\x1b[33mcommit " in screen.output


@pytest.mark.parametrize("before", ["", "echo piped | ", "sleep 0.1 | "])
def test_prompt_for_a_password_shows_nothing_of_it(stocked: Cli, before: str) -> None:
    (stocked.cwd / "prompt").write_text(PROMPT)
    with shell(stocked) as screen:
        cooked = screen.modes
        screen.run(f"{before}{MASKED} bash prompt", "\nPassword:")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("hidden\r")
        screen.see("\n6 letters")
        screen.run("echo status $?", "status 0")

        assert b"hidden" not in screen.output
        assert screen.modes == cooked


def test_colours_are_there_and_asked_for(stocked: Cli) -> None:
    (stocked.cwd / "folder").mkdir()
    with shell(stocked) as screen:
        screen.run(f"{MASKED} ls --color=auto", "folder")

        assert b"\x1b[01;34mfolder\x1b[0m" in screen.output
