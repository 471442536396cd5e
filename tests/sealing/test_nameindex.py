"""Names that are kept between two questions: of each generation its own, and no bucket read twice."""

from credvault.model.names import Name, parse_name
from credvault.sealing.nameindex import NameIndex


def test_names_are_sorted_over_all_buckets() -> None:
    buckets = [[parse_name("b/2"), parse_name("a/9")], [parse_name("a/1")]]

    names = NameIndex().names([b"one", b"two"], lambda number: buckets[number])

    assert [str(name) for name in names] == ["a/1", "a/9", "b/2"]


def test_only_buckets_that_changed_are_read_again() -> None:
    index, read = NameIndex(), []
    generation = {b"one": "a/1", b"two": "a/2", b"three": "a/3"}

    def names_of(hashes: list[bytes]) -> list[str]:
        def reading(number: int) -> list[Name]:
            read.append(hashes[number])
            return [parse_name(generation[hashes[number]])]

        return [str(name) for name in index.names(hashes, reading)]

    assert names_of([b"one", b"two"]) == ["a/1", "a/2"]
    assert names_of([b"one", b"two"]) == ["a/1", "a/2"]
    assert names_of([b"one", b"three"]) == ["a/1", "a/3"]
    assert names_of([b"one", b"two"]) == ["a/1", "a/2"]

    assert read == [b"one", b"two", b"three", b"two"]  # what is gone is not kept


def test_cleared_index_knows_nothing() -> None:
    index, read = NameIndex(), []

    def reading(number: int) -> list[Name]:
        read.append(number)
        return []

    index.names([b"one"], reading)
    index.clear()
    index.names([b"one"], reading)

    assert read == [0, 0]
