"""Which probe a record has: the one it describes, else the built-in one of its service, else none."""

from collections.abc import Mapping
from typing import Any

from credvault.lifecycle.probes.base import Probe
from credvault.lifecycle.target import Target, make_target
from credvault.model.errors import InvalidValue
from credvault.model.record import Record
from credvault.model.text import printable

KINDS = ("http", "tcp", "tls", "command", "none")


def choose_probe(record: Record, commands: Mapping[str, Any], environ: Mapping[str, str]) -> Probe | None:
    """Return the probe of a record, or None where it has none or says `{"kind": "none"}`.

    `commands` is the table `probes` of the user's own `config.toml`, `environ` what such a command inherits. Raises
    InvalidValue for a probe that is not well formed; nothing is contacted.
    """
    probe = record.probe
    if probe is None:
        return _built_in(record)
    kind = probe.get("kind")
    if kind == "none":
        return None
    if kind == "http":
        from credvault.lifecycle.probes.http import http_probe

        return http_probe(probe, record.service)
    if kind in ("tcp", "tls"):
        from credvault.lifecycle.probes.network import TcpProbe, TlsProbe

        return (TcpProbe if kind == "tcp" else TlsProbe)(_target(probe, record))
    if kind == "command":
        from credvault.lifecycle.probes.command import command_probe

        _refuse_other_members(probe, {"kind", "name"})
        return command_probe(probe.get("name"), commands, environ)
    raise InvalidValue(f"there is no probe of kind '{printable(str(kind)[:60])}'", hint=f"it is one of {_LIST}")


_LIST = ", ".join(KINDS)


def _built_in(record: Record) -> Probe | None:
    from credvault.lifecycle.probes.presets import TYPES, preset_named

    preset = preset_named(record.service)
    if preset is None or record.service is None or record.type not in TYPES:
        return None
    from credvault.lifecycle.probes.http import preset_probe

    return preset_probe(record.service.casefold(), preset)


def _target(probe: Mapping[str, Any], record: Record) -> Target:
    """Return whom a tcp or tls probe contacts: host and port of the probe, or of the record's fields."""
    _refuse_other_members(probe, {"kind", "host", "port"})
    return make_target(
        probe.get("host", record.fields.get("host")),
        probe.get("port", record.fields.get("port")),
    )


def _refuse_other_members(probe: Mapping[str, Any], members: set[str]) -> None:
    # A command among them would be the worst: it is refused, not ignored, so that nobody believes that it runs.
    unknown = sorted(str(member) for member in probe if member not in members)
    if unknown:
        raise InvalidValue(f"a {probe['kind']} probe has no member '{printable(unknown[0][:60])}'")
