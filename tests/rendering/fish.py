"""The completions for fish: a `complete` for each command, option and word, each with the condition it is for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.rendering.commandline import (
    ASSIGNED,
    CHOICE,
    FILE,
    FOLDER,
    NAME,
    NAMESPACE,
    PROFILE,
    PROGRAM,
    VARIABLE,
    Option,
    Verb,
    Word,
    chosen_by,
)

TEMPLATE = Path(__file__).with_name("completion.fish")
ACTIONS = {
    **{kind: f"(__credvault_ask {kind})" for kind in (NAME, NAMESPACE, PROFILE)},
    ASSIGNED: "(__credvault_assigned)",
    FOLDER: "(__fish_complete_directories (commandline -ct))",
    PROGRAM: "(__fish_complete_command)",
    VARIABLE: "(set -nx)",
}


def fish(verbs: Sequence[Verb]) -> str:
    """Return the script."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for mark, lines in {
        "@GROUPS@": [" ".join(_quoted(verb.path) for verb in verbs if verb.below)],
        "@RUNNING@": [" ".join(_quoted(verb.path) for verb in verbs if _runs(verb))],
        "@TABLES@": _tables(verbs),
        "@COMPLETE@": _completes(verbs),
    }.items():
        text = text.replace(mark, "\n".join(lines))
    return text


def _tables(verbs: Sequence[Verb]) -> Iterator[str]:
    yield "# Says whether an option of a command takes a word."
    yield "function __credvault_takes"
    yield "    switch $argv[1]"
    program, *rest = verbs
    for verb in rest:
        spelt = [f"{verb.path}:{s}" for o in verb.options if o.word and not o.is_global for s in o.spellings]
        if spelt:
            yield f"        case {' '.join(map(_quoted, spelt))}"
            yield "            return 0"
    yield f"        case {' '.join(_quoted(f'*:{s}') for o in program.options if o.word for s in o.spellings)}"
    yield "            return 0"
    yield "    end"
    yield "    return 1"
    yield "end\n"
    yield "# Keeps an option that says which vault is meant, for the program."
    yield "function __credvault_note"
    yield "    switch $argv[1]"
    for spellings, name, _ in chosen_by():
        yield f"        case {' '.join(spellings)}"
        yield f'            set -ga __credvault_flags {name}="$argv[2]"'
    yield "    end"
    yield "end\n"


def _completes(verbs: Sequence[Verb]) -> Iterator[str]:
    program, *_rest = verbs
    for verb in verbs:
        is_here = _quoted(f"__credvault_is {_quoted(verb.path)}")
        for name, summary in verb.below:
            yield f"complete -c credvault -n {is_here} -a {name} -d {_quoted(summary)}"
        for number, word in enumerate(verb.arguments):
            place = f"{number}+" if word.repeated else number
            condition = _quoted(f"__credvault_is_word {_quoted(verb.path)} {place}")
            yield from (f"complete -c credvault -n {condition} {action}" for action in _word(word))
        for option in verb.options:
            if not option.is_global and verb.path:
                yield _option(option, is_here)
    for option in program.options:
        # Not where a command has one of the same spelling.
        where = [
            verb.path
            for verb in verbs
            if not any(
                set(option.spellings).intersection(own.spellings)
                for own in verb.options
                if verb.path and not own.is_global
            )
        ]
        yield _option(option, _quoted(f"__credvault_is {' '.join(map(_quoted, where))}"))


def _option(option: Option, condition: str) -> str:
    spelt = [f"-l {s[2:]}" if s.startswith("--") else f"-s {s[1:]}" for s in option.spellings]
    takes = "" if option.word is None else "".join(f" {word}" for word in _word(option.word, "-r") or ["-x"])
    return f"complete -c credvault -n {condition} {' '.join(spelt)}{takes} -d {_quoted(option.help)}"


def _word(word: Word, required: str = "") -> list[str]:
    """Return what offers a word, nothing where nothing does."""
    if word.kind == FILE:
        return [f"{required} -F".strip()]
    exclusive = "-x " if required else ""
    if word.kind == CHOICE:
        return [f"{exclusive}-a {_quoted(' '.join(word.choices))}"]
    return [f"{exclusive}-a {_quoted(ACTIONS[word.kind])}"] if word.kind in ACTIONS else []


def _runs(verb: Verb) -> bool:
    return any(word.kind == PROGRAM for word in verb.arguments)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
