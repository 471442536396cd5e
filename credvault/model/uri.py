"""Canonical secret URIs: `provider[+engine]://MOUNT/PATH…[#FRAGMENT][?QUERY]`, a field of a secret on a KV server.

Two texts that name the same have the same canonical form. A URI names no host: which server it leads to is for the
settings to say. The codes (`reason`) are those of the Secrets SDK (requirements.md M91); where its parser let
something pass that can mean two things, this one refuses (M92).
"""

from collections.abc import Collection

from credvault.model.errors import Denied, InvalidURI, Unsupported
from credvault.model.names import is_version_number
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

ILLEGAL_SEGMENT = "ILLEGAL_SEGMENT"
INVALID_WILDCARD = "INVALID_WILDCARD"
UNSUPPORTED_ENGINE = "UNSUPPORTED_ENGINE"
AMBIGUOUS_QUERY = "AMBIGUOUS_QUERY"
DOUBLE_MOUNT_SOURCE = "DOUBLE_MOUNT_SOURCE"
TENANT_MOUNT_MISMATCH = "TENANT_MOUNT_MISMATCH"

KV2 = "kv2"
OPENBAO, HASHICORP = READABLE = ("openbao", "hashicorp")
# What each provider may name as its engine, the one that is meant without any first. Only READABLE are read here.
PROVIDERS: dict[str, tuple[str | None, ...]] = {
    **dict.fromkeys(READABLE, (KV2,)),
    "db": (None, "cred", "db"),
    **dict.fromkeys(("bootstrap", "file", "yaml"), (None,)),
}

MAX_URI_CHARACTERS = 2048
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SEGMENT = _LETTERS + "._-"
# A field may be called what a key of ours is called, and a little more; nothing that a shell or a template reads.
_FRAGMENT = _SEGMENT + "~@+:=,/"
_VERSION = "version"


class SecretURI(NamedTuple):
    """One field of a secret, or all of it, on a KV server; `str` of it is the canonical form.

    Only `parse_uri` makes one, so that a SecretURI is always well formed. `fragment` is the field, None for all of
    them; `query` are the parts of the query, sorted.
    """

    provider: str
    engine: str | None
    mount: str
    path: str
    fragment: str | None = None
    query: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def parse(pointer: str, tenant_id: str | None = None, allowed_mounts: Collection[str] | None = None) -> "SecretURI":
        """Return the SecretURI that `pointer` spells, as `parse_uri` does."""
        return parse_uri(pointer, tenant_id, allowed_mounts)

    @property
    def scheme(self) -> str:
        """The provider and its engine."""
        return self.provider if self.engine is None else f"{self.provider}+{self.engine}"

    @property
    def place(self) -> str:
        """Where the secret is, without field and version."""
        return f"{self.scheme}://{self.mount}/{self.path}"

    @property
    def version(self) -> int | None:
        """The version that is named, or None for the newest."""
        return next((int(value) for key, value in self.query if key == _VERSION), None)

    def __str__(self) -> str:
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        query = "&".join(f"{key}={value}" for key, value in self.query)
        return f"{self.place}{fragment}{query and f'?{query}'}"


def parse_uri(pointer: str, tenant_id: str | None = None, allowed_mounts: Collection[str] | None = None) -> SecretURI:
    """Return the SecretURI that `pointer` spells; fragment and query are read in both orders.

    With `allowed_mounts` its mount must be one of them, of the tenant `tenant_id`. Raises InvalidURI, whose `reason`
    is a code, and Denied with the reason TENANT_MOUNT_MISMATCH.
    """
    if len(pointer) > MAX_URI_CHARACTERS:
        raise _wrong(pointer, f"is longer than {MAX_URI_CHARACTERS} characters")
    scheme, separator, rest = pointer.partition("://")
    if not separator:
        raise _wrong(pointer, "has no ://", also="; of the current profile it is credvault://NAME")
    provider, engine = _parse_scheme(scheme, pointer)
    path, fragment, query = _split(rest, pointer)
    segments = _parse_path(path, pointer)
    if fragment is not None:
        _check_fragment(fragment, pointer)
    uri = SecretURI(
        provider, engine, segments[0], "/".join(segments[1:]), fragment, () if query is None else _pairs(query, pointer)
    )
    if allowed_mounts is not None:
        check_mount(uri, allowed_mounts, f"tenant {tenant_id}" if tenant_id else "the caller")
    return uri


def check_mount(uri: SecretURI, allowed: Collection[str], source: str) -> None:
    """Raise Denied unless the mount of a URI is allowed; `source` says in words by whom."""
    if isinstance(allowed, str):
        raise TypeError("the mounts that are allowed are several texts")  # a part of one text would be allowed, too
    if uri.mount not in allowed:
        words = ", ".join(map(printable, allowed)) or "none"
        raise Denied(
            f"{uri} is in the mount {uri.mount}, which is not allowed ({TENANT_MOUNT_MISMATCH})",
            hint=f"allowed by {printable(source)}: {words}",
            reason=TENANT_MOUNT_MISMATCH,
        )


def check_readable(uri: SecretURI) -> None:
    """Raise Unsupported for a URI that is right, and that leads to what credvault does not read."""
    if uri.provider not in READABLE:
        known = " and ".join(f"{provider}+{KV2}" for provider in READABLE)
        raise Unsupported(
            f"credvault reads no secrets of the provider '{uri.provider}': {uri}", hint=f"it reads {known}"
        )
    unknown = [key for key, _ in uri.query if key != _VERSION]
    if unknown:
        raise Unsupported(f"credvault knows no {unknown[0]} in the query of {uri}", hint=f"it knows {_VERSION}=N")


def is_segment(text: str) -> bool:
    """Say whether `text` can be a mount, or a part of the path."""
    return bool(text) and text != "." and ".." not in text and not text.strip(_SEGMENT)


def is_field(text: str) -> bool:
    """Say whether `text` can be the fragment, which names a field."""
    return bool(text) and not text.strip(_FRAGMENT)


def resource_ref(uri: SecretURI, salt: str) -> str:
    """Return what the trail has in the place of a URI: 16 hex digits of an HMAC-SHA256 under a salt that is kept."""
    # Imported here: who parses a URI need not have used one.
    from hmac import digest

    return digest(salt.encode("utf-8", "surrogateescape"), str(uri).encode("ascii"), "sha256")[:8].hex()


def _parse_scheme(scheme: str, pointer: str) -> tuple[str, str | None]:
    # ASCII first: lower() makes a k of the Kelvin sign.
    if not scheme or scheme.strip(_LETTERS + "+"):
        raise _wrong(pointer, "does not start with a provider")
    provider, plus, engine = scheme.lower().partition("+")
    if provider not in PROVIDERS:
        raise _wrong(pointer, "names a provider that is not known", UNSUPPORTED_ENGINE)
    if plus and engine not in PROVIDERS[provider]:
        raise _wrong(pointer, "names an engine that its provider does not have", UNSUPPORTED_ENGINE)
    return provider, engine if plus else PROVIDERS[provider][0]


def _split(rest: str, pointer: str) -> tuple[str, str | None, str | None]:
    """Return path, fragment and query: `#f?q` as it is written here, `?q#f` as RFC 3986 has it."""
    for mark in "#?":
        if rest.count(mark) > 1:
            raise _wrong(pointer, f"has more than one '{mark}'")
    head, hash_mark, tail = rest.partition("#")
    if "?" in head:
        path, _, query = head.partition("?")
        return path, tail if hash_mark else None, query
    fragment, mark, query = tail.partition("?")
    return head, fragment if hash_mark else None, query if mark else None


def _parse_path(path: str, pointer: str) -> list[str]:
    if "%" in path:
        raise _wrong(pointer, "has a '%' in its path, where nothing is percent-encoded")
    if ".." in path:
        raise _wrong(pointer, "has '..' in its path")
    segments = path.removesuffix("/").split("/")
    for segment in segments:
        if not segment:
            raise _wrong(pointer, "has an empty segment")
        if "*" in segment:
            raise _wrong(pointer, "has a '*' in its path, and names one secret", INVALID_WILDCARD)
        if not is_segment(segment):
            raise _wrong(pointer, f"has a segment that is not of A-Z a-z 0-9 . _ -: '{_shown(segment, 40)}'")
    if len(segments) < 2:
        raise _wrong(pointer, "names a mount and no path in it")
    return segments


def _check_fragment(fragment: str, pointer: str) -> None:
    if not fragment:
        raise _wrong(pointer, "names an empty field")
    if "*" in fragment:
        raise _wrong(pointer, "has a '*' in its fragment, and names one field", INVALID_WILDCARD)
    if not is_field(fragment):
        raise _wrong(pointer, "names a field that is not of A-Z a-z 0-9 . _ - ~ @ + : = , /")


def _pairs(query: str, pointer: str) -> tuple[tuple[str, str], ...]:
    pairs: dict[str, str] = {}
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if key == "mount":
            raise _wrong(pointer, "names a mount in its query too", DOUBLE_MOUNT_SOURCE)
        if key in pairs:
            raise _wrong(pointer, "has the same word in its query twice", AMBIGUOUS_QUERY)
        if not key or not value or key.strip(_SEGMENT) or value.strip(_SEGMENT):
            raise _wrong(pointer, "has a query that is not KEY=VALUE&…")
        if key == _VERSION and not is_version_number(value):
            raise _wrong(pointer, "has a version that is not a whole number from 1")
        pairs[key] = value
    return tuple(sorted(pairs.items()))


def _wrong(pointer: str, what: str, reason: str = ILLEGAL_SEGMENT, also: str = "") -> InvalidURI:
    form = f"{OPENBAO}+{KV2}://MOUNT/PATH#FIELD or {HASHICORP}+{KV2}://…, with ?version=N at its end"
    hint = f"a secret URI is {form}{also}"
    return InvalidURI(f"'{_shown(pointer, 80)}' {what} ({reason})", hint=hint, reason=reason)


def _shown(text: str, most: int) -> str:
    return printable(text if len(text) <= most else text[:most] + "…")
