"""`credvault exec`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import ClosedPipe, shown
from credvault.delivery import execute
from credvault.delivery.envfile import read_env_file
from credvault.delivery.environment import ChildEnvironment, Inheritance, child_environment
from credvault.delivery.selection import (
    DATABASE_VARIABLE,
    ERROR,
    IGNORE,
    WARN,
    Injection,
    Injections,
    Selection,
    Wanted,
    collect,
    from_project,
    parse_env_option,
)
from credvault.model.errors import EXIT_EXEC_FAILED, CredvaultError, Invalid, StorageError
from credvault.model.names import compile_word_globs, parse_name, parse_namespace
from credvault.model.uri import SecretURI


@verb("exec", context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--] CMD [ARG]...")
@click.option(
    "-n", "--namespace", "namespaces", multiple=True, metavar="NS", help="only this namespace; may be repeated"
)
@click.option("-e", "explicit", multiple=True, metavar="VAR=NAME", help="the secret NAME as VAR; wins over the rest")
@click.option("--only", multiple=True, metavar="VAR,VAR", help="only these variables; * stands for any characters")
@click.option("--env-file", "env_files", multiple=True, metavar="F", help="lines VAR=credvault://NAME or VAR=text")
@click.option("--db", "databases", multiple=True, metavar="NAME", help="a database credential as DATABASE_URL")
@click.option("--as", "consumer", metavar="CONSUMER", help="only secrets for CONSUMER, or for everybody")
@click.option("--if-missing", type=click.Choice([ERROR, WARN, IGNORE]), default=ERROR, help="what a missing secret is")
@click.option("--allow-env", multiple=True, metavar="VAR", help="let VAR be set although it steers programs")
@click.option("--pristine", is_flag=True, help="let it inherit only PATH, HOME, USER, LANG, LC_*, TERM, TZ, TMPDIR")
@click.option("--keep", multiple=True, metavar="VAR", help="let it inherit VAR all the same")
@click.option("--preserve-env", is_flag=True, help="where both set a variable, the caller's value wins")
@click.option("--preserve", multiple=True, metavar="A,B", help="the same, for these variables")
@click.option("--shell", metavar="STRING", help="run STRING in a shell: --shell 'echo $VAR'")
@click.option("--explain", is_flag=True, help="show what would be injected, and run nothing")
@click.pass_obj
def command(
    run: Run,
    words: tuple[str, ...],
    *,
    namespaces: tuple[str, ...],
    explicit: tuple[str, ...],
    only: tuple[str, ...],
    env_files: tuple[str, ...],
    databases: tuple[str, ...],
    consumer: str | None,
    if_missing: str,
    allow_env: tuple[str, ...],
    pristine: bool,
    keep: tuple[str, ...],
    preserve_env: bool,
    preserve: tuple[str, ...],
    shell: str | None,
    explain: bool,
) -> None:
    """Run a program with secrets in its environment. It takes the place of credvault: its signals, its terminal and
    its exit status are its own. Without a choice it gets every secret that has a variable.

    Your shell expands $VAR before credvault runs: write --shell 'echo $VAR', not -- echo $VAR.

    Example: credvault exec -e DB_PASSWORD=db/password -- ./migrate --all
    """
    with _failing_before_the_child():
        argv = _child_words(words, shell)
        if not argv and not explain:
            raise Invalid("which program?", hint="credvault exec -- CMD ARG…, or --shell 'STRING'")
        file = execute.find_program(argv[0], os.environ.get("PATH")) if argv else None
        # Before the command, -n is a global option.
        asked_namespaces = list(dict.fromkeys([*filter(None, [run.explicit_namespace]), *namespaces]))
        for each in asked_namespaces:
            parse_namespace(each)
        namespace = asked_namespaces[0] if len(asked_namespaces) == 1 else None
        default = namespace or run.settings.namespace.value
        explicitly = [parse_env_option(text, namespace=namespace, default=default) for text in explicit]
        databases_named = [parse_name(text, namespace=namespace, default=default) for text in databases]
        named = [Wanted(DATABASE_VARIABLE, SecretURI(name), "--db", is_dsn=True) for name in databases_named]
        variables = _variables(only)
    with _failing_before_the_child(even_if_invalid=True):
        project = run.settings.project
        if project is not None:
            named += from_project(project.env, project.path, default=default, allow_env=allow_env)
        for path in env_files:
            named += read_env_file(path, default=default)
        selection = Selection(
            explicit=explicitly,
            wanted=named,
            only=variables,
            has_files=bool(env_files),
            namespaces=asked_namespaces,
            consumer=consumer,
            if_missing=if_missing,
            allow_env=allow_env,
        )
        with run.open_vault() as vault:
            found = collect(vault, selection)
        inheritance = Inheritance(pristine, keep, _split(preserve), preserve_env)
        child = child_environment(execute.original_environment(), found.variables, inheritance)
        if explain:
            _explain(run, found, child)
            return
        _tell(run, found, child, if_missing)
        if file is not None:
            execute.execute(file, argv, child.variables)


@contextmanager
def _failing_before_the_child(*, even_if_invalid: bool = False) -> Iterator[None]:
    """Give every failure before the child starts the status 125, but usage; 126 and 127 stay."""
    try:
        yield
    except CredvaultError as exc:
        is_usage = isinstance(exc, Invalid) and not even_if_invalid
        if not is_usage and exc.exit_status == type(exc).exit_status:
            exc.exit_status = EXIT_EXEC_FAILED
        raise
    except (click.Abort, ClosedPipe):
        raise
    except Exception as exc:  # noqa: BLE001 - the boundary of cli/main.py would say 1, which may be the child's
        what = (exc.strerror or "input/output error").lower() if isinstance(exc, OSError) else ""
        hint = "run it again with -vv, and report it"
        error = StorageError(what) if what else CredvaultError(f"unexpected {type(exc).__name__}", hint=hint)
        error.exit_status = EXIT_EXEC_FAILED
        raise error.with_traceback(exc.__traceback__) from None


def _child_words(words: Sequence[str], shell: str | None) -> list[str]:
    if shell is not None:
        if words:
            raise Invalid("give --shell STRING or a program, not both")
        return ["cmd", "/c", shell] if os.name == "nt" else ["/bin/sh", "-c", shell]
    return list(words)


def _variables(only: Sequence[str]) -> list[str]:
    """Return the variables and patterns of --only; raises Invalid for an empty one, which must not mean all."""
    words = _split(only)
    if only and not words:
        raise Invalid("--only names no variable", hint="--only VAR,VAR; without --only it is every one")
    compile_word_globs(words)
    return words


def _split(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in text.split(",") if word]


def _tell(run: Run, found: Injections, child: ChildEnvironment, if_missing: str) -> None:
    if found.missing and if_missing == WARN:
        run.out.warn(f"not there, so not set: {found.missing_in_words}")
    if child.overwritten:
        run.out.warn(f"overwritten by secrets: {', '.join(child.overwritten)}")
    for injection in _injected(found, child):
        if injection.record is not None and injection.record.is_expired(run.clock()):
            run.out.warn(f"{injection.record.name} expired at {injection.record.expires_at}")
    if not found.variables:
        run.out.say("no secret is to be injected")
    run.out.detail(f"injected: {', '.join(i.variable for i in _injected(found, child)) or 'nothing'}")


def _injected(found: Injections, child: ChildEnvironment) -> list[Injection]:
    return [injection for injection in found.variables if injection.variable not in child.preserved]


def _explain(run: Run, found: Injections, child: ChildEnvironment) -> None:
    injected = [
        {
            "variable": injection.variable,
            "name": None if injection.record is None else str(injection.record.name),
            "version": None if injection.record is None else injection.record.version,
            "source": injection.source,
            "shadows": injection.variable in child.overwritten,
            "expired": injection.record is not None and injection.record.is_expired(run.clock()),
        }
        for injection in _injected(found, child)
    ]
    skipped = [{"name": name, "reason": reason} for name, reason in found.skipped]
    skipped += [{"name": what, "reason": "not there"} for what, _ in found.missing]
    skipped += [{"name": variable, "reason": "the caller's value is preserved"} for variable in child.preserved]
    if run.out.json:
        run.out.fact({"inject": injected, "skip": skipped, "remove": child.removed})
        return
    rows = [
        [
            fact["variable"],
            fact["name"] or "a text",
            fact["version"],
            fact["source"],
            ", ".join(_remarks(fact)),
        ]
        for fact in injected
    ]
    rows += [[None, fact["name"], None, None, f"skipped: {fact['reason']}"] for fact in skipped]
    rows += [[variable, None, None, None, "removed: it may unlock a vault"] for variable in child.removed]
    run.out.table(["variable", "secret", "version", "from", "remark"], [[shown(c) for c in row] for row in rows])


def _remarks(fact: Mapping[str, object]) -> list[str]:
    remarks = {"shadows": "shadows the caller's", "expired": "expired"}
    return [words for member, words in remarks.items() if fact[member]]
