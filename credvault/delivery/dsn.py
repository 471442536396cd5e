"""Connection strings of databases, made of a record's fields and its value (requirements.md M80, C42, C43).

User, password and database are percent-encoded (RFC 3986), so that no character of a password moves a boundary.
"""

from urllib.parse import quote, urlencode

from credvault.model.errors import InvalidValue
from credvault.model.record import Secret
from credvault.model.value import SecretValue

# Scheme and default port of each engine; an engine without a port is a file.
_ENGINES = {
    "postgres": ("postgresql", 5432),
    "postgresql": ("postgresql", 5432),
    "mysql": ("mysql", 3306),
    "mariadb": ("mariadb", 3306),
    "mongodb": ("mongodb", 27017),
    "redis": ("redis", 6379),
    "mssql": ("mssql", 1433),
}


def connection_string(secret: Secret) -> SecretValue:
    """Return `scheme://user:password@host:port/database[?sslmode=…]` of a database credential.

    Raises InvalidValue for another type of secret, an engine without a known form, or a missing host.
    """
    record = secret.record
    if record.type == "connection_string":
        return secret.value
    if record.type != "database":
        hint = "give it fields: credvault edit NAME --type database --field engine=postgres --field host=…"
        raise InvalidValue(f"{record.name} is no database, but of type {record.type}", hint=hint)
    fields = record.fields
    engine = str(fields.get("engine", ""))
    if engine not in _ENGINES:
        raise InvalidValue(f"{record.name} has no engine with a known form", hint=f"engines are {', '.join(_ENGINES)}")
    if not fields.get("host"):
        raise InvalidValue(f"{record.name} has no host", hint=f"credvault edit {record.name} --field host=…")
    scheme, default_port = _ENGINES[engine]
    host = str(fields["host"])
    user = quote(str(fields.get("username", "")), safe="")
    place = f"{f'[{host}]' if ':' in host else quote(host, safe='.-')}:{fields.get('port', default_port)}"
    path = f"/{quote(str(fields['database']), safe='')}" if fields.get("database") else ""
    query = f"?{urlencode({'sslmode': fields['sslmode']})}" if fields.get("sslmode") else ""
    return SecretValue(f"{scheme}://{user}:{quote(secret.value.reveal(), safe='')}@{place}{path}{query}".encode())
