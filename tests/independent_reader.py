"""An independent, strict reader of credvault's vault file, written from docs/format.md alone.

It shares no code with the product: where the two agree, the page is enough and the product follows it.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

MIN_ITERATIONS, MAX_ITERATIONS, MAX_ITERATIONS_SUM = 100_000, 10_000_000, 20_000_000
MAX_FILE_BYTES, MAX_BUCKETS, MAX_SLOTS, MAX_DEPTH, MAX_DIGITS = 512 * 2**20, 65_536, 16, 32, 20
TOKEN = "[A-Za-z0-9_-]+={0,2}"
ENTRY = re.compile(f'"([0-9a-f]{{32}})":"({TOKEN})"'.encode())
INDEX = re.compile(f'{{"index":"({TOKEN})"'.encode())
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z"
STATES = ("active", "pending", "deleted", "destroyed")

HEADER = "format:str v:int min_reader:int vault_id:hex32 gen:int slots:list"
SLOT = "id:str type:str created_at:time label?:str wrap:token"
KDF = "name:str iterations:int salt:base64"
ENTRY_MEMBERS = "namespace:str key:str record:any versions:list"
RECORD = """type:str delivery:str created_at:time updated_at:time value_changed_at:time service?:str
    env_name?:str note?:str expires_at?:time rotate_every?:duration updated_by?:str consumers?:strings
    tags?:strings metadata?:scalars fields?:fields probe?:probe"""
VERSION = "version:int state:str created_at:time updated_by:str value?:str value_base64?:base64"
INDEXED = ["type", "delivery", "updated_at", "value_changed_at", "service", "env_name", "consumers", "tags"]
INDEXED += ["expires_at", "rotate_every"]


class Rejected(Exception):
    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code, self.why = code, why


def need(condition: bool, why: str) -> None:
    if not condition:
        raise Rejected("damaged", why)


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def parse(raw: bytes, *, head: bool = False) -> Any:
    text = raw.decode("ascii")
    if head:  # before json.loads, which recurses as deep as the text asks
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
        need(not re.search(f"[0-9][.eE]|[0-9]{{{MAX_DIGITS + 1}}}", bare), "a float or an integer too long")
        levels = itertools.accumulate((char in "[{") - (char in "]}") for char in bare)
        need(max(levels, default=0) <= MAX_DEPTH, "nested too deep")
    value = json.loads(text)
    # this refuses NaN and duplicate members as well: neither is written again
    need(canonical(value) == raw, "JSON not in canonical form")
    return value


def is_int(value: Any) -> bool:
    return type(value) is int  # isinstance would let a bool pass


def matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_map(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(type(item) in types for item in value.values())


KINDS: dict[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "str": lambda value: isinstance(value, str),
    "int": is_int,
    "list": lambda value: isinstance(value, list),
    "hex32": matches("[0-9a-f]{32}"),
    "hex64": matches("[0-9a-f]{64}"),
    "token": matches(TOKEN),
    "time": lambda value: matches(TIME)(value) and bool(datetime.fromisoformat(value[:19])),
    "duration": matches("[1-9][0-9]*[smhdw]"),
    "base64": lambda value: base64.b64encode(base64.b64decode(value, validate=True)).decode() == value,
    "strings": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "scalars": is_map(str, int, float, bool),
    "fields": is_map(str, int),
    "probe": lambda value: isinstance(value, dict) and isinstance(value.get("kind"), str),
}


def check_members(value: Any, spec: str, *, more: bool = False) -> None:
    kinds = dict(word.split(":") for word in spec.split())
    need(isinstance(value, dict), "not an object")
    for name, kind in kinds.items():
        present = name.rstrip("?") in value
        need(KINDS[kind](value[name.rstrip("?")]) if present else name.endswith("?"), f"member {name}")
    need(more or value.keys() <= {name.rstrip("?") for name in kinds}, "unknown member")


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    prk = hmac.digest(salt, ikm, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")  # 32 bytes are the first block of RFC 5869


def decrypt(key: bytes, token: bytes) -> bytes:
    return Fernet(base64.urlsafe_b64encode(key)).decrypt(token)


def decode_key(printed: str) -> bytes:
    match = re.fullmatch("cvk1_([A-Za-z0-9_-]{43})_([A-Za-z0-9_-]{6})", printed)
    raw = base64.urlsafe_b64decode(match[1] + "=") if match else b""
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"credvault/key\0" + raw).digest()).decode()
    if not match or printed != f"cvk1_{base64.urlsafe_b64encode(raw).decode()[:-1]}_{digest[:6]}":
        raise Rejected("wrong_key", "not a cvk1 key")
    return raw


def slot_secret(slot: dict[str, Any], passphrase: str | None, raw_key: bytes | None) -> bytes | None:
    if slot["type"] == "passphrase" and passphrase is not None:
        # surrogatepass: a passphrase that has no UTF-8 form opens nothing, and that is a wrong key
        secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
        kdf = slot["kdf"]
        return hashlib.pbkdf2_hmac("sha256", secret, base64.b64decode(kdf["salt"]), kdf["iterations"], 32)
    return raw_key if slot["type"] in ("raw", "keyring", "keyfile") else None


def unwrap(header: dict[str, Any], passphrase: str | None, key: str | None) -> bytes:
    raw_key = None if key is None else decode_key(key)
    for slot in header["slots"]:
        secret = slot_secret(slot, passphrase, raw_key)
        if secret is None:
            continue
        context = canonical({name: item for name, item in slot.items() if name != "wrap"})
        kek = hkdf(secret, bytes.fromhex(header["vault_id"]), b"credvault/v1/slot\0" + context)
        try:
            data_key = decrypt(kek, slot["wrap"].encode())
        except InvalidToken:
            continue
        need(len(data_key) == 32, "length of the data key")
        return data_key
    raise Rejected("wrong_key", "no slot opens")


def between(line: bytes, before: bytes, after: bytes) -> bytes:
    middle = line[len(before) : -len(after)]
    need(line == before + middle + after, "literal in the head")
    return middle


def check_table(table: Any, tail_length: int) -> None:
    count = len(table) if isinstance(table, list) else 0
    need(1 <= count <= MAX_BUCKETS and count & (count - 1) == 0, "number of buckets")
    for row in table:
        need(isinstance(row, list) and len(row) == 2, "table row")
        need(is_int(row[0]) and row[0] > 0 and KINDS["hex64"](row[1]), "table row")
    separators = 2 * count - 1 + len("]}\n")  # a LF for each bucket and a comma for all but the last
    need(tail_length == sum(row[0] for row in table) + separators, "file size is not that of the table")


def check_version(header: Any) -> None:
    need(isinstance(header, dict) and header.get("format") == "credvault-vault", "format")
    versions = [header.get("v"), header.get("min_reader")]
    need(all(is_int(version) and version >= 1 for version in versions), "v or min_reader")
    if max(versions) > 1:
        raise Rejected("unsupported_version", "made for a newer reader")


def check_header(header: dict[str, Any], min_iterations: int) -> None:
    check_members(header, HEADER)
    need(header["gen"] >= 1 and 1 <= len(header["slots"]) <= MAX_SLOTS, "gen or number of slots")
    total = 0
    for slot in header["slots"]:
        check_members(slot, "id:str type:str", more=True)
        if slot["type"] in ("raw", "keyring", "keyfile"):
            check_members(slot, SLOT)
        elif slot["type"] == "passphrase":
            check_members(slot, SLOT + " kdf:any")
            check_members(slot["kdf"], KDF)
            kdf = slot["kdf"]
            need(kdf["name"] == "pbkdf2-hmac-sha256" and len(base64.b64decode(kdf["salt"])) == 32, "kdf")
            need(min_iterations <= kdf["iterations"] <= MAX_ITERATIONS, "iterations")
            total += kdf["iterations"]
    need(total <= MAX_ITERATIONS_SUM, "iterations over all slots")
    need(len({slot["id"] for slot in header["slots"]}) == len(header["slots"]), "two slots of one id")


def split_buckets(tail: bytes, table: list[Any]) -> Iterator[bytes]:
    start = 0
    for number, (length, digest) in enumerate(table, 1):
        stop, end = start + length, b",\n" if number < len(table) else b"\n]}\n"
        need(tail[stop : stop + len(end)] == end, "literal after a bucket")
        need(hashlib.sha256(tail[start:stop]).hexdigest() == digest, "hash of a bucket")
        yield tail[start:stop]
        start = stop + len(end)


def split_tokens(bucket: bytes) -> tuple[bytes, dict[str, bytes]]:
    match, pairs = INDEX.match(bucket), ENTRY.findall(bucket)
    index_token = match[1] if match else b""
    entries = b",".join(b'"%s":"%s"' % pair for pair in pairs)
    need(bucket == b'{"index":"%s","entries":{%s}}' % (index_token, entries), "literal in a bucket")
    need(pairs == sorted(dict(pairs).items()), "order of the entries")
    return index_token, {entry_id.decode(): token for entry_id, token in pairs}


def pad(body: bytes) -> bytes:
    length = len(body) + 1
    step = 64 if length <= 512 else 1 << (length.bit_length() - 3)
    return body + b"\x80" + bytes(-length % step)


def open_token(key: bytes, token: bytes) -> Any:
    padded = decrypt(key, token)
    body = padded.rstrip(b"\0")[:-1]
    need(pad(body) == padded, "padding")
    return parse(body)


def read_version(version: Any, given_out: bool) -> dict[str, Any]:
    check_members(version, VERSION)
    state, values = version["state"], version.keys() & {"value", "value_base64"}
    need(len(values) == (state != "destroyed") if state in STATES else len(values) <= 1, "value of a version")
    value = version["value"].encode() if "value" in values else None
    if "value_base64" in values:
        value = base64.b64decode(version["value_base64"])
    shown = {name: version[name] for name in ("version", "state", "created_at", "updated_by")}
    return {**shown, "value": value if given_out and state in STATES else None}


def read_entry(entry: Any, index_row: Any) -> dict[str, Any]:
    check_members(entry, ENTRY_MEMBERS)
    record = entry["record"]
    check_members(record, RECORD, more=True)
    # the page names no delivery that a reader knows, and only this one that it does not
    versions = [read_version(version, record["delivery"] != "brokered") for version in entry["versions"]]
    numbers = [version["version"] for version in versions]
    need(numbers != [] and numbers == sorted(set(numbers), reverse=True) and numbers[-1] >= 1, "versions")
    current = next((version["version"] for version in versions if version["state"] == "active"), numbers[0])
    expected = {"namespace": entry["namespace"], "key": entry["key"], "version": current}
    expected |= {name: record[name] for name in INDEXED if name in record}
    need(canonical(index_row) == canonical(expected), "index and entry differ")
    return {"record": record, "versions": versions}


def read_bytes(data: bytes, passphrase: str | None, key: str | None, min_iterations: int) -> dict[str, Any]:
    need(len(data) <= MAX_FILE_BYTES, "over the size cap")
    lines = data.split(b"\n", 5)
    need(len(lines) == 6 and lines[4] == b'"buckets":[', "lines of the head")
    table = parse(between(lines[2], b'"table":', b","), head=True)
    check_table(table, len(lines[5]))
    raw_header = between(lines[0], b'{"header":', b",")
    header = parse(raw_header, head=True)
    check_version(header)
    digest = hashlib.sha256(raw_header).hexdigest().encode()
    need(between(lines[1], b'"header_sha256":"', b'",') == digest, "header_sha256")
    check_header(header, min_iterations)

    data_key, salt = unwrap(header, passphrase, key), bytes.fromhex(header["vault_id"])
    k_id, k_index, k_mac, k_fp = (
        hkdf(data_key, salt, b"credvault/v1/" + name) for name in (b"id", b"index", b"mac", b"fp")
    )
    mac = hmac.digest(k_mac, b"\n".join([*lines[:3], b""]), "sha256").hex().encode()
    need(hmac.compare_digest(between(lines[3], b'"mac":"', b'",'), mac), "mac")

    entries, indexes, bits = {}, [], len(table).bit_length() - 1
    for number, bucket in enumerate(split_buckets(lines[5], table)):
        index_token, tokens = split_tokens(bucket)
        index = open_token(k_index, index_token)
        need(isinstance(index, dict) and index.keys() == tokens.keys(), "index and entries differ")
        indexes.append(index)
        for entry_id, token in tokens.items():
            need(int(entry_id, 16) >> (128 - bits) == number, "entry in a wrong bucket")
            entry = open_token(hkdf(data_key, salt, b"credvault/v1/entry\0" + entry_id.encode()), token)
            found, name = read_entry(entry, index[entry_id]), [entry["namespace"], entry["key"]]
            need(hmac.digest(k_id, canonical(name), "sha256")[:16].hex() == entry_id, "entry id")
            # the page allows a/b + c beside a + b/c: no verdict on the file, but nothing may get lost
            assert "/".join(name) not in entries, "two entries of one printed name"
            entries["/".join(name)] = found
    result = {"header": header, "gen": header["gen"], "entries": entries, "indexes": indexes}
    return {**result, "fingerprint": k_fp.hex()}


def read(
    path_or_bytes: str | os.PathLike[str] | bytes,
    *,
    passphrase: str | None = None,
    key: str | None = None,
    min_iterations: int = MIN_ITERATIONS,
) -> dict[str, Any]:
    data = path_or_bytes if isinstance(path_or_bytes, bytes) else Path(path_or_bytes).read_bytes()
    try:
        return read_bytes(data, passphrase, key, min_iterations)
    except (InvalidToken, ValueError, TypeError, RecursionError) as error:
        # by its type only: the text of such an error can hold a part of what was decrypted
        raise Rejected("damaged", type(error).__name__) from None


def main() -> None:
    secrets = os.environ.get("READER_PASSPHRASE"), os.environ.get("READER_KEY")
    vault = read(sys.argv[1], passphrase=secrets[0], key=secrets[1])
    current: dict[str, str | None] = dict.fromkeys(vault["entries"])
    for name, entry in vault["entries"].items():
        values = [version["value"] for version in entry["versions"] if version["state"] == "active"]
        if values and values[0] is not None:
            current[name] = base64.b64encode(values[0]).decode()
    json.dump(current, sys.stdout)


if __name__ == "__main__":
    main()
