"""Races: several writers at once, each with a backend of its own on the same store. Nothing gets lost."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from credvault.backends.base import ABSENT, Backend, Capability
from credvault.model.errors import AlreadyExists, Conflict
from credvault.model.names import parse_name
from credvault.testing.store import StoreUnderTest, value_of

WRITERS = 4
ROUNDS = 3
SECONDS = 60.0  # for all of a race; nothing may hang

T = TypeVar("T")


class RaceTests(StoreUnderTest):
    """Who comes second is told, and what was said to be stored is stored."""

    def test_one_of_many_adds_a_name(self) -> None:
        """Exactly one writer wins, and its value is the one that is there."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()

        def add(number: int, backend: Backend) -> bool:
            try:
                self.put(name, value_of(str(number)), expect=ABSENT, backend=backend)
            except AlreadyExists:
                return False
            return True

        won = self._race(add)

        assert won.count(True) == 1
        assert self.read(name) == value_of(str(won.index(True)))

    def test_no_rotation_gets_lost(self) -> None:
        """Each writer adds its words to the value that it read: all are there in the end, once each."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()
        first = self.put(name, value_of("")).version

        def rotate(number: int, backend: Backend) -> list[str]:
            words = [f"<{number}-{turn}>" for turn in range(ROUNDS)]
            for word in words:
                while True:
                    secret = backend.get(name)
                    value = secret.value.reveal() + word.encode()
                    try:
                        self.put(name, value, expect=secret.record.version, backend=backend)
                        break
                    except Conflict:
                        continue
            return words

        written = [word for words in self._race(rotate) for word in words]

        value = self.read(name).decode()
        assert [value.count(word) for word in written] == [1] * len(written)
        if self.can(Capability.VERSIONS):
            assert self.backend.get(name).record.version == first + WRITERS * ROUNDS

    def test_every_name_that_is_added_at_once_is_there(self) -> None:
        """Writers of different secrets do not undo each other's work."""
        self.need(Capability.WRITE)
        namespace = self.names()[0].namespace
        names = [[parse_name(f"{namespace}/w{n}_{turn}") for turn in range(ROUNDS)] for n in range(WRITERS)]

        def add(number: int, backend: Backend) -> None:
            for name in names[number]:
                self.put(name, value_of(str(name)), expect=ABSENT, backend=backend)

        self._race(add)

        everything = [name for each in names for name in each]
        assert {name: self.read(name) for name in everything} == {name: value_of(str(name)) for name in everything}
        if self.can(Capability.LIST):
            assert list(self.backend.names()) == sorted(everything)

    def test_edits_of_different_facts_are_all_kept(self) -> None:
        """A change of facts is merged into what is there when it is made."""
        self.need(Capability.WRITE, Capability.METADATA)
        name, _, _ = self.names()
        self.put(name, value_of("one"))
        edits: list[dict[str, Any]] = [
            {"note": "a note"},
            {"service": "shop"},
            {"tags": ["a", "b"]},
            {"rotate_every": "7d"},
        ]

        self._race(lambda number, backend: self.put(name, None, backend=backend, **edits[number]))

        facts = self.backend.get(name).record.facts()
        assert {member: facts.get(member) for edit in edits for member in edit} == {
            member: fact for edit in edits for member, fact in edit.items()
        }
        assert self.read(name) == value_of("one")

    def test_an_edit_and_a_rotation_are_both_kept(self) -> None:
        """A change of facts undoes no new value, and the reverse."""
        self.need(Capability.WRITE, Capability.METADATA)
        name, _, _ = self.names()
        self.put(name, value_of("old"))

        def change(number: int, backend: Backend) -> None:
            if number:
                self.put(name, None, backend=backend, metadata={f"by{number}": True} if number == 1 else None)
            else:
                self.put(name, value_of("new"), backend=backend)
            if number == 2:
                self.put(name, None, backend=backend, note="a note")

        self._race(change)

        assert self.read(name) == value_of("new")
        assert self.backend.get(name).record.note == "a note"

    def _race(self, act: Callable[[int, Backend], T]) -> Sequence[T]:
        """Return what `act` returns for each number below WRITERS, all at once, each with a backend of its own."""
        backends = [self.open_another() for _ in range(WRITERS)]
        start = threading.Barrier(WRITERS)
        results: dict[int, T] = {}
        errors: list[BaseException] = []

        def run(number: int) -> None:
            try:
                start.wait(SECONDS)
                results[number] = act(number, backends[number])
            except BaseException as error:  # noqa: BLE001 - raised below, where the test sees it
                errors.append(error)

        threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive(), f"a writer hangs after {SECONDS:.0f} seconds"
        if errors:
            raise errors[0]
        return [results[number] for number in range(WRITERS)]
