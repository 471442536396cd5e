"""Names: every legal one has a place of its own, however it looks to the store. Others cannot be made."""

from unittest import SkipTest

from credvault.backends.base import Capability
from credvault.model.errors import Invalid, NotFound, Unsupported
from credvault.model.names import MAX_KEY_SEGMENTS, MAX_NAME_BYTES, MAX_SEGMENT_BYTES, Name, parse_name
from credvault.testing.store import StoreUnderTest, change, value_of

# What a path, a key of a table, a variable, a query or an API would take for something else, or for one another.
AWKWARD = (
    "a/b",
    "a/b/c",  # below a name that is there itself
    "a/b.c",
    "a/b_c",
    "a/b-c",
    "a/b+c",
    "a/B",  # another case
    "a/b.",
    "a/b..",
    "a/b...c",
    "a/0",
    "a/x..y/z..",
    "a.b/c",
    "a-b/c",
    "A/b",
    "ab/c",
    "a/bc",
    "default/key",
    "data/metadata",
    "metadata/data",
    "delete/undelete/destroy/config",
    "a/list",
    "a/value",
    "a/index",
    "a/True",
    "a/null",
    "email.user@gmail.com/password",
    "user.42/token",
    "openai/OPENAI_API_KEY",
    "a+b@c.d-e_f/g+h@i.j-k_l",
    "1/2/3",
)


class NameTests(StoreUnderTest):
    """What is put under one name is read under that name alone."""

    def test_awkward_names_are_kept_apart(self) -> None:
        """Each of many names that look alike keeps its own value."""
        self.need(Capability.WRITE)
        names = [name for name in map(parse_name, AWKWARD) if self.can_hold(name)]

        for name in names:
            self.put(name, value_of(str(name)))

        assert {name: self.read(name) for name in names} == {name: value_of(str(name)) for name in names}
        found = self.backend.get_many(names)
        assert {name: secret.value.reveal() for name, secret in found.items()} == {
            name: value_of(str(name)) for name in names
        }
        if self.can(Capability.LIST):
            assert list(self.backend.names()) == sorted(names)
            assert [record.name for record in self.backend.list()] == sorted(names)
            self._list_some_namespaces()
        if self.can(Capability.DELETE):
            self._remove_one_by_one(names)

    def _list_some_namespaces(self) -> None:
        records = list(self.backend.list())
        for wanted in (["a"], ["openai", "a.b", "nowhere", "1"], ["nowhere"], []):
            expected = [record for record in records if record.namespace in wanted]
            assert list(self.backend.list_within(wanted)) == expected, f"within {wanted}"

    def _remove_one_by_one(self, names: list[Name]) -> None:
        for at, name in enumerate(names):
            self.backend.delete([name])

            left = self.backend.get_many(names)
            assert sorted(left) == sorted(names[at + 1 :]), f"after deleting {name}"

    def test_the_longest_names_are_held_or_refused(self) -> None:
        """16 segments, one of 255 bytes, and 1,024 bytes in all."""
        self.need(Capability.WRITE)
        segment = "s" * MAX_SEGMENT_BYTES
        whole = "/".join(["n", segment, segment, segment, segment])[:MAX_NAME_BYTES]
        texts = ("n/" + "/".join("abcdefghijklmnop"[:MAX_KEY_SEGMENTS]), f"n/{segment}", f"{segment}/k", whole)

        for name in map(parse_name, texts):
            if self.can_hold(name):
                self.put(name, value_of("long"))
                assert self.read(name) == value_of("long")
                # One that is a character shorter is another one.
                assert not self.backend.has(parse_name(str(name)[:-2]))
            else:
                self._has_no_place(name)

    def test_names_without_a_place_are_refused_and_nothing_is_written(self) -> None:
        """A name that the store cannot hold is an error, never held under another one."""
        self.need(Capability.WRITE)
        refused = [name for name in map(parse_name, AWKWARD) if not self.can_hold(name)]
        if not refused:
            raise SkipTest("the store has a place for every name")

        for name in refused:
            self._has_no_place(name)

    def test_what_is_not_there_is_not_found(self) -> None:
        """An empty store finds nothing, and says so by NotFound."""
        first, second, _ = self.names()

        assert not self.backend.has(first)
        assert not self.backend.has_many([first, second])
        assert self.backend.get_many([first, second]) == {}
        self.refusal(NotFound, lambda: self.backend.get(first))
        if self.can(Capability.WRITE):
            self.refusal(NotFound, lambda: self.backend.put(change(first, None)))
            self.refusal(NotFound, lambda: self.backend.put(change(first, value_of("one"), expect=3)))
        if self.can(Capability.VERSIONS):
            self.refusal(NotFound, lambda: self.backend.history(first))
            self.refusal(NotFound, lambda: self.backend.get(first, 1))
            assert self.backend.get_versions([(first, 1)]) == {}
        if self.can(Capability.DELETE):
            self.refusal(NotFound, lambda: self.backend.delete([first]))
        if self.can(Capability.SOFT_DELETE):
            self.refusal(NotFound, lambda: self.backend.delete_softly([first]))
            self.refusal(NotFound, lambda: self.backend.undelete(first))
        if self.can(Capability.LIST):
            assert list(self.backend.list()) == []
            assert list(self.backend.names()) == []

    def _has_no_place(self, name: Name) -> None:
        before = list(self.backend.names()) if self.can(Capability.LIST) else []
        self.refusal((Invalid, Unsupported), lambda: self.backend.put(change(name, value_of("one"))))
        after = list(self.backend.names()) if self.can(Capability.LIST) else []
        assert after == before
