"""Which secrets a child gets, and as which variables: from options, files, a project, or by default (spec.md 7)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from credvault.access.receivers import serves
from credvault.delivery.referents import Referents, fetch_referents, ways_on
from credvault.model import environment
from credvault.model.errors import ConfigError, Denied, Invalid, InvalidValue, NotFound, Unsupported
from credvault.model.names import compile_word_globs
from credvault.model.record import RUNTIME_ENV, Record, derived_env_name
from credvault.model.reference import SCHEME, Reference, parse_reference
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.model.value import SecretValue
from credvault.vault import ENVIRONMENT, Vault

if TYPE_CHECKING:
    from credvault.config import Settings
    from credvault.model.uri import SecretURI

DATABASE_VARIABLE = "DATABASE_URL"
ERROR, WARN, IGNORE = "error", "warn", "ignore"
NOTHING = "no secret is to be injected"
# How a secret travels: as a variable, or by what is open in the child when it starts.
VARIABLE, FILE, FD, STDIN = "variable", "file", "fd", "stdin"
# What a release by one of the latter is for, in the trail.
_DELIVER = "deliver"


class Wanted(NamedTuple):
    """A variable that somebody asked for: what it is to hold, and who asked, in words.

    `content` is a reference, or text that is no secret. With `is_dsn` the variable holds a connection string. With
    the `form` FILE it is to hold the path of a file with the content, with FD the number of a descriptor; STDIN has
    no variable, but "".
    """

    variable: str
    content: "Reference | SecretURI | SecretValue"
    source: str
    is_dsn: bool = False
    form: str = VARIABLE


class Selection(NamedTuple):
    """What was asked for. Where nothing was, it is every `runtime_env` secret of the namespaces.

    `has_files` says that files were read, so that those with nothing in them ask for nothing, and not for all.
    """

    explicit: Sequence[Wanted] = ()
    wanted: Sequence[Wanted] = ()
    only: Sequence[str] = ()
    has_files: bool = False
    namespaces: Sequence[str] = ()
    consumer: str | None = None
    if_missing: str = ERROR
    allow_env: Sequence[str] = ()

    @property
    def is_default(self) -> bool:
        """Whether nothing was chosen by name."""
        return not (self.explicit or self.wanted or self.only or self.has_files)

    @property
    def has_uris(self) -> bool:
        """Whether a secret URI is wanted, which only who has the environment of the caller can read."""
        return any(not isinstance(item.content, Reference | SecretValue) for item in (*self.explicit, *self.wanted))


class Injection(NamedTuple):
    """A variable and its value, or what travels in another form; `record` is None for text that is no secret.

    `password` is what is secret in a connection string, which a program may show by itself.
    """

    variable: str
    value: SecretValue
    record: Record | None
    source: str
    form: str = VARIABLE
    password: SecretValue | None = None

    @property
    def target(self) -> str:
        """Where the child finds it, in a word."""
        return self.variable or self.form


class Injections(NamedTuple):
    """What is to be injected; what is not, and why; what is not there, and who asked for it."""

    variables: Sequence[Injection]
    skipped: Sequence[tuple[Record, str]]
    missing: Sequence[tuple[str, str]]

    @property
    def missing_in_words(self) -> str:
        """What is not there, as one text."""
        return ", ".join(f"{what} ({printable(source)})" for what, source in self.missing)


def collect(vault: Vault, selection: Selection) -> Injections:
    """Return what a child gets.

    Raises InvalidValue for two contents of one variable and for a variable or value that cannot be, Denied for a
    secret that may not become a variable, NotFound for one that is not there unless `if_missing` says otherwise.
    """
    skipped: list[tuple[Record, str]] = []
    missing: list[tuple[str, str]] = []
    wanted = _resolve(_chosen(vault, selection, skipped, missing), selection.explicit)
    for item in wanted:
        if item.form != STDIN:
            _check_variable(item, selection.allow_env)
    in_variables = _release(vault, selection, ENVIRONMENT, [item for item in wanted if item.form == VARIABLE])
    otherwise = _release(vault, selection, _DELIVER, [item for item in wanted if item.form != VARIABLE])
    variables: list[Injection] = []
    absent: list[tuple[Reference | SecretURI, Referents]] = []
    for item in wanted:
        referents = in_variables if item.form == VARIABLE else otherwise
        injection = _injection(item, referents)
        if injection is None:
            if not isinstance(item.content, SecretValue):  # as it is: a text is there
                absent.append((item.content, referents))
            missing.append((_content(item), item.source))
            if item.form == STDIN:
                # The caller's stdin is not what was meant to be read there.
                variables.append(Injection("", SecretValue(b""), None, item.source, STDIN))
            continue
        if injection.form == VARIABLE:
            _check_value(item, injection.value)
        variables.append(injection)
    found = Injections(variables, skipped, missing)
    if missing and selection.if_missing == ERROR:
        raise _not_there(vault, found, absent)
    return found


def injected_records(injections: Iterable[Injection]) -> list[Record]:
    """Return the records of what is injected and is a secret."""
    return [injection.record for injection in injections if injection.record is not None]


def parse_choice(text: str, *, namespace: str | None, default: str, option: str = "-e", form: str = VARIABLE) -> Wanted:
    """Return what `-e VAR=NAME` asks for, or an `option` like it; raises Invalid, InvalidName, InvalidURI."""
    variable, equals, name = text.partition("=")
    if not equals or not variable or not name:
        raise Invalid(f"{option} takes VAR=NAME, not '{printable(text)}'", hint=f"{option} TOKEN=github/token")
    return Wanted(variable, parse_reference(name, namespace=namespace, default=default), option, form=form)


def from_project(env: Mapping[str, str], path: str, *, default: str, allow_env: Collection[str] = ()) -> list[Wanted]:
    """Return what the `[env]` table of a project asks for: each value is a name or a reference.

    Raises ConfigError for a variable that may not be set and for a value that names no secret.
    """
    wanted = []
    for variable, text in env.items():
        try:
            environment.check_variable(variable, allowed=allow_env)
            if environment.leads_elsewhere(variable) and variable not in allow_env:
                raise InvalidValue(
                    f"{variable} says which server or settings are meant, and a project's file may not",
                    hint=f"set it yourself; 'credvault exec --allow-env {variable}' gives it to one program",
                )
            wanted.append(Wanted(variable, parse_reference(text, default=default), path))
        except (Invalid, Unsupported) as exc:
            raise ConfigError(f"{printable(path)}: env.{printable(variable)}: {exc.message}", hint=exc.hint) from None
    return wanted


def plain_selection(settings: "Settings", namespace: str | None) -> Selection:
    """Return what `exec [-n NS] -- CMD` asks for: the project's variables, or every secret that has one."""
    project = settings.project
    default = namespace or settings.namespace.value
    return Selection(
        wanted=from_project(project.env, project.path, default=default) if project else (),
        namespaces=[namespace] if namespace else (),
    )


def _release(vault: Vault, selection: Selection, purpose: str, wanted: Iterable[Wanted]) -> Referents:
    references = [item.content for item in wanted if not isinstance(item.content, SecretValue)]
    return fetch_referents(vault, references, purpose=purpose, consumer=selection.consumer)


def _not_there(
    vault: Vault, found: Injections, absent: "Sequence[tuple[Reference | SecretURI, Referents]]"
) -> NotFound:
    """Return the error for what is missing: of one reference why it leads nowhere, where more is known than that."""
    are_all = len(absent) == len(found.missing)
    error = absent[0][1].error(absent[0][0]) if are_all and len(absent) == 1 else None
    if error is not None:
        error.message += f" ({printable(found.missing[0][1])})"
        return error
    way = ways_on(vault, absent, are_all=are_all)
    return NotFound(f"not there: {found.missing_in_words}", hint=f"{way}; or give --if-missing warn")


def _check_variable(item: Wanted, allowed: Collection[str]) -> None:
    try:
        environment.check_variable(item.variable, allowed=allowed)
    except InvalidValue as exc:
        exc.message += f": {_described(item)}"
        raise


def _check_value(item: Wanted, value: SecretValue) -> None:
    try:
        environment.check_variable_value(item.variable, value.reveal())
    except InvalidValue as exc:
        exc.message += f": {_described(item)}"
        raise


def _chosen(
    vault: Vault, selection: Selection, skipped: list[tuple[Record, str]], missing: list[tuple[str, str]]
) -> list[Wanted]:
    """Return what is wanted but for `-e`: named things, and records by variable or by default."""
    chosen = list(selection.wanted)
    if not (selection.only or selection.is_default):
        return chosen
    is_only = compile_word_globs(selection.only)
    matched: set[str] = set()
    refused: dict[str, str] = {}
    for record in vault.list(namespaces=selection.namespaces):
        reason = _why_not(record, selection.consumer)
        if reason is not None and not selection.only:
            skipped.append((record, reason))
            continue
        variable = record.env_name or derived_env_name(record.name)
        if selection.only and not is_only(variable):
            continue
        if reason is not None:
            skipped.append((record, reason))
            refused[variable] = f"{record.name}: {reason}"
            continue
        matched.add(variable)
        chosen.append(Wanted(variable, Reference(record.name), "--only" if selection.only else "default"))
    for word in selection.only:
        if "*" in word or word in matched:
            continue
        if word in refused:
            raise Denied(f"{word} may not be set from {refused[word]}", hint="'credvault list' shows deliveries")
        missing.append((word, "--only"))
    return chosen


def _why_not(record: Record, consumer: str | None) -> str | None:
    if record.delivery != RUNTIME_ENV:
        return f"delivery is {record.delivery}"
    return None if serves(record, consumer) else f"not for {consumer}"


def _resolve(chosen: Sequence[Wanted], explicit: Sequence[Wanted]) -> list[Wanted]:
    """Return one Wanted for each variable: `-e` wins, the same content twice is one, two contents are an error."""
    result: dict[str, Wanted] = {}
    for item in explicit:
        _add_once(result, item, hint="give one of the two")
    taken = set(result)
    for item in chosen:
        if item.variable not in taken:
            _add_once(result, item, hint="choose one with -e VAR=NAME")
    return list(result.values())


def _add_once(result: dict[str, Wanted], item: Wanted, *, hint: str) -> None:
    other = result.setdefault(item.variable, item)
    if (other.content, other.is_dsn, other.form) != (item.content, item.is_dsn, item.form):
        both = f"{_described(other)} and {_described(item)}"
        raise InvalidValue(f"{item.variable} would be set twice: {both}", hint=hint)


def _described(item: Wanted) -> str:
    return f"{_content(item)} ({printable(item.source)})"


def _content(item: Wanted) -> str:
    return "a text" if isinstance(item.content, SecretValue) else str(item.content).removeprefix(SCHEME)


def _injection(item: Wanted, found: Referents) -> Injection | None:
    """Return a variable with its value, or None where the secret or its field is not there."""
    if isinstance(item.content, SecretValue):
        return Injection(item.variable, item.content, None, item.source, item.form)
    secret, value = found.secret(item.content), found.value(item.content)
    if secret is None or value is None:
        return None
    password = None
    if item.is_dsn:
        # Imported here: urllib costs every other exec 5 ms.
        from credvault.delivery.dsn import connection_string

        value, password = connection_string(secret), secret.value
    return Injection(item.variable, value, secret.record, item.source, item.form, password)
