"""The policy engine against an oracle that is too simple to be wrong."""

import random
from fnmatch import fnmatchcase

import pytest

from credvault.access.identity import Identity
from credvault.access.policy import (
    ALLOW,
    DENY,
    LIST,
    READ,
    WRITE,
    Decision,
    Policy,
    Rule,
    decide,
    owner_policy,
    verdict_for_all,
)
from credvault.model.names import Name

ACTIONS = (READ, WRITE, LIST)
PARTS = ("a", "b", "ab", "a.b")
KEYS = ("k", "prod/k", "prod/db/k", "k.x")
PATTERNS = ("*", "a", "a*", "*b", "a*b", "", "k", "prod/*", "*/k", "p*k", "prod/*/k")


def oracle(rules: list[Rule], action: str, name: Name) -> bool:
    """Say what decide must: no matching deny, and a matching allow."""

    def about(rule: Rule) -> bool:
        in_namespace = fnmatchcase(name.namespace, rule.namespace)
        return action in rule.actions and in_namespace and fnmatchcase(name.key, rule.key)

    effects = {rule.effect for rule in rules if about(rule)}
    return effects == {ALLOW}


def test_decide_agrees_with_the_oracle_on_random_policies() -> None:
    rng = random.Random(20261122)  # noqa: S311 - to repeat, not to hide
    differences = []

    for _ in range(20_000):
        rules = [
            Rule(
                str(number),
                rng.choice((ALLOW, DENY)),
                frozenset(rng.sample(ACTIONS, rng.randint(1, 3))),
                rng.choice(PATTERNS),
                rng.choice(PATTERNS),
            )
            for number in range(rng.randint(0, 5))
        ]
        name, action = Name(rng.choice(PARTS), rng.choice(KEYS)), rng.choice(ACTIONS)
        subject = rng.choice(("*", "alice"))
        decision = decide(Policy({subject: rules}), Identity("alice"), action, name)
        if decision.is_allowed is not oracle(rules, action, name):
            differences.append((rules, action, name))
        verdict = verdict_for_all(Policy({subject: rules}), Identity("alice"), action)
        if verdict is not None and verdict is not decision.is_allowed:
            differences.append((rules, action, name))

    assert differences == []


def test_verdict_for_all_is_given_where_no_rule_tells_secrets_apart() -> None:
    alice, bob = Identity("alice"), Identity("bob")
    one = Policy({"alice": [Rule("r", ALLOW, frozenset({READ}), "a")]})

    assert verdict_for_all(owner_policy(alice), alice, READ) is True
    assert verdict_for_all(owner_policy(alice), bob, READ) is False
    assert verdict_for_all(one, alice, READ) is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_any_matching_deny_wins_whatever_the_order(order: tuple[int, int]) -> None:
    rules = (Rule("yes", ALLOW, frozenset({READ})), Rule("no", DENY, frozenset({READ}), "a"))

    decision = decide(Policy({"alice": [rules[i] for i in order]}), Identity("alice"), READ, Name("a", "k"))

    assert decision == Decision(False, "no")


def test_rules_of_another_subject_do_not_count() -> None:
    policy = owner_policy(Identity("alice"))

    assert decide(policy, Identity("alice"), READ, Name("a", "k")).is_allowed
    assert decide(policy, Identity("bob"), READ, Name("a", "k")) == Decision(False, None)


def test_only_the_star_is_special_in_a_pattern() -> None:
    rules = [Rule("r", ALLOW, frozenset({READ}), "a.b", "k?")]

    assert not decide(Policy({"*": rules}), Identity("x"), READ, Name("aXb", "k1")).is_allowed
    assert not decide(Policy({"*": rules}), Identity("x"), READ, Name("a.b", "k1")).is_allowed
