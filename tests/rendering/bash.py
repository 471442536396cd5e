"""The completions for bash: a script that is the same for any program, and tables as `case` statements."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.rendering.commandline import CHOICE, PROGRAM, Verb, Word, chosen_by

TEMPLATE = Path(__file__).with_name("completion.bash")


def bash(verbs: Sequence[Verb]) -> str:
    """Return the script."""
    return TEMPLATE.read_text(encoding="utf-8").replace("@DATA@", "\n".join(_tables(verbs)))


def _tables(verbs: Sequence[Verb]) -> Iterator[str]:
    yield "# The commands below one, or of the program itself ('')."
    yield from _cases(
        "_credvault_below",
        [(f"'{verb.path}'", f"below=({' '.join(name for name, _ in verb.below)})") for verb in verbs if verb.below],
    )
    yield "# What the words after a command are; `...` for one that may be repeated."
    yield from _cases(
        "_credvault_arguments",
        [
            (f"'{verb.path}'", f"arguments=({' '.join(map(_argument, verb.arguments))})")
            for verb in verbs
            if verb.arguments and not _runs(verb)
        ],
    )
    yield "# Whether the words after a command are a command line of their own."
    yield from _cases("_credvault_runs", [(f"'{verb.path}'", "return 0") for verb in verbs if _runs(verb)], "return 1")
    yield "# The options of a command."
    yield from _cases(
        "_credvault_options",
        [(f"'{verb.path}'", f"offers=({' '.join(_spellings(verb))})") for verb in verbs if verb.path],
        f'offers+=({" ".join(_spellings(verbs[0]))})\n  offers=("${{offers[@]/%/ }}")',
        first="offers=()",
    )
    yield "# Sets `kind` to what the word after an option is; none takes what is not here."
    yield from _cases("_credvault_takes", list(_taken(verbs)), first="kind=''", subject='"$1:$2"')
    yield "# Keeps an option that says which vault is meant, for the program."
    yield from _cases(
        "_credvault_note",
        [(" | ".join(spellings), f'flags+=({name}="$2")') for spellings, name, _ in chosen_by()],
    )


def _cases(
    name: str, rows: Sequence[tuple[str, str]], end: str = "", *, first: str = "", subject: str = "$1"
) -> Iterator[str]:
    yield f"{name}() {{"
    if first:
        yield f"  {first}"
    yield f"  case {subject} in"
    yield from (f"  {pattern}) {action} ;;" for pattern, action in rows)
    yield "  esac"
    if end:
        yield f"  {end}"
    yield "}\n"


def _runs(verb: Verb) -> bool:
    return any(word.kind == PROGRAM for word in verb.arguments)


def _spellings(verb: Verb) -> Iterator[str]:
    """Yield the options of a command that are not the program's."""
    own = [
        option
        for option in verb.options
        if not verb.path or (not option.is_global and "--help" not in option.spellings)
    ]
    return (spelling for option in own for spelling in option.spellings)


def _taken(verbs: Sequence[Verb]) -> Iterator[tuple[str, str]]:
    """Yield the options that take a word: those of a command first, for its own wins."""
    program, *rest = verbs
    for verb in rest:
        for option in verb.options:
            if option.word is not None and not option.is_global:
                spelt = " | ".join(f"'{verb.path}:{spelling}'" for spelling in option.spellings)
                yield spelt, f"kind={_word(option.word)}"
    for option in program.options:
        if option.word is not None:
            yield " | ".join(f"*:{spelling}" for spelling in option.spellings), f"kind={_word(option.word)}"


def _word(word: Word) -> str:
    return f"{word.kind}:{','.join(word.choices)}" if word.kind == CHOICE else word.kind


def _argument(word: Word) -> str:
    return _word(word) + ("..." if word.repeated else "")
