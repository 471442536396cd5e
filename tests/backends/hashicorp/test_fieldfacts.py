"""Facts of a field as custom metadata of its namespace: whatever they are, they come back, and leave nothing behind."""

from collections.abc import Mapping
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from credvault.backends.hashicorp.facts import MAX_KEY_BYTES, MAX_TEXT_BYTES
from credvault.backends.hashicorp.fieldfacts import read_facts, texts_after
from credvault.backends.hashicorp.kv2 import Reading
from credvault.model import record as model
from credvault.model.names import Name, parse_name

NAMES = [parse_name(text) for text in ("team/a", "team/a/b", "team/OPENAI_API_KEY", "team/a.updated")]
KV_TIME = "2026-11-26T19:33:12.123456789Z"

times = st.sampled_from(["2027-01-15T08:00:00Z", "2027-01-15T08:00:01Z", "2028-02-29T00:00:00Z"])
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
optional = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(model.TYPES[:-1]),
        "delivery": st.sampled_from(model.DELIVERIES),
        "env_name": st.sampled_from(["X", "OPENAI_API_KEY"]),
        "service": words,
        "note": words,
        "updated_by": words,
        "tags": st.lists(words, min_size=1, max_size=3),
        "consumers": st.lists(words, min_size=1, max_size=3),
        "metadata": st.dictionaries(words, words | st.integers(-9, 9) | st.booleans(), min_size=1, max_size=3),
        "expires_at": times,
        "rotate_every": st.sampled_from(["7d", "12w"]),
        "probe": st.just({"kind": "http", "url": "https://example.org"}),
    },
)
stamps = st.fixed_dictionaries({"created_at": times, "updated_at": times, "value_changed_at": times})


def read(custom: Mapping[str, str], name: Name) -> dict[str, Any]:
    return read_facts(name, Reading(7, model.ACTIVE, {name.key: "x"}, custom, KV_TIME))[0]


def merge(custom: Mapping[str, str], texts: Mapping[str, str | None]) -> dict[str, str]:
    return {key: text for key, text in {**custom, **texts}.items() if text is not None}


@given(st.sampled_from(NAMES), st.lists(st.tuples(stamps, optional), min_size=1, max_size=3))
def test_facts_come_back_after_each_change(name: Name, changes: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    theirs = {"owner": "ann", "a": "x", "ab#note": "of another", "a/b/c#note": "of another", "#note": "of nobody"}
    custom: dict[str, str] = dict(theirs)

    for times_of, given_facts in changes:
        facts = model.first_facts(name, {**given_facts, **times_of})
        custom = merge(custom, texts_after(name, facts, custom))

        is_plain = facts == model.first_facts(name, {**times_of, **_by(facts)})
        if is_plain:
            assert custom == theirs
            assert read(custom, name)["updated_at"] == "2026-11-26T19:33:12Z"
        else:
            assert read(custom, name) == facts
        assert all(len(key) <= MAX_KEY_BYTES and 0 < len(text) <= MAX_TEXT_BYTES for key, text in custom.items())

    assert theirs.items() <= custom.items()


def _by(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"updated_by": facts["updated_by"]} if "updated_by" in facts else {}


@example({"updated": "[1]"})
@example({"updated": "[]"})
@example({"updated": '["yesterday","me"]', "created_at": "then"})
@example({"updated": "[" * 100_000})
@given(st.dictionaries(st.sampled_from(["updated", "created_at", "note", "tags", "delivery", "new", "x"]), words))
def test_what_others_wrote_under_our_keys_is_read_or_passed_over(texts: dict[str, str]) -> None:
    facts = read({f"a#{member}": text for member, text in texts.items()}, NAMES[0])

    model.check_facts(facts)
    assert "new" not in facts
    assert "updated" not in facts
    assert "new" not in texts or facts["delivery"] == model.EXECUTOR_ONLY
