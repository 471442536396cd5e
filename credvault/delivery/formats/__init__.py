"""Variables written for a consumer: one module for each, after that consumer's own rules, and the table of them.

A format carries a value byte for byte or refuses it; none alters one. A module writes one variable with `entry`, and
may join what it wrote with `whole`; it is loaded when its format is asked for.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from credvault.delivery.selection import Injection
from credvault.model.environment import is_variable
from credvault.model.errors import InvalidValue
from credvault.model.text import printable


class Format(NamedTuple):
    """A format: the module that writes it, and who reads it where the name alone does not say so."""

    module: str
    reader: str = ""


GITHUB_ACTIONS = "github-actions"

FORMATS = {
    "shell": Format("posix", "sh, dash, bash, zsh"),
    "fish": Format("fish"),
    "powershell": Format("powershell"),
    "dotenv": Format("dotenv", "python-dotenv, npm's dotenv"),
    "docker": Format("docker", "docker run --env-file"),
    "json": Format("jsonobject"),
    "yaml": Format("yaml"),
    "systemd": Format("systemd", "EnvironmentFile="),
    GITHUB_ACTIONS: Format("github", "later steps of the job"),
    "gitlab": Format("gitlab", "artifacts:reports:dotenv"),
}


def render(name: str, variables: Sequence[Injection]) -> bytes:
    """Return variables as the format `name` writes them; of none, what its consumer takes for none.

    Raises InvalidValue for a variable or a value that the format cannot carry, naming it, where it comes from, and
    what can carry it.
    """
    writer = _writer(name)
    entries = []
    for variable in variables:
        try:
            entries.append(_entry(writer, variable))
        except InvalidValue as exc:
            what = f"{variable.variable} ({_origin(variable)}) cannot be exported as {name}: {exc.message}"
            raise InvalidValue(what, hint=exc.hint or _hint(variable)) from None
    whole = getattr(writer, "whole", None)
    written: bytes = whole(entries) if whole else b"".join(entries)
    return written


def _writer(name: str) -> Any:
    return import_module(f"credvault.delivery.formats.{FORMATS[name].module}")


def _entry(writer: Any, variable: Injection) -> bytes:
    value = variable.value.reveal()
    if not is_variable(variable.variable):
        raise InvalidValue("a variable is letters, digits and _, and does not start with a digit")
    if b"\0" in value:
        raise InvalidValue("the value holds a NUL byte", hint="hand it over as a file: credvault exec --file VAR=NAME")
    entry: bytes = writer.entry(variable.variable, value)
    return entry


def _origin(variable: Injection) -> str:
    return printable(variable.source) if variable.record is None else str(variable.record.name)


def _hint(variable: Injection) -> str:
    """Return what carries the variable all the same: the formats that do, which is tried, and what always does."""
    ways = ["'credvault exec' gives it to a program as it is"]
    if variable.record is not None:
        ways.append(f"with --file {variable.variable}={variable.record.name} in a file")
    able = ", ".join(_able(variable))
    return (f"formats that carry it: {able}; " if able else "") + ", ".join(ways)


def _able(variable: Injection) -> Iterator[str]:
    for name in FORMATS:
        try:
            _entry(_writer(name), variable)
        except InvalidValue:
            continue
        yield name
