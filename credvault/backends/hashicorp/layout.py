"""What both layouts of the backend `hashicorp` have in common: the engine, and warnings of what is odd in it."""

from collections.abc import Callable, Iterator, Sequence

from credvault.backends.base import Aspect, Backend, Health
from credvault.backends.hashicorp.kv2 import KV2
from credvault.model.errors import Denied
from credvault.model.names import DEFAULT_NAMESPACE, Name
from credvault.model.text import listed, printable

# The field of a KV secret that is one value: as text, or bytes that are none.
VALUE, VALUE_BASE64 = "value", "value_base64"
_KINDS = {dict: "a map", list: "a list", bool: "true or false", int: "a number", float: "a number", str: "a text"}


def kind_of(content: object) -> str:
    """Return in words what a field holds that is no value, of which nothing is told."""
    return "an empty text" if content == "" else _KINDS.get(type(content), "null")


class Layout(Backend):
    """Secrets in a KV v2 engine, in one way or another.

    `let_go` ends what was opened for it; `namespace` is that of names without one.
    """

    name = "hashicorp"
    # Where in the engine a secret of a namespace is.
    _example = "{}/any"

    def __init__(
        self,
        kv: KV2,
        warn: Callable[[str], None],
        let_go: Callable[[], None],
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self._kv = kv
        self._warn = warn
        self._let_go = let_go
        self._namespace = namespace

    def check(self) -> Health:
        """Reach the server, and look for the engine."""
        health = self._kv.read_health()
        if not health.is_ok:
            return health
        self._kv.check_mount()
        return health._replace(detail=f"{health.detail}, KV version 2 at '{self._kv.mount}/'")

    def examine(self) -> Iterator[Aspect]:
        """Yield what works: the server, the token, the engine, and what the token may do in the namespace."""
        return self._kv.examine(self._example.format(self._namespace))

    def close(self) -> None:
        """End the connections."""
        self._let_go()

    def _list_top(self) -> Sequence[str]:
        """Return what is right below the prefix; those of folders end in '/'."""
        try:
            return self._kv.list_folders([""])[0]
        except Denied as exc:
            exc.hint = f"-n NAMESPACE asks for that one alone; {exc.hint}"
            raise

    def _tell_unreadable(self, name: Name, members: Sequence[str]) -> None:
        """Warn of facts that are kept in another form than theirs."""
        if members:
            wrong = " and an invalid ".join(members)
            self._warn(f"{name}: its custom metadata has an invalid {wrong}, which is ignored")

    def _tell_left_out(self, others: Sequence[str]) -> None:
        """Warn of what is in the engine and has no name here."""
        if others:
            self._warn(f"left out, as their paths are no names: {listed([printable(other) for other in others], 3)}")
