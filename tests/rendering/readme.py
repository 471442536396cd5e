"""The tables of README.md that come from the program, between their markers."""

from collections.abc import Sequence

from credvault.cli.main import COMMANDS
from tests.rendering.program import OTHER_STATUSES, commands, error_rows, usage


def readme(text: str) -> str:
    """Return a README with both tables made anew; raises LookupError where a pair of markers is not there once."""
    for name, table in (("commands", commands_table()), ("exit codes", exit_codes_table())):
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise LookupError(f"{start} … {end}")
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{table}{end}{rest.partition(end)[2]}"
    return text


def commands_table() -> str:
    """Return the table of the commands."""
    rows = [
        (f"`{usage(name, command)}`", COMMANDS[name].replace("|", "\\|"))
        for name, command in commands()
        if name in COMMANDS
    ]
    return _markdown(("command", "does"), rows)


def exit_codes_table() -> str:
    """Return the table of the exit codes."""
    rows = [("0", "", "it was done")]
    rows += [(str(status), f"`{code}`", meaning) for status, code, meaning in error_rows()]
    rows += [(str(status), "", meaning) for status, meaning in OTHER_STATUSES.items()]
    return _markdown(("status", "code", "means"), rows)


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n".replace("|  |", "| |") for cells in lines)
