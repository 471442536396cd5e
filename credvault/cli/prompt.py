"""Questions to a person, on the controlling terminal and never on stdin."""

import os
from collections.abc import Mapping

from credvault.model.errors import Invalid, InvalidValue, Locked
from credvault.model.text import printable
from credvault.model.unlocking import forbids_questions

# A terminal hands over at most this much of a line, and drops the rest in silence (N_TTY_BUF_SIZE, termios(3)).
_MAX_LINE = 4095


def can_ask(environ: Mapping[str, str]) -> bool:
    """Say whether there is a terminal to ask on, and asking is not switched off (spec.md 5.5)."""
    if forbids_questions(environ):
        return False
    try:
        os.close(os.open(_terminal(), os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True


def ask_hidden(question: str) -> str:
    """Return a line typed without echo; raises Locked where the terminal ends, InvalidValue where it is too long."""
    import getpass  # with termios 1 ms, and no command but one that asks needs them

    try:
        answer = getpass.getpass(f"{question}: ")
    except EOFError:
        raise Locked("nothing was typed") from None
    except UnicodeDecodeError:
        raise InvalidValue("what was typed is not text in this terminal's encoding") from None
    if len(answer.encode("utf-8", "surrogateescape")) >= _MAX_LINE:
        raise InvalidValue(
            f"a terminal accepts at most {_MAX_LINE} bytes in one line", hint="use --stdin or --from-file"
        )
    return answer


def ask_hidden_twice(question: str) -> str:
    """Return a line that was typed twice alike without echo; raises Invalid where the two differ."""
    answer = ask_hidden(question)
    if ask_hidden(f"{question} again") != answer:
        raise Invalid("the two are not the same; nothing was stored")
    return answer


def ask_yes(question: str) -> bool:
    """Return whether a person says yes; anything but `y` or `yes` is no."""
    with open(_terminal(), "r+b", buffering=0) as terminal:
        terminal.write(f"{printable(question)} [y/N] ".encode())
        return terminal.readline().strip().lower() in (b"y", b"yes")


def _terminal() -> str:
    return "CON" if os.name == "nt" else "/dev/tty"
