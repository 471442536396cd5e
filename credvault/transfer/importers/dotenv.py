"""Files of variables, as python-dotenv reads them, and so as `export --format dotenv` writes them.

One difference: `${…}` is taken as it is. What another program would put in its place is not known here.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from credvault.model.environment import is_variable
from credvault.model.errors import InvalidValue
from credvault.transfer.importers.base import Item, Skipped, Source, secret_of

# The grammar of python-dotenv 1.2. Blanks are those of a line.
_NEWLINE = re.compile(r"\r\n|\n|\r")
_BLANK = r"[^\S\r\n]*"
_SPACE = re.compile(r"\s*")
_NAME = re.compile(rf"(export[^\S\r\n]+)?(?:'([^']+)'|([^=#\s'][^=#\s]*))?{_BLANK}(={_BLANK})?")
_SINGLE = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_PLAIN = re.compile(r"[^\r\n]*")
# The look behind keeps a long run of blanks from being tried at each of them.
_COMMENT = re.compile(r"(?<!\s)\s+#.*")
_END = re.compile(rf"(?:{_BLANK}#[^\r\n]*)?{_BLANK}(?:\r\n|\n|\r|\Z)")
_SINGLE_ESCAPE = re.compile(r"\\([\\'])")
_DOUBLE_ESCAPE = re.compile(r"\\([\\'\"abfnrtv])")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def read(source: Source) -> Iterator[Item | Skipped]:
    """Yield a secret of each variable. Of one that is set twice the last counts, as for whoever reads such a file."""
    # As python-dotenv does: however its lines end, the file is the same.
    found = list(_parse(_NEWLINE.sub("\n", source.read_text()), source.shown))
    last = {name: number for number, name, _, _ in found}
    for number, name, text, remark in found:
        if last[name] != number:
            yield Skipped((name,), f"set again in line {last[name]}")
        elif text is None:
            yield Skipped((name,), f"line {number} gives it no value")
        else:
            # What is a variable here is to be one again, also where its name is not in capitals.
            facts = {"env_name": name} if is_variable(name) else {}
            yield Item((name,), secret_of(text), facts, remark)


def _parse(text: str, shown: str) -> Iterator[tuple[int, str, str | None, str]]:
    """Yield line, name, value and remark of each binding; raises InvalidValue naming the line, whose text is secret."""
    ends = [match.start() for match in _NEWLINE.finditer(text)]
    position = _match(_SPACE, text, 0).end()
    while position < len(text):
        line = bisect_left(ends, position) + 1
        name = _match(_NAME, text, position)
        key, equals, position = name[2] or name[3], name[4], name.end()
        value, remark = None, ""
        if not key and (equals or (name[1] and not text.startswith("#", position))):
            raise _wrong(shown, line)
        if equals and len(equals) > 1 and text.startswith("#", position):
            value = ""
        elif equals:
            value, position, remark = _value(text, position, shown, line)
        end = _END.match(text, position)
        if end is None:
            raise _wrong(shown, line)
        if key:
            yield line, key, value, remark
        position = _match(_SPACE, text, end.end()).end()


def _match(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    """Return the match of a pattern that matches nothing, too."""
    match = pattern.match(text, position)
    if match is None:
        raise AssertionError(pattern.pattern)
    return match


def _value(text: str, position: int, shown: str, line: int) -> tuple[str, int, str]:
    """Return a value, where it ends, and what is to be said of it."""
    quote = text[position : position + 1]
    if quote in ("'", '"'):
        quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, position)
        if quoted is None:
            raise _wrong(shown, line)
        escape = _SINGLE_ESCAPE if quote == "'" else _DOUBLE_ESCAPE
        value = escape.sub(lambda match: _ESCAPED.get(match[1], match[1]), quoted[1])
        return value, quoted.end(), _remark(value)
    plain = _match(_PLAIN, text, position)
    value = _COMMENT.sub("", plain[0]).rstrip()
    is_cut = value != plain[0].rstrip()
    return value, plain.end(), "less the comment behind it" if is_cut else _remark(value)


def _remark(value: str) -> str:
    return "${…} in it is taken as it is" if "${" in value else ""


def _wrong(shown: str, line: int) -> InvalidValue:
    hint = "quote a value that holds quotes, and end what starts with one"
    return InvalidValue(f"{shown}, line {line}: that is not VARIABLE=value", hint=hint)
