"""What is said of names and patterns that lead nowhere, with names that are spelt alike as a hint."""

from collections.abc import Callable, Collection, Iterable, Sequence

from credvault.model.errors import NotFound
from credvault.model.names import Name, unmatched

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


def check_matched(
    globs: Iterable[str],
    names: Collection[Name],
    *,
    namespace: str,
    why_absent: Callable[[str], NotFound | None] = lambda glob: None,
) -> None:
    """Raise NotFound for a pattern that none of the names matches: nothing would be done in its place, in silence.

    `why_absent` is asked for a better reason.
    """
    glob = unmatched(globs, names, namespace=namespace)
    if glob is not None:
        raise why_absent(glob) or NotFound(f"no secret matches {glob}", hint=LIST_HINT)
