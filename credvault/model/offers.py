"""What TAB offers for a word that is to become a name: the next part of each name that starts so. Pure.

An offer that is whole ends with a blank, as the shells write it; after any other one goes on typing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from credvault.model.names import Name
from credvault.model.text import printable

# What is asked for: the kinds of word that only the program knows.
NAME, NAMESPACE, PROFILE = "name", "namespace", "profile"
# More are no help to read, and a shell takes its time over them: the next character is offered instead.
MAX_OFFERS = 1_000
# Sorts after every character of a name.
_END = "\x7f"


def offer_names(names: Sequence[Name], typed: str, namespace: str, *, is_explicit: bool) -> list[str]:
    """Return what `typed` may become: keys of `namespace` as they are, those of others from their namespace on.

    `names` are sorted. A name is offered up to its next `/`, as a path is. With `is_explicit` (`-n`) no other
    namespace is offered.
    """
    first, slash, rest = typed.partition("/")
    if slash:
        if is_explicit and first != namespace:
            return []
        return [f"{first}/{offer}" for offer in _offer_keys(names, first, rest)]
    own = _offer_keys(names, namespace, typed)
    bare = [offer for offer in own if not offer.endswith("/")]
    namespaces = [namespace] if is_explicit else _namespaces(names, typed)
    if not typed and len(bare) == len(own) and namespace in namespaces:
        namespaces.remove(namespace)  # all that is in it is offered as it is
    return bare + _few([f"{other}/" for other in namespaces if other.startswith(typed)])


def offer_namespaces(names: Sequence[Name], typed: str) -> list[str]:
    """Return the namespaces that start with `typed`; `names` are sorted."""
    return _few([f"{namespace} " for namespace in _namespaces(names, typed)])


def offer_words(words: Iterable[str], typed: str) -> list[str]:
    """Return the words that start with `typed` and are nothing but what they look like, in their order.

    A word with a character that does not print, a line break above all, is not offered.
    """
    return [f"{word} " for word in words if word.startswith(typed) and printable(word) == word]


def _offer_keys(names: Sequence[Name], namespace: str, typed: str) -> list[str]:
    """Return the next parts of the keys in a namespace that start so."""
    low, high = _find(names, namespace, typed), _find(names, namespace, typed + _END)
    offers: list[str] = []
    # From one part to the next: 100,000 names are no more work than what is offered of them.
    at = low
    while at < high and len(offers) <= MAX_OFFERS:
        key = names[at].key
        end = key.find("/", len(typed)) + 1
        offers.append(key[:end] if end else f"{key} ")
        at = _find(names, namespace, key[:end] + _END) if end else at + 1
    if len(offers) <= MAX_OFFERS:
        return offers
    common = _common(names[low].key, names[high - 1].key)
    offers = [f"{common} "] if names[low].key == common else []
    at = low + len(offers)
    while at < high:
        offers.append(names[at].key[: len(common) + 1])
        at = _find(names, namespace, offers[-1] + _END)
    return offers


def _namespaces(names: Sequence[Name], typed: str) -> list[str]:
    """Return the namespaces that start so, sorted."""
    found: list[str] = []
    at = _find(names, typed, "")
    while at < len(names) and names[at].namespace.startswith(typed):
        found.append(names[at].namespace)
        at = _find(names, found[-1], _END)
    return found


def _find(names: Sequence[Name], namespace: str, key: str) -> int:
    """Return where in sorted names such a one is, or would be."""
    return bisect_left(names, Name(namespace, key))


def _few(offers: list[str]) -> list[str]:
    """Return sorted offers, or, where they are too many, what they start with and one character more."""
    if len(offers) <= MAX_OFFERS:
        return offers
    common = _common(offers[0], offers[-1])
    return sorted({offer[: len(common) + 1] for offer in offers})


def _common(first: str, last: str) -> str:
    """Return what the first and the last of sorted texts, and so all between them, start with."""
    at = 0
    while at < len(first) and first[at] == last[at]:
        at += 1
    return first[:at]
