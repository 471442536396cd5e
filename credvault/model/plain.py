"""The plain forms of the two commands that stand in prompts, loops and scripts: no option but `-n`.

`get [-n NS] NAME` and `exec [-n NS] -- CMD ARG…` need no Click to be understood, and the lanes answer them without it.
NAME may be a secret URI, which needs neither key nor agent; one of `credvault://` is the command line's to read.
Imports nothing, for that reason.
"""

GET, EXEC = "get", "exec"


class PlainForm:
    """A command line of a plain form: the command, the namespace of `-n` or None, and the words after it.

    `is_uri` says that `get` is to read a secret URI.
    """

    __slots__ = ("command", "is_uri", "namespace", "words")

    def __init__(self, command: str, namespace: str | None, words: list[str], is_uri: bool = False) -> None:
        self.command = command
        self.namespace = namespace
        self.words = words
        self.is_uri = is_uri

    @property
    def is_get(self) -> bool:
        """Whether it is `get`, else it is `exec`."""
        return self.command == GET


def plain_form(argv: list[str]) -> PlainForm | None:
    """Return what a command line asks for if it has a plain form, else None."""
    if not argv or argv[0] not in (GET, EXEC):
        return None
    command, rest, namespace = argv[0], argv[1:], None
    if len(rest) > 2 and rest[0] == "-n" and rest[1] and not rest[1].startswith("-"):
        namespace, rest = rest[1], rest[2:]
    if command == GET and len(rest) == 1 and not rest[0].lower().startswith(("-", "credvault://")):
        return PlainForm(command, namespace, rest, "://" in rest[0])
    if command == EXEC and len(rest) > 1 and rest[0] == "--":
        return PlainForm(command, namespace, rest[1:])
    return None
