"""Connection strings of databases, made of a record's fields and its value (requirements.md M80, C42, C43).

User, password and database are percent-encoded (RFC 3986), so that no character of a password moves a boundary.
"""

from urllib.parse import quote, urlencode

from credvault.model.errors import InvalidValue
from credvault.model.record import Record, Secret
from credvault.model.value import SecretValue

# Scheme and default port of each engine that is a server.
_ENGINES = {
    "postgres": ("postgresql", 5432),
    "postgresql": ("postgresql", 5432),
    "mysql": ("mysql", 3306),
    "mariadb": ("mariadb", 3306),
    "mongodb": ("mongodb", 27017),
    "redis": ("redis", 6379),
    "mssql": ("mssql", 1433),
}
# A file, without user, password or host.
_SQLITE = "sqlite"


def connection_string(secret: Secret) -> SecretValue:
    """Return `scheme://user:password@host:port/database[?sslmode=…]` of a database credential.

    For SQLite it is `sqlite:///path`. Raises InvalidValue for another type of secret, an engine without a known
    form, a host or database that is missing, and a host or port that is none.
    """
    record = secret.record
    if record.type == "connection_string":
        return secret.value
    if record.type != "database":
        hint = "give it fields: credvault edit NAME --type database --field engine=postgres --field host=…"
        raise InvalidValue(f"{record.name} is not a database, but of type {record.type}", hint=hint)
    fields = record.fields
    engine = str(fields.get("engine", ""))
    if engine == _SQLITE:
        return SecretValue(f"sqlite:///{quote(_needed(record, 'database'), safe='/')}".encode())
    if engine not in _ENGINES:
        known = ", ".join([*_ENGINES, _SQLITE])
        raise InvalidValue(f"{record.name} has no engine whose connection string is known", hint=f"engines are {known}")
    scheme, default_port = _ENGINES[engine]
    user = quote(str(fields.get("username", "")), safe="")
    place = f"{_host(record)}:{_port(record, default_port)}"
    path = f"/{quote(str(fields['database']), safe='')}" if fields.get("database") else ""
    query = f"?{urlencode({'sslmode': fields['sslmode']})}" if fields.get("sslmode") else ""
    return SecretValue(f"{scheme}://{user}:{quote(secret.value.reveal(), safe='')}@{place}{path}{query}".encode())


def _needed(record: Record, field: str) -> str:
    if not record.fields.get(field):
        raise InvalidValue(f"{record.name} has no {field}", hint=f"credvault edit {record.name} --field {field}=…")
    return str(record.fields[field])


def _host(record: Record) -> str:
    host = _needed(record, "host")
    if ":" not in host:
        return quote(host, safe=".-")  # the folder of a Unix socket too, as libpq takes it
    from ipaddress import IPv6Address

    try:
        address = IPv6Address(host[1:-1] if host[0] + host[-1] == "[]" else host)
    except ValueError:
        hint = f"the port is a field of its own: credvault edit {record.name} --field host=… --field port=…"
        raise InvalidValue(f"{record.name} has a host that is neither a name nor an address", hint=hint) from None
    return f"[{str(address).replace('%', '%25')}]"  # RFC 6874


def _port(record: Record, default: int) -> int:
    port = str(record.fields.get("port", default))
    if not (port.isascii() and port.isdigit() and 0 < int(port[:9]) < 65_536):
        raise InvalidValue(f"{record.name} has a port that is not a number from 1 to 65535")
    return int(port)
