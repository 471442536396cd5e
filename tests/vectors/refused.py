"""Files to refuse: edited by somebody without a key, or signed by somebody with one and wrong all the same."""

from collections.abc import Iterator

from credvault.sealing.crypto import pad, seal
from credvault.sealing.jsontext import canonical
from tests.vectors import refused_entries, refused_headers
from tests.vectors.parts import (
    KEY,
    KEYRING_OPENS,
    RAW_OPENS,
    Json,
    assemble,
    bucket,
    entry,
    entry_id,
    entry_token,
    header,
    index_row,
)

Signed = Iterator[tuple[str, str, str, bytes]]
"""Name, reason, error code, and the file."""

A, B = entry("default/a"), entry("default/b")
IDS = entry_id(A), entry_id(B)


def edited(files: dict[str, bytes]) -> list[Json]:
    """Return the cases that take no key to make: bytes of a golden file cut, put in or changed."""
    cases: list[Json] = []

    def case(name: str, file: str, find: bytes, put: bytes, *, cut: int | None = None, offset: int = 0) -> None:
        data = files[file]
        assert data.count(find) >= 1, f"nothing to edit for {name}"
        edit = {"at": data.index(find) + offset, "cut": len(find) if cut is None else cut, "put": put.decode("latin-1")}
        key = KEYRING_OPENS if file.startswith("two") else RAW_OPENS
        cases.append({"name": name, "file": file, "edits": [edit], "key": key, "expect": "damaged"})

    one, two = "one-bucket.vault", "two-buckets.vault"
    length = len(files[one])
    case("empty file", one, b"{", b"", cut=length)
    case("other JSON", one, b'{"header":', b'{"headers":')
    case("byte order mark", one, b"{", b"\xef\xbb\xbf{")
    case("cut in the header", one, b'"gen"', b"", cut=length)
    case("cut after the header", one, b'"header_sha256"', b"", cut=length)
    case("cut in the table", one, b'"table":[[', b"", cut=length)
    case("cut before the buckets", one, b'"buckets":[\n', b"", cut=length)
    case("cut in a bucket", one, b'"entries"', b"", cut=length)
    case("last byte cut", one, b"]}\n", b"]}")
    case("a byte too many", one, b"]}\n", b"]}\n\n")
    case("another last line", one, b"]}\n", b"]]\n")
    case("another separator", two, b'},\n{"index"', b'};\n{"index"')
    case("lines end in CR LF", one, b',\n"header_sha256"', b',\r\n"header_sha256"')
    case("a line of the head missing", one, b'"header_sha256":', b'"header_sha512":')
    case("a space in the head", one, b'"mac":', b'"mac": ')
    case("upper-case hash of the header", one, b'"header_sha256":"', b"A", cut=1, offset=17)
    case("a header that is not its hash", one, b'"gen":1', b'"gen":2')
    case("another mac", one, b'"mac":"', b"0" * 64, cut=64, offset=7)
    case("a mac too short", one, b'"mac":"', b"", cut=2, offset=7)
    case("a bucket that is not its hash", one, b'"entries":{"', b"AAAA", cut=4, offset=60)
    case("an index that is not its hash", one, b'{"index":"', b"AAAA", cut=4, offset=40)
    case("a row of the table too long", one, b'"table":[[', b"9", cut=0, offset=10)
    return cases


def signed() -> Signed:
    """Yield the files that take the key to make: their MAC is right, so that nothing else refuses them."""
    yield from refused_headers.headers()
    yield from refused_headers.slots()
    yield from tables()
    yield from buckets()
    yield from indexes()
    for name, reason, data in refused_entries.entries():
        yield f"entry {name}", reason, "damaged", data


def line(entries: list[Json] | None = None) -> bytes:
    """Return a bucket with nothing wrong in it."""
    items = sorted([A] if entries is None else entries, key=entry_id)
    rows = {entry_id(item): index_row(item) for item in items}
    return bucket(rows, [(entry_id(item), entry_token(item, entry_id(item))) for item in items])


def file(*lines: bytes, table: bytes | None = None) -> bytes:
    """Return a signed file with these buckets."""
    return assemble(canonical(header()), lines, table=table)


def tables() -> Signed:
    """Yield tables that are not as a writer writes them."""
    good = line()
    row = file(good).partition(b'"table":[')[2].partition(b"],\n")[0]
    yield "table empty", "a file has at least one bucket", "damaged", file(good, table=b"")
    yield "table of three", "the number of buckets is a power of two", "damaged", file(good, line([]), line([]))
    yield "table with a comma left over", "no comma after the last row", "damaged", file(good, table=row + b",")
    yield "table with a space", "no spaces anywhere", "damaged", file(good, table=row.replace(b",", b", "))
    yield "table with a leading zero", "a length is a JSON integer", "damaged", file(good, table=b"[0" + row[1:])
    yield "table in upper case", "a hash is lower-case hex", "damaged", file(good, table=row.upper())
    yield "table with a float", "a length is an integer", "damaged", file(good, table=row.replace(b",", b".0,"))
    yield "table with a row too long", "a row is length and hash", "damaged", file(good, table=row[:-1] + b",1]")
    short = b"[%d" % (len(good) - 1)
    yield (
        "table too short for its file",
        "the file ends there",
        "damaged",
        file(good, table=short + row[row.index(b",") :]),
    )


def buckets() -> Signed:
    """Yield buckets that are signed and not as a writer writes them."""
    first, second = sorted([A, B], key=entry_id)
    id1, id2 = entry_id(first), entry_id(second)
    token1, token2 = entry_token(first, id1), entry_token(second, id2)
    rows = {id1: index_row(first), id2: index_row(second)}
    good = bucket(rows, [(id1, token1), (id2, token2)])

    def made(*tokens: tuple[str, bytes]) -> bytes:
        return file(bucket(rows, tokens))

    yield "bucket out of order", "entries ascend by id", "damaged", made((id2, token2), (id1, token1))
    yield (
        "bucket with an entry twice",
        "an id is there once",
        "damaged",
        made((id1, token1), (id1, token1), (id2, token2)),
    )
    yield "bucket with an entry dropped", "the index names it", "damaged", made((id1, token1))
    yield "bucket with tokens exchanged", "a token opens under its id", "damaged", made((id1, token2), (id2, token1))
    yield "bucket with a space", "no spaces anywhere", "damaged", file(good.replace(b",", b", ", 1))
    yield "bucket with a member more", "index and entries", "damaged", file(good[:-1] + b',"x":"y"}')
    yield "bucket without entries", "index and entries", "damaged", file(good.partition(b',"entries"')[0] + b"}")
    yield (
        "bucket with an upper-case id",
        "an id is lower-case hex",
        "damaged",
        file(good.replace(id1.encode(), id1.upper().encode())),
    )
    yield "bucket with a quote missing", "tokens are strings", "damaged", file(good[:-3] + b"}}")
    yield "bucket with no token", "tokens are not empty", "damaged", file(good.replace(token1, b""))
    yield (
        "bucket with padding within a token",
        "= only ends a token",
        "damaged",
        file(good.replace(token1, b"==" + token1)),
    )
    yield "bucket that is a list", "a bucket is an object", "damaged", file(b'["index"]')
    number = 0 if id1[0] >= "8" else 1
    lines = [line([first]), line([])] if number == 0 else [line([]), line([first])]
    yield "bucket of another number", "the first bits of the id say which", "damaged", file(*lines)


def indexes() -> Signed:
    """Yield indexes that are signed and do not fit their entries."""
    eid, row = entry_id(A), index_row(A)
    tokens = [(eid, entry_token(A, eid))]

    def made(rows: object) -> bytes:
        return file(bucket(rows, tokens))

    yield "index with a row more", "every row has an entry", "damaged", made({eid: row, entry_id(B): index_row(B)})
    yield "index without a row", "every entry has a row", "damaged", made({})
    yield "index that is a list", "an index is an object", "damaged", made([row])
    yield "index with a row that is text", "a row is an object", "damaged", made({eid: "default/a"})
    yield "index with another version", "it is the current one", "damaged", made({eid: {**row, "version": 2}})
    yield "index with version true", "a version is an integer", "damaged", made({eid: {**row, "version": True}})
    yield "index with version 0", "versions count from 1", "damaged", made({eid: {**row, "version": 0}})
    yield "index with another name", "the id is that of the name", "damaged", made({eid: {**row, "key": "b"}})
    yield "index with a name that is no text", "names are text", "damaged", made({eid: {**row, "key": 1}})
    yield "index with a member more", "unknown members are refused", "damaged", made({eid: {**row, "x": "y"}})
    yield "index with another type", "it is the record's", "damaged", made({eid: {**row, "type": "password"}})
    yield "index with a time that is none", "times are times", "damaged", made({eid: {**row, "updated_at": "today"}})
    missing = {member: value for member, value in row.items() if member != "delivery"}
    yield "index without the delivery", "a member is missing", "damaged", made({eid: missing})
    yield "index not canonical", "sorted, no spaces", "damaged", made(pad(b" " + canonical({eid: row})))
    yield "index with a member twice", "members are there once", "damaged", made(pad(b'{"a":1,"a":1}'))
    yield "index that is no JSON", "it is JSON", "damaged", made(pad(b"index"))
    yield "index without padding", "it is padded", "damaged", made(canonical({eid: row}))
    good = bucket({eid: row}, tokens)
    token = good.split(b'"')[3]
    foreign = seal(KEY.mac_key, pad(canonical({eid: row}))).encode()
    yield "index under another key", "it opens by K_index", "damaged", file(good.replace(token, foreign))
