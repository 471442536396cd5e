"""Which Vault or OpenBao server: what a profile and the environment say, each with where it came from.

Variables come in two families, BAO_* and VAULT_*, which never mix: what is meant for a server of one kind is not sent
to one of the other. Pure: reads no file and asks no server.
"""

import _socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from credvault.config import Origin, Settings
from credvault.model.errors import ConfigError, InvalidValue
from credvault.model.text import printable
from credvault.model.times import parse_duration
from credvault.model.tuples import NamedTuple

if TYPE_CHECKING:
    from credvault.backends.hashicorp.certificates import Authorities, Identity

# In the order in which `bao` reads them.
FAMILIES = ("BAO", "VAULT")
# How long a server may take to answer, seconds (spec.md 5.5), and how long anybody may let it.
ANSWER_SECONDS, MAX_ANSWER_SECONDS = 30.0, 600.0

_SCHEMES = {"https": 443, "http": 80}
_ON, _OFF = frozenset({"1", "t", "true", "yes", "on"}), frozenset({"0", "f", "false", "no", "off"})
_SEGMENT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_HOST = _SEGMENT - {"_"}
# A profile may have no prefix: then what others wrote in the mount is there by its own name.
_MAY_BE_EMPTY = ("prefix",)
# What `vault` and `bao` read and this backend does not: somebody who sets one of them may rely on it.
_NOT_READ = (
    *("PROXY_ADDR", "HTTP_PROXY", "AGENT_ADDR", "SRV_LOOKUP"),
    *("POOL_SIZE", "MAX_RETRIES", "RATE_LIMIT", "DISABLE_REDIRECTS"),
)

Tell = Callable[[str], None]


class Address(NamedTuple):
    """A server, and how to speak to it.

    `scheme` is `https`, or `http` on the loopback interface, and elsewhere where `allow_http` says so; `host` has no
    brackets; `source` says in words who named it. `authorities` are trusted and no other, None for those of the system;
    `identity` is what the server is shown. `timeout` is of an answer, seconds. `families` are those whose variables may
    speak for this server. `certified` is the name that its certificate is to have, if it is not that of the host.
    """

    scheme: str
    host: str
    port: int
    source: str
    namespace: str | None = None
    authorities: "Authorities | None" = None
    verify: bool = True
    timeout: float = ANSWER_SECONDS
    proxy: bool = False
    allow_http: bool = False
    families: Sequence[str] = FAMILIES
    identity: "Identity | None" = None
    certified: str | None = None

    @property
    def authority(self) -> str:
        """Host and port as an URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Host and port as HTTP has them: without the port of the scheme, for which gateways know no host."""
        return self.authority.removesuffix(f":{_SCHEMES[self.scheme]}")

    @property
    def server_name(self) -> str:
        """The name that the server is asked for by TLS, and must have in its certificate."""
        return self.certified or self.host

    @property
    def family(self) -> str:
        """The family whose variables a hint names: one that is read for this server."""
        return _family(self.families)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Place(NamedTuple):
    """Where secrets are on a server: the mount, the path below it (empty for none), and the layout.

    `wrap_ttl` is for how long the server holds back each that is read, for whom it was meant, in seconds; 0 for not.
    """

    mount: str
    prefix: str
    layout: str
    wrap_ttl: int = 0


class Variables:
    """What the profile says, and then the variables of the families that may speak for its server."""

    def __init__(self, settings: Settings, families: Sequence[str]) -> None:
        self._settings = settings
        self._families = families
        self.family = _family(families)

    def find(self, variable: str | None, option: str | None = None) -> Origin | None:
        """Return the text that a setting of the profile or a variable holds, or None where neither is set.

        `variable` is the name after the family's. Raises ConfigError for an empty variable, and where both families
        set it to something else and nothing says which is meant.
        """
        said = None if option is None else self._settings.option(option)
        if said == "" and option not in _MAY_BE_EMPTY:
            raise ConfigError(
                f"{option} of {printable(self.profile_source)} is empty", hint="give it a value, or leave it out"
            )
        if said is not None:
            return Origin(str(said), f"{option} of {self.profile_source}")
        found = [
            Origin(self._settings.environ[name], name)
            for family in self._families
            if variable is not None and (name := f"{family}_{variable}") in self._settings.environ
        ]
        for value, name in found:
            if not value:
                # Likely a CI secret that is missing: going on without it would hide that.
                raise ConfigError(f"{name} is set but empty", hint=f"give it a value, or unset {name}")
        if len({value for value, _ in found}) > 1:
            raise ConfigError(
                f"{found[0].source} and {found[1].source} differ, and nothing says which is for the server of "
                f"{self.profile_source}",
                hint="unset one of them, or set BAO_ADDR or VAULT_ADDR to the server's address",
            )
        return found[0] if found else None

    def is_on(self, variable: str | None, option: str | None, default: bool) -> tuple[bool, str]:
        """Return whether a setting is on, and who says so; raises ConfigError for what is neither on nor off."""
        found = self.find(variable, option)
        if found is None:
            return default, "the default"
        word = found.value.lower()
        if word not in _ON | _OFF:
            raise ConfigError(f"{printable(found.source)} is neither true nor false", hint="write true or false")
        return word in _ON, found.source

    @property
    def profile_source(self) -> str:
        """The profile in words."""
        return "the settings" if self._settings.profile is None else self._settings.profile.source


def _family(families: Sequence[str]) -> str:
    return families[-1] if families else FAMILIES[-1]


def find_address(settings: Settings, warn: Tell, detail: Tell) -> Address:
    """Return the server that the profile or the environment names; raises ConfigError where none does.

    `warn` is told of a server whose certificate is not verified, `detail` where the address came from.
    """
    named, families = _named_server(settings)
    scheme, host, port = parse_address(named.value, named.source)
    if scheme == "http" and not is_loopback(host) and not settings.option("allow_http"):
        raise ConfigError(
            f"{printable(named.source)} is plain http to {printable(host)}: anybody on the way could read token and "
            "secrets",
            hint="use https, or allow_http = true in a profile of config.toml if the way there is safe",
        )
    variables = Variables(settings, families)
    namespace = variables.find("NAMESPACE", "vault_namespace")
    address = Address(
        scheme,
        host,
        port,
        named.source,
        # `vault` and `bao` take it with a slash before it, too.
        None if namespace is None else parse_path(namespace._replace(value=namespace.value.removeprefix("/"))),
        verify=_verifies(variables, warn if scheme == "https" else detail),
        timeout=_timeout(variables),
        proxy=bool(settings.option("proxy")),
        allow_http=bool(settings.option("allow_http")),
        families=families,
    )
    detail(f"server {address} (from {printable(named.source)})")
    if scheme == "https":
        address = _with_certificates(address, settings, variables, detail)
    for name in (f"{family}_{variable}" for family in families for variable in _NOT_READ):
        if name in settings.environ:
            detail(f"{name} is set, and this backend does not read it")
    if scheme == "https" and not address.proxy and {"HTTPS_PROXY", "https_proxy"} & settings.environ.keys():
        detail("HTTPS_PROXY is set, and is used where a profile says proxy = true")
    return address


def _with_certificates(address: Address, settings: Settings, variables: Variables, detail: Tell) -> Address:
    """Return an address with what TLS takes: who is trusted, what we show, and the name in the server's certificate."""
    from credvault.backends.hashicorp.certificates import find_authorities, find_identity

    authorities, identity = find_authorities(settings, variables), find_identity(settings, variables)
    named = variables.find("TLS_SERVER_NAME", "tls_server_name")
    if named is not None and not (_is_host(named.value) or _is_numeric(_socket.AF_INET6, named.value)):
        raise ConfigError(f"{printable(named.source)} is no name of a host", hint="write it as its certificate has it")
    detail(f"trusted: {authorities}")
    if identity is not None:
        detail(f"shown: {identity}")
    return address._replace(
        authorities=authorities, identity=identity, certified=None if named is None else named.value.lower()
    )


def find_place(settings: Settings, address: Address, detail: Tell) -> Place:
    """Return where the secrets are on a server; raises ConfigError."""
    variables = Variables(settings, address.families)
    layout = variables.find(None, "layout") or Origin("secret", "the default")
    if layout.value not in ("secret", "field"):
        raise ConfigError(
            f"{printable(layout.source)} is '{printable(layout.value)}', which is not a layout",
            hint="layouts are secret (one KV secret per name) and field (one per namespace, a field per key)",
        )
    usual = Origin("credvault" if layout.value == "secret" else "intentframe", "the default")
    mount = variables.find("KV_MOUNT", "mount") or Origin("secret", "the default")
    prefix = variables.find("PATH_PREFIX", "prefix") or usual
    for what, found in (("mount", mount), ("prefix", prefix), ("layout", layout)):
        detail(f"{what} {printable(found.value)} (from {printable(found.source)})")
    return Place(parse_path(mount), parse_path(prefix) if prefix.value else "", layout.value, find_wrap_ttl(settings))


def describe_place(settings: Settings) -> str:
    """Return which server and which place on it the settings mean, in words; raises ConfigError."""
    address = find_address(settings, warn=lambda text: None, detail=lambda text: None)
    place = find_place(settings, address, detail=lambda text: None)
    namespace = f" namespace {address.namespace}" if address.namespace else ""
    return f"{address}{namespace} mount {place.mount} prefix {place.prefix} layout {place.layout}"


def parse_address(text: str, source: str) -> tuple[str, str, int]:
    """Return scheme, host in lower case and port of `https://host:port`; raises ConfigError for anything else.

    Without a port it is the scheme's own, 443 or 80 (RFC 9110, 4.2), as `vault` and `bao` have it. A path is refused:
    who put the server behind one could also have put another server beside it.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme == "unix":
        hint = "write https://HOST:PORT; a proxy or an agent of the server's can listen at http://127.0.0.1:PORT, too"
        raise ConfigError(f"{printable(source)} is a Unix socket, which this backend does not speak to", hint=hint)
    if not separator or scheme not in _SCHEMES:
        raise _bad_address(source, "does not begin with https://")
    rest = rest.removesuffix("/")
    if "@" in rest:
        raise _bad_address(source, "holds a user name or a password")
    if any(mark in rest for mark in "/?#"):
        raise _bad_address(source, "goes on after the host: a path, a query or a fragment is not supported")
    if rest.startswith("["):
        host, bracket, tail = rest[1:].partition("]")
        is_host = bool(bracket) and _is_numeric(_socket.AF_INET6, host)
    else:
        host, colon, port_text = rest.partition(":")
        tail = colon + port_text
        is_host = _is_host(host)
    if not is_host:
        raise _bad_address(source, "names no host, or one that is not written in ASCII letters, digits, '.' and '-'")
    port = tail[1:]
    if tail and not (tail[0] == ":" and port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65_536):
        raise _bad_address(source, "has no port from 1 to 65535 behind the host")
    return scheme, host.lower(), int(port) if port else _SCHEMES[scheme]


def parse_path(found: Origin) -> str:
    """Return a mount, a path below it or a namespace of the server, without a slash at its end; raises ConfigError.

    Segments are of `[A-Za-z0-9._-]`, and none is `.` or `..`: it becomes part of a request's path.
    """
    path = found.value.removesuffix("/")
    for segment in path.split("/"):
        if not segment or segment in (".", "..") or not set(segment) <= _SEGMENT:
            raise ConfigError(
                f"{printable(found.source)} is '{printable(found.value)}', which is not a path of the server",
                hint="write segments of letters, digits, '.', '_' and '-', with '/' between them",
            )
    return path


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by its number or as `localhost`; no name is looked up."""
    if _is_numeric(_socket.AF_INET, host):
        return host.startswith("127.")
    return host in ("localhost", "::1")


def _is_host(text: str) -> bool:
    return 0 < len(text) < 254 and set(text) <= _HOST and all(0 < len(label) < 64 for label in text.split("."))


def _is_numeric(family: int, host: str) -> bool:
    try:
        _socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


def _named_server(settings: Settings) -> tuple[Origin, Sequence[str]]:
    """Return the address as it is written, and the families whose variables may speak for that server."""
    environ = settings.environ
    said = settings.option("address")
    if said is None:
        for family, name in (("BAO", "BAO_ADDR"), ("VAULT", "VAULT_ADDR"), ("VAULT", "VAULT_URL")):
            found = Variables(settings, [family]).find(name.removeprefix(f"{family}_"))
            if found is not None:
                return found, (family,)
        raise ConfigError(
            "no Vault or OpenBao server is named",
            hint="set VAULT_ADDR or BAO_ADDR, or address in a profile of config.toml",
        )
    named = Origin(str(said), f"address of {Variables(settings, ()).profile_source}")
    # A token in the environment is for the server that the variables beside it name.
    there = {
        family: text
        for family in FAMILIES
        if (text := environ.get(f"{family}_ADDR") or (family == "VAULT" and environ.get("VAULT_URL")))
    }
    same = [family for family, text in there.items() if _is_same(text, named)]
    return named, same or [family for family in FAMILIES if family not in there]


def _is_same(text: str, named: Origin) -> bool:
    try:
        return parse_address(text, "") == parse_address(*named)
    except ConfigError:
        return False


def _verifies(variables: Variables, warn: Tell) -> bool:
    skips, by_skip = variables.is_on("SKIP_VERIFY", None, False)
    verifies, by_verify = variables.is_on("VERIFY_SSL", None, True)
    if skips or not verifies:
        source = by_skip if skips else by_verify
        warn(
            f"{source} switches off the check of the server's certificate: whoever answers in its place gets the token "
            f"and may send other secrets; name its CA instead, with ca_file or {variables.family}_CACERT"
        )
        return False
    return True


def _timeout(variables: Variables) -> float:
    found = variables.find("TIMEOUT", "timeout") or variables.find("CLIENT_TIMEOUT")
    if found is None:
        return ANSWER_SECONDS
    text = found.value
    try:
        seconds = parse_duration(f"{text}s" if text.isdigit() else text)
    except InvalidValue:
        seconds = 0
    if not 0 < seconds <= MAX_ANSWER_SECONDS:
        raise ConfigError(
            f"{printable(found.source)} must be 1 to {MAX_ANSWER_SECONDS:.0f} seconds", hint="write 30, 30s or 2m"
        )
    return float(seconds)


def find_wrap_ttl(settings: Settings) -> int:
    """Return for how long a secret that is read is held back wrapped, in seconds, 0 for not; raises ConfigError."""
    seconds = settings.option("wrap_ttl")
    if seconds is not None and not 0 < seconds <= MAX_ANSWER_SECONDS:
        source = Variables(settings, ()).profile_source
        message = f"wrap_ttl of {printable(source)} must be 1 to {MAX_ANSWER_SECONDS:.0f} seconds"
        raise ConfigError(message, hint="write 60, or leave it out")
    return int(seconds or 0)


def _bad_address(source: str, what: str) -> ConfigError:
    # What is wrong is not quoted: a password may be in it.
    return ConfigError(f"{printable(source)} {what}", hint="write https://HOST:PORT")
