"""Values: opaque bytes, which come back as they were put, or are refused before anything is written."""

from unittest import SkipTest

from credvault.backends.base import Capability
from credvault.model.errors import CredvaultError, InvalidValue, NotFound, Unsupported
from credvault.model.names import Name
from credvault.model.value import MAX_VALUE_BYTES
from credvault.testing.store import StoreUnderTest, change, value_of

TEXTS = (
    b"x",
    b" ",
    b"\n",
    b"\r\n",
    b"\t \t",
    b" leading and trailing \n\n",
    b"one\ntwo\r\nthree\rfour",
    "grüße 😀 Ω 漢字 \u202e\u200b\ufeff".encode(),
    "e\u0301 \u00e9".encode(),  # two spellings of one letter
    b"\xef\xbb\xbfbyte order mark",
    b"a\0b",
    b"\x1b[31mred\x7f",
    b"null",
    b"0",
    b'{"value": "x", "value_base64": "eA=="}',
    b"c2VjcmV0",
    b"'\"\\$`!#%{}[]&<>|;",
    b"-----BEGIN KEY-----\nMIIB\n-----END KEY-----\n",
)
BINARY = (bytes(range(256)), b"\xff", b"\x80\0\xfe", b"\xed\xa0\x80", b"\xc3")


class ValueTests(StoreUnderTest):
    """What is put is what is read."""

    def test_what_is_in_the_store_is_read(self) -> None:
        """A value that is there is read, in whichever way the backend gives it."""
        first, second, absent = self.names()
        for name, word in ((first, "one"), (second, "two")):
            self.place(name, value_of(word))

        found = self.backend.get_many([first, second, absent])

        assert self.read(first) == value_of("one")
        assert self.read(second) == value_of("two")
        assert {name: secret.value.reveal() for name, secret in found.items()} == {
            first: value_of("one"),
            second: value_of("two"),
        }
        assert all(secret.record.name == name for name, secret in found.items())
        self.refusal(NotFound, lambda: self.backend.get(absent))

    def test_text_comes_back_byte_for_byte(self) -> None:
        """Nothing trims, decodes or normalises a value."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()

        for value in TEXTS:
            self.put(name, value)

            assert self.read(name) == value
            assert self.backend.get_many([name])[name].value.reveal() == value

    def test_bytes_that_are_no_text_come_back_or_are_refused(self) -> None:
        """A store for texts only says so, and keeps what it has."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()
        self.put(name, value_of("one"))

        for value in BINARY:
            if self.holds_binary:
                self.put(name, value)
                assert self.read(name) == value
            else:
                self._is_refused(name, value, (InvalidValue, Unsupported))
                assert self.read(name) == value_of("one")

    def test_the_longest_value_comes_back(self) -> None:
        """A value of 1 MiB, or as long as the store takes, is held whole."""
        self.need(Capability.WRITE)
        name, _, _ = self.names()
        text = b"0123456789abcde\n" * (self.max_value_bytes // 16 + 1)

        for value in (text[: self.max_value_bytes], b"x"):
            self._is_held_whole(name, value)
        if self.holds_binary and self.max_value_bytes == MAX_VALUE_BYTES:
            self._is_held_whole(name, bytes(range(256)) * (self.max_value_bytes // 256))

    def test_a_value_over_the_limit_of_the_store_is_refused_and_nothing_is_written(self) -> None:
        """A limit of the store's own is told before the write, as InvalidValue."""
        self.need(Capability.WRITE)
        if self.max_value_bytes == MAX_VALUE_BYTES:
            raise SkipTest("the store takes what a vault lets through")
        name, other, _ = self.names()
        self.put(name, value_of("one"))

        too_long = value_of("x" * self.max_value_bytes)[: self.max_value_bytes + 1]
        for each in (name, other):
            error = self._is_refused(each, too_long, (InvalidValue,))
            assert str(self.max_value_bytes) in error.message.replace(",", "")

        assert self.read(name) == value_of("one")
        assert not self.backend.has(other)

    def _is_held_whole(self, name: Name, value: bytes) -> None:
        self.put(name, value)
        is_same = self.read(name) == value
        # Not in one line: pytest takes minutes to explain how two values of 1 MiB differ.
        assert is_same, f"a value of {len(value)} bytes came back changed"

    def _is_refused(self, name: Name, value: bytes, kind: tuple[type[CredvaultError], ...]) -> CredvaultError:
        # A plan of a copy says it before anything is written.
        self.refusal(kind, lambda: self.backend.check_fits(change(name, value)))
        return self.refusal(kind, lambda: self.backend.put(change(name, value)))
