"""Files of variables, one `VAR=credvault://NAME` or `VAR=text` a line, as `exec --env-file` takes them."""

from credvault.delivery.selection import Wanted
from credvault.infile import read_file
from credvault.model.envlines import MAX_ENV_FILE_BYTES, EnvLine, parse_env_lines
from credvault.model.errors import Invalid
from credvault.model.reference import SCHEME, parse_reference
from credvault.model.text import printable
from credvault.model.value import SecretValue


def read_env_file(path: str, *, default: str) -> list[Wanted]:
    """Return what the lines of a file ask for.

    Raises NotFound, StorageError, and Invalid naming the line: its text may be a secret, so it is not quoted.
    """
    data = read_file(path, MAX_ENV_FILE_BYTES)
    return [_wanted(line, default) for line in parse_env_lines(data, path, wanted=f"VAR=text or VAR={SCHEME}NAME")]


def _wanted(line: EnvLine, default: str) -> Wanted:
    variable, content, source = line
    if not content.startswith(SCHEME.encode("ascii")):
        return Wanted(variable, SecretValue(content), source)
    try:
        return Wanted(variable, parse_reference(content.decode("utf-8", "surrogateescape"), default=default), source)
    except Invalid as exc:
        exc.message = f"{printable(source)}: {exc.message}"
        raise
