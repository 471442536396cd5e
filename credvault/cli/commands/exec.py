"""`credvault exec`."""

import os
from collections.abc import Mapping, Sequence

import click

from credvault.cli import release
from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import shown
from credvault.delivery.envfile import read_env_file
from credvault.delivery.environment import ChildEnvironment, Inheritance
from credvault.delivery.selection import (
    DATABASE_VARIABLE,
    ERROR,
    IGNORE,
    WARN,
    Injections,
    Selection,
    Wanted,
    from_project,
    parse_env_option,
)
from credvault.model.errors import EXIT_EXEC_FAILED, Invalid
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
    run.failure_status = EXIT_EXEC_FAILED
    argv = _child_words(words, shell)
    if not argv and not explain:
        raise Invalid("which program?", hint="credvault exec -- CMD ARG…, or --shell 'STRING'")
    file = release.find_program(run, argv) if argv else None
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
    run.usage_status = EXIT_EXEC_FAILED  # from here on, what is wrong is in files and in the vault
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
    inheritance = Inheritance(pristine, keep, _split(preserve), preserve_env)
    found, child = release.choose(run, selection, inheritance)
    if file is None or explain:
        _explain(run, found, child)
    else:
        release.start(run, file, argv, found, child, if_missing)


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
        for injection in release.injected_by(found, child)
    ]
    skipped = [{"name": str(record.name), "reason": reason} for record, reason in found.skipped]
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
