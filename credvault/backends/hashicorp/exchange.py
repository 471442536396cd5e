"""Questions to a server, what comes of each, and which of that may be better at another attempt. Pure."""

from collections.abc import Mapping
from typing import Any

from credvault.model.text import printable
from credvault.model.tuples import NamedTuple

SAFE_METHODS = frozenset({"GET", "LIST"})
# What was not done: too many questions (429), or the end of an idle connection, said to the next one (408). A gateway
# before the server, a standby that is behind (412). And what a node says of a cluster whose leader is being elected.
_NOT_DONE = frozenset({408, 429})
PASSING = _NOT_DONE | {412, 502, 503, 504}
NO_LEADER = ("node not active", "no active", "leader", "forwarding")
_LEADERLESS = (*NO_LEADER, "context deadline exceeded", "raft")


class Request(NamedTuple):
    """A question: `path` is below /v1/, with its query. `is_safe` says that it may be made twice, as GET always."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}
    is_safe: bool = False

    @property
    def may_be_repeated(self) -> bool:
        """Whether it changes nothing, however often it is made."""
        return self.is_safe or self.method in SAFE_METHODS


class Answer(NamedTuple):
    """What a server said: the status, and the object in the body, which is empty where there is none.

    `date` is the header of this name, by the server's clock; empty where there is none. `retry_after` is in how many
    seconds it would be asked again, 0 where it does not say.
    """

    status: int
    body: Mapping[str, Any]
    date: str = ""
    retry_after: int = 0

    @property
    def errors(self) -> str:
        """What the server says of an error, in one line fit to be shown."""
        errors = self.body.get("errors")
        texts = [error for error in errors if isinstance(error, str)] if isinstance(errors, list) else []
        return printable("; ".join(" ".join(text.split()) for text in texts))[:300]


class Redirect(NamedTuple):
    """An answer that sends elsewhere."""

    status: int
    location: str


class Lost(NamedTuple):
    """A request that got no answer, and why; `was_stale` if a kept connection had ended meanwhile, as they do."""

    why: str
    was_sent: bool
    was_stale: bool = False


Outcome = Answer | Lost | Redirect
# In the place of a redirect by a standby: the words are those that it has while it knows of no active node.
NOT_PASSED_ON = Answer(473, {"errors": ["node not active"]})


def is_passing(request: Request, outcome: Outcome | None) -> bool:
    """Say whether another attempt may end better; of a change only where it was not made, or its answer is missing."""
    if not isinstance(outcome, Answer) or outcome is NOT_PASSED_ON or outcome.status in _NOT_DONE:
        return True
    return request.may_be_repeated and (
        is_leaderless(outcome) or (outcome.status in PASSING and "sealed" not in outcome.errors)
    )


def is_leaderless(outcome: Outcome | None) -> bool:
    """Say whether a node answers that its cluster has no leader now."""
    if not isinstance(outcome, Answer) or outcome.status not in (429, 473, 500, 503):
        return False
    return any(words in outcome.errors for words in _LEADERLESS)
