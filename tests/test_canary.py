"""A canary through every command and every failure: it is in no message, no trail, no file, no list of processes."""

import json
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from credvault import files
from credvault.delivery.formats import FORMATS
from credvault.sealing.keys import print_key
from tests.canary import command_lines_with, files_with, forms, is_in, watch_command_lines
from tests.faults import FaultyCalls
from tests.home import PROGRAM, Home
from tests.openbao import Bao
from tests.patience import SECONDS

# Letters and signs that look otherwise in base64, in a URL and in repr; the second is no text.
VALUE = "Kanarienvogel-4711/+?&= «gelb»".encode()
BINARY = b"\xff\x00canary\xfebinary\x80\x81-0815"
NEW_VALUE = b"second-canary-9923-of-gold"
PASSPHRASE = "the passphrase canary 77 sings"
NEW_PASSPHRASE = "another passphrase canary 88"
KEY = bytes(range(100, 132))
PRINTED = print_key(KEY)
MISTYPED = PRINTED[:20] + ("A" if PRINTED[20] != "A" else "B") + PRINTED[21:]
TEXTS = (PASSPHRASE, NEW_PASSPHRASE, PRINTED, MISTYPED)
CANARIES = [VALUE, BINARY, NEW_VALUE, KEY, *(text.encode() for text in TEXTS)]
# Where the canaries come from.
SOURCES = [
    "binary",
    "broken.env",
    "broken.json",
    "in.env",
    "in.json",
    "key",
    "mistyped.key",
    "new-passphrase",
    "passphrase",
]

# The same vault as a profile of which there may be an offline copy, and one that is not there.
AWAY = {"CREDVAULT_CONFIG": "away.toml"}

Case = tuple[list[str], bytes, Mapping[str, str], int]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a vault that opens by a key and by a passphrase, all of them canaries, and values that are too."""
    home = Home(tmp_path / "home")
    for name, content in {
        "key": f"{PRINTED}\n",
        "mistyped.key": f"{MISTYPED}\n",
        "passphrase": f"{PASSPHRASE}\n",
        "new-passphrase": f"{NEW_PASSPHRASE}\n",
    }.items():
        home.write(name, content)
    home.write("binary", BINARY)
    home.write("in.env", f"IN_TEXT='{VALUE.decode()}'\nOTHER={NEW_VALUE.decode()}\n")
    home.write(
        "in.json", json.dumps({"a": {"text": NEW_VALUE.decode()}, "x": {"y": VALUE.decode()}}, ensure_ascii=False)
    )
    home.write("broken.env", f"FINE=1\n{NEW_VALUE.decode()} is no variable\n")
    home.write("broken.json", f'{{"a": "{NEW_VALUE.decode()}", "a": 2}}')
    home.write("store/a.gpg", b"no message")
    away = f'[profiles.away]\npath = "{home.vault}"\noffline = true\n[profiles.gone]\npath = "gone"\noffline = true\n'
    home.write("away.toml", away)
    home.write("env.toml", '[profiles.env]\nbackend = "env"\ndotenv = "broken.env"\n')
    assert home.run("init", CREDVAULT_KEY_FILE="key").status == 0
    assert home.run("slot", "add", "--new-passphrase-file", "passphrase").status == 0
    assert home.run("add", "a/text", "--stdin", "--env", "A_TEXT", stdin=VALUE).status == 0
    assert home.run("add", "a/binary", "--from-file", "binary").status == 0
    return home


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="this system shows processes otherwise")

# A server that is not there, which takes some seconds to find out, and what is refused before it is asked.
SERVER = {"BAO_ADDR": "http://127.0.0.1:9"}
URI, OTHER_URI = "openbao+kv2://secret/a#b", "openbao+kv2://other/a#b"

WORKING: list[Case] = [
    (["add", "b/one", "--stdin"], VALUE, {}, 0),
    (["add", "b/two", "--stdin-raw", "--note", "a note"], VALUE + b"\n", {}, 0),
    (["add", "b/three", "--from-env", "SOURCE"], b"", {"SOURCE": VALUE.decode()}, 0),
    (["add", "b/four", "--from-file", "binary", "--tag", "t"], b"", {}, 0),
    (["add", "a/text", "--force", "--stdin"], NEW_VALUE, {}, 0),
    (["rotate", "a/text", "--stdin"], VALUE, {}, 0),
    (["rotate", "a/text", "--undo"], b"", {}, 0),
    (["edit", "a/text", "--note", "changed"], b"", {}, 0),
    (["list", "--long"], b"", {}, 0),
    (["--profile", "away", "offline", "save", "--executor-only", "--past"], b"", AWAY, 0),
    (["--profile", "away", "offline", "status"], b"", AWAY, 0),
    (["--profile", "away", "--offline", "list", "--long"], b"", AWAY, 0),
    (["--profile", "away", "--offline", "exec", "--explain", "--", "true"], b"", AWAY, 0),
    (["history", "a/text"], b"", {}, 0),
    (["test", "--offline"], b"", {}, 0),
    (["exec", "--explain", "--", "true"], b"", {}, 0),
    (["exec", "--mask", "--explain", "--", "true"], b"", {}, 0),
    (["exec", "--explain", "--file", "A=a/binary", "--fd", "B=a/binary", "--stdin", "a/text"], b"", {}, 0),
    (["check", "--require", "a/binary", "a/text"], b"", {}, 0),
    (["redact"], b"<" + VALUE + b"> " + BINARY + b" " + b64encode(b"x" + VALUE) + BINARY.hex().encode(), {}, 0),
    (["redact", "--past", "a/text"], VALUE + NEW_VALUE, {}, 0),
    *((["export", "--format", name, "-n", "none"], b"", {}, 0) for name in FORMATS if name != "github-actions"),
    (["doctor", "--verify"], b"", {}, 0),
    (["shellenv", "bash"], b"", {}, 0),
    (["trust", "--list"], b"", {}, 0),
    (["uri", "check", URI, "credvault://a/text"], b"", {**SERVER, "BAO_TOKEN": PRINTED}, 0),
    (["completion", "bash"], b"", {}, 0),
    (["slot", "list"], b"", {}, 0),
    (["slot", "add", "--new-passphrase-file", "new-passphrase"], b"", {}, 0),
    (["slot", "change", "2", "--new-passphrase-file", "new-passphrase"], b"", {}, 0),
    (["slot", "change", "2", "--new-passphrase-file", "passphrase"], b"", {}, 0),
    (["slot", "remove", "3", "-y"], b"", {}, 0),
    (["rekey", "--with-passphrase-file", "passphrase"], b"", {}, 0),
    (["salvage", "-o", "rescued.json"], b"", {}, 0),
    (["delete", "b/two", "-y"], b"", {}, 0),
    (["add", "b/bytes", "--from-file", "binary", "--env", "B_BYTES"], b"", {}, 0),
    (["add", "b/lines", "--stdin-raw", "--env", "B_LINES"], VALUE + b"\n" + NEW_VALUE, {}, 0),
    (["--vault", "other.json", "init"], b"", {}, 0),
    (["copy", "--to-vault", "other.json", "--dry-run"], b"", {}, 0),
    (["copy", "--to-vault", "other.json", "-y"], b"", {}, 0),
    (["--vault", "other.json", "rotate", "a/text", "--stdin"], NEW_VALUE + VALUE, {}, 0),
    (["copy", "--to-vault", "other.json", "-y", "--on-conflict", "skip"], b"", {}, 0),
]

FAILING: list[Case] = [
    (["add", "bad//name", "--stdin"], VALUE, {}, 2),
    (["add", "a/text", "--stdin"], VALUE, {}, 7),
    (["add", "c/one"], VALUE, {}, 2),
    (["add", "c/one", "--stdin", "--from-env", "SOURCE"], VALUE, {"SOURCE": VALUE.decode()}, 2),
    (["add", "c/one", "--stdin", "--env", "LD_PRELOAD"], VALUE, {}, 2),
    (["add", "c/one", "--stdin", "--probe", "{"], VALUE, {}, 2),
    (["add", "c/one", "--stdin", "--expires", "never"], VALUE, {}, 2),
    (["add", "c/one", "--stdin"], VALUE * 40_000, {}, 2),
    (["add", "c/one", "--stdin"], b"", {}, 2),
    (["add", "c/one", "--from-file", "none"], b"", {}, 6),
    (["rotate", "c/none", "--stdin"], VALUE, {}, 3),
    (["rotate", "a/binary", "--undo"], b"", {}, 3),
    (["get", "a/none"], b"", {}, 3),
    (["get", "a/text", "--version", "99"], b"", {}, 3),
    (["get", "a/text", "--field", "host"], b"", {}, 3),
    (["get", "a/text", "--dsn"], b"", {}, 2),
    (["get", "a/text", "-o", "passphrase"], b"", {}, 7),
    (["get", "a/text", "-o", "no/such/folder"], b"", {}, 6),
    (["get", "a/text", "-c"], b"", {}, 8),
    (["get", "a/text", "-c"], b"", {"DISPLAY": ":99999"}, 8),
    (["get", "a/binary", "-c"], b"", {"DISPLAY": ":99999"}, 2),
    (["delete", "a/text"], b"", {}, 2),
    (["delete", "a/text", "a/none", "-y"], b"", {}, 3),
    (["delete", "a/text", "--soft", "-y"], b"", {}, 8),
    (["undelete", "a/text"], b"", {}, 8),
    (["trust", "-y"], b"", {}, 3),
    (["trust", "--remove"], b"", {}, 3),
    (["shellenv", "csh"], b"", {}, 2),
    (["edit", "a/text", "--env", "PATH"], b"", {}, 2),
    (["exec", "-e", "A=a/none", "--", "true"], b"", {}, 125),
    (["exec", "-e", "A=a/binary", "--", "true"], b"", {}, 125),
    (["exec", "--mask", "-e", "A=a/none", "--", "true"], b"", {}, 125),
    (["exec", "--", "no-such-program"], b"", {}, 127),
    *((["export", "--format", name, "-e", "A=a/binary"], b"", {}, 4) for name in FORMATS if name != "github-actions"),
    (["export", "--format", "json", "-e", "A=b/bytes"], b"", {}, 2),
    (["export", "--format", "docker", "-e", "A=b/lines"], b"", {}, 2),
    (["export", "--format", "gitlab", "-e", "A=b/lines"], b"", {}, 2),
    (["export", "--format", "github-actions", "-e", "A=a/text"], b"", {}, 2),
    (["export", "--format", "github-actions", "-e", "A=b/bytes"], b"", {"GITHUB_ENV": "passphrase"}, 2),
    (["export", "--format", "shell", "-e", "RANDOM=a/text"], b"", {}, 2),
    (["export", "--format", "shell", "-e", "A=a/text", "-o", "passphrase"], b"", {}, 7),
    (["export", "--format", "shell", "-e", "A=a/text", "-o", "no/such/folder"], b"", {}, 6),
    (["export", "-e", "A=a/text"], b"", {}, 2),
    (["check", "a/text", "a/none"], b"", {}, 3),
    (["inject"], b"{{ credvault://a/text }} {{ credvault://a/none }} {{ credvault://a/binary#host }}", {}, 3),
    (["inject", "-o", "filled"], b"{{ credvault://a/text }} {{ credvault://a/text", {}, 2),
    (["inject", "-o", "passphrase"], b"{{ credvault://a/text }}", {}, 7),
    (["inject", "-o", "no/such/folder"], b"{{ credvault://a/text }}", {}, 6),
    (["inject", "-i", "binary", "-o", "binary", "--force"], b"", {}, 2),
    (["exec", "--file", "A=a/none", "--fd", "B=a/binary", "--", "true"], b"", {}, 125),
    (["exec", "--file", "A=a/binary", "--fd", "A=a/text", "--", "true"], b"", {}, 125),
    (["exec", "--stdin", "a/binary", "--as", "other", "--file", "PATH=a/text", "--", "true"], b"", {}, 125),
    (["exec", "--file", "A=a/binary", "--stdin", "a/text", "--", "./passphrase"], b"", {}, 126),
    (["redact", "a/none"], VALUE, {}, 3),
    (["redact"], VALUE, {"CREDVAULT_KEY": MISTYPED}, 5),
    (["slot", "remove", "9", "-y"], b"", {}, 3),
    (["rekey"], b"", {}, 2),
    (["slot", "add", "--keyring"], b"", {}, 6),
    (["add", "c/one", "--stdin", "--backend", "keyring"], VALUE, {}, 6),
    (["get", "a/text", "--backend", "keyring"], b"", {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}, 9),
    (["init"], b"", {}, 7),
    (["--profile", "away", "--offline", "get", "a/none"], b"", AWAY, 3),
    (["--profile", "away", "--offline", "get", "a/text", "--max-age", "soon"], b"", AWAY, 2),
    (["--profile", "away", "--offline", "add", "c/one", "--stdin"], VALUE, AWAY, 8),
    (["--profile", "away", "--offline", "get", "a/text"], b"", {**AWAY, "CREDVAULT_KEY": MISTYPED}, 5),
    (["--profile", "away", "--offline", "get", "a/text"], b"", {**AWAY, "CREDVAULT_KEY": print_key(bytes(32))}, 5),
    (["--profile", "away", "offline", "save"], b"", {**AWAY, "CREDVAULT_KEY": print_key(bytes(32))}, 5),
    (["--profile", "gone", "--offline", "get", "a/text"], b"", AWAY, 6),
    (["--profile", "gone", "offline", "save"], b"", AWAY, 6),
    (["offline", "save"], b"", {}, 2),
    (["salvage", "-o", "passphrase"], b"", {}, 7),
    (["get", "a/text"], b"", {"CREDVAULT_KEY": MISTYPED}, 5),
    (["get", "a/text"], b"", {"CREDVAULT_KEY": PASSPHRASE}, 5),
    (["get", "a/text"], b"", {"CREDVAULT_KEY_FILE": "mistyped.key"}, 5),
    (["get", "a/text", "--key-file", "passphrase"], b"", {}, 5),
    (["get", "a/text"], b"", {"CREDVAULT_KEY": print_key(bytes(32))}, 5),
    (["completion", "no-such-shell"], b"", {}, 2),
    (["import", "dotenv", "in.env", "--prefix", "n/"], b"", {}, 2),
    (["import", "dotenv", "broken.env", "-y"], b"", {}, 2),
    (["import", "json", "broken.json", "-y"], b"", {}, 2),
    (["import", "json", "in.env", "-y"], b"", {}, 2),
    (["import", "json", "-", "-y"], json.dumps({"a/binary": NEW_VALUE.decode()}).encode(), {}, 7),
    (["import", "bitwarden", "broken.json"], b"", {}, 2),
    (["import", "1password", "in.env"], b"", {}, 2),
    (["import", "keepass", "in.env"], b"", {}, 2),
    (["import", "fpai", "in.env"], b"", {"FPAI_CREDENTIALS_KEY": PASSPHRASE}, 10),
    (["import", "agentskills", "in.env"], b"", {}, 5),
    (["import", "pass", "store"], b"", {}, 10),
    (["import", "--undo", "in.json"], b"", {}, 2),
    (["--backend", "env", "get", "vault/token"], b"", {"VAULT_TOKEN": VALUE.decode()}, 4),
    (["--backend", "env", "get", "in/text"], b"", {"IN_TEXT": ""}, 3),
    (["--backend", "env", "list"], b"", {"IN_TEXT": VALUE.decode()}, 8),
    (["--backend", "env", "rotate", "in/text", "--stdin"], NEW_VALUE, {"IN_TEXT": VALUE.decode()}, 8),
    (["--profile", "env", "get", "in/text"], b"", {"CREDVAULT_CONFIG": "env.toml", "IN_TEXT": VALUE.decode()}, 2),
    (["copy", "--to-vault", "other.json", "-y"], b"", {}, 7),
    (["copy", "--to-vault", "other.json", "a/none"], b"", {}, 3),
    (["copy", "--to-vault", "passphrase", "-y"], b"", {}, 10),
    (["copy", "--to-vault", "none.json", "-y"], b"", {}, 6),
    (["copy", "--to-vault", "other.json", "-y"], b"", {"CREDVAULT_KEY": MISTYPED}, 5),
    (["copy", "--to-vault", "other.json", "--to-key-file", "passphrase", "-y"], b"", {}, 5),
    (["get", URI], b"", {**SERVER, "BAO_TOKEN": PRINTED}, 6),
    (["get", OTHER_URI], b"", {**SERVER, "BAO_TOKEN": PRINTED}, 4),
    (["exec", "-e", f"A={OTHER_URI}", "-e", "B=a/text", "--", "true"], b"", {**SERVER, "BAO_TOKEN": PRINTED}, 125),
    (["export", "--format", "shell", "-e", f"A={OTHER_URI}"], b"", {**SERVER, "BAO_TOKEN": PRINTED}, 4),
    (["inject"], f"{{{{ credvault://a/text }}}} {{{{ {OTHER_URI} }}}}".encode(), {**SERVER, "BAO_TOKEN": PRINTED}, 4),
    (["check", OTHER_URI, "a/text"], b"", {**SERVER, "BAO_TOKEN": PRINTED}, 4),
    (["redact", OTHER_URI, "a/text"], VALUE, {**SERVER, "BAO_TOKEN": PRINTED}, 4),
    (["uri", "check", "--read", OTHER_URI], b"", {**SERVER, "BAO_TOKEN": PRINTED}, 4),
    (["no-such-command"], VALUE, {}, 2),
    (["add", "c/one", "--no-such-option", "--stdin"], VALUE, {}, 2),
]


@pytest.mark.parametrize("options", [[], ["-v"], ["-vv"], ["--json"], ["-q"]], ids=lambda options: " ".join(options))
def test_no_canary_gets_out_of_any_command(home: Home, options: list[str]) -> None:
    for argv, stdin, environ, status in (*WORKING, *FAILING):
        position = argv.index("--") if "--" in argv else len(argv)
        done = home.run(*argv[:position], *options, *argv[position:], stdin=stdin, **environ)

        if "--json" in options and argv[0] == "get" and {"--field", "-o", "-c"} & {*argv}:
            status = 2  # --json shows the whole
        if "--json" in options and argv[0] == "export" and "json" not in argv:
            status = 2  # it goes with the format of that name alone
        assert done.status == status, (argv, done)
        assert not is_in(done.stdout + done.stderr.encode(), CANARIES), argv
        assert "unexpected" not in done.stderr, argv
        assert ("Traceback" in done.stderr) is False

    assert files_with(home.root, CANARIES) == SOURCES


def assert_none_shows(home: Home, cases: Sequence[Case], option: str, environ: Mapping[str, str]) -> None:
    """Run command lines with an option among their words: each ends as it should, and nothing gets out."""
    for argv, stdin, changes, status in cases:
        position = argv.index("--") if "--" in argv else len(argv)
        done = home.run(*argv[:position], option, *argv[position:], stdin=stdin, **{**environ, **changes})
        assert done.status == status, (argv, done)
        assert not is_in(done.stdout + done.stderr.encode(), [*CANARIES, b"canary-of-no-server-23"]), argv
    assert files_with(home.root, CANARIES) == SOURCES


@pytest.mark.parametrize("option", ["-v", "-vv", "--json", "-q"])
def test_no_canary_gets_out_of_a_namespace_on_a_server(home: Home, bao: Bao, option: str) -> None:
    mount = bao.new_mount()
    home.write("field.toml", f'[profiles.field]\nbackend = "hashicorp"\nlayout = "field"\nmount = "{mount}"\n')
    environ = {"CREDVAULT_CONFIG": "field.toml", "CREDVAULT_PROFILE": "field", **bao.environ}
    theirs = {"list": [VALUE.decode()], "text": VALUE.decode(), "two words": VALUE.decode()}
    bao.must("POST", f"{mount}/data/intentframe/a", {"data": theirs})
    closed = {"VAULT_TOKEN": "canary-of-no-server-23"}
    cases: list[Case] = [
        (["add", "a/new", "--stdin", "--note", "a note"], VALUE, {}, 0),
        (["rotate", "a/new", "--stdin"], NEW_VALUE, {}, 0),
        (["list", "--long"], b"", {}, 0),
        (["edit", "a/text", "--tag", "t"], b"", {}, 0),
        (["add", "a/new", "--stdin"], VALUE, {}, 7),
        (["rotate", "a/new", "--from-file", "binary"], b"", {}, 2),
        (["add", "a/other", "--stdin", "--note", "n" * 600], VALUE, {}, 2),
        (["add", "a/" + "k" * 120, "--stdin", "--note", "n"], VALUE, {}, 2),
        (["get", "a/list"], b"", {}, 8),
        (["get", "a/none"], b"", {}, 3),
        (["get", "a/text", "--version", "1"], b"", {}, 8),
        (["history", "a/text"], b"", {}, 8),
        (["rotate", "a/text", "--undo"], b"", {}, 8),
        (["exec", "-e", "A=a/list", "--", "true"], b"", {}, 125),
        (["get", "a/text"], b"", closed, 5),
        (["add", "a/other", "--stdin"], VALUE, closed, 5),
        (["delete", "a/new", "a/none", "-y"], b"", {}, 3),
        (["delete", "a/new", "-y"], b"", {}, 0),
    ]

    assert_none_shows(home, cases, option, environ)


@pytest.mark.parametrize("option", ["-v", "-vv", "--json", "-q"])
def test_no_canary_gets_out_of_secrets_on_a_server(home: Home, bao: Bao, option: str) -> None:
    mount = bao.new_mount()
    home.write("prod.toml", f'default_profile = "prod"\n[profiles.prod]\nbackend = "hashicorp"\nmount = "{mount}"\n')
    environ = {"CREDVAULT_CONFIG": "prod.toml", **bao.environ}
    for path, data in {
        "list": {"value": [VALUE.decode()]},
        "fields": {"user": VALUE.decode(), "password": NEW_VALUE.decode()},
        "text": {"value": VALUE.decode()},
        "base64": {"value_base64": f"={VALUE.decode()}"},
        "folder/below": {"value": VALUE.decode()},
    }.items():
        bao.must("POST", f"{mount}/data/credvault/a/{path}", {"data": data})
    closed = {"VAULT_TOKEN": "canary-of-no-server-23"}
    cases: list[Case] = [
        (["add", "a/new", "--stdin", "--note", "a note"], VALUE, {}, 0),
        (["add", "a/bytes", "--from-file", "binary"], b"", {}, 0),
        (["rotate", "a/new", "--stdin"], NEW_VALUE, {}, 0),
        (["rotate", "a/new", "--undo"], b"", {}, 0),
        (["list", "--long"], b"", {}, 0),
        (["history", "a/new"], b"", {}, 0),
        (["edit", "a/text", "--tag", "t"], b"", {}, 0),
        (["add", "a/new", "--stdin"], VALUE, {}, 7),
        (["add", "a/new", "--stdin", "--force"], NEW_VALUE, {}, 0),
        (["add", "a/other", "--stdin", "--note", "n" * 600], VALUE, {}, 2),
        (["get", "a/list"], b"", {}, 8),
        (["get", "a/fields"], b"", {}, 8),
        (["get", "a/base64"], b"", {}, 8),
        (["rotate", "a/fields", "--stdin"], VALUE, {}, 8),
        (["get", "a/folder"], b"", {}, 3),
        (["get", "a/none"], b"", {}, 3),
        (["get", "a/new", "--version", "99"], b"", {}, 3),
        (["exec", "-e", "A=a/fields", "--", "true"], b"", {}, 125),
        (["delete", "--soft", "a/new", "-y"], b"", {}, 0),
        (["exec", "-e", "X=a/new", "--", "true"], b"", {}, 125),
        (["inject"], b"{{ credvault://a/new }}", {}, 3),
        (["get", "a/new"], b"", {}, 3),
        (["add", "a/new", "--stdin"], VALUE, {}, 7),
        (["rotate", "a/new", "--stdin"], VALUE, {}, 3),
        (["undelete", "a/new"], b"", {}, 0),
        (["get", "a/text"], b"", closed, 5),
        (["add", "a/other", "--stdin"], VALUE, closed, 5),
        (["get", "a/text"], b"", {"VAULT_TOKEN": VALUE.decode()}, 5),
        (["delete", "a/new", "a/none", "-y"], b"", {}, 3),
        (["delete", "a/new", "-y"], b"", {}, 0),
    ]

    assert_none_shows(home, cases, option, environ)


@pytest.mark.parametrize("option", ["-v", "-vv", "--json", "-q"])
@pytest.mark.parametrize(
    ("env", "key_file", "status"),
    [
        ('GOOD = "a/text"\nBAD = "a/nosuch"', "key", 3),
        ('GOOD = "a/text"\nBAD = "b/closed"', "key", 4),
        ('GOOD = "a/text"\nBAD = "b/nul"', "key", 2),
        ('GOOD = "a/text"\nRPS1 = "a/text"', "key", 2),
        ('GOOD = "a/text"', "mistyped.key", 5),
    ],
)
def test_no_canary_gets_out_of_loading_that_fails(
    home: Home, option: str, env: str, key_file: str, status: int
) -> None:
    home.run("add", "b/closed", "--stdin", stdin=VALUE)
    home.run("add", "b/nul", "--stdin", "--runtime-env", stdin=b"\0" + VALUE)
    home.write(".credvault.toml", f"[env]\n{env}\n")
    assert home.run("trust", "-y").status == 0

    done = home.run("shellenv", "zsh", "--load", option, CREDVAULT_KEY_FILE=key_file)

    assert done.status == status, done
    assert done.stdout == b""
    assert not is_in(done.stderr.encode(), CANARIES)
    assert files_with(home.root, CANARIES) == SOURCES


@pytest.mark.parametrize("option", ["-v", "-vv", "--json"])
def test_no_passphrase_gets_out_of_unlocking_right_or_wrong(home: Home, option: str) -> None:
    del home.environ["CREDVAULT_KEY_FILE"]
    ways: list[tuple[dict[str, str], int]] = [
        ({"CREDVAULT_PASSPHRASE": PASSPHRASE}, 0),
        ({"CREDVAULT_PASSPHRASE_FILE": "passphrase"}, 0),
        ({"CREDVAULT_PASSPHRASE_COMMAND": "cat passphrase"}, 0),
        ({"CREDVAULT_PASSPHRASE": NEW_PASSPHRASE}, 5),
        ({"CREDVAULT_PASSPHRASE_FILE": "new-passphrase"}, 5),
        ({"CREDVAULT_PASSPHRASE_COMMAND": "cat new-passphrase"}, 5),
        ({"CREDVAULT_PASSPHRASE_COMMAND": "cat new-passphrase no-such-file"}, 5),
        ({"CREDVAULT_PASSPHRASE_FILE": "binary"}, 5),
    ]

    for environ, status in ways:
        for argv in (["list"], ["rotate", "a/text", "--stdin"]):
            done = home.run(*argv, option, stdin=VALUE, **environ)
            assert done.status == status, (environ, done)
            assert not is_in(done.stdout + done.stderr.encode(), CANARIES)

    assert files_with(home.root, CANARIES) == SOURCES


def test_no_canary_is_in_what_a_damaged_file_or_a_failing_disk_leaves(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = home.vault.read_bytes()
    outcomes = []

    for at in range(40, len(sound), 97):
        home.vault.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        done = [home.run("get", "a/text", "-vv", "-o", "value"), home.run("doctor", "--verify")]
        (home.root / "value").unlink(missing_ok=True)
        outcomes.append(done[1].status)
        assert not is_in(b"".join(ran.stdout + ran.stderr.encode() for ran in done), CANARIES)
    home.vault.write_bytes(sound)
    for k in range(1, 30):
        monkeypatch.setattr(files, "calls", FaultyCalls(k, "ENOSPC from here on"))
        failing = home.run("rotate", "a/text", "--stdin", "-vv", stdin=NEW_VALUE)
        assert not is_in(failing.stdout + failing.stderr.encode(), CANARIES)
        assert failing.status in (0, 6)

    assert set(outcomes) == {10}
    assert files_with(home.root, CANARIES) == SOURCES


def test_traceback_of_an_unexpected_error_shows_no_value_and_no_text_of_the_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fd: int) -> None:
        local = VALUE
        raise ValueError(local)

    calls = files.Calls()
    monkeypatch.setattr(calls, "fsync", broken)
    monkeypatch.setattr(files, "calls", calls)

    done = home.run("rotate", "a/text", "--stdin", "-vv", stdin=NEW_VALUE)

    assert (done.status, done.stdout) == (1, b"")
    assert "unexpected ValueError" in done.stderr
    assert "in replace_file" in done.stderr
    assert not is_in(done.stderr.encode(), CANARIES)
    assert files_with(home.root, CANARIES) == SOURCES


def test_nothing_but_names_comes_out_of_tab(home: Home) -> None:
    home.run("slot", "remove", "2", "-y")  # of a cheap derivation, which the program refuses
    ways = [
        {},
        {"CREDVAULT_KEY": PRINTED},
        {"CREDVAULT_KEY_FILE": "mistyped.key"},
        {"CREDVAULT_PASSPHRASE": PASSPHRASE},
    ]
    questions = [
        ("name", ""),
        ("name", "a/"),
        ("namespace", ""),
        ("profile", ""),
        ("value", "a/text"),
        ("name", "", "x"),
    ]
    said = set()

    for environ in ways:
        for words in questions:
            done = home.command("__complete", *words, stdin=b"", **environ)
            assert (done.status, done.stderr) == (0, "")
            said.update(done.stdout.splitlines())

    # On a machine that is busy less than that.
    assert said <= {b"a/", b"a/binary ", b"a/text ", b"a "}
    assert files_with(home.root, CANARIES) == SOURCES


@needs_proc
def test_value_is_in_no_list_of_processes(home: Home) -> None:
    home.run("slot", "remove", "2", "-y")  # of a cheap derivation, which the program refuses
    looks = 0
    cases: list[tuple[list[str], bytes, dict[str, str]]] = [
        (["add", "b/one", "--stdin"], VALUE, {}),
        (["add", "b/two", "--from-env", "SOURCE"], b"", {"SOURCE": VALUE.decode()}),
        (["get", "a/text"], b"", {"CREDVAULT_KEY": PRINTED}),
        (["exec", "--", "sleep", "0.2"], b"", {}),
        (["exec", "--file", "A=a/text", "--fd", "B=a/binary", "--stdin", "a/text", "--", "sleep", "0.2"], b"", {}),
        (["exec", "--mask", "--", "sleep", "0.2"], b"", {}),
    ]

    for argv, stdin, environ in cases:
        process = home.start(*argv, **environ)
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
        seen, found = watch_command_lines(process, CANARIES)
        process.communicate(timeout=SECONDS)
        looks += seen
        assert (process.returncode, found) == (0, [])

    assert looks >= 4


@pytest.mark.parametrize(
    "options", [["--mask"], ["--mask", "-vv"], ["--json", "--mask"]], ids=lambda options: options[-1]
)
def test_masked_program_shows_no_canary(home: Home, options: list[str]) -> None:
    home.run("slot", "remove", "2", "-y")  # of a cheap derivation, which the program refuses
    show = """env; env >&2; printf %s "$A_TEXT" | base64 -w 0; cat "$BINARY"; exit 9"""
    chosen = ["-e", "A_TEXT=a/text", "--file", "BINARY=a/binary"]

    working = home.command("exec", *options, *chosen, "--", "sh", "-c", show)
    failing = home.command("exec", *options, *chosen, "--", "./passphrase")

    assert working.status == 9
    assert working.stdout.count(b"[REDACTED]") == 3
    assert failing.status == 126
    for done in (working, failing):
        assert not is_in(done.stdout + done.stderr.encode(), CANARIES)
    assert files_with(home.root, CANARIES) == SOURCES


@pytest.mark.parametrize("stdout", ["closed", "full", "a closed pipe"])
def test_answer_that_cannot_be_written_is_said_without_it(home: Home, stdout: str) -> None:
    if stdout == "full" and not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    shell = {
        "closed": f"exec {PROGRAM} get a/text -vv >&-",
        "full": f"exec {PROGRAM} get a/text -vv >/dev/full",
        "a closed pipe": f"{PROGRAM} get a/text -vv | true",
    }[stdout]

    home.run("slot", "remove", "2", "-y")  # of a cheap derivation, which the program refuses

    done = subprocess.run(
        ["/bin/sh", "-c", shell], env=home.environ, cwd=home.root, capture_output=True, timeout=SECONDS, check=False
    )

    assert not is_in(done.stdout + done.stderr, CANARIES)
    assert done.returncode == (0 if stdout == "a closed pipe" else 6)
    assert files_with(home.root, CANARIES) == SOURCES


TOKEN, SECRET_ID = b"s.canaryTokenOfAServer42", b"canary-secret-id-of-a-role-42"


@pytest.mark.parametrize("option", ["-v", "-vv", "--json", "-q"])
def test_nothing_that_opens_a_server_gets_out_of_a_failure(home: Home, bao: Bao, option: str) -> None:
    home.write("token", TOKEN + b"\n")
    home.write("open-token", TOKEN, mode=0o644)
    home.write("secret-id", SECRET_ID)
    home.write("helper", b"#!/bin/sh\necho " + TOKEN + b"\nexit 1\n", mode=0o700)
    wrapping = bao.wrap("POST", "auth/token/create", {"ttl": "60s"})
    home.write("wrapping", wrapping)
    profiles = {
        "file": "token_file = 'token'",
        "open": "token_file = 'open-token'",
        "role": "role_id = 'r'\nsecret_id_file = 'secret-id'",
        "helper": f"token_helper = ['{home.root}/helper']",
        "swapped": "token_file = 'wrapping'\ntoken_wrapping_path = 'auth/approle/role/x/secret-id'",
        "key": "address = 'https://127.0.0.1:1'\nclient_cert = 'token'",
        "lost": f"address = 'https://user:{TOKEN.decode()}@vault.example.org'",
    }
    lines = [f"[profiles.{name}]\nbackend = 'hashicorp'\n{text}\n" for name, text in profiles.items()]
    home.write("servers.toml", "".join(lines))
    address = {"VAULT_ADDR": bao.address}
    token, role = TOKEN.decode(), {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": SECRET_ID.decode()}
    ways: list[tuple[dict[str, str], int]] = [
        *(({**address, "CREDVAULT_CONFIG": "servers.toml", "CREDVAULT_PROFILE": name}, 5) for name in [*profiles][:-1]),
        ({"CREDVAULT_CONFIG": "servers.toml", "CREDVAULT_PROFILE": "lost"}, 9),
        ({**address, "VAULT_TOKEN": token}, 5),
        ({**address, "VAULT_TOKEN": f"{token}\n"}, 5),
        ({**address, "BAO_TOKEN": token}, 5),
        ({**address, **role}, 5),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": token, "VAULT_TIMEOUT": token}, 9),
        ({"VAULT_ADDR": bao.address.replace("http", "https"), "VAULT_TOKEN": token}, 6),
    ]
    hidden = [TOKEN, SECRET_ID, wrapping.encode()]

    for environ, status in ways:
        backend = {} if "CREDVAULT_PROFILE" in environ else {"CREDVAULT_BACKEND": "hashicorp"}
        for argv in (["get", "a/text"], ["list"], ["add", "b/new", "--stdin"], ["exec", "--", "true"], ["doctor"]):
            position = argv.index("--") if "--" in argv else len(argv)
            argv = [*argv[:position], option, *argv[position:]]
            done = home.run(*argv, stdin=VALUE, **{**environ, **backend})
            assert done.status == (125 if argv[0] == "exec" else status), (environ, argv, done)
            assert not is_in(done.stdout + done.stderr.encode(), [*hidden, *CANARIES]), (environ, argv)

    assert files_with(home.root, hidden) == ["helper", "open-token", "secret-id", "servers.toml", "token", "wrapping"]
    assert files_with(home.root, CANARIES) == SOURCES


@needs_proc
def test_nothing_that_opens_a_server_is_in_a_list_of_processes_or_reaches_a_child(home: Home, bao: Bao) -> None:
    mount = bao.new_mount()
    policy = bao.new_policy(f'path "{mount}/*" {{ capabilities = ["read", "list"] }}')
    token, role = bao.new_token(policy), bao.new_role(policy)
    bao.must("POST", f"{mount}/data/credvault/a/A_VALUE", {"data": {"value": "shown"}})
    home.write("helper", f"#!/bin/sh\nsleep 0.2\nenv >helper-env\necho {token}\n", mode=0o700)
    home.write("secret-id", role.secret_id)
    at = f"backend = 'hashicorp'\naddress = '{bao.address}'\nmount = '{mount}'\n"
    approle = f"auth_mount = '{role.mount}'\nrole_id = '{role.role_id}'\nsecret_id_file = 'secret-id'\n"
    home.write(
        "servers.toml",
        f"[profiles.plain]\n{at}[profiles.role]\n{at}{approle}[profiles.helper]\n{at}"
        f"token_helper = ['{home.root}/helper']\n",
    )
    stray = {"BAO_ADDR": "https://other.invalid", "BAO_TOKEN": TOKEN.decode(), "BAO_SECRET_ID": SECRET_ID.decode()}
    hidden = [token.encode(), role.secret_id.encode(), TOKEN, SECRET_ID]
    looks = 0

    for profile, environ in (("plain", {"VAULT_TOKEN": token}), ("role", {}), ("helper", {})):
        for mask in ([], ["--mask"]):
            words = ["exec", *mask, "--", "sh", "-c", "env; sleep 0.2"]
            process = home.start(
                *words, CREDVAULT_CONFIG="servers.toml", CREDVAULT_PROFILE=profile, **{**stray, **environ}
            )
            seen, found = watch_command_lines(process, hidden)
            stdout, stderr = process.communicate(timeout=SECONDS)
            looks += seen
            assert (process.returncode, found) == (0, []), (profile, stderr)
            assert (b"A_VALUE=" in stdout) is True
            assert not is_in(stdout + stderr, hidden), profile

    assert looks >= 6
    assert files_with(home.root, hidden) == ["helper", "secret-id"]


@needs_proc
def test_canaries_are_found_where_they_are(tmp_path: Path) -> None:
    """What the others rely on: each form is seen, in a name and in the midst of a file."""
    for number, form in enumerate(forms(VALUE)):
        (tmp_path / str(number)).write_bytes(b"before" + form + b"after")
    (tmp_path / "innocent").write_bytes(b"nothing here")

    found = files_with(tmp_path, CANARIES)

    assert found == sorted(str(number) for number, _ in enumerate(forms(VALUE)))
    # Not one of the canaries: another run of the tests on this machine looks for them in the command lines of all.
    own = f"canary-{secrets.token_hex(8)}"
    # Popen may be back before the kernel shows what the child's command line is.
    shown = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", own]
    with subprocess.Popen(shown, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as listing:
        assert listing.stdin is not None
        assert listing.stdout is not None
        listing.stdout.readline()
        assert command_lines_with([own.encode()])
        listing.stdin.close()
