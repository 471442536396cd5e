"""Files of variables as `exec --env-file` takes them: `VAR=credvault://NAME`, `VAR=` a secret URI, or `VAR=text`."""

import re

from credvault.delivery.selection import Wanted
from credvault.infile import read_file
from credvault.model.envlines import MAX_ENV_FILE_BYTES, EnvLine, parse_env_lines
from credvault.model.errors import Invalid, Unsupported
from credvault.model.reference import BEGINNING, SCHEME, parse_reference
from credvault.model.text import printable
from credvault.model.value import SecretValue

_REFERENCE = re.compile(BEGINNING.encode("ascii"))


def read_env_file(path: str, *, default: str) -> list[Wanted]:
    """Return what the lines of a file ask for.

    Raises NotFound, StorageError, and Invalid naming the line: its text may be a secret, so it is not quoted.
    """
    data = read_file(path, MAX_ENV_FILE_BYTES)
    return [_wanted(line, default) for line in parse_env_lines(data, path, wanted=f"VAR=text or VAR={SCHEME}NAME")]


def _wanted(line: EnvLine, default: str) -> Wanted:
    variable, content, source = line
    if not _REFERENCE.match(content):
        return Wanted(variable, SecretValue(content), source)
    try:
        return Wanted(variable, parse_reference(content.decode("utf-8", "surrogateescape"), default=default), source)
    except (Invalid, Unsupported) as exc:
        exc.message = f"{printable(source)}: {exc.message}"
        raise
