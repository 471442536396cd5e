"""Under --mask a terminal works as in a direct run: keys, size, jobs, modes, whoever stops or ends whom."""

import os
import re
import signal
import termios

import pytest

from tests.cli.mask import MARK, MASKED, PYTHON, SECRET, relay_of, shell
from tests.cli.test_exec_terminal import catcher
from tests.conftest import Cli
from tests.patience import wait_until


def test_child_has_a_terminal_of_the_same_size_and_modes(stocked: Cli) -> None:
    program = "import os; print(os.tcgetpgrp(0) == os.getpgrp(), [os.isatty(fd) for fd in (0, 1, 2)])"
    with shell(stocked) as screen:
        screen.run("stty -ixon; stty -g", "\n~>")
        direct = re.search(r"^[0-9a-f:]{20,}$", screen.text, re.M)

        screen.run(f"{MASKED} stty -g; {MASKED} stty size; {MASKED} {PYTHON} -c '{program}'", "[True, True, True]")

    assert direct is not None
    assert direct[0] in screen.text
    assert "24 80" in screen.text
    assert "True [True, True, True]" in screen.text


def test_new_size_is_told_to_the_child(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'trap \"stty size\" WINCH; echo ready; while sleep 0.05; do :; done'", "\nready")
        screen.resize(30, 100)
        screen.see("30 100")
        screen.resize(10, 40)
        screen.see("10 40")
        screen.type("\x03")
        screen.see("~>")


@pytest.mark.parametrize(("key", "shown"), [("\x03", "caught INT"), ("\x1c", "caught QUIT")])
def test_key_that_sends_a_signal_reaches_the_child_once(stocked: Cli, key: str, shown: str) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} {catcher(stocked.cwd)}; echo status $?", "\nready")
        screen.rest()
        screen.type(key)
        screen.see(shown)
        screen.type("word\r")
        screen.see("read word")
        screen.type("\x04")
        screen.see("\nstatus 0")

        assert screen.text.count(shown) == 1


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x1c", 131)])
def test_key_ends_a_child_that_does_not_catch_it(stocked: Cli, key: str, status: int) -> None:
    with shell(stocked) as screen:
        screen.run("trap : INT; ulimit -c 0")
        screen.run(f"{MASKED} sh -c 'echo ready; exec sleep 600'; echo status $?", "\nready")
        screen.type(key)
        screen.see(f"status {status}")


def test_child_has_the_terminal_where_it_is_not_the_controlling_one(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"setsid -w {MASKED} sh -c 'tty; read line; echo got $line $TOKEN >/dev/tty'", "/dev/")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("word\r")
        screen.see(f"got word {MARK}")


def test_there_may_be_many_descriptors(stocked: Cli) -> None:
    """More than select(2) takes."""
    opening = "import os, sys; [os.dup2(0, fd) for fd in range(3, 1100)]; os.execvp(sys.argv[1], sys.argv[1:])"
    with shell(stocked) as screen:
        screen.run(f"ulimit -n 2000; {PYTHON} -c '{opening}' {MASKED} sh -c 'echo many $TOKEN'", f"many {MARK}")


def test_end_of_the_process_between_is_a_hang_up(stocked: Cli) -> None:
    with shell(stocked) as screen:
        cooked = screen.modes
        screen.run(f"{MASKED} sh -c 'echo $PPID >leader; echo ready; while sleep 0.05; do :; done'", "\nready")
        os.kill(int((stocked.cwd / "leader").read_text()), signal.SIGKILL)
        screen.run("echo status $?", "status 137")

        assert screen.modes == cooked


@pytest.mark.parametrize("name", ["TERM", "HUP", "USR1", "USR2", "ALRM"])
def test_signal_to_us_is_the_childs_and_the_terminal_is_given_back(stocked: Cli, name: str) -> None:
    with shell(stocked) as screen:
        cooked = screen.modes
        child = "stty -echo -icanon; echo ready; sleep 60; echo not reached"
        screen.run(f"{MASKED} sh -c '{child}'", "\nready")
        os.kill(relay_of(screen, child), getattr(signal, f"SIG{name}"))
        screen.see("~>")
        screen.run("echo status $?", f"status {128 + getattr(signal, f'SIG{name}')}")

        assert screen.modes == cooked


def test_signal_that_the_child_catches_leaves_both_running(stocked: Cli) -> None:
    with shell(stocked) as screen:
        child = "trap 'echo caught' TERM USR1; echo ready; read a; read a; echo end"
        screen.run(f'{MASKED} bash -c "{child}"', "\nready")
        relay = relay_of(screen, child)
        os.kill(relay, signal.SIGTERM)
        screen.see("\ncaught")
        os.kill(relay, signal.SIGUSR1)
        screen.wait(lambda: screen.text.count("\ncaught") == 2, "the second signal")
        screen.type("\r\r")
        screen.see("\nend")


def test_end_of_us_is_a_hang_up_for_the_child(stocked: Cli) -> None:
    told = stocked.cwd / "told"
    with shell(stocked) as screen:
        child = "trap 'echo HUP >told; exit' HUP; echo ready; while sleep 0.05; do :; done"
        screen.run(f'{MASKED} bash -c "{child}"', "\nready")
        os.kill(relay_of(screen, child), signal.SIGKILL)
        screen.wait(told.exists, "the hang-up")


def test_end_of_the_terminal_is_a_hang_up_for_the_child(stocked: Cli) -> None:
    told = stocked.cwd / "told"
    with shell(stocked) as screen:
        child = "trap 'echo HUP >told; exit' HUP; echo ready; while sleep 0.05; do :; done"
        screen.run(f'{MASKED} bash -c "{child}"', "\nready")
        relay = relay_of(screen, child)
        screen.close()
        wait_until(lambda: told.exists() and not os.path.exists(f"/proc/{relay}"), "no hang-up, or we are left behind")


def test_modes_that_somebody_else_puts_back_are_no_hang_up(stocked: Cli) -> None:
    with shell(stocked) as screen:
        cooked = termios.tcgetattr(screen.master)
        screen.run(f"{MASKED} cat")
        screen.wait(lambda: screen.is_raw, "raw mode")
        termios.tcsetattr(screen.master, termios.TCSANOW, cooked)
        screen.type("\x04")
        screen.wait(lambda: screen.is_raw, "raw mode")
        screen.type("word\r")
        screen.see("word\nword")


READER = """
import sys, time, tty
tty.setraw(0)
print("ready", end="\\r\\n", flush=True)
time.sleep(0.5)
wanted, size = int(sys.argv[1]), 0
while size < wanted:
    size += len(sys.stdin.buffer.read1(1000))
print(size, "bytes", end="\\r\\n")
"""


def test_large_paste_is_not_lost(stocked: Cli) -> None:
    (stocked.cwd / "reader.py").write_text(READER)
    paste = b"".join(b"line %d %s\n" % (number, b"x" * 60) for number in range(4000))
    with shell(stocked) as screen:
        screen.run(f"{MASKED} {PYTHON} reader.py {len(paste)}", "ready")
        rest = paste
        while rest:
            rest = rest[os.write(screen.master, rest[:4096]) :]

        screen.see(f"{len(paste)} bytes")


def test_what_is_typed_while_we_start_is_the_childs(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'sleep 1; read line; echo got $line'")
        screen.type("typed ahead\r")

        screen.see("got typed ahead")


def test_child_that_does_not_read_is_heard_all_the_same(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'stty raw -echo; echo ready; sleep 1; seq 5000; stty sane'", "ready")
        for _ in range(20):
            screen.type("x" * 1000)
        screen.see("5000")
        screen.type("\x03\r")


def test_paste_that_the_child_never_reads_does_not_keep_us(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'echo ready; until [ -e mark ]; do sleep 0.1; done'; echo status $?", "\nready")
        for _ in range(100):
            screen.type("one line\r" * 100)
        screen.rest()
        (stocked.cwd / "mark").touch()

        screen.see("status 0")


def test_keys_work_while_somebody_does_not_read_what_an_ended_child_wrote(stocked: Cli) -> None:
    with shell(stocked) as screen:
        cooked = screen.modes
        screen.run(f"{MASKED} sh -c 'seq 20000 >&2; echo written' 2> >(exec sleep 600)", "\nwritten")
        screen.wait(lambda: not screen.is_raw, "the shell's modes")
        assert screen.modes == cooked
        screen.type("\x03")
        screen.see("~>")


def test_echo_of_a_key_does_not_wait_for_more(stocked: Cli) -> None:
    """Also where the key is the beginning of a secret: what follows may never come."""
    with shell(stocked) as screen:
        screen.run(f"{MASKED} cat")
        screen.wait(lambda: screen.is_raw, "raw mode")
        for shown in ("x", "xc", "xca", "xcan"):
            screen.type(shown[-1])
            screen.see(f"\n{shown}")


def test_whatever_a_child_writes_there_is_masked(stocked: Cli) -> None:
    slowly = "import os, time\nfor byte in os.environb[b'TOKEN']: os.write(1, bytes([byte])); time.sleep(0.005)\n"
    (stocked.cwd / "slowly.py").write_text(slowly)
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'echo $TOKEN; echo $TOKEN >&2; echo $TOKEN >/dev/tty; echo $TOKEN >&0; echo end'")
        screen.see(f"\n{MARK}\n{MARK}\n{MARK}\n{MARK}\nend")
        screen.run(f"{MASKED} {PYTHON} slowly.py; echo; echo end", f"{MARK}\nend")
        # A machine that is slower yet has the first letters wait for longer than they are held back.
        first = screen.text.partition(MARK)[0].rpartition("\n")[2]
        assert SECRET.startswith(first)
        assert 2 * len(first) <= len(SECRET)
        screen.run(f"{MASKED} sh -c 'printf %s $TOKEN | base64; tty'", "\n/dev/")
        screen.run(f"{MASKED} sh -c 'printf \"\\033[31m%s\\033[0m red\\n\" $TOKEN'", f"{MARK} red")
        assert b"\x1b[31m[REDACTED]\x1b[0m red" in screen.output


@pytest.mark.parametrize("launcher", ["", "setsid -w ", 'sh -c \'trap "" INT CHLD TSTP WINCH USR1; exec "$@"\' sh '])
def test_signal_dispositions_are_those_of_a_direct_run(stocked: Cli, launcher: str) -> None:
    child = "grep -E '^(Sig(Blk|Ign|Cgt)|ShdPnd)' /proc/self/status"
    (stocked.cwd / "direct").write_text(f"{launcher}{child} 2>/dev/null\n")
    (stocked.cwd / "masked").write_text(f"{launcher}{MASKED} {child} 2>/dev/null\n")
    with shell(stocked) as screen:
        screen.run("sh direct; echo $?", "SigCgt", "\n0\n~>")
        direct = screen.text.partition("\n")[2]
        screen.run("sh masked; echo $?", "SigCgt", "\n0\n~>")

        assert screen.text.partition("\n")[2] == direct


def test_file_beside_a_terminal_is_not_masked(stocked: Cli) -> None:
    with shell(stocked) as screen:
        screen.run(f"{MASKED} sh -c 'echo $TOKEN; test -t 1; echo $? >&2; test -t 2 && echo yes >&2' >plain", "1\nyes")
        assert (stocked.cwd / "plain").read_text() == "canary-token\n"


def test_program_that_cannot_be_run_is_said_as_in_a_direct_run(stocked: Cli) -> None:
    script = stocked.cwd / "bad"
    script.write_bytes(b"\x7fELF and no more\n")
    script.chmod(0o755)
    with shell(stocked) as screen:
        cooked = screen.modes
        screen.run(f"{MASKED} ./bad", "credvault: error: cannot run ./bad: it has no format")
        screen.run("echo status $?", "status 126")
        assert screen.modes == cooked
