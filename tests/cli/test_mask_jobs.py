"""Under --mask a job is a job: stopped, continued, in front and behind, in a pipeline, in a script, by whomever."""

import os
import signal
import sys
import termios

import pytest

from tests.cli.mask import (
    MARK,
    MASKED,
    PYTHON,
    child_of,
    continue_in_front,
    has_child,
    is_stopped,
    relay_of,
    running_in,
    shell,
    wait_for_front,
    wait_for_job,
    wait_for_report,
)
from tests.conftest import Cli
from tests.screen import PROMPT


def test_job_is_stopped_and_continued_in_front_and_behind(stocked: Cli) -> None:
    with shell(stocked) as screen:
        cooked = screen.modes
        screen.run(f"{MASKED} cat")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("one\r")
        screen.see("one\none")
        screen.type("\x1a")
        screen.see("Stopped")
        stopped = screen.modes
        screen.run("jobs", "Stopped")
        screen.run("bg", "&")
        wait_for_job(screen, "Stopped")  # by its own read
        continue_in_front(screen, "two")
        screen.type("\x04")
        screen.see("~>")
        screen.run("echo status $?", "status 0")

        assert stopped == cooked
        assert screen.modes == cooked


def test_job_in_the_background_shows_its_output_and_stops_to_read(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'echo out $TOKEN; read line; echo got $line' &", f"out {MARK}")
        wait_for_job(screen, "Stopped")
        screen.run("fg", "exec")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("word\r")
        screen.see("got word")
        assert b"\r\r\n" not in screen.output


def test_job_in_the_background_stops_to_write_where_the_terminal_is_set_so(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"stty tostop; {MASKED} sh -c 'echo out; echo more' &")
        screen.rest(1.0)
        assert "\nout" not in screen.text
        wait_for_job(screen, "Stopped")
        screen.run("fg", "\nout\nmore")


def test_job_of_a_script_is_stopped_with_the_script(stocked: Cli) -> None:
    (stocked.cwd / "script").write_text(f"{MASKED} cat\necho after $?\n")
    with shell(stocked) as screen:
        screen.run("sh script")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("\x1a")
        screen.see("Stopped")
        screen.run("fg", "sh script")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("word\r")
        screen.see("word\nword")
        screen.type("\x04")
        screen.see("after 0")


def test_job_may_be_stopped_and_continued_again_and_again(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} cat")
        for round_ in range(8):
            screen.wait(lambda: screen.is_raw, "raw mode")
            screen.type(f"round {round_}\r")
            screen.see(f"round {round_}\nround {round_}")
            screen.type("\x1a")
            screen.see("Stopped")
            screen.run("fg", "exec")
        screen.type("\x04")
        screen.run("echo status $?", "status 0")


def test_we_alone_may_be_stopped_and_continued(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} cat")
        screen.wait(lambda: screen.is_raw, "raw mode")
        relay = relay_of(screen, "cat")
        os.kill(relay, signal.SIGSTOP)
        screen.see("Stopped")
        continue_in_front(screen, "in front")
        os.kill(relay, signal.SIGSTOP)
        screen.see("Stopped")
        screen.run("bg")
        wait_for_job(screen, "Stopped")  # by its own read, as any job in the background
        continue_in_front(screen, "again")
        screen.type("\x04")
        screen.run("echo status $?", "status 0")


def test_keys_that_wait_for_the_shell_are_left_to_it_when_we_are_continued_behind(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} cat")
        screen.wait(lambda: screen.is_raw, "raw mode")
        relay = relay_of(screen, "cat")
        leader = child_of(relay)
        os.kill(relay, signal.SIGSTOP)
        screen.see("Stopped", PROMPT.rstrip())
        os.kill(screen.pid, signal.SIGSTOP)
        screen.wait(lambda: is_stopped(screen.pid), "a shell that does not read")
        screen.type("echo left alone\r")
        screen.see("echo left alone")
        os.kill(leader, signal.SIGSTOP)  # it is slow to see what becomes of the child
        os.kill(relay, signal.SIGCONT)  # as `bg` does, while somebody types on
        screen.wait(lambda: is_stopped(child_of(leader)), "a child that is moved")
        screen.rest()
        os.kill(leader, signal.SIGCONT)
        screen.wait(lambda: is_stopped(relay), "a stop by its own read")
        os.kill(screen.pid, signal.SIGCONT)
        screen.see("\nleft alone")
        continue_in_front(screen, "again")


def test_all_that_the_child_has_started_is_put_behind_with_it(stocked: Cli) -> None:
    with shell(stocked) as screen:
        child = "cat; echo end"
        screen.run(f"{MASKED} sh -c '{child}'")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("one\r")
        screen.see("one\none")
        os.kill(relay_of(screen, child), signal.SIGSTOP)
        screen.see("Stopped")
        screen.run("bg")
        wait_for_job(screen, "Stopped")  # by its own read, which had begun before
        continue_in_front(screen, "two")


def test_job_that_comes_in_front_again_while_it_is_put_behind_has_the_keys(stocked: Cli) -> None:
    """Of a program that asks for none: it looks whether there are some."""
    (stocked.cwd / "looks.py").write_text(
        "import os, select\nwhile select.select([0], [], []): print('read', os.read(0, 99).decode(), flush=True)\n"
    )
    with shell(stocked) as screen:
        screen.run(f"{MASKED} {PYTHON} looks.py")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("one\r")
        screen.see("read one")
        relay = relay_of(screen, "looks.py")
        leader = child_of(relay)
        os.kill(relay, signal.SIGSTOP)
        screen.see("Stopped")
        os.kill(leader, signal.SIGSTOP)
        screen.run("bg")
        screen.wait(lambda: is_stopped(child_of(leader)), "a child that is moved")
        screen.run("fg", "exec")
        wait_for_front(screen)
        os.kill(leader, signal.SIGCONT)
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("two\r")
        screen.see("read two")


def test_job_that_comes_in_front_while_its_output_is_held_up_does_not_stop_to_read(stocked: Cli) -> None:
    child = "touch ready; until [ -e go ]; do sleep 0.05; done; echo out; read line; echo got $line"
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c '{child}' &", PROMPT.rstrip())
        screen.wait((stocked.cwd / "ready").exists, "a child")
        leader = child_of(relay_of(screen, child))
        terminal = os.open(f"/proc/{screen.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        termios.tcflow(terminal, termios.TCOOFF)
        (stocked.cwd / "go").touch()
        screen.wait(lambda: is_stopped(child_of(leader)), "a child that wants to read")
        screen.rest()
        screen.type("fg >fg\r")
        wait_for_front(screen)
        termios.tcflow(terminal, termios.TCOON)
        os.close(terminal)
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("word\r")
        screen.see("got word")
        assert "Stopped" not in screen.text


def test_job_whose_child_had_stopped_as_well_is_continued_at_once(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} cat")
        screen.wait(lambda: screen.is_raw, "raw mode")
        relay = relay_of(screen, "cat")
        os.kill(relay, signal.SIGSTOP)
        screen.see("Stopped")
        os.kill(child_of(child_of(relay)), signal.SIGTSTP)
        wait_for_report(screen, relay)
        continue_in_front(screen, "word")


def test_job_that_is_continued_behind_while_it_starts_leaves_the_terminal_alone(stocked: Cli) -> None:
    os.mkfifo(stocked.cwd / "go")
    (stocked.cwd / "starts.py").write_text(
        "import os, sys\nfrom credvault.delivery.relay import run\n"
        "run(lambda: os.execvp('cat', ['cat', *filter(None, [open('go').read()])]), [])\n"
    )
    with shell(stocked) as screen:
        cooked = screen.modes
        screen.run(f"{sys.executable} starts.py exec")
        relay = relay_of(screen, "starts.py")
        screen.wait(lambda: has_child(relay) and has_child(child_of(relay)), "a child")
        os.kill(relay, signal.SIGSTOP)
        screen.see("Stopped")
        screen.run("bg")
        (stocked.cwd / "go").write_text("")
        wait_for_job(screen, "Stopped")  # by its own read
        assert screen.modes == cooked
        continue_in_front(screen, "word")


def test_job_that_nobody_can_continue_does_not_wait_for_the_terminal(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"({MASKED} sh -c 'read line </dev/tty; echo not read >ended' &)")
        screen.wait(lambda: not running_in(screen), "the end of it")
        screen.run("echo typed for the shell", "\ntyped for the shell")


def test_child_that_stops_itself_stops_the_job(stocked: Cli) -> None:
    for name in ("STOP", "TSTP", "TTOU"):
        with shell(stocked) as screen:
            screen.run(f"{MASKED} sh -c 'kill -{name} $$; echo went on'")
            if name == "TTOU":  # it has the terminal, so there is nothing to wait for
                screen.see("\nwent on")
                continue
            screen.see("Stopped")
            screen.run("fg", "\nwent on")


def test_terminal_can_be_given_to_a_shell_within(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} env PS1='in> ' bash --norc --noediting -i", "\nin>")
        screen.type("sh -c 'echo in front; exec sleep 600'\r")
        screen.see("\nin front")
        screen.type("\x1a")
        screen.see("Stopped", "in>")
        screen.type("kill %1; wait; echo $TOKEN\r")
        screen.see(MARK)
        screen.type("suspend\r")
        screen.see("Stopped  ", "~>")
        screen.run("fg")
        screen.type("exit 5\r")
        screen.run("echo status $?", "status 5")


def test_keys_are_left_alone_in_a_pipeline_until_the_child_asks(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'seq 200; sleep 1' | less", "23")
        screen.rest()
        screen.type("G")
        screen.see("200")
        screen.type("q")
        screen.see("~>")
        screen.run(f"echo piped | {MASKED} bash -c 'cat; read -sp Word: word </dev/tty; echo; echo ${{#word}} letters'")
        screen.see("piped\nWord:")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("hidden\r")
        screen.see("6 letters")
        assert "hidden" not in screen.text


@pytest.mark.parametrize(("key", "name"), [("\x03", "INT"), ("\x1c", "QUIT")])
def test_key_reaches_a_child_once_in_a_pipeline(stocked: Cli, key: str, name: str) -> None:
    (stocked.cwd / "child").write_text(
        # bash loses a signal that comes within a $(...), so it runs nothing once it is ready.
        f"trap 'echo caught >&2' {name}; sleep 600 & echo ready >&2; while :; do wait; done\n"
    )
    with shell(stocked) as screen:
        screen.run(f"ulimit -c 0; sleep 60 | {MASKED} bash child", "\nready")
        screen.type(key)
        screen.see("caught")
        screen.rest(1.5)

        assert screen.text.count("caught") == 1


@pytest.mark.parametrize(
    "child", ["yes", "sh -c 'seq 45000; echo written >&2'"], ids=["child that waits", "child that has ended"]
)
def test_job_is_stopped_although_nobody_reads_what_it_wrote(stocked: Cli, child: str) -> None:
    """The reader has been stopped by the same key."""
    with shell(stocked) as screen:
        screen.run(f"{MASKED} {child} | sleep 600", *(["\nwritten"] if "written" in child else []))
        wait_for_front(screen)
        screen.rest(1.0)
        screen.type("\x1a")
        screen.see("Stopped")
        screen.run("jobs", "Stopped")
        screen.run("fg", "exec")
        wait_for_front(screen)
        screen.type("\x03")
        screen.see("~>")


def test_job_is_stopped_although_its_child_has_just_ended(stocked: Cli) -> None:
    """What it wrote last is held up, and so are we before a key stops us by itself."""
    child = "touch ready; until [ -e go ]; do sleep 0.05; done; seq 45000; echo out >&2"
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c '{child}' | sleep 600")
        screen.wait((stocked.cwd / "ready").exists, "a child")
        relay = relay_of(screen, child)
        terminal = os.open(f"/proc/{screen.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        termios.tcflow(terminal, termios.TCOOFF)
        (stocked.cwd / "go").touch()
        screen.wait(lambda: not has_child(relay), "its end")
        screen.type("\x1a")
        screen.rest()
        termios.tcflow(terminal, termios.TCOON)
        os.close(terminal)
        screen.see("out\n", "Stopped")
        screen.run("fg", "exec")
        wait_for_front(screen)
        screen.type("\x03")
        screen.see("~>")


def test_interrupted_child_ends_a_loop_of_the_shell(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"for i in 1 2 3; do {MASKED} sh -c 'echo round; exec sleep 600'; done", "\nround")
        screen.type("\x03")
        screen.see("~>")
        screen.rest()

        assert screen.text.count("\nround") == 1


def test_what_a_child_leaves_running_is_not_waited_for_and_not_ended(stocked: Cli) -> None:
    mark = stocked.cwd / "mark"
    with shell(stocked) as screen:
        screen.run(
            f"{MASKED} sh -c '(until [ -e go ]; do sleep 0.1; done; touch mark; exec sleep 600) & "
            "echo $! >pid; echo started'; echo status $?",
            "status 0",
        )
        (stocked.cwd / "go").touch()
        screen.run(f"{MASKED} sh -c 'yes >&2 & echo $! >pid2; echo started'; echo status $?", "status 0")
        screen.wait(mark.exists, "what was left running")
    for name in ("pid", "pid2"):
        try:
            os.kill(int((stocked.cwd / name).read_text()), signal.SIGKILL)
        except ProcessLookupError:
            assert name == "pid2"  # its terminal is gone
