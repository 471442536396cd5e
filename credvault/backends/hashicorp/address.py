"""Which server is asked, and how: what a profile or the environment says of it, in one place."""

from credvault.model.tuples import NamedTuple


class Address(NamedTuple):
    """Where a server is. `source` says in words where that was found; `timeout` is how long an answer may take.

    `scheme` is `https`, or `http` on loopback; elsewhere `http` needs `allow_http`. `ca_file` is the one authority
    that is trusted, None for those of the system.
    """

    scheme: str
    host: str
    port: int
    source: str
    namespace: str | None = None
    ca_file: str | None = None
    verify: bool = True
    timeout: float = 30.0
    proxy: bool = False
    allow_http: bool = False

    @property
    def authority(self) -> str:
        """Host and port as an URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"
