"""Where the XDG Base Directory Specification puts a user's folders, and where the agent's socket is. Rules alone.

Loaded by the fast lane, so it imports nothing.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET = "agent.sock"


def xdg_folder(environ: "Mapping[str, str]", variable: str, below_home: str) -> str | None:
    """Return our folder below the one that `variable` names, else below HOME; None where HOME is not set either."""
    base = environ.get(variable, "")
    if not base.startswith("/"):  # a relative path is to be ignored
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            return None
        base = f"{home.rstrip('/')}/{below_home}"
    return f"{base.rstrip('/')}/credvault"


def xdg_state_folder(environ: "Mapping[str, str]") -> str | None:
    """Return the folder of pins, trail and test results on Linux, or None where HOME is not set."""
    return xdg_folder(environ, "XDG_STATE_HOME", ".local/state")


def agent_socket(environ: "Mapping[str, str]", state_folder: str | None) -> str | None:
    """Return the path of the agent's socket (format.md 2), or None where there is no place for it."""
    named = environ.get("CREDVAULT_AGENT_SOCKET", "")
    if named:
        return named if named.startswith("/") else None
    if environ.get("XDG_RUNTIME_DIR", "").startswith("/"):
        return f"{environ['XDG_RUNTIME_DIR'].rstrip('/')}/credvault/{SOCKET}"
    return None if state_folder is None else f"{state_folder}/{SOCKET}"


def flat_name(text: str) -> str:
    """Return one name for a file that stands for a path or any other text, and for no other; it may be too long."""
    escaped = text.replace("%", "%25").replace("\0", "%00")
    return escaped.replace("/", "%2F").replace("\\", "%5C")
