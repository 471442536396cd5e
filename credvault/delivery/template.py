"""Templates: text with `{{ credvault://NAME }}` or a secret URI in it, to be filled with secrets. Bytes in, bytes out.

Only `{{`, blanks and the scheme begin a reference, so that the expressions of other programs (Helm, Jinja) stay as they
are. A value is put in as it is and never looked at again, so that none leads to another.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from credvault.delivery.referents import fetch_referents, ways_on
from credvault.model.errors import Invalid, InvalidURI, InvalidValue, NotFound, Unsupported
from credvault.model.names import DEFAULT_NAMESPACE
from credvault.model.record import Record
from credvault.model.reference import BEGINNING, SCHEME, Reference, parse_reference
from credvault.model.text import listed, printable
from credvault.model.value import SecretValue
from credvault.vault import Vault

if TYPE_CHECKING:
    from credvault.model.uri import SecretURI

MAX_TEMPLATE_BYTES = 4 * 1024 * 1024
# A small template can name a large value many times.
MAX_FILLED_BYTES = 64 * 1024 * 1024
# Each is looked up, which takes up to 7 ms for a version of a secret in a bucket full of large values.
MAX_REFERENCES = 4096
# So many mistakes are named, and of one that is in many lines so many lines.
_NAMED = 20
# What a release for a template is for, in the trail.
_INJECT = "inject"

_REFERENCE = re.compile(rb"\{\{[ \t]*(" + BEGINNING.encode("ascii") + rb"[^{}\r\n]*)(\}\})?")


class Template(NamedTuple):
    """Text and references in turn, and the lines (from 1) on which each reference stands; `source` says of what."""

    parts: "Sequence[bytes | Reference | SecretURI]"
    lines: "Mapping[Reference | SecretURI, Sequence[int]]"
    source: str


class Filled(NamedTuple):
    """A filled template, in pieces, and the records of what is in it."""

    chunks: Sequence[bytes]
    records: Sequence[Record]


def parse_template(
    data: bytes, *, source: str, namespace: str | None = None, default: str = DEFAULT_NAMESPACE
) -> Template:
    """Return the parts of a template.

    A backslash before `{{ credvault://` makes it text, two are one backslash before a reference. Raises InvalidURI
    that names line and column (in bytes, from 1) of the first 20 references that are none or are not closed on their
    line, and InvalidValue over MAX_REFERENCES different ones.
    """
    parts: list[bytes | Reference | SecretURI] = []
    lines: dict[Reference | SecretURI, list[int]] = {}
    wrong: list[Invalid | Unsupported] = []
    end = start_of_line = 0
    line = 1
    for match in _REFERENCE.finditer(data):
        start = match.start()
        line += data.count(b"\n", end, start)
        start_of_line = max(start_of_line, data.rfind(b"\n", end, start) + 1)
        text = data[end:start]
        end = match.end()
        backslashes = len(text) - len(text.rstrip(b"\\"))
        parts.append(text[: len(text) - (backslashes + 1) // 2])
        if backslashes % 2:
            parts.append(match[0])
            continue
        try:
            reference = _parse(match, namespace, default)
        except (Invalid, Unsupported) as exc:
            exc.message = f"{source}:{line}:{start - start_of_line + 1}: {exc.message}"
            wrong.append(exc)
            if len(wrong) > _NAMED:
                exc.message = "and more"
                break
            continue
        parts.append(reference)
        lines.setdefault(reference, []).append(line)
        if len(lines) > MAX_REFERENCES:
            raise InvalidValue(f"{source} has more than {MAX_REFERENCES} different references", hint="split it")
    if wrong:
        raise InvalidURI("; ".join(exc.message for exc in wrong), hint=wrong[0].hint)
    return Template([*parts, data[end:]], lines, source)


def fill(vault: Vault, template: Template) -> Filled:
    """Return the template with each reference replaced by what it refers to.

    Raises NotFound that names what is not there, 20 of it, with its lines, or says of one URI why, and InvalidValue
    over MAX_FILLED_BYTES.
    """
    found = fetch_referents(vault, template.lines, purpose=_INJECT)
    values: dict[Reference | SecretURI, SecretValue] = {}
    missing = []
    for reference in template.lines:
        value = found.value(reference)
        if value is None:
            missing.append(reference)
        else:
            values[reference] = value
    if missing:
        error = found.error(missing[0]) if len(missing) == 1 else None
        if error is not None:
            error.message += f" ({_places(missing[0], template)})"
            raise error
        way = ways_on(vault, [(each, found) for each in missing])
        named = listed([_with_lines(each, template) for each in missing], _NAMED)
        raise NotFound(f"not there: {named}", hint=f"{way}; nothing was written")
    chunks = [part if isinstance(part, bytes) else values[part].reveal() for part in template.parts]
    if sum(map(len, chunks)) > MAX_FILLED_BYTES:
        raise InvalidValue(f"the filled template has more than {MAX_FILLED_BYTES} bytes")
    return Filled(chunks, found.records())


def _parse(match: re.Match[bytes], namespace: str | None, default: str) -> "Reference | SecretURI":
    if match[2] is None:
        raise InvalidURI("a reference is not closed by }} on its line", hint=f"write {{{{ {SCHEME}NAME }}}}")
    text = match[1].strip(b" \t").decode("utf-8", "surrogateescape")
    return parse_reference(text, namespace=namespace, default=default)


def _with_lines(reference: "Reference | SecretURI", template: Template) -> str:
    return f"{printable(str(reference).removeprefix(SCHEME))} ({_places(reference, template)})"


def _places(reference: "Reference | SecretURI", template: Template) -> str:
    lines = listed([str(line) for line in dict.fromkeys(template.lines[reference])], _NAMED)
    return f"{template.source}:{lines}"
