"""The text of an entry of `pass` or gopass: which part of it is the value, and what the rest says.

The first line is the password. Of the lines below, `key: value` is a field, `otpauth://…` a seed of one-time
passwords, and the rest is the note.
"""

import re

from credvault.transfer.importers.base import Item, Skipped, secret_of
from credvault.transfer.importers.cards import Card, host_of, items_of

_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9 _.-]{0,63}):[ \t]+(\S.*)")
# A key or certificate is one value of many lines.
_ARMOR = "-----BEGIN "
# gopass puts a document in YAML behind such a line, and has had a form with a head.
_YAML_MARK = "---"
_HEAD_MARK = "GOPASS-SECRET-1.0"


def items_of_body(path: tuple[str, ...], body: bytes, *, whole: bool, gopass: bool) -> list[Item | Skipped]:
    """Return the secrets of one entry.

    With `whole`, and where the text is no text, starts with an armored key or has an empty first line, every byte
    of it is the value.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return _whole(path, body, "" if whole else "it is not text, so all of it is the value")
    if whole:
        return _whole(path, body, "")
    if gopass and text.partition("\n")[0].rstrip("\r") == _HEAD_MARK:
        text = _without_head(text)
    first, _, rest = text.partition("\n")
    password = first.removesuffix("\r")
    if first.startswith(_ARMOR):
        return _whole(path, body, "a key of several lines, so all of it is the value")
    if not password and rest.strip():
        return _whole(path, body, "its first line is empty, so all of it is the value")
    return list(items_of(_card(path, password, rest, gopass=gopass)))


def _whole(path: tuple[str, ...], body: bytes, remark: str) -> list[Item | Skipped]:
    return [Item(path, secret_of(body.decode("utf-8", "surrogateescape")), {}, remark)]


def _card(path: tuple[str, ...], password: str, rest: str, *, gopass: bool) -> Card:
    plain: dict[str, str] = {}
    totp: list[str] = []
    note: list[str] = []
    lines = [line.removesuffix("\r") for line in rest.split("\n")]
    for number, line in enumerate(lines):
        if gopass and line == _YAML_MARK:
            # Kept as it is: what its quotes and indents mean, a reader of YAML would have to say.
            note += lines[number:]
            break
        field = _FIELD.fullmatch(line)
        if line.startswith("otpauth://"):
            totp.append(line)
        elif field is not None and field[1] not in plain:
            plain[field[1]] = field[2]
        else:
            note.append(line)
    url = next((plain[key] for key in plain if key.lower() in ("url", "website", "link")), "")
    return Card(
        path,
        password,
        "\n".join(note).strip("\n"),
        plain.items(),
        totp=totp,
        facts={"service": host_of(url) if url else None},
    )


def _without_head(text: str) -> str:
    """Return an entry of gopass's old form in the usual one: password, fields, body."""
    head, _, body = text.partition("\n\n")
    fields = [line.partition(": ") for line in head.split("\n")[1:]]
    password = next((value for key, _, value in fields if key.lower() == "password"), "")
    others = [f"{key}: {value}" for key, _, value in fields if key.lower() != "password"]
    return "\n".join([password, *others, body])
