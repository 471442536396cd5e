"""The store under test: what a subclass of the contract says of it, and the few verbs that its tests are written in."""

import base64
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar
from unittest import SkipTest

from credvault.backends.base import ANY, Backend, Capability, Change
from credvault.model.errors import CredvaultError
from credvault.model.names import Name, parse_name
from credvault.model.record import Record
from credvault.model.value import MAX_VALUE_BYTES, SecretValue

# In every value that the tests store, and never in what an error says.
CANARY = "canary-f3a9c1"
Kind = type[CredvaultError] | tuple[type[CredvaultError], ...]


class StoreUnderTest(ABC):
    """One store, empty at first, for one test. Only `open_backend` must be given."""

    max_value_bytes = MAX_VALUE_BYTES
    """The longest value the store takes, where that is less than what a vault lets through."""
    holds_binary = True
    """Whether the store takes bytes that are not UTF-8 text; one that does not refuses them."""
    sample_names: ClassVar[tuple[str, str, str]] = ("contract/alpha", "contract/beta/gamma", "other/alpha")
    """Three names that the store can hold, the first two of one namespace and the third of another."""

    @abstractmethod
    def open_backend(self) -> Backend:
        """Return a backend on the store of this test; called again, opens the same store once more."""

    def open_unreachable(self) -> Backend | None:
        """Return a backend whose store is out of reach or locked, or None where that cannot be."""
        return None

    def place(self, name: Name, value: bytes) -> None:
        """Put a new value into the store, if need be past the backend: for one that cannot be written."""
        self.put(name, value)

    def can_hold(self, name: Name) -> bool:
        """Say whether the store has a place for a name; one it has none for it refuses when it is put."""
        return True

    @cached_property
    def backend(self) -> Backend:
        """The backend that most tests use, opened at first use."""
        return self.open_another()

    def open_another(self) -> Backend:
        """Return a backend on the same store; it is closed with the test."""
        backend = self.open_backend()
        self._opened.append(backend)
        return backend

    @cached_property
    def _opened(self) -> list[Backend]:
        return []

    def teardown_method(self) -> None:
        """Close every backend of the test."""
        for backend in self._opened:
            backend.close()

    def can(self, *capabilities: Capability) -> bool:
        """Say whether the store can do all these."""
        return all(capability in self.backend.capabilities for capability in capabilities)

    def need(self, *capabilities: Capability) -> None:
        """Skip the test where the store cannot do all these."""
        missing = [str(one.name) for one in capabilities if one not in self.backend.capabilities]
        if missing:
            raise SkipTest(f"the backend '{self.backend.name}' has no {' and no '.join(missing)}")

    def names(self) -> tuple[Name, Name, Name]:
        """Return the three sample names."""
        first, second, third = self.sample_names
        return parse_name(first), parse_name(second), parse_name(third)

    def put(
        self, name: Name, value: bytes | None, *, expect: int = ANY, backend: Backend | None = None, **facts: Any
    ) -> Record:
        """Make one change as the vault would."""
        return (backend or self.backend).put(change(name, value, expect=expect, **facts))

    def read(self, name: Name, version: int | None = None) -> bytes:
        """Return a value."""
        return self.backend.get(name, version).value.reveal()

    def refusal(self, kind: Kind, act: Callable[[], object]) -> CredvaultError:
        """Return the error that `act` raises: it must be of a kind, and tell no value."""
        try:
            act()
        except kind as error:
            check_tells_nothing(error)
            return error
        except CredvaultError as error:
            raise AssertionError(f"raised {type(error).__name__} ({error.message}), not {_named(kind)}") from None
        raise AssertionError(f"raised nothing, not {_named(kind)}")


def change(name: Name, value: bytes | None, *, expect: int = ANY, second: int = 0, **facts: Any) -> Change:
    """Return a change with the stamps that the vault sets, at a second of one minute."""
    stamps = {"updated_at": time_at(second), "updated_by": "tester"}
    if value is not None:
        stamps["value_changed_at"] = stamps["updated_at"]
    return Change(name, None if value is None else SecretValue(value), {**facts, **stamps}, expect)


def time_at(second: int) -> str:
    """Return a second of the minute in which the tests take place."""
    return f"2027-01-15T08:00:{second:02}Z"


def value_of(word: str) -> bytes:
    """Return a value that can be told by a word, and has the canary in it."""
    return f"{CANARY} {word}".encode()


def shows_a_value(text: str) -> bool:
    """Say whether a text has the canary in it: as it is, in hexadecimal, or inside of longer base64."""
    canary = CANARY.encode("ascii")
    forms = [CANARY, canary.hex()]
    for offset in range(3):
        # The characters at both ends are shared with the bytes around it.
        encoded = base64.b64encode(bytes(offset) + canary).decode("ascii")
        forms.append(encoded[(0, 2, 3)[offset] : (offset + len(canary)) * 8 // 6])
    return any(form in text for form in forms)


def check_tells_nothing(error: BaseException) -> None:
    """Fail where an error, or one behind it, has a value in anything that it shows."""
    link: BaseException | None = error
    while link is not None:
        shown = [str(link), repr(link), repr(link.args), repr(vars(link)), "".join(traceback.format_exception(link))]
        assert not any(map(shows_a_value, shown)), f"{type(link).__name__} tells a value"
        link = link.__cause__ or link.__context__


def _named(kind: Kind) -> str:
    return " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
