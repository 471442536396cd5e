"""Which secrets a child gets, and as which variables: from options, files, a project, or by default (spec.md 7)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from credvault import files
from credvault.delivery.dsn import connection_string
from credvault.model import environment
from credvault.model.errors import Invalid, InvalidValue, NotFound
from credvault.model.names import Name, compile_word_globs
from credvault.model.record import RUNTIME_ENV, Record, Secret, derived_env_name
from credvault.model.text import printable
from credvault.model.uri import SCHEME, Reference, parse_reference
from credvault.model.value import SecretValue
from credvault.vault import Vault, serves

DATABASE_VARIABLE = "DATABASE_URL"
ERROR, WARN, IGNORE = "error", "warn", "ignore"

_MAX_ENV_FILE_BYTES = 4 * 1024 * 1024


class Wanted(NamedTuple):
    """A variable that somebody asked for: what it is to hold, and who asked, in words.

    `content` is a reference, or text that is no secret. With `is_dsn` the variable holds a connection string.
    """

    variable: str
    content: Reference | SecretValue
    source: str
    is_dsn: bool = False


class Selection(NamedTuple):
    """What was asked for. Empty `wanted` and `only` mean every `runtime_env` secret of the namespaces."""

    explicit: Sequence[Wanted] = ()
    wanted: Sequence[Wanted] = ()
    only: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    consumer: str | None = None
    if_missing: str = ERROR
    allow_env: Sequence[str] = ()

    @property
    def is_default(self) -> bool:
        """Whether nothing was chosen by name."""
        return not (self.explicit or self.wanted or self.only)


class Injection(NamedTuple):
    """A variable and its value; `name` and `version` are None for text that is no secret."""

    variable: str
    value: SecretValue
    name: Name | None
    version: int | None
    source: str


class Injections(NamedTuple):
    """What is to be injected, what is not and why, and references that lead nowhere."""

    variables: Sequence[Injection]
    skipped: Sequence[tuple[str, str]]
    missing: Sequence[str]


def collect(vault: Vault, selection: Selection) -> Injections:
    """Return what a child gets.

    Raises InvalidValue for two contents of one variable and for a variable or value that cannot be, Denied for a
    secret that may not become a variable, NotFound for one that is not there unless `if_missing` says otherwise.
    """
    skipped: list[tuple[str, str]] = []
    wanted = _resolve(_chosen(vault, selection, skipped), selection.explicit)
    for item in wanted:
        environment.check_variable(item.variable, allowed=selection.allow_env)
    references = [item.content for item in wanted if isinstance(item.content, Reference)]
    secrets = vault.release_for_environment(
        [(reference.name, reference.version) for reference in references], consumer=selection.consumer
    )
    variables: list[Injection] = []
    missing: list[str] = []
    for item in wanted:
        injection = _injection(item, secrets)
        if injection is None:
            missing.append(_described(item))
        else:
            environment.check_variable_value(injection.variable, injection.value.reveal())
            variables.append(injection)
    if missing and selection.if_missing == ERROR:
        raise NotFound(
            f"not there: {', '.join(missing)}", hint="'credvault list' shows what is; or give --if-missing warn"
        )
    return Injections(variables, skipped, missing)


def parse_env_option(text: str, *, namespace: str | None, default: str) -> Wanted:
    """Return what `-e VAR=NAME` asks for; raises Invalid, InvalidName, InvalidURI."""
    variable, equals, name = text.partition("=")
    if not equals or not variable or not name:
        raise Invalid(f"-e takes VAR=NAME, not '{printable(text)}'", hint="-e TOKEN=github/token")
    return Wanted(variable, parse_reference(name, namespace=namespace, default=default), "-e")


def read_env_file(path: str, *, default: str) -> list[Wanted]:
    """Return what the lines `VAR=credvault://NAME` or `VAR=text` of a file ask for.

    Blank lines and those that start with '#' are passed over, `export ` before a variable too; one pair of
    quotes around a text is taken off. Raises NotFound, InvalidValue naming the line, StorageError.
    """
    data = files.read_small_file(path, _MAX_ENV_FILE_BYTES)
    if data is None:
        raise NotFound(f"there is no file {printable(path)}")
    wanted = []
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        source = f"{path}:{number}"
        variable, equals, content = text.removeprefix("export ").partition("=")
        if not equals:
            raise InvalidValue(f"{printable(source)} is not VAR=text or VAR={SCHEME}NAME")
        wanted.append(_from_text(variable.strip(), _unquoted(content.strip()), source, default))
    return wanted


def from_project(env: Mapping[str, str], path: str, *, default: str) -> list[Wanted]:
    """Return what the `[env]` table of a project asks for: each value is a name or a reference."""
    return [Wanted(variable, parse_reference(text, default=default), path) for variable, text in env.items()]


def _from_text(variable: str, content: str, source: str, default: str) -> Wanted:
    if content.startswith(SCHEME):
        return Wanted(variable, parse_reference(content, default=default), source)
    return Wanted(variable, SecretValue(content.encode("utf-8", "surrogateescape")), source)


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _chosen(vault: Vault, selection: Selection, skipped: list[tuple[str, str]]) -> list[Wanted]:
    """Return what is wanted but for `-e`: named things, and records by variable or by default."""
    chosen = list(selection.wanted)
    if not (selection.only or selection.is_default):
        return chosen
    is_only = compile_word_globs(selection.only)
    matched: set[str] = set()
    for record in vault.list():
        if selection.namespaces and record.namespace not in selection.namespaces:
            continue
        variable = record.env_name or derived_env_name(record.name)
        if selection.only and not is_only(variable):
            continue
        reason = _why_not(record, selection.consumer)
        if reason is not None:
            skipped.append((str(record.name), reason))
            continue
        matched.add(variable)
        chosen.append(Wanted(variable, Reference(record.name), "--only" if selection.only else "default"))
    for glob in selection.only:
        if "*" not in glob and glob not in matched and selection.if_missing == ERROR:
            raise NotFound(
                f"no secret is to be the variable {printable(glob)}", hint="'credvault list' shows the variables"
            )
    return chosen


def _why_not(record: Record, consumer: str | None) -> str | None:
    if record.delivery != RUNTIME_ENV:
        return f"delivery is {record.delivery}"
    return None if serves(record, consumer) else f"not for {consumer}"


def _resolve(chosen: Sequence[Wanted], explicit: Sequence[Wanted]) -> list[Wanted]:
    """Return one Wanted for each variable: `-e` wins, the same content twice is one, two contents are an error."""
    result: dict[str, Wanted] = {}
    for item in explicit:
        _add_once(result, item)
    taken = set(result)
    for item in chosen:
        if item.variable not in taken:
            _add_once(result, item)
    return list(result.values())


def _add_once(result: dict[str, Wanted], item: Wanted) -> None:
    other = result.setdefault(item.variable, item)
    if (other.content, other.is_dsn) != (item.content, item.is_dsn):
        both = f"{_described(other)} and {_described(item)}"
        raise InvalidValue(f"{item.variable} is wanted for two things: {both}", hint="choose one with -e VAR=NAME")


def _described(item: Wanted) -> str:
    content = "a text" if isinstance(item.content, SecretValue) else str(item.content).removeprefix(SCHEME)
    return f"{content} ({printable(item.source)})"


def _injection(item: Wanted, secrets: Mapping[tuple[Name, int | None], Secret]) -> Injection | None:
    """Return a variable with its value, or None where the secret or its field is not there."""
    if isinstance(item.content, SecretValue):
        return Injection(item.variable, item.content, None, None, item.source)
    name, field, version = item.content
    secret = secrets.get((name, version))
    if secret is None or (field is not None and field not in secret.record.fields):
        return None
    value = secret.value
    if item.is_dsn:
        value = connection_string(secret)
    elif field is not None:
        value = SecretValue(str(secret.record.fields[field]).encode("utf-8"))
    return Injection(item.variable, value, name, secret.record.version, item.source)
