"""Abilities: the flags of a backend are true to what it does, and batches say what single calls say."""

import io
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout

from credvault.backends.base import Capability
from credvault.model.errors import NotFound, Unsupported
from credvault.testing.store import StoreUnderTest, change, shows_a_value, value_of


class AbilityTests(StoreUnderTest):
    """Each flag that is set works, and each one that is not raises Unsupported."""

    def test_every_store_has_a_name_and_can_be_read(self) -> None:
        """A backend is called by its name in settings and messages."""
        assert self.backend.name
        assert self.backend.name == self.backend.name.lower().strip()
        assert Capability.READ in self.backend.capabilities

    def test_what_a_store_cannot_do_is_unsupported_and_changes_nothing(self) -> None:
        """Never silence, and never an error of another kind: a script is to tell."""
        name, other, _ = self.names()
        self.place(name, value_of("one"))
        backend = self.backend
        calls: Mapping[Capability, tuple[Callable[[], object], ...]] = {
            Capability.WRITE: (
                lambda: backend.put(change(name, value_of("two"))),
                lambda: backend.put(change(other, value_of("two"))),
                lambda: backend.put_many([change(other, value_of("two"))]),
            ),
            Capability.LIST: (backend.list, backend.names, lambda: backend.list_within([name.namespace])),
            Capability.DELETE: (lambda: backend.delete([name]),),
            Capability.VERSIONS: (
                lambda: backend.history(name),
                lambda: backend.get(name, 1),
                lambda: backend.get_versions([(name, 1)]),
                lambda: backend.histories([name]),
            ),
            Capability.METADATA: (lambda: backend.put(change(name, None, note="a note")),),
            Capability.SOFT_DELETE: (
                lambda: backend.delete_softly([name]),
                lambda: backend.undelete(name),
                lambda: backend.undelete(name, 1),
            ),
        }

        for capability, acts in calls.items():
            if capability not in backend.capabilities:
                for act in acts:
                    self.refusal(Unsupported, act)

        assert self.read(name) == value_of("one")
        assert not backend.has(other)

    def test_what_a_store_says_it_can_do_it_does(self) -> None:
        """Every flag that is set, once."""
        name, other, _ = self.names()
        self.place(name, value_of("one"))

        assert self.read(name) == value_of("one")
        if self.can(Capability.WRITE):
            self.put(name, value_of("two"))
        if self.can(Capability.WRITE, Capability.METADATA):
            assert self.put(name, None, note="a note").note == "a note"
        if self.can(Capability.LIST):
            assert list(self.backend.names()) == [name]
        if self.can(Capability.VERSIONS):
            assert self.backend.history(name)[0].version == self.backend.get(name).record.version
        if self.can(Capability.SOFT_DELETE):
            self.backend.delete_softly([name])
            self.backend.undelete(name)
        if self.can(Capability.DELETE):
            self.backend.delete([name])
            self.refusal(NotFound, lambda: self.backend.get(name))
        assert not self.backend.has(other)

    def test_a_store_that_is_well_says_so(self) -> None:
        """`check` reaches the store, `examine` tells of it; neither shows a value or changes anything."""
        name, _, _ = self.names()
        self.place(name, value_of("one"))

        health, aspects = self.backend.check(), list(self.backend.examine())

        assert health.is_ok
        assert health.detail
        assert aspects
        assert all(aspect.subject and aspect.detail for aspect in aspects)
        assert not shows_a_value(f"{health} {aspects}")
        assert self.read(name) == value_of("one")

    def test_batches_say_what_single_calls_say(self) -> None:
        """`has`, `has_many` and `get_many` agree with `get`, whatever order and however often a name is given."""
        first, second, absent = self.names()
        self.place(first, value_of("one"))
        self.place(second, value_of("two"))
        names = [second, absent, first, second]

        found = self.backend.get_many(names)

        assert found == {name: self.backend.get(name) for name in (first, second)}
        assert set(self.backend.has_many(names)) == {first, second}
        assert [self.backend.has(name) for name in names] == [True, False, True, True]
        assert self.backend.get_many([]) == {}
        assert not self.backend.has_many([])

    def test_nothing_that_is_handed_out_shows_a_value(self) -> None:
        """Records, versions, secrets and the backend itself are safe to print."""
        name, other, _ = self.names()
        self.place(name, value_of("one"))
        backend = self.backend

        shown: list[object] = [backend.get(name), backend.get_many([name]), backend, backend.check()]
        if self.can(Capability.WRITE):
            shown += [self.put(other, value_of("two")), change(other, value_of("two"))]
        if self.can(Capability.LIST):
            shown += [backend.list(), backend.names()]
        if self.can(Capability.VERSIONS):
            shown.append(backend.history(name))

        assert not any(shows_a_value(f"{each!r} {each}") for each in shown)

    def test_nothing_is_printed(self) -> None:
        """Stdout is for the answer of a command alone, and scripts take all of it for that."""
        name, other, _ = self.names()
        self.place(name, value_of("one"))
        printed = io.StringIO()

        with redirect_stdout(printed):
            backend = self.open_another()
            backend.get(name)
            backend.get_many([name, other])
            backend.check()
            list(backend.examine())
            if self.can(Capability.LIST):
                backend.list()
            if self.can(Capability.WRITE):
                self.put(other, value_of("two"), backend=backend)
            if self.can(Capability.DELETE):
                backend.delete([name])

        assert printed.getvalue() == ""

    def test_a_store_outlives_the_backend_that_is_closed(self) -> None:
        """Each command opens and closes one; to close it is no reason to fail after all was done."""
        name, _, _ = self.names()
        self.place(name, value_of("one"))
        backend = self.open_backend()
        backend.get(name)

        backend.close()

        assert self.open_another().get(name).value.reveal() == value_of("one")

    def test_a_reference_tells_no_value_and_stays(self) -> None:
        """The trail is given one opaque word of a name."""
        name, _, _ = self.names()
        self.place(name, value_of("one"))
        self.backend.get(name)

        reference = self.backend.reference(name)

        assert reference == self.backend.reference(name)
        assert reference.split() == [reference]
        assert not shows_a_value(reference)
