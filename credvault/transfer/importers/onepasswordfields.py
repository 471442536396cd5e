"""The fields of one item of 1Password, whatever its category, sorted into what they are to a vault."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from credvault.transfer.importers.base import object_of, objects_of, text_of

# Kinds of values of a section's field that are secret.
_CONCEALED = frozenset({"concealed", "creditCardNumber"})
# Fields that are the secret of an item without a password, best first.
_MAIN_IDS = ("password", "credential", "pin", "license_key", "reg_code")


class Gathered(NamedTuple):
    """What an item holds: plain and hidden labelled texts, seeds, names and ids of files.

    `by_id` are the plain fields of sections by their ids, which do not change with the language. `earlier` is how many
    former passwords it has.
    """

    password: str
    note: str
    plain: list[tuple[str, str]]
    hidden: list[tuple[str, str]]
    totp: list[str]
    files: list[tuple[str, str]]
    by_id: dict[str, tuple[str, str]]
    earlier: int


def gather(item: Mapping[str, Any], overview: Mapping[str, Any]) -> Gathered:
    """Return what an item holds."""
    details = object_of(item, "details")
    into = Gathered(text_of(details.get("password")), text_of(details.get("notesPlain")), [], [], [], [], {}, 0)
    password = into.password
    for field in objects_of(details, "loginFields"):
        text, label = text_of(field.get("value")), text_of(field.get("name")) or text_of(field.get("id")) or "field"
        if field.get("designation") == "password" and not password:
            password = text
        elif field.get("designation") == "username":
            into.plain.append(("username", text))
        else:
            (into.hidden if field.get("fieldType") == "P" else into.plain).append((label, text))
    into.plain.extend(_urls(overview))
    main: dict[str, str] = {}
    for section in objects_of(details, "sections"):
        for field in objects_of(section, "fields"):
            _sort(field, text_of(section.get("title")), into, main)
    key = next((each for each in (*_MAIN_IDS, "private_key") if main.get(each)), None)
    if not password and key is not None:
        password = main[key]
        main.pop(key)
    into.hidden.extend((each, text) for each, text in main.items())
    if isinstance(details.get("documentAttributes"), dict):
        _add_file(details["documentAttributes"], into)
    return into._replace(password=password, earlier=len(objects_of(details, "passwordHistory")))


def _urls(overview: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = [text_of(each.get("url")) for each in objects_of(overview, "urls")]
    urls = list(dict.fromkeys(filter(None, [text_of(overview.get("url")), *listed])))
    return [("url" if number == 1 else f"url {number}", url) for number, url in enumerate(urls, 1)]


def _sort(field: Mapping[str, Any], section: str, into: Gathered, main: dict[str, str]) -> None:
    """Put one field of a section where it belongs; what may be the secret of the item goes to `main`."""
    value, field_id = field.get("value"), text_of(field.get("id"))
    label = text_of(field.get("title")) or field_id or "field"
    label = f"{section} {label}" if section else label
    if not isinstance(value, dict):
        into.hidden.append((label, text_of(value)))  # of no kind, and so perhaps secret
        return
    for kind, fact in value.items():
        if kind in _CONCEALED:
            if field_id in _MAIN_IDS and field_id not in main:
                main[field_id] = text_of(fact)
            else:
                into.hidden.append((label, text_of(fact)))
        elif kind == "totp":
            into.totp.append(text_of(fact))
        elif kind == "file" and isinstance(fact, dict):
            _add_file(fact, into)
        elif kind == "sshKey" and isinstance(fact, dict):
            main.setdefault("private_key", text_of(fact.get("privateKey")))
            into.plain.extend((str(name), text_of(part)) for name, part in object_of(fact, "metadata").items())
        else:
            text = text_of(fact.get("email_address")) if kind == "email" and isinstance(fact, dict) else text_of(fact)
            into.plain.append((label, text))
            into.by_id.setdefault(field_id, (label, text))


def _add_file(file: Mapping[str, Any], into: Gathered) -> None:
    into.files.append((text_of(file.get("fileName")) or "file", text_of(file.get("documentId"))))
