"""Options that several commands share, and the global ones, which may stand before or after the command."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from credvault.cli.context import Run
from credvault.model import times
from credvault.model.errors import Invalid, InvalidValue, StorageError
from credvault.model.record import DATABASE_FIELDS, DELIVERIES, TYPES
from credvault.model.value import MAX_VALUE_BYTES, SecretValue

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_LENGTH = 32


def _take_global(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    source = ctx.get_parameter_source(param.name or "")
    if source is click.core.ParameterSource.COMMANDLINE:
        ctx.find_root().obj.set_option(param.name, value)


def _show_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _global_option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(list(names), expose_value=False, callback=_take_global, **attributes)


def global_options() -> list[click.Option]:
    """Return the options of every command, made anew."""
    return [
        _global_option("--profile", metavar="P", help="use the profile P of config.toml"),
        _global_option("--vault", metavar="FILE", help="use the vault file FILE"),
        _global_option("--backend", metavar="B", help="use the backend B as it is by default"),
        _global_option("-n", "--namespace", metavar="NAMESPACE", help="namespace of names without one"),
        _global_option("--key-file", metavar="F", help="unlock with the key in the file F"),
        _global_option("--accept-rollback", is_flag=True, help="take an older vault file for the true one"),
        _global_option("--json", is_flag=True, help="write answers and errors as JSON"),
        _global_option("--no-input", is_flag=True, help="never ask; fail where an answer is needed"),
        _global_option("-q", "--quiet", is_flag=True, help="say nothing but errors"),
        _global_option("-v", "--verbose", count=True, help="say more; -vv adds tracebacks"),
        _global_option("--color", type=click.Choice(["auto", "always", "never"]), help="colours on a terminal"),
    ]


class GlobalOptions(click.Command):
    """A command that takes the global options besides its own; its own win."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters, then the global ones that it does not define itself."""
        if not hasattr(self, "_all_params"):
            own = {name for param in self.params for name in param.opts}
            added = [option for option in global_options() if own.isdisjoint(option.opts)]
            self._all_params: list[click.Parameter] = [*self.params, *added]
        help_option = self.get_help_option(ctx)
        return [*self._all_params, *([help_option] if help_option else [])]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return `--help`. Click's own looks for a translation of its text, which costs `locale` and a file search."""
        if self._help_option is None:
            self._help_option = click.Option(
                ["-h", "--help"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_help,
                help="show this help",
            )
        return self._help_option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options; the global ones are in `credvault --help`."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        own = [option for option in options if ctx.parent is None or not _is_global(option)]
        rows = [row for row in (option.get_help_record(ctx) for option in own) if row is not None]
        with formatter.section("Options"):
            formatter.write_dl(rows)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


def _is_global(option: click.Option) -> bool:
    return option.callback is _take_global


def verb(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command of credvault, with the global options."""
    settings = {"help_option_names": ["-h", "--help"], **attributes.pop("context_settings", {})}
    return click.command(name, cls=GlobalOptions, context_settings=settings, **attributes)


def value_options(function: F) -> F:
    """Add the options that say where a new value comes from."""
    for option in reversed(
        [
            click.option(
                "--stdin", is_flag=True, help="read it from stdin, less one final newline if it is the only one"
            ),
            click.option("--stdin-raw", is_flag=True, help="read it from stdin, every byte"),
            click.option("--from-file", metavar="F", help="read it from the file F, every byte"),
            click.option("--from-env", metavar="VAR", help="take it from the variable VAR"),
            click.option("--generate", is_flag=True, help="make a random one of letters and digits"),
            click.option("--length", type=click.IntRange(8, 4096), metavar="N", help="length of a random one (32)"),
        ]
    ):
        function = option(function)
    return function


def fact_options(function: F) -> F:
    """Add an option for each fact of a record that a person sets."""
    types, engines = ", ".join(TYPES), ", ".join(DATABASE_FIELDS)
    for option in reversed(
        [
            click.option("--type", "type_", type=click.Choice(TYPES), metavar="TYPE", help=f"what it is: {types}"),
            click.option("--service", metavar="S", help="the service it is for"),
            click.option("--env", "env_name", metavar="VAR", help="exec gives it to programs as VAR"),
            click.option("--runtime-env", is_flag=True, help="as --env, with a variable made of the name"),
            click.option("--delivery", type=click.Choice(DELIVERIES), help="who may receive it"),
            click.option(
                "--allow-env", multiple=True, metavar="VAR", help="let VAR be set although it steers programs"
            ),
            click.option("--consumer", "consumers", multiple=True, metavar="C", help="who it is for; may be repeated"),
            click.option("--tag", "tags", multiple=True, metavar="T", help="a tag; may be repeated"),
            click.option("--note", metavar="TEXT", help="a note"),
            click.option("--metadata", multiple=True, metavar="K=V", help="a fact of your own; may be repeated"),
            click.option("--field", "fields", multiple=True, metavar="K=V", help=f"a part; a database has {engines}"),
            click.option("--expires", metavar="WHEN", help="a date, a time, or a duration from now such as 90d"),
            click.option("--rotate-every", metavar="D", help="how often it is to be changed, such as 12w"),
            click.option("--probe", metavar="JSON", help='how to test it: {"kind": "http", …}'),
        ]
    ):
        function = option(function)
    return function


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


def read_facts(run: Run, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that the options of `fact_options` give; what is not given is not in it. Raises Invalid."""
    facts: dict[str, Any] = {
        "type": options["type_"],
        "service": options["service"],
        "env_name": options["env_name"],
        "delivery": options["delivery"],
        "consumers": list(options["consumers"]) or None,
        "tags": list(options["tags"]) or None,
        "note": options["note"],
        "metadata": _pairs(options["metadata"], "--metadata") or None,
        "fields": _pairs(options["fields"], "--field", numbers=("port",)) or None,
        "probe": _probe(options["probe"]),
    }
    if options["expires"] is not None:
        facts["expires_at"] = times.parse_moment(options["expires"], run.clock())
    if options["rotate_every"] is not None:
        times.parse_duration(options["rotate_every"])
        facts["rotate_every"] = options["rotate_every"]
    return {member: value for member, value in facts.items() if value is not None}


def _sources(options: Mapping[str, Any]) -> int:
    names = ("stdin", "stdin_raw", "from_file", "from_env", "generate")
    return sum(options[name] not in (None, False) for name in names)


def _read_variable(variable: str) -> SecretValue:
    value = os.environ.get(variable)
    if value is None:
        raise Invalid(f"the variable {variable} is not set")
    return SecretValue(os.fsencode(value))


def _read_stdin(*, raw: bool) -> SecretValue:
    if sys.stdin is None:
        raise Invalid("stdin is closed, so there is no value to read")
    try:
        data = sys.stdin.buffer.read(MAX_VALUE_BYTES + 2)
    except OSError as exc:
        raise StorageError(f"cannot read stdin: {(exc.strerror or 'input/output error').lower()}") from exc
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


def _pairs(texts: Sequence[str], option: str, numbers: Sequence[str] = ()) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Invalid(f"{option} takes K=V")
        if key in numbers:
            if not (value.isascii() and value.isdigit() and 0 < int(value) < 65_536):
                raise Invalid(f"{option} {key} takes a number from 1 to 65535")
            pairs[key] = int(value)
        else:
            pairs[key] = value
    return pairs


def _probe(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    import json

    try:
        probe = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(
            "--probe is not JSON", hint='write {"kind": "tcp", "host": "db.example.org", "port": 5432}'
        ) from None
    if not isinstance(probe, dict):
        raise Invalid("--probe is not a JSON object")
    _check_probe(probe)
    return probe


def _check_probe(probe: dict[str, Any]) -> None:
    """Raise InvalidValue for a probe that no record could use; what it leaves to the record's fields is assumed."""
    if probe.get("kind") == "command":
        return  # whether config.toml has it, this machine says when it tests
    from credvault.lifecycle.probes.choosing import choose_probe
    from credvault.model.record import Record

    fields = {"host": "localhost", "port": 1}
    choose_probe(Record("default", "k", 1, "secret", "executor_only", "", "", fields=fields, probe=probe), {}, {})
