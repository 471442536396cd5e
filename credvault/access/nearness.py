"""Names that are spelt like one that is not there, for a hint."""

from collections.abc import Sequence

LIST_HINT = "'credvault list' shows what there is"
# Looking for near names in a large vault would take longer than the error is worth.
_MAX_NAMES = 5_000


def near_hint(wanted: str, names: Sequence[str]) -> str:
    """Return a hint of the three names at most that are most like `wanted`, or of how to see them all."""
    if not 0 < len(names) <= _MAX_NAMES:
        return LIST_HINT
    from difflib import get_close_matches

    # A store may list what it cannot give.
    near = get_close_matches(wanted, [name for name in names if name != wanted], n=3, cutoff=0.7)
    return f"did you mean {' or '.join(near)}?" if near else LIST_HINT
