"""Connection strings: what goes in comes out again by an independent parser, whatever the password holds."""

from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.delivery.dsn import connection_string
from credvault.model.errors import InvalidValue
from credvault.model.record import Record, Secret
from credvault.model.value import SecretValue

TIME = "2026-01-31T12:00:00Z"
ENGINES = {
    "postgres": ("postgresql", 5432),
    "postgresql": ("postgresql", 5432),
    "mysql": ("mysql", 3306),
    "mariadb": ("mariadb", 3306),
    "mongodb": ("mongodb", 27017),
    "redis": ("redis", 6379),
    "mssql": ("mssql", 1433),
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def dsn(value: bytes = b"pw", *, type_: str = "database", **fields: Any) -> str:
    record = Record("db", "main", 1, type_, "runtime_env", TIME, TIME, fields=fields)
    return connection_string(Secret(record, SecretValue(value))).reveal().decode("ascii")


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_has_its_scheme_and_port(engine: str) -> None:
    scheme, port = ENGINES[engine]

    assert dsn(engine=engine, host="h", username="u", database="d") == f"{scheme}://u:pw@h:{port}/d"
    assert dsn(engine=engine, host="h") == f"{scheme}://:pw@h:{port}"


@given(password=st.binary(min_size=1, max_size=40), user=TEXT, database=TEXT, engine=st.sampled_from(sorted(ENGINES)))
def test_no_character_moves_a_boundary(password: bytes, user: str, database: str, engine: str) -> None:
    url = dsn(password, engine=engine, host="db.example.org", port=5433, username=user, database=database)

    parts = urlsplit(url)
    assert unquote_to_bytes(parts.password or "") == password
    assert unquote_to_bytes(parts.username or "") == user.encode()
    assert unquote_to_bytes(parts.path.removeprefix("/")) == database.encode()
    assert (parts.hostname, parts.port, parts.query, parts.fragment) == ("db.example.org", 5433, "", "")


def test_sslmode_is_a_parameter() -> None:
    url = dsn(engine="postgres", host="h", database="d", sslmode="verify-full&x=1")

    assert parse_qs(urlsplit(url).query) == {"sslmode": ["verify-full&x=1"]}


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("db.example.org", "db.example.org"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"),
        ("/run/postgresql", "%2Frun%2Fpostgresql"),
        ("h/x?y#z@evil", "h%2Fx%3Fy%23z%40evil"),
    ],
)
def test_host_stays_a_host(host: str, place: str) -> None:
    assert dsn(engine="postgres", host=host, username="u") == f"postgresql://u:pw@{place}:5432"


@pytest.mark.parametrize("host", ["h:5433", "h:x@evil", "a:1,b:2", "[::1", "::1]:99", ":", "::1/x"])
def test_host_with_a_colon_is_an_address_or_refused(host: str) -> None:
    with pytest.raises(InvalidValue, match="has a host that is neither a name nor an address"):
        dsn(engine="postgres", host=host)


@pytest.mark.parametrize(
    ("database", "url"), [("/srv/a b.db", "sqlite:////srv/a%20b.db"), ("x?y.db", "sqlite:///x%3Fy.db")]
)
def test_sqlite_is_a_file(database: str, url: str) -> None:
    assert dsn(engine="sqlite", database=database) == url


@pytest.mark.parametrize("port", [5433, "5433", 65_535])
def test_port_of_a_record_counts(port: int | str) -> None:
    assert dsn(engine="mysql", host="h", port=port) == f"mysql://:pw@h:{port}"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "no engine"),
        ({"engine": "oracle", "host": "h"}, "no engine"),
        ({"engine": "Postgres", "host": "h"}, "no engine"),
        ({"engine": "postgres"}, "no host"),
        ({"engine": "postgres", "host": ""}, "no host"),
        ({"engine": "sqlite"}, "no database"),
        ({"engine": "mysql", "host": "h", "port": "33/06@evil"}, "port"),
        ({"engine": "mysql", "host": "h", "port": 0}, "port"),
        ({"engine": "mysql", "host": "h", "port": 65_536}, "port"),
        ({"engine": "mysql", "host": "h", "port": "٣"}, "port"),
        ({"engine": "mysql", "host": "h", "port": "9" * 5000}, "port"),
    ],
)
def test_record_that_makes_no_connection_string_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint) as caught:
        dsn(b"canary", **fields)

    assert "canary" not in caught.value.message + str(caught.value.hint)


def test_stored_connection_string_is_given_as_it_is_and_no_other_type() -> None:
    assert dsn(b"odbc:whatever", type_="connection_string") == "odbc:whatever"
    with pytest.raises(InvalidValue, match="is not a database, but of type password"):
        dsn(type_="password", engine="postgres", host="h")
