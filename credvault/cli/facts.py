"""Facts of a record at the command line: an option for each that a person sets."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from credvault.cli.context import Run
from credvault.cli.options import F, add_options
from credvault.model import times
from credvault.model.errors import Invalid
from credvault.model.record import DATABASE_FIELDS, DELIVERIES, TYPES


def fact_options(function: F) -> F:
    """Add an option for each fact of a record that a person sets."""
    types, engines = ", ".join(TYPES), ", ".join(DATABASE_FIELDS)
    return add_options(
        function,
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
            click.option("--metadata", multiple=True, metavar="K=V", help="a fact of your own choice; may be repeated"),
            click.option(
                "--field", "fields", multiple=True, metavar="K=V", help=f"a part of it; a database has {engines}"
            ),
            click.option("--expires", metavar="WHEN", help="a date, a time, or a duration from now such as 90d"),
            click.option("--rotate-every", metavar="D", help="how often it is to be changed, such as 12w"),
            click.option("--probe", metavar="JSON", help='how to test it: {"kind": "http", …}'),
        ],
    )


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
    empty = next((member for member, value in facts.items() if value == ""), None)
    if empty is not None:
        raise Invalid(f"{empty} is empty", hint="leave the option out, or 'credvault edit NAME --unset …'")
    if options["expires"] is not None:
        facts["expires_at"] = times.parse_moment(options["expires"], run.clock())
    if options["rotate_every"] is not None:
        times.parse_duration(options["rotate_every"])
        facts["rotate_every"] = options["rotate_every"]
    return {member: value for member, value in facts.items() if value is not None}


def _pairs(texts: Sequence[str], option: str, numbers: Sequence[str] = ()) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Invalid(f"{option} takes K=V")
        if key in numbers:
            if not (value.isascii() and value.isdigit() and len(value) < 6 and 0 < int(value) < 65_536):
                raise Invalid(f"{option} {key} takes a number from 1 to 65535")
            pairs[key] = int(value)
        else:
            pairs[key] = value
    return pairs


def _probe(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    from credvault.sealing.jsontext import BadJSON, parse_strict

    try:
        probe = parse_strict(text.encode("ascii", "backslashreplace"))
    except BadJSON:
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

    fields: dict[str, str | int] = {"host": "localhost", "port": 1}
    choose_probe(Record("default", "k", 1, "secret", "executor_only", "", "", fields=fields, probe=probe), {}, {})
