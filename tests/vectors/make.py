"""Write the format vectors of this version: `python -m tests.vectors.make tests/vectors/v1`.

Run once for each released version that changes the format, into a new folder; what is committed stays as it is, and
opens for ever. Tokens and salts are random, so a second run writes other bytes that say the same.

`cases.json` is a list of cases: `file` beside it, maybe `edits` (at offset `at`, `cut` bytes make way for `put`) or
`seen_before` (a file that was opened at this path first), the `key`, what to `expect` ("ok" or the code of the error),
and for "ok" the `facts`: generation, number of buckets, and every secret as its entry says it. `or` is another code
that the format page allows as well.
"""

import json
import sys
from pathlib import Path

from credvault.sealing.keys import DataKey, print_key
from tests.vectors import refused
from tests.vectors.parts import (
    KEY,
    KEYFILE,
    KEYFILE_OPENS,
    KEYRING,
    KEYRING_OPENS,
    OTHER,
    PASSPHRASE_OPENS,
    RAW_OPENS,
    TIME,
    VAULT_ID,
    Json,
    entry,
    header,
    passphrase_slot,
    raw_slot,
    test_key,
    vault,
    version,
)

NFC, NFD = "pâté à l’œuf", "pa\u0302te\u0301 a\u0300 l’œuf"
EARLIER = "2025-01-31T12:00:00.123456789Z"
FULL_FACTS: Json = {
    "type": "database",
    "delivery": "runtime_env",
    "created_at": EARLIER,
    "service": "postgresql",
    "env_name": "DATABASE_URL",
    "note": "Grüße, 秘密 \u202e\U0001f511",
    "expires_at": "2027-01-31T12:00:00Z",
    "rotate_every": "90d",
    "updated_by": "alice",
    "consumers": ["web", "worker"],
    "tags": ["prod", "primary"],
    "metadata": {"ticket": "OPS-1", "weight": 1, "share": 0.25, "critical": True},
    "fields": {"engine": "postgresql", "host": "db.example.org", "port": 5432},
    "probe": {"kind": "tcp", "host": "db.example.org", "port": 5432},
}
STATES = [
    version(5, "pending", "not yet"),
    version(4, "active", "now"),
    version(3, "deleted", "before"),
    version(2, "destroyed", None),
    version(1, "superseded", "unknown state"),
]

ONE = [
    entry("openai/api_key", [version(2, value="sk-new"), version(1, value="sk-old")], env_name="OPENAI_API_KEY"),
    entry("default/DB_PASSWORD"),
]
# Small, because the tests read these in a hundred thousand mutations.
TWO = [entry("default/a"), entry("default/b", [version(value=b"\xff\x00\xfe")])]
EIGHT = [entry(f"default/{letter}", [version(value=f"value {letter}")]) for letter in "ab"]
VALUES = [
    entry("text/short", [version(value="x")]),
    entry("text/lines", [version(value="line 1\r\nline 2\n\0\t“quotes” \\ \U0001f511\u2028")]),
    entry("text/of.600-bytes", [version(value="0123456789" * 60)]),
    entry("binary/all", [version(value=bytes(range(256)))]),
    entry("binary/surrogate", [version(value=b"\xed\xa0\x80")]),
    entry("binary/A.b_c@d+e-f/1/2/3"),
    entry("facts/full", **FULL_FACTS),
    entry("facts/unknown", x_later={"since": ["v2", 1, True]}, type="passkey"),
    entry("facts/brokered", delivery="brokered"),
    entry("versions/ten", [version(number, value=f"value {number}") for number in range(12, 2, -1)]),
    entry("versions/gaps", [version(7), version(2)]),
    entry("versions/states", STATES),
    entry("versions/deleted", [version(2, "deleted", "two"), version(1, "destroyed", None)]),
    entry("versions/destroyed", [version(3, "destroyed", None)]),
    entry("versions/pending", [version(1, "pending", b"\xff")]),
]
LATER_SLOT = {"id": "later", "type": "hardware", "box": {"a": [[[[[[True]]]]]], "n": 10**19}, "min": -(10**20 - 1)}


def nested(depth: int) -> object:
    """Return lists within lists, `depth` of them."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def golden() -> dict[str, bytes]:
    """Return the files with nothing wrong in them."""
    several = [
        raw_slot("laptop", KEYRING, slot_type="keyring", label="Laptop von Zoë"),
        raw_slot("file", KEYFILE, slot_type="keyfile"),
        dict(LATER_SLOT),
        raw_slot("ci", test_key("first"), label=""),
        raw_slot("ci 2"),
        passphrase_slot("words"),
    ]
    # As much as a header may ask for: 16 slots, 20 million iterations, 20 digits, 32 levels.
    limits = [passphrase_slot(f"slow {number}") for number in range(2)]
    for slot in limits:
        # The wrap of such a slot opens by nothing: nobody derives for seconds to make it.
        slot["kdf"]["iterations"] = 10_000_000
    limits += [{"id": f"later {number}", "type": "later"} for number in range(12)]
    # The header is level 1, its slots 2, a slot 3: 29 more make 32.
    limits += [{"id": "deep", "type": "later", "deep": nested(29)}, raw_slot("raw")]
    return {
        "one-bucket.vault": vault(header([passphrase_slot("words"), raw_slot("ci")]), ONE),
        "two-buckets.vault": vault(
            header([raw_slot("k", KEYRING, slot_type="keyring"), raw_slot("f", KEYFILE, slot_type="keyfile")], gen=7),
            TWO,
            2,
        ),
        "eight-buckets.vault": vault(header(), EIGHT, 8),
        "empty.vault": vault(header(), []),
        "words.vault": vault(header([passphrase_slot("words", NFC)]), ONE[1:]),
        "slots.vault": vault(header(several, gen=12), ONE),
        "limits.vault": vault(header(limits, gen=10**20 - 1), ONE[1:]),
        "values.vault": vault(header(gen=3), VALUES),
        # For rollback: the same vault before and after, and another one that took its place.
        "gen-2.vault": vault(header(gen=2), ONE[1:]),
        "gen-3.vault": vault(header(gen=3), ONE),
        "gen-3-other.vault": vault(header(gen=3), ONE[:1]),
        "gen-4-foreign.vault": vault(header([foreign_slot()], gen=4), ONE, key=FOREIGN),
    }


FOREIGN = DataKey(test_key("foreign data"), VAULT_ID)


def foreign_slot() -> Json:
    """Return a slot of the same key for another data key."""
    from credvault.sealing.slots import make_slot
    from tests.vectors.parts import RAW

    return dict(make_slot("1", "raw", RAW, FOREIGN, created_at=TIME))


def facts(gen: int, buckets: int, entries: list[Json]) -> Json:
    """Return what a file says."""
    secrets = {f"{e['namespace']}/{e['key']}": {"record": e["record"], "versions": e["versions"]} for e in entries}
    return {"gen": gen, "buckets": buckets, "fingerprint": KEY.fingerprint, "secrets": secrets}


def accepted() -> list[Json]:
    """Return the cases that open."""
    ours = facts(1, 1, ONE)
    rows = [
        ("one bucket, raw key", "one-bucket", RAW_OPENS, ours),
        ("one bucket, passphrase", "one-bucket", PASSPHRASE_OPENS, ours),
        ("two buckets, keyring", "two-buckets", KEYRING_OPENS, facts(7, 2, TWO)),
        ("two buckets, key file", "two-buckets", KEYFILE_OPENS, facts(7, 2, TWO)),
        ("eight buckets", "eight-buckets", RAW_OPENS, facts(1, 8, EIGHT)),
        ("no secrets", "empty", RAW_OPENS, facts(1, 1, [])),
        ("passphrase composed", "words", {"kind": "passphrase", "secret": NFC}, facts(1, 1, ONE[1:])),
        ("passphrase decomposed", "words", {"kind": "passphrase", "secret": NFD}, facts(1, 1, ONE[1:])),
        ("several slots, keyring", "slots", KEYRING_OPENS, {**ours, "gen": 12}),
        ("several slots, key file", "slots", KEYFILE_OPENS, {**ours, "gen": 12}),
        ("several slots, second raw key", "slots", RAW_OPENS, {**ours, "gen": 12}),
        ("several slots, passphrase", "slots", PASSPHRASE_OPENS, {**ours, "gen": 12}),
        ("as much as a header may ask", "limits", RAW_OPENS, facts(10**20 - 1, 1, ONE[1:])),
        ("values, facts, versions, states", "values", RAW_OPENS, facts(3, 1, VALUES)),
        ("another data key", "gen-4-foreign", RAW_OPENS, {**facts(4, 1, ONE), "fingerprint": FOREIGN.fingerprint}),
        ("a newer generation", "gen-3", RAW_OPENS, facts(3, 1, ONE)),
        ("the same file again", "gen-2", RAW_OPENS, facts(2, 1, ONE[1:])),
    ]
    before = {"a newer generation": "gen-2.vault", "the same file again": "gen-2.vault"}
    return [
        {"name": name, "file": f"{file}.vault", "key": key, "expect": "ok", "facts": said}
        | ({"seen_before": before[name]} if name in before else {})
        for name, file, key, said in rows
    ]


def not_opened() -> list[Json]:
    """Return the cases of whole files that are right, and not opened all the same."""
    rows = [
        ("another raw key", "one-bucket", {"kind": "raw", "secret": print_key(OTHER)}, "wrong_key"),
        ("another passphrase", "words", {"kind": "passphrase", "secret": NFC.upper()}, "wrong_key"),
        ("a mistyped key", "one-bucket", {"kind": "raw", "secret": print_key(RAW_BYTES)[:-1] + "!"}, "wrong_key"),
        ("a passphrase where only keys open", "eight-buckets", PASSPHRASE_OPENS, "wrong_key"),
        ("a key where only a passphrase opens", "words", RAW_OPENS, "wrong_key"),
        ("an older generation", "gen-2", RAW_OPENS, "rolled_back"),
        ("another file of the same generation", "gen-3-other", RAW_OPENS, "rolled_back"),
        ("a newer file under a foreign data key", "gen-4-foreign", RAW_OPENS, "rolled_back"),
    ]
    return [
        {"name": name, "file": f"{file}.vault", "key": key, "expect": expect}
        | ({"seen_before": "gen-3.vault"} if expect == "rolled_back" else {})
        for name, file, key, expect in rows
    ]


RAW_BYTES = test_key("raw")


def main(folder: Path) -> None:
    """Write the vectors into a folder that is not there yet."""
    (folder / "refused").mkdir(parents=True)
    files = golden()
    cases = [*accepted(), *not_opened(), *refused.edited(files)]
    for name, reason, expect, data in refused.signed():
        file = f"refused/{name.replace(' ', '-')}.vault"
        assert file not in files, f"two cases are named {name}"
        files[file] = data
        cases.append({"name": name, "file": file, "key": RAW_OPENS, "expect": expect, "reason": reason})
        if name == "slot around a short data key":
            cases[-1]["or"] = "damaged"
    for name, data in files.items():
        (folder / name).write_bytes(data)
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    (folder / "cases.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
