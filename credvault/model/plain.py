"""The plain forms of the two commands that stand in prompts, loops and scripts: no option but `-n`.

`get [-n NS] NAME` and `exec [-n NS] -- CMD ARG…` need no Click to be understood, and the lanes answer them without it.
NAME is no URI: those are read by the command line.
Imports nothing, for that reason.
"""

GET, EXEC = "get", "exec"


class PlainForm:
    """A command line of a plain form: the command, the namespace of `-n` or None, and the words after it."""

    __slots__ = ("command", "namespace", "words")

    def __init__(self, command: str, namespace: str | None, words: list[str]) -> None:
        self.command = command
        self.namespace = namespace
        self.words = words


def plain_form(argv: list[str]) -> PlainForm | None:
    """Return what a command line asks for if it has a plain form, else None."""
    if not argv or argv[0] not in (GET, EXEC):
        return None
    command, rest, namespace = argv[0], argv[1:], None
    if len(rest) > 2 and rest[0] == "-n" and rest[1] and not rest[1].startswith("-"):
        namespace, rest = rest[1], rest[2:]
    if command == GET and len(rest) == 1 and not rest[0].startswith("-") and "://" not in rest[0]:
        return PlainForm(command, namespace, rest)
    if command == EXEC and len(rest) > 1 and rest[0] == "--":
        return PlainForm(command, namespace, rest[1:])
    return None
