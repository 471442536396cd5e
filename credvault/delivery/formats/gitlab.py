"""For `artifacts:reports:dotenv` of GitLab CI: lines VAR=text, quotes included in the text.

By GitLab's docs ("Pass dotenv variables to specific jobs") and its ParseDotenvArtifactService: blanks at both ends
are taken off, an empty line is an error, and `$` starts a variable that the runner puts in its place.
"""

from collections.abc import Sequence

from credvault.delivery.formats.text import decoded
from credvault.model.errors import InvalidValue

# Of gitlab.com, and of other instances unless they set it otherwise; a report must be smaller than that.
_SIZE_LIMIT_BYTES = 5 * 1024
_MAX_VARIABLES = 150
# What Ruby's String#strip takes off.
_BLANKS = b"\0\t\n\v\f\r "


def entry(variable: str, value: bytes) -> bytes:
    """Return the line of a variable; raises InvalidValue for what a report cannot hold."""
    decoded(value)
    if b"\n" in value:
        raise InvalidValue("the value has a newline, and a report of GitLab has one line for each variable")
    if value.strip(_BLANKS) != value:
        raise InvalidValue("the value begins or ends with a blank, which GitLab takes off")
    if b"$" in value:
        raise InvalidValue("the value has a $ in it, which GitLab takes for the start of a variable")
    return b"%s=%s\n" % (variable.encode("ascii"), value)


def whole(entries: Sequence[bytes]) -> bytes:
    """Return the report; raises InvalidValue where it is larger than GitLab takes."""
    report = b"".join(entries)
    if len(report) >= _SIZE_LIMIT_BYTES or len(entries) > _MAX_VARIABLES:
        raise InvalidValue(
            f"the report has {len(report)} bytes and {len(entries)} variables;"
            f" GitLab takes less than {_SIZE_LIMIT_BYTES} bytes and at most {_MAX_VARIABLES} variables",
            hint="choose with --only, or use 'credvault exec' in the job itself",
        )
    return report
