"""Pins: what was last seen of a vault file, so that an older one is not taken for it (format.md 1.3)."""

from credvault.model.tuples import NamedTuple


class Pin(NamedTuple):
    """The generation of a file, its MAC, and the fingerprint of its data key."""

    generation: int
    mac: str
    fingerprint: str


def rollback(pin: Pin, seen: Pin) -> str | None:
    """Return what is wrong with the file `seen` after `pin`, in words, or None where it is the same or newer."""
    if seen.fingerprint != pin.fingerprint:
        return "has another data key than when it was last seen"
    if seen.generation < pin.generation:
        return f"is older (generation {seen.generation}) than when it was last seen ({pin.generation})"
    if seen.generation == pin.generation and seen.mac != pin.mac:
        return f"is another one of the same generation ({seen.generation}) than was last seen"
    return None
