"""What is measured of credvault: each command cold, with a raw key at hand, and warm, with an agent that is unlocked.

Vaults of 100 to 100,000 secrets, since what a user waits for must not grow with them.
"""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.measure import SELDOM, Case
from tests.benchmarks.vaults import NAME, Home, copy_home, make_home, unlocked

SIZES = (100, 1_000, 10_000, 100_000)
COLD, WARM = "cold", "warm"
COMMANDS = {"get": ("get", NAME), "list": ("list",), "exec -- true": ("exec", "--", "true")}
ADD = "add"
WITH_CONFIG = "credvault get, cold, config.toml of two profiles"
WITH_PASSPHRASE = "credvault get, cold, passphrase (600,000 rounds)"
HELP = "credvault --help"


def name(command: str, state: str, size: int) -> str:
    """Return how the case of a command, `cold` or `warm`, on a vault of so many secrets is called."""
    return f"credvault {command}, {state}, {size:,} secrets"


def cases(folder: Path, program: str, stack: ExitStack) -> Sequence[Case]:
    """Make the vaults below `folder` and have agents hold them until the stack unwinds; return what is measured."""
    value = folder / "value"
    value.write_bytes(b"0123456789abcdef")
    reading: list[Case] = []
    adding: list[Case] = []
    for size in SIZES:
        home = make_home(folder / f"home-{size}", size)
        # Where the key is in the environment no agent is asked, so one home serves both. Not where a case writes.
        adding_home = {state: copy_home(home, folder / f"{state}-{size}") for state in (COLD, WARM)}
        for warm in (home, adding_home[WARM]):
            stack.enter_context(unlocked(warm, program))
        _must_agree(home, program)
        for state, environ in ((COLD, home.with_key), (WARM, home.environ)):
            for command, words in COMMANDS.items():
                case = _case(name(command, state, size), environ, program, *words)
                # What goes through the whole of the largest vault takes seconds.
                is_slow = size == SIZES[-1] and command != "get"
                reading.append(case._replace(every=SELDOM) if is_slow else case)
        adding.append(_adding(name(ADD, COLD, size), adding_home[COLD].with_key, program, value))
        adding.append(_adding(name(ADD, WARM, size), adding_home[WARM].environ, program, value))
    with_passphrase = make_home(folder / "passphrase", 100, passphrase=True)
    with_config = make_home(folder / "config", 100, config=True)
    others = [
        _case(WITH_CONFIG, with_config.with_key, program, "get", NAME),
        _case(WITH_PASSPHRASE, with_passphrase.with_key, program, "get", NAME),
        _case(HELP, with_config.environ, program, "--help"),
    ]
    return [*reading, *others, *adding]


def _must_agree(home: Home, program: str) -> None:
    cold, warm = (
        subprocess.run([program, "get", NAME], check=True, env=environ, stdout=subprocess.PIPE).stdout
        for environ in (home.with_key, home.environ)
    )
    if not cold or cold != warm:
        raise RuntimeError("a warm get does not say what a cold one says")


def _case(called: str, environ: dict[str, str], *words: str) -> Case:
    return Case(called, lambda number: words, environ)


def _adding(called: str, environ: dict[str, str], program: str, value: Path) -> Case:
    # Another name each round: a vault with thirty more secrets is still the same vault.
    return Case(called, lambda number: [program, "add", f"bench/added_{number}", "--stdin"], environ, value)
