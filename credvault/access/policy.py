"""`decide` says whether an identity may do something to a secret. Pure: rules in, decision out.

Any matching deny ends it; else any matching allow; else it is denied. In the namespace part of a resource `*`
stops at the end of the namespace, in the key part it spans '/' (requirements.md C15).
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from credvault.access.identity import Identity
from credvault.model.names import Name
from credvault.model.tuples import NamedTuple

READ, WRITE, DELETE, LIST = "read", "write", "delete", "list"
ALLOW, DENY = "allow", "deny"


class Rule(NamedTuple):
    """An effect for some actions on the secrets whose namespace and key match; `*` is the only wildcard."""

    name: str
    effect: str
    actions: frozenset[str]
    namespace: str = "*"
    key: str = "*"

    def matches(self, action: str, resource: Name) -> bool:
        """Say whether this rule is about `action` on `resource`."""
        return (
            action in self.actions and _matches(self.namespace, resource.namespace) and _matches(self.key, resource.key)
        )


class Decision(NamedTuple):
    """Whether it is allowed, and the rule that says so; no rule means denied by default."""

    is_allowed: bool
    rule: str | None


class Policy(NamedTuple):
    """Rules by subject; those of `*` are everybody's."""

    rules: dict[str, Sequence[Rule]]


def decide(policy: Policy, identity: Identity, action: str, resource: Name) -> Decision:
    """Return whether `identity` may do `action` to `resource`."""
    # One pass without lists, 0.8 µs and not 1.3: `list` decides about each secret.
    allowing: str | None = None
    for subject in ("*", identity.subject):
        for rule in policy.rules.get(subject, ()):
            if rule.matches(action, resource):
                if rule.effect == DENY:
                    return Decision(False, rule.name)
                if rule.effect == ALLOW and allowing is None:
                    allowing = rule.name
    return Decision(allowing is not None, allowing)


def verdict_for_all(policy: Policy, identity: Identity, action: str) -> bool | None:
    """Return whether `identity` may do `action` to every secret or to none; None where it depends on the secret.

    For who asks about many: at 100,000 secrets the decisions one by one are a tenth of a `list`.
    """
    rules = [
        rule for subject in ("*", identity.subject) for rule in policy.rules.get(subject, ()) if action in rule.actions
    ]
    if any((rule.namespace, rule.key) != ("*", "*") for rule in rules):
        return None
    effects = {rule.effect for rule in rules}
    return ALLOW in effects and DENY not in effects


def owner_policy(owner: Identity) -> Policy:
    """Return the policy of a vault that one local user opens: whoever holds its key may do everything."""
    everything = Rule("owner", ALLOW, frozenset({READ, WRITE, DELETE, LIST}))
    return Policy({owner.subject: (everything,)})


def _matches(pattern: str, text: str) -> bool:
    return pattern == "*" or _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
