"""Which environment variables a secret may become: the one closed table, and the system's limits."""

from credvault.model.errors import InvalidValue
from credvault.model.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

# One string of the environment, name, '=', value and the final NUL: MAX_ARG_STRLEN, 32 pages (execve(2)).
MAX_VARIABLE_BYTES = 131_072

# Names by which a loader, a shell, an interpreter or a common tool is told what code to run, whom to trust or
# where to send things (CVE-2014-6271 and its kin). Matched without regard to case: curl reads http_proxy.
_FORBIDDEN = frozenset(
    "PATH IFS ENV BASH_ENV BASH_LOADABLES_PATH SHELLOPTS BASHOPTS PS0 PS1 PS2 PS4 PROMPT_COMMAND MAILPATH"
    " ZDOTDIR CDPATH FPATH MODULE_PATH FISH_FUNCTION_PATH FISH_COMPLETE_PATH"
    " RUBYOPT RUBYLIB PERLLIB NODE_OPTIONS NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH"
    " HOME SHELL EDITOR VISUAL PAGER GCONV_PATH GLIBC_TUNABLES".split()
)
_FORBIDDEN_STARTS = ("LD_", "DYLD_", "BASH_FUNC_", "PYTHON", "PERL5", "GIT_", "SSL_CERT_", "CREDVAULT_")
_FORBIDDEN_ENDS = ("_PROXY",)

_AS_A_FILE = "hand it over as a file: credvault exec --file VAR=NAME"


def is_variable(text: str) -> bool:
    """Say whether `text` is written like a variable of a shell (POSIX.1-2024, 3.216)."""
    # Python's identifiers are these where they are ASCII; a pattern would be compiled at every start.
    return text.isascii() and text.isidentifier()


def is_forbidden(variable: str) -> bool:
    """Say whether a variable steers loaders, shells or interpreters."""
    upper = variable.upper()
    return upper in _FORBIDDEN or upper.startswith(_FORBIDDEN_STARTS) or upper.endswith(_FORBIDDEN_ENDS)


def leads_elsewhere(variable: str) -> bool:
    """Say whether a variable tells this program, or a client of Vault, which server or which settings are meant.

    A person may set one from a secret; a repository that was cloned could have a token sent somewhere by it.
    """
    upper = variable.upper()
    if upper == "TENANT_ALLOWED_MOUNTS" or upper.startswith("XDG_"):
        return True
    return upper.startswith(("VAULT_", "BAO_")) and not upper.endswith(("_TOKEN", "_ROLE_ID", "_SECRET_ID"))


def check_variable(variable: str, *, allowed: "Collection[str]" = ()) -> None:
    """Raise InvalidValue unless a secret may become `variable`; `allowed` names lift the forbidden table."""
    if not is_variable(variable):
        hint = "a variable is letters, digits and _, and does not start with a digit"
        raise InvalidValue(f"'{printable(variable)}' is not a variable name", hint=hint)
    if is_forbidden(variable) and variable not in allowed:
        raise InvalidValue(
            f"{variable} steers how programs load or run, so no secret may be put there",
            hint=f"choose another variable, or give --allow-env {variable}",
        )


def check_variable_value(variable: str, value: bytes) -> None:
    """Raise InvalidValue unless the system can carry `value` in `variable`."""
    if b"\0" in value:
        raise InvalidValue(f"the value for {variable} holds a NUL byte, which no variable can carry", hint=_AS_A_FILE)
    if len(variable) + len(value) + 2 > MAX_VARIABLE_BYTES:
        raise InvalidValue(
            f"the value for {variable} has {len(value)} bytes; a variable holds {MAX_VARIABLE_BYTES} with its name",
            hint=_AS_A_FILE,
        )
