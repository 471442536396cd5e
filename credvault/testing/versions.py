"""Versions: numbers that count up, values that stay readable, a history that tells no value."""

from credvault.backends.base import Capability
from credvault.model import times
from credvault.model.errors import NotFound
from credvault.model.record import ACTIVE
from credvault.testing.store import StoreUnderTest, value_of


class VersionTests(StoreUnderTest):
    """Each value of a secret is a version of it."""

    def test_versions_count_from_one_and_stay_readable(self) -> None:
        """Every version is read by its number, the newest without one."""
        self.need(Capability.WRITE, Capability.VERSIONS)
        name, other, _ = self.names()

        numbers = [self.put(name, value_of(word)).version for word in ("one", "two", "three")]

        assert numbers == [1, 2, 3]
        assert self.put(other, value_of("other")).version == 1
        assert [self.read(name, number) for number in numbers] == [value_of(w) for w in ("one", "two", "three")]
        assert [self.backend.get(name, number).record.version for number in numbers] == numbers
        assert self.backend.get(name).record.version == 3
        for absent in (4, 99, 10**12):
            self.refusal(NotFound, lambda absent=absent: self.backend.get(name, absent))  # type: ignore[misc]

    def test_a_history_is_newest_first_and_in_force(self) -> None:
        """A history has the number, the state and the time of each version."""
        self.need(Capability.WRITE, Capability.VERSIONS)
        name, _, _ = self.names()
        for word in ("one", "two", "three"):
            self.put(name, value_of(word))

        history = self.backend.history(name)

        assert [(version.version, version.state) for version in history] == [(3, ACTIVE), (2, ACTIVE), (1, ACTIVE)]
        assert all(times.is_time(version.created_at) and version.updated_by for version in history)

    def test_an_edit_makes_no_version(self) -> None:
        """A change of facts alone is no new version."""
        self.need(Capability.WRITE, Capability.VERSIONS, Capability.METADATA)
        name, _, _ = self.names()
        self.put(name, value_of("one"))

        record = self.put(name, None, note="a note")

        assert record.version == 1
        assert [version.version for version in self.backend.history(name)] == [1]

    def test_several_versions_are_fetched_at_once(self) -> None:
        """`get_versions` gives what `get` gives of each pair, and leaves out what is not there."""
        self.need(Capability.WRITE, Capability.VERSIONS)
        first, second, absent = self.names()
        for word in ("one", "two"):
            self.put(first, value_of(word))
        self.put(second, value_of("three"))
        wanted = [(first, 2), (first, 1), (second, 1), (second, 7), (absent, 1)]

        found = self.backend.get_versions(wanted)

        assert {pair: secret.value.reveal() for pair, secret in found.items()} == {
            (first, 1): value_of("one"),
            (first, 2): value_of("two"),
            (second, 1): value_of("three"),
        }
        assert all((secret.record.name, secret.record.version) == pair for pair, secret in found.items())
        assert self.backend.get_versions([]) == {}

    def test_several_histories_are_fetched_at_once(self) -> None:
        """`histories` gives what `history` gives of each name, and leaves out what is not there."""
        self.need(Capability.WRITE, Capability.VERSIONS)
        first, second, absent = self.names()
        for name, word in ((first, "one"), (first, "two"), (second, "three")):
            self.put(name, value_of(word))

        found = self.backend.histories([second, absent, first])

        assert found.keys() == {first, second}
        assert {name: list(history) for name, history in found.items()} == {
            name: list(self.backend.history(name)) for name in (first, second)
        }
        assert self.backend.histories([]) == {}

    def test_the_same_value_again_is_a_version_of_its_own(self) -> None:
        """Nothing is left out for being what was there before."""
        self.need(Capability.WRITE, Capability.VERSIONS)
        name, _, _ = self.names()
        self.put(name, value_of("one"))

        record = self.put(name, value_of("one"))

        assert record.version == 2
        assert len(self.backend.history(name)) == 2
