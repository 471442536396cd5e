"""New values at the command line: from stdin, a file, a variable, randomness or a hidden prompt; never an argument."""

import os
from collections.abc import Mapping
from typing import Any

import click

from credvault.cli.context import Run
from credvault.cli.options import F, add_options
from credvault.infile import read_stdin
from credvault.model.errors import Invalid, InvalidValue, StorageError
from credvault.model.value import MAX_VALUE_BYTES, SecretValue

DEFAULT_LENGTH = 32


def value_options(function: F) -> F:
    """Add the options that say where a new value comes from."""
    return add_options(
        function,
        [
            click.option(
                "--stdin", is_flag=True, help="read it from stdin, less one final newline if it is the only one"
            ),
            click.option("--stdin-raw", is_flag=True, help="read it from stdin, every byte"),
            click.option("--from-file", metavar="F", help="read it from the file F, every byte"),
            click.option("--from-env", metavar="VAR", help="take it from the variable VAR"),
            click.option("--generate", is_flag=True, help="make a random one of letters and digits"),
            click.option("--length", type=click.IntRange(8, 4096), metavar="N", help="length of a random one (32)"),
        ],
    )


def names_a_source(options: Mapping[str, Any]) -> bool:
    """Say whether any option of `value_options` names a source."""
    return _sources(options) > 0


def read_value(run: Run, options: Mapping[str, Any]) -> SecretValue:
    """Return the value from the one source that `options` name, else from a hidden prompt.

    Raises Invalid, InvalidValue, StorageError.
    """
    if _sources(options) > 1:
        raise Invalid("give one source of the value: --stdin, --stdin-raw, --from-file, --from-env or --generate")
    if options["length"] is not None and not options["generate"]:
        raise Invalid("--length goes with --generate")
    if options["stdin"] or options["stdin_raw"]:
        return _read_stdin(raw=options["stdin_raw"])
    if options["from_file"] is not None:
        return _read_value_file(options["from_file"])
    if options["from_env"] is not None:
        return _read_variable(options["from_env"])
    if options["generate"]:
        from credvault.lifecycle.generate import generate_password

        return generate_password(options["length"] or DEFAULT_LENGTH)
    typed = run.ask_hidden_twice("Value", hint="give --stdin, --from-file, --from-env or --generate")
    return SecretValue(typed.encode("utf-8", "surrogateescape"))


def _sources(options: Mapping[str, Any]) -> int:
    names = ("stdin", "stdin_raw", "from_file", "from_env", "generate")
    return sum(options[name] not in (None, False) for name in names)


def _read_variable(variable: str) -> SecretValue:
    value = os.environ.get(variable)
    if value is None:
        # Not named: a likely slip is --from-env "$TOKEN", which puts the value here.
        raise Invalid("the variable that --from-env names is not set", hint="write --from-env TOKEN, without a dollar")
    return SecretValue(os.fsencode(value))


def _read_stdin(*, raw: bool) -> SecretValue:
    data = read_stdin(MAX_VALUE_BYTES + 1, what="value")
    # A final newline is what echo and <<< add; where there are others, it is the text's own.
    if not raw and data.endswith(b"\n") and data.count(b"\n") == 1:
        data = data[:-1]
    if len(data) > MAX_VALUE_BYTES:
        raise InvalidValue(f"the value has more than {MAX_VALUE_BYTES} bytes")
    return SecretValue(data)


def _read_value_file(path: str) -> SecretValue:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_VALUE_BYTES + 1)
    except OSError as exc:
        raise StorageError(f"cannot read {path}: {(exc.strerror or 'input/output error').lower()}") from exc
    if len(data) > MAX_VALUE_BYTES:
        raise InvalidValue(f"{path} has more than {MAX_VALUE_BYTES} bytes, the most a secret may have")
    return SecretValue(data)
