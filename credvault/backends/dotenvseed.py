"""Secrets of a `.env` file by the convention of intentframe-credentials' development server: names for its variables.

`EMAIL_<LABEL>_ADDRESS` and `EMAIL_<LABEL>_PASSWORD` are a mailbox, and two are keys of services; others are not secrets
of that convention.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from credvault.model.envlines import parse_env_lines
from credvault.model.errors import InvalidName, InvalidValue
from credvault.model.names import Name, parse_name, parse_namespace
from credvault.model.record import EXECUTOR_ONLY, RUNTIME_ENV, Secret, first_facts, record_from_facts
from credvault.model.text import printable
from credvault.model.value import SecretValue

_KEYS = {"OPENAI_API_KEY": "openai/api_key", "ANTHROPIC_API_KEY": "anthropic/api_key"}
_MAILBOX = re.compile(r"EMAIL_(\w+)_(ADDRESS|PASSWORD)")
# Who reads mailboxes: nobody else is given their passwords.
_MAIL_READERS = ("edi",)


def parse_seed(data: bytes, path: str, at: str, warn: Callable[[str], None]) -> dict[Name, Secret]:
    """Return the secrets that a file's variables stand for, as of a time.

    Of a variable that is set twice the last counts, and an empty one is not there. `warn` is told of half a mailbox.
    Raises InvalidValue for a line that sets no variable, for an address that no name can hold and for one that stands
    there twice; what is in the file is not quoted.
    """
    texts = {line.variable: line.content for line in parse_env_lines(data, path)}
    found = {}
    for name, value, facts in [*_keys(texts), *_mailboxes(texts, path, warn)]:
        stamped = {"updated_at": at, "value_changed_at": at, **facts}
        found[name] = Secret(record_from_facts(name, 1, first_facts(name, stamped)), SecretValue(value))
    return found


def _keys(texts: Mapping[str, bytes]) -> Iterator[tuple[Name, bytes, dict[str, Any]]]:
    for variable, name in _KEYS.items():
        if texts.get(variable):
            facts = {"type": "api_key", "delivery": RUNTIME_ENV, "env_name": variable}
            yield parse_name(name), texts[variable], facts


def _mailboxes(
    texts: Mapping[str, bytes], path: str, warn: Callable[[str], None]
) -> Iterator[tuple[Name, bytes, dict[str, Any]]]:
    seen: dict[Name, str] = {}
    for label in dict.fromkeys(match[1] for match in map(_MAILBOX.fullmatch, texts) if match):
        address, password = (texts.get(f"EMAIL_{label}_{part}", b"") for part in ("ADDRESS", "PASSWORD"))
        if address and password:
            variable = f"EMAIL_{label}_ADDRESS"
            name = _mailbox(address, variable, path)
            if name in seen:
                raise InvalidValue(f"{printable(path)}: {seen[name]} and {variable} are the same address")
            seen[name] = variable
            yield name, password, {"type": "password", "delivery": EXECUTOR_ONLY, "consumers": _MAIL_READERS}
        elif address or password:
            has, lacks = ("ADDRESS", "PASSWORD") if address else ("PASSWORD", "ADDRESS")
            warn(f"{printable(path)} has EMAIL_{label}_{has} and no EMAIL_{label}_{lacks}, so it is passed over")


def _mailbox(address: bytes, variable: str, path: str) -> Name:
    try:
        namespace = parse_namespace(f"email.{address.decode('utf-8', 'surrogateescape')}")
        return parse_name("password", namespace=namespace)
    except InvalidName:
        hint = "an address alone, such as you@example.org, without a name or angle brackets"
        raise InvalidValue(f"{printable(path)}: {variable} is not an address that a name can hold", hint=hint) from None
