"""Deletion: of all or none, for good; and where the store has it, of a version that can be brought back."""

from typing import Any

from credvault.backends.base import ABSENT, Capability
from credvault.model.errors import AlreadyExists, NotFound, VersionDeleted
from credvault.model.names import Name
from credvault.model.record import ACTIVE, DELETED
from credvault.testing.store import StoreUnderTest, value_of


class DeletionTests(StoreUnderTest):
    """What is deleted is gone, and nothing else is."""

    def test_a_deleted_secret_is_gone_with_every_version(self) -> None:
        """Nothing of it is read, listed or counted on."""
        self.need(Capability.WRITE, Capability.DELETE)
        first, second, third = self.names()
        for name in (first, second, third):
            self.put(name, value_of("one"))
            self.put(name, value_of("two"))

        self.backend.delete([first, third])

        assert set(self.backend.has_many([first, second, third])) == {second}
        assert set(self.backend.get_many([first, second, third])) == {second}
        assert self.read(second) == value_of("two")
        self.refusal(NotFound, lambda: self.backend.get(first))
        if self.can(Capability.LIST):
            assert list(self.backend.names()) == [second]
        if self.can(Capability.VERSIONS):
            self.refusal(NotFound, lambda: self.backend.get(first, 1))
            self.refusal(NotFound, lambda: self.backend.history(first))

    def test_a_name_is_free_after_it_was_deleted(self) -> None:
        """A secret that is added again is a new one: its own facts, no old versions."""
        self.need(Capability.WRITE, Capability.DELETE)
        name, _, _ = self.names()
        facts: dict[str, Any] = {"note": "old"} if self.can(Capability.METADATA) else {}
        self.put(name, value_of("one"), **facts)
        self.put(name, value_of("two"))
        self.backend.delete([name])

        record = self.put(name, value_of("three"), expect=ABSENT)

        assert record.note is None
        assert self.read(name) == value_of("three")
        if self.can(Capability.VERSIONS):
            assert record.version == 1
            self.refusal(NotFound, lambda: self.backend.get(name, 2))

    def test_nothing_is_deleted_where_one_name_is_not_there(self) -> None:
        """All are removed, or none of them."""
        self.need(Capability.WRITE, Capability.DELETE)
        first, second, absent = self.names()
        self.put(first, value_of("one"))
        self.put(second, value_of("two"))

        self.refusal(NotFound, lambda: self.backend.delete([first, absent, second]))

        assert (self.read(first), self.read(second)) == (value_of("one"), value_of("two"))

    def test_a_name_may_be_given_twice(self) -> None:
        """Deleting one secret by two words is deleting it."""
        self.need(Capability.WRITE, Capability.DELETE)
        name, _, _ = self.names()
        self.put(name, value_of("one"))

        self.backend.delete([name, name])

        assert not self.backend.has(name)

    def test_a_softly_deleted_secret_is_not_given_out(self) -> None:
        """Whoever asks is told how to have it back; its older versions stay readable by number."""
        self.need(Capability.WRITE, Capability.SOFT_DELETE)
        name, other, _ = self._two_secrets()

        self.backend.delete_softly([name])

        error = self.refusal(VersionDeleted, lambda: self.backend.get(name))
        assert "credvault undelete" in (error.hint or "")
        self.refusal(VersionDeleted, lambda: self.backend.get(name, 2))
        assert self.read(name, 1) == value_of("one")
        assert not self.backend.has(name)
        assert set(self.backend.has_many([name, other])) == {other}
        assert set(self.backend.get_many([name, other])) == {other}
        assert set(self.backend.get_versions([(name, 1), (name, 2)])) == {(name, 1)}
        assert list(self.backend.names()) == [other]
        assert [(v.version, v.state) for v in self.backend.history(name)] == [(2, DELETED), (1, ACTIVE)]

    def test_a_softly_deleted_secret_keeps_its_name(self) -> None:
        """It is not to be added again in passing; deleting it for good makes the name free."""
        self.need(Capability.WRITE, Capability.DELETE, Capability.SOFT_DELETE)
        name, other, _ = self._two_secrets()
        self.backend.delete_softly([name])

        error = self.refusal(AlreadyExists, lambda: self.put(name, value_of("new"), expect=ABSENT))
        assert "credvault undelete" in (error.hint or "")
        self.backend.delete([name])

        self.refusal(NotFound, lambda: self.backend.history(name))
        assert self.put(name, value_of("new"), expect=ABSENT).version == 1
        assert self.read(other) == value_of("other")

    def test_a_softly_deleted_version_is_brought_back(self) -> None:
        """`undelete` takes the newest version, or the one that is named."""
        self.need(Capability.WRITE, Capability.SOFT_DELETE)
        name, other, _ = self._two_secrets()
        for version in (None, 2):
            self.backend.delete_softly([name])

            record = self.backend.undelete(name, version)

            assert (record.name, record.version, record.note) == (name, 2, "a note")
            assert self.read(name) == value_of("two")
        assert list(self.backend.names()) == sorted([name, other])
        assert [(v.version, v.state) for v in self.backend.history(name)] == [(2, ACTIVE), (1, ACTIVE)]
        self.refusal(NotFound, lambda: self.backend.undelete(name, 7))

    def test_a_value_may_be_put_over_a_softly_deleted_one(self) -> None:
        """The next version is in force, and the deleted one can still be brought back by its number."""
        self.need(Capability.WRITE, Capability.SOFT_DELETE)
        name, _, _ = self._two_secrets()
        self.backend.delete_softly([name])

        assert self.put(name, value_of("three")).version == 3

        assert self.read(name) == value_of("three")
        self.refusal(VersionDeleted, lambda: self.backend.get(name, 2))
        self.backend.undelete(name, 2)
        assert (self.read(name), self.read(name, 2)) == (value_of("three"), value_of("two"))

    def test_nothing_is_softly_deleted_where_one_name_is_not_there(self) -> None:
        """All are deleted, or none of them; what is deleted already counts as not there."""
        self.need(Capability.WRITE, Capability.SOFT_DELETE)
        name, other, absent = self._two_secrets()

        self.refusal(NotFound, lambda: self.backend.delete_softly([name, absent, other]))
        assert (self.read(name), self.read(other)) == (value_of("two"), value_of("other"))

        self.backend.delete_softly([name])
        self.refusal(NotFound, lambda: self.backend.delete_softly([other, name]))
        assert self.read(other) == value_of("other")

    def _two_secrets(self) -> tuple[Name, Name, Name]:
        """Put two secrets, the first of two versions, and return their names and one that is not there."""
        name, other, absent = self.names()
        self.put(name, value_of("one"), note="a note")
        self.put(name, value_of("two"))
        self.put(other, value_of("other"))
        return name, other, absent
