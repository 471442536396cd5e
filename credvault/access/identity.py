"""Who is asking."""

import os

from credvault.model.tuples import NamedTuple


class Identity(NamedTuple):
    """A subject that was authenticated: a user of this machine, later a service or a token."""

    subject: str


def local_identity() -> Identity:
    """Return the user this process runs as, by name, or `uid N` where the system knows no name."""
    try:
        import pwd
    except ImportError:  # Windows
        return Identity(os.environ.get("USERNAME", "unknown"))
    uid = os.geteuid()
    try:
        return Identity(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Identity(f"uid {uid}")
