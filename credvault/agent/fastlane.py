"""The fast lane: the plain forms of `get` and `exec`, asked of an agent before the command line is loaded.

Knows nothing of profiles or vaults: it sends the folder and the settings that are not secret, and the agent answers
or declines. Whatever it does not expect it leaves to the command line, with the same result. Standard library only,
and little of that: each import is measured (tests/test_startup.py holds the list).
"""

import posix
import sys

from credvault import peer
from credvault.model import wire
from credvault.model.folders import agent_socket, xdg_state_folder
from credvault.model.plain import GET, PlainForm

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket


class Answer:
    """What is to be written to stderr and then to stdout, and the status to end with."""

    __slots__ = ("notice", "output", "status")

    def __init__(self, notice: str, output: bytes, status: int) -> None:
        self.notice = notice
        self.output = output
        self.status = status


def answer(form: PlainForm) -> Answer | None:
    """Return what an agent answers to a command line of a plain form, or None where the command line is to do it.

    For who has no key in the environment: with one no agent is to be asked.
    For `exec` it does not return where all goes well: the program takes our place.
    """
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        return None  # a descriptor that is free would be the socket's
    environ = surroundings()
    if not environ.get("HOME", "").startswith("/"):
        return None  # the agent is not to take its own for it
    if form.command == GET:
        return None if posix.isatty(1) else _get(form, environ)
    return _exec(form, environ)


def surroundings() -> dict[str, str]:
    """Return what of the environment says where the agent is, which vault is meant, and where programs are."""
    encoding = sys.getfilesystemencoding()
    return {
        name: posix.environ[name.encode("ascii")].decode(encoding, "surrogateescape")
        for name in (*wire.SETTINGS, "CREDVAULT_AGENT_SOCKET", "XDG_RUNTIME_DIR", "PATH")
        if name.encode("ascii") in posix.environ
    }


def tell(notice: str) -> None:
    """Write to stderr what is to be said; where it cannot be said, the exit status stands."""
    try:
        if notice:
            sys.stderr.write(notice)
            sys.stderr.flush()
    except OSError:
        return


def _get(form: PlainForm, environ: dict[str, str]) -> Answer | None:
    name = form.words[0]
    if "/" not in name:
        name = f"{wire.DEFAULT_NAMESPACE}/{name}"
    connection = ask_agent(environ, "GET", f"{wire.CREDENTIALS}/{wire.quote_text(name)}", _namespace(form))
    return None if connection is None else hear_agent(connection)


def _exec(form: PlainForm, environ: dict[str, str]) -> Answer | None:
    # Here and below: `get` needs none of it.
    from credvault.delivery.execute import execute, find_program, original_environment

    try:
        file = find_program(form.words[0], environ.get("PATH"))
        connection = ask_agent(environ, "POST", wire.RUNTIME_ENV, _namespace(form))
        if connection is None:
            return None
        # While the agent works.
        from credvault.delivery.environment import Inheritance, child_environment, overwritten_warning
        from credvault.model.value import SecretValue

        inherited = original_environment()
        found = hear_agent(connection)
        if found is None or found.status:
            return found
        # As environ(7) has them: NAME=value, a NUL after each.
        secrets = [item.partition(b"=") for item in found.output.split(b"\0")[:-1]]
        pairs = [(variable.decode("ascii"), SecretValue(value)) for variable, _, value in secrets]
        child = child_environment(inherited, pairs, Inheritance())
        if child.overwritten:
            from credvault.model.text import warned

            found.notice += warned(overwritten_warning(child.overwritten))
        tell(found.notice)
        execute(file, form.words, child.variables)
    except Exception as exc:
        from credvault.model.errors import CredvaultError, failed

        if not isinstance(exc, CredvaultError):
            raise
        return Answer(failed(exc), b"", exc.exit_status)  # that it cannot be run has a status of its own


def _namespace(form: PlainForm) -> "list[tuple[str, str]]":
    return [] if form.namespace is None else [(wire.NAMESPACE, wire.quote_text(form.namespace))]


def ask_agent(
    environ: dict[str, str], method: str, target: str, more: "list[tuple[str, str]]"
) -> "_socket.socket | None":
    """Send a request with `more` headers; return the connection on which the answer comes, None without an agent."""
    state_folder = xdg_state_folder(environ) if sys.platform == "linux" else None
    path = agent_socket(environ, state_folder)
    if path is None:
        return None
    try:
        seconds = peer.PROMPT_SECONDS if method == "GET" else peer.ANSWER_SECONDS
        connection = peer.connect(path, posix.geteuid(), seconds)
        if connection is None:
            return None
        folder = posix.getcwdb()
        settings = {name: environ[name] for name in wire.SETTINGS if name in environ}
        headers = [
            ("accept", wire.BYTES),
            ("connection", "close"),
            (wire.FOLDER, wire.quote(folder)),
            (wire.ENVIRONMENT, wire.quote_table(settings, sys.getfilesystemencoding())),
            *more,
        ]
        peer.send(connection, wire.render_request(method, target, headers))
    except (OSError, peer.Stranger, peer.NoAnswer):
        return None
    return connection


def hear_agent(connection: "_socket.socket") -> Answer | None:
    """Return the answer, or None where the agent declines or goes away."""
    try:
        head, body = peer.receive(connection)
        connection.close()
        status = head.headers.get(wire.EXIT, "")
        if not status.isdigit():
            return None
        return Answer(wire.unquote_text(head.headers.get(wire.NOTICE, "")), body, int(status))
    except (OSError, peer.NoAnswer, wire.BadMessage):
        return None
