"""Which probe a record gets, and that no record gets one that it must not have."""

from typing import Any

import pytest

from credvault.lifecycle.probes.choosing import choose_probe
from credvault.lifecycle.probes.command import CommandProbe
from credvault.lifecycle.probes.http import HttpProbe
from credvault.lifecycle.probes.network import TcpProbe, TlsProbe
from credvault.lifecycle.target import Target
from credvault.model.errors import InvalidValue
from credvault.model.record import TYPES, Record

TIME = "2026-11-22T01:02:03Z"
COMMANDS = {"ldap": {"command": ["true"]}}


def choose(kind: str = "token", **facts: Any) -> object:
    return choose_probe(Record("ns", "key", 1, kind, "executor_only", TIME, TIME, **facts), COMMANDS, {})


@pytest.mark.parametrize("kind", TYPES)
def test_the_service_of_an_api_credential_has_a_built_in_probe(kind: str) -> None:
    is_api_credential = kind in ("secret", "api_key", "access_token", "token", "oauth")

    assert isinstance(choose(kind, service="GitHub"), HttpProbe) is is_api_credential


@pytest.mark.parametrize("facts", [{}, {"service": "example"}, {"service": "github", "probe": {"kind": "none"}}])
def test_other_records_have_none(facts: dict[str, Any]) -> None:
    assert choose(**facts) is None


def test_the_records_own_probe_comes_first() -> None:
    assert isinstance(choose(service="github", probe={"kind": "command", "name": "ldap"}), CommandProbe)
    assert isinstance(choose(service="github", probe={"kind": "tls", "host": "h.example", "port": 1}), TlsProbe)


def test_a_probe_of_a_service_may_have_another_base() -> None:
    implied = choose(service="gitlab", probe={"kind": "http", "url": "https://git.example"})
    named = choose(probe={"kind": "http", "preset": "gitlab", "url": "https://git.example/"})

    for probe in (implied, named):
        assert isinstance(probe, HttpProbe)
        assert probe.asks_leave
        assert probe.request.address.url == "https://git.example:443/api/v4/personal_access_tokens/self"


def test_a_network_probe_takes_its_target_from_itself_or_the_fields() -> None:
    fields = {"engine": "postgresql", "host": "DB.example", "port": "5432"}

    from_fields = choose("database", fields=fields, probe={"kind": "tcp"})
    from_probe = choose("database", fields=fields, probe={"kind": "tcp", "host": "other.example", "port": 1})

    assert isinstance(from_fields, TcpProbe)
    assert from_fields.target == Target("db.example", 5432)
    assert from_fields.asks_leave
    assert isinstance(from_probe, TcpProbe)
    assert from_probe.target == Target("other.example", 1)


@pytest.mark.parametrize(
    "probe",
    [
        {},
        {"kind": ""},
        {"kind": "HTTP"},
        {"kind": "shell", "command": ["id"]},
        {"kind": ["http"]},
        {"kind": True},
        {"kind": "a" * 100_000},
        {"kind": "tcp"},
        {"kind": "tcp", "host": "h.example"},
        {"kind": "tcp", "host": "h.example", "port": True},
        {"kind": "tcp", "host": "h.example", "port": 0},
        {"kind": "tcp", "host": "h.example", "port": [443]},
        {"kind": "tcp", "host": ["h.example"], "port": 443},
        {"kind": "tcp", "host": "u@h.example", "port": 443},
        {"kind": "tcp", "host": "h.example:443", "port": 443},
        {"kind": "tls", "host": "h.example", "port": 443, "verify": False},
        {"kind": "tls", "url": "https://h.example"},
        {"kind": "command"},
        {"kind": "command", "name": "other"},
        {"kind": "command", "name": "ldap", "command": ["id"]},
        {"kind": "command", "command": ["id"]},
        {"kind": "command", "name": ["ldap"]},
    ],
)
def test_a_hostile_probe_is_refused_in_few_words(probe: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as caught:
        choose(probe=probe)

    assert len(caught.value.message) < 200
