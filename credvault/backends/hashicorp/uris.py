"""What secret URIs lead to: fields of KV secrets, whoever wrote them, whose facts are in their custom metadata."""

import json
from collections.abc import Collection, Iterator

from credvault.backends.hashicorp import fieldfacts
from credvault.backends.hashicorp.address import Place, Tell, find_address, find_place
from credvault.backends.hashicorp.facts import from_custom, seconds
from credvault.backends.hashicorp.kv2 import KV2, Reading
from credvault.backends.hashicorp.layout import VALUE, VALUE_BASE64, kind_of
from credvault.backends.hashicorp.login import Login
from credvault.backends.hashicorp.transport import Transport
from credvault.config import Settings
from credvault.config.uris import profiles_of_servers
from credvault.model.errors import ConfigError, InvalidName, NotFound, Unsupported, VersionDeleted, VersionDestroyed
from credvault.model.names import Name, parse_name, parse_namespace
from credvault.model.record import DELETED, DESTROYED, RUNTIME_ENV, Record, Secret, record_from_facts
from credvault.model.text import listed, printable
from credvault.model.uri import SecretURI
from credvault.model.value import SecretValue

# So many fields are named where the one that is wanted is not there.
_NAMED = 20


class URIStore:
    """The server that settings name, read by URIs. Connects and logs in at the first question; close it after use."""

    def __init__(self, settings: Settings, warn: Tell, detail: Tell) -> None:
        self._settings = settings
        self._warn = warn
        address = find_address(settings, warn, detail)
        self._transport = Transport(address)
        self._login = Login(settings, self._transport, warn=warn, detail=detail)
        self._address = address
        self._place = find_place(settings, address, detail=_nobody)
        self._others: list[Place] | None = None
        self._engines: dict[str, KV2] = {}

    def close(self) -> None:
        """End the connections."""
        self._login.close()
        self._transport.close()

    def read_many(self, uris: Collection[SecretURI]) -> dict[SecretURI, Secret | NotFound]:
        """Return what each URI leads to, or why it is not there: each secret is read once, those of a mount together.

        Raises Unsupported for a field that is not text, and what KV2 raises.
        """
        found: dict[SecretURI, Secret | NotFound] = {}
        for mount in dict.fromkeys(uri.mount for uri in uris):
            engine = self._engines.setdefault(mount, KV2(self._transport, self._login, mount, "", self._place.wrap_ttl))
            engine.mount_hint = "a URI names it first, after '://'"
            asked = [uri for uri in uris if uri.mount == mount]
            places = list(dict.fromkeys((uri.path, uri.version) for uri in asked))
            readings = dict(zip(places, engine.read(places), strict=True))
            if None in readings.values():
                engine.check_mount()
            found |= {uri: self._outcome(uri, readings[uri.path, uri.version]) for uri in asked}
        return found

    def _outcome(self, uri: SecretURI, reading: Reading | None) -> Secret | NotFound:
        """Return what a URI leads to, or why it is not there; raises Unsupported."""
        if reading is None:
            hint = "is it the path of a secret, and not of a folder? 'bao kv list' shows which is which"
            if uri.version is not None:
                hint = f"'bao kv metadata get -mount={uri.mount} {uri.path}' shows which versions there are"
            return NotFound(f"there is no {uri._replace(fragment=None)}", hint=hint)
        version = f"version {reading.version} of {uri.place}"
        if reading.state == DESTROYED:
            return VersionDestroyed(f"{version} was destroyed", hint="its content is gone for good")
        if reading.state == DELETED or reading.data is None:
            hint = f"'bao kv undelete -mount={uri.mount} -versions={reading.version} {uri.path}' brings it back"
            return VersionDeleted(f"{version} was deleted", hint=hint)
        record = _record(uri, reading, self._own_name(uri), self._warn)
        if uri.fragment is None:
            return Secret(record, SecretValue(json.dumps(reading.data).encode("ascii")))
        if uri.fragment not in reading.data:
            there = listed([printable(field) for field in reading.data], _NAMED)
            return NotFound(f"{uri.place} has no field {uri.fragment}", hint=f"it has {there or 'none'}")
        return Secret(record, _text(uri, reading.data[uri.fragment]))

    def _own_name(self, uri: SecretURI) -> Name | None:
        """Return the name that the current profile has for what a URI names, else another of the same server."""
        name = own_name(uri, self._place)
        if name is None and self._others is None:
            self._others = list(self._other_places())
        return name or next(filter(None, (own_name(uri, place) for place in self._others or ())), None)

    def _other_places(self) -> Iterator[Place]:
        for settings in profiles_of_servers(self._settings):
            try:
                address = find_address(settings, _nobody, _nobody)
                if (str(address), address.namespace) == (str(self._address), self._address.namespace):
                    yield find_place(settings, address, _nobody)
            except ConfigError:  # of a profile that cannot be used, nothing was meant to be kept
                continue


def _nobody(text: str) -> None:
    """Tell nobody."""


def own_name(uri: SecretURI, place: Place) -> Name | None:
    """Return the name by which a profile has what a URI names, or None where it has none for it."""
    prefix = f"{place.prefix}/" if place.prefix else ""
    path = uri.path.removeprefix(prefix)
    if uri.mount != place.mount or not uri.path.startswith(prefix) or uri.fragment is None:
        return None
    try:
        if place.layout == "field":
            return parse_name(f"{parse_namespace(path)}/{uri.fragment}")
        return parse_name(path) if "/" in path and uri.fragment in (VALUE, VALUE_BASE64) else None
    except InvalidName:
        return None


def _record(uri: SecretURI, reading: Reading, own: Name | None, warn: Tell) -> Record:
    """Return the record of a KV secret or of its field, under the name that is its URI.

    Who may receive it is what its facts say. Where they say nothing it is as by the name that a profile has for it,
    so that a URI opens no other way to a secret; and what has none was meant for programs that are given its URI.
    """
    name = Name(f"{uri.scheme}://{uri.mount}", uri.path)
    field = Name(name.namespace, uri.fragment or "")
    if fieldfacts.has_facts(field, reading):
        # Wherever the layout `field` keeps them: the profile at hand may be another.
        facts, unreadable = fieldfacts.read_facts(own or field, reading)
    else:
        created = seconds(reading.created_time)
        facts, unreadable = from_custom(own or name, reading.custom, reading.version, created, created)
        if own is None and "delivery" not in reading.custom:
            facts["delivery"] = RUNTIME_ENV
    if unreadable:
        warn(f"{uri.place}: its custom metadata has an invalid {' and an invalid '.join(unreadable)}, which is ignored")
    return record_from_facts(name, reading.version, facts)


def _text(uri: SecretURI, content: object) -> SecretValue:
    """Return a field as bytes; raises Unsupported for one that is not text."""
    if not isinstance(content, str):
        hint = f"'credvault get {uri._replace(fragment=None)}' shows all fields as they are"
        raise Unsupported(f"field {uri.fragment} of {uri.place} is {kind_of(content)}, and not a text", hint=hint)
    try:
        return SecretValue(content.encode("utf-8"))
    except UnicodeEncodeError:
        raise Unsupported(f"field {uri.fragment} of {uri.place} holds half a character, which no text can") from None
