"""The completions for zsh: specifications for `_arguments`, around which the script is the same for any program."""

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

TEMPLATE = Path(__file__).with_name("completion.zsh")
# One that starts with a blank is called without the arguments that `_arguments` would add.
ACTIONS = {
    **{kind: f" _credvault_ask {kind}" for kind in (NAME, NAMESPACE, PROFILE)},
    ASSIGNED: " _credvault_assigned",
    FILE: "_files",
    FOLDER: "_files -/",
    VARIABLE: '_parameters -g "*export*"',
}


def zsh(verbs: Sequence[Verb]) -> str:
    """Return the script."""
    program, *rest = verbs
    text = TEMPLATE.read_text(encoding="utf-8")
    for mark, lines in {
        "@PROGRAM@": _lines([option for option in program.options if not option.is_global]),
        "@COMMANDS@": (line for verb in rest if " " not in verb.path for line in _command(verb, verbs)),
        "@BELOW@": (line for verb in verbs if verb.below for line in _below(verb)),
        "@FLAGS@": _flags(),
        "@GLOBAL@": (f"  {_option(option)}" for option in program.options if option.is_global),
    }.items():
        text = text.replace(mark, "\n".join(lines))
    return text


def _command(verb: Verb, verbs: Sequence[Verb]) -> Iterator[str]:
    """Yield what completes a command: itself, or the one below it that is named."""
    shared = sum(option.is_global for option in verbs[0].options)
    yield f"  ({verb.path})"
    if not verb.below:
        yield from _arguments(verb, shared)
        yield "    ;;"
        return
    yield "    if (( CURRENT > 2 )) && [[ $words[2] != -* ]]; then"
    yield "      shift words"
    yield "      (( CURRENT-- ))"
    yield f"      _credvault_rest '{verb.path} '$words[1]"
    yield "      return"
    yield "    fi"
    yield from _arguments(verb, shared)
    yield "    ;;"
    for below in verbs:
        if below.path.startswith(f"{verb.path} "):
            yield f"  ('{below.path}')"
            yield from _arguments(below, shared)
            yield "    ;;"


def _arguments(verb: Verb, shared: int) -> Iterator[str]:
    own = [option for option in verb.options if not option.is_global]
    others = [option for option in verb.options if option.is_global]
    runs = any(word.kind == PROGRAM for word in verb.arguments)
    stop = ""
    if runs:
        stop = " -A '-*'"
        # `_arguments` completes nothing after a `--` that comes first but one word.
        yield "    if (( CURRENT > 2 )) && [[ $words[2] == -- ]]; then"
        yield "      shift 2 words"
        yield "      (( CURRENT -= 2 ))"
        yield "      if (( CURRENT == 1 )); then _command_names -e; else _normal; fi"
        yield "      return"
        yield "    fi"
    # All options of the program as they are, unless one of them is the command's own here.
    specifications = ["$_credvault_global"] if len(others) == shared else [_option(option) for option in others]
    specifications += [_option(option) for option in own]
    if verb.below:
        specifications.append(f"'1: :_credvault_below_{verb.path}'")
    elif runs:
        specifications += ["'(-)1:program:_command_names -e'", "'*::argument:_normal'"]
    else:
        specifications += [_argument(number, word) for number, word in enumerate(verb.arguments, start=1)]
    yield " \\\n      ".join([f"    _arguments -s -S{stop}", *specifications])


def _lines(options: Sequence[Option], indent: str = "    ") -> Iterator[str]:
    return (f"{indent}{_option(option)} \\" for option in options)


def _option(option: Option) -> str:
    """Return the specification of an option, with its other spellings excluded unless it may be repeated."""
    tail = f"[{_escaped(option.help)}]" + ("" if option.word is None else f":{_action(option.word)}")
    head = "*" if option.repeated else f"({' '.join(option.spellings)})"
    if option.word is not None:
        spelt = [f"{s}=" if s.startswith("--") else f"{s}+" for s in option.spellings]
    else:
        spelt = list(option.spellings)
    return " ".join(_quoted(f"{head}{each}{tail}") for each in spelt)


def _argument(number: int, word: Word) -> str:
    return _quoted(f"{'*' if word.repeated else number}:{_action(word)}")


def _action(word: Word) -> str:
    if word.kind == CHOICE:
        return f"choice:({' '.join(word.choices)})"
    return f"{word.kind}:{ACTIONS.get(word.kind, '')}"


def _below(verb: Verb) -> Iterator[str]:
    suffix = f"_{verb.path}" if verb.path else ""
    yield f"_credvault_below{suffix}() {{"
    yield "  local -a below"
    yield "  below=("
    yield from (f"    {_quoted(f'{name}:{summary}')}" for name, summary in verb.below)
    yield "  )"
    yield "  _describe -t commands command below"
    yield "}\n"


def _flags() -> Iterator[str]:
    for spellings, name, takes_word in chosen_by():
        if not takes_word:
            yield f"    ({'|'.join(spellings)}) flags+=({name}=1) ;;"
            continue
        yield f"    ({'|'.join(spellings)}) option={name} ;;"
        for spelling in spellings:
            start = f"{spelling}=" if spelling.startswith("--") else spelling
            yield f'    ({start}?*) flags+=("{name}=${{word#{start}}}") ;;'


def _escaped(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, f"\\{character}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
