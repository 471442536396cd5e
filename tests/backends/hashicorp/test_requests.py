"""What the whole program asks of a server: hostile names stay below the mount, and a redirect gets nothing.

Against peers that record what they are sent. In a trial with hvac `../../sys/auth` reached /v1/sys/auth, and a redirect
took the token along.
"""

import json
import re

import pytest

from tests.canary import is_in
from tests.conftest import Cli
from tests.lifecycle.servers import Answer, Seen, serving

TOKEN = "s.canaryTokenOfRequests5d20"
VALUE = b"canary-value-of-requests-5d20"
# Besides these only what is asked of the mount itself and of the token.
BELOW = re.compile(
    r"/v1/secret/(?:data|metadata|undelete)/credvault(?:/[A-Za-z0-9][A-Za-z0-9_.@+-]*)*/?(?:\?list=true)?"
)
OTHERS = ("/v1/sys/internal/ui/mounts/secret", "/v1/auth/token/lookup-self")

HOSTILE = (
    *("..", "../..", "../../sys/auth", "a/..", "a/../../../sys/auth", "a/./b", "./a", "/a", "a//b", "a/", "//sys"),
    *("a/%2e%2e/b", "%2e%2e/%2e%2e/sys", "a%2f..%2fb", "a?list=true", "a#b", "a b", "a;b", "a\\b", "a&b=c", "a=b"),
    *(
        "cafe\u0301/x",
        "caf\u00e9/x",
        "a/\u202eb",
        "a/\ufeffb",
        "a\nb",
        "a\r\nX-Vault-Token: x",
        "a\tb",
        "*",
        "a/*",
        "~",
        "$x",
    ),
    *("x" * 100_000, "a/" * 60_000 + "b", "/".join("a" * 18), "a/" + "b" * 256),
)
# Legal, and made of words that mean something to the server.
LEGAL = ("sys/auth", "data/metadata", "metadata/data", "sys/seal", "a/..b".replace("..", "x.."), "auth/token/create")


def nothing(seen: Seen) -> Answer:
    """Answer as a KV v2 engine in which nothing is."""
    if "/sys/internal/ui/mounts/" in seen.path:
        engine = {"type": "kv", "path": "secret/", "options": {"version": "2"}}
        return Answer(200, json.dumps({"data": engine}).encode())
    return Answer(404, b'{"errors": []}')


def commands(name: str) -> list[tuple[list[str], bytes]]:
    """Return a command line for each way in which a name comes to the server, and its stdin."""
    return [
        (["get", "--", name], b""),
        (["get", "--version", "3", "--", name], b""),
        (["add", "--stdin", "--", name], VALUE),
        (["rotate", "--stdin", "--", name], VALUE),
        (["edit", "--note", "n", "--", name], b""),
        (["history", "--", name], b""),
        (["delete", "-y", "--", name], b""),
        (["delete", "--soft", "-y", "--", name], b""),
        (["undelete", "--", name], b""),
        (["check", "--", name], b""),
        (["exec", "-e", f"A={name}", "--", "true"], b""),
    ]


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=lambda number: ascii(HOSTILE[number])[:30])
def test_a_hostile_name_is_refused_and_never_asked_for(cli: Cli, number: int) -> None:
    # Not every name by every command, for the time it takes; each by three or four, and each command with ten names.
    chosen = commands(HOSTILE[number])[number % 3 :: 3]
    with serving(nothing) as peer:
        environ = {"CREDVAULT_BACKEND": "hashicorp", "VAULT_ADDR": peer.url, "VAULT_TOKEN": TOKEN}
        for words, stdin in chosen:
            if words[0] == "exec" and "#" in HOSTILE[number]:
                continue  # there it is a reference to a field
            done = cli(*words, stdin=stdin, env={**environ, "CREDVAULT_KEY": None})

            assert done.returncode == 2, done
            assert b"Traceback" not in done.stderr
            assert not is_in(done.stderr, [TOKEN.encode(), VALUE])

    assert peer.seen == []


@pytest.mark.parametrize("name", LEGAL)
def test_a_name_that_means_something_to_the_server_stays_below_the_mount(cli: Cli, name: str) -> None:
    with serving(nothing) as peer:
        environ = {"CREDVAULT_BACKEND": "hashicorp", "VAULT_ADDR": peer.url, "VAULT_TOKEN": TOKEN}
        for words, stdin in commands(name):
            done = cli(*words, stdin=stdin, env={**environ, "CREDVAULT_KEY": None})

            assert b"Traceback" not in done.stderr

    assert peer.seen
    strays = [seen.path for seen in peer.seen if not BELOW.fullmatch(seen.path.replace("?version=3", ""))]
    assert set(strays) <= set(OTHERS)


def test_names_that_a_server_makes_up_lead_nowhere(cli: Cli) -> None:
    keys = [
        "../",
        "../../sys/",
        "..",
        ".",
        "/",
        "",
        "a/../../sys",
        "a\u202eb",
        "a\r\nx/",
        "a%2f..%2f/",
        "b/",
        "c" * 5000,
    ]

    def script(seen: Seen) -> Answer:
        if seen.path.endswith("?list=true"):
            return Answer(200, json.dumps({"data": {"keys": keys}}).encode())
        return nothing(seen)

    with serving(script) as peer:
        environ = {"CREDVAULT_BACKEND": "hashicorp", "VAULT_ADDR": peer.url, "VAULT_TOKEN": TOKEN}
        for words in (["list"], ["exec", "--", "true"], ["get", "b/none"], ["--json", "list"]):
            done = cli(*words, env={**environ, "CREDVAULT_KEY": None})

            assert b"Traceback" not in done.stderr
            assert b"\x1b" not in done.stderr
            assert "\u202e".encode() not in done.stderr

    assert peer.seen
    assert all(BELOW.fullmatch(seen.path) or seen.path in OTHERS for seen in peer.seen), [s.path for s in peer.seen]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_second_host_is_never_called(cli: Cli, status: int) -> None:
    with serving(nothing) as second:

        def away(seen: Seen) -> Answer:
            where = f"http://user:{TOKEN}@{second.address}{seen.path}?token={TOKEN}"
            return Answer(status, b"", {"Location": where})

        with serving(away) as first:
            environ = {"CREDVAULT_BACKEND": "hashicorp", "VAULT_ADDR": first.url, "VAULT_TOKEN": TOKEN}
            for words, stdin in commands("app/token"):
                done = cli(*words, stdin=stdin, env={**environ, "CREDVAULT_KEY": None})

                assert done.returncode == (125 if words[0] == "exec" else 6), done
                assert f"redirects to http://{second.address}, which is refused".encode() in done.stderr
                assert not is_in(done.stdout + done.stderr, [TOKEN.encode(), VALUE])

    assert second.seen == []
    assert len([seen for seen in first.seen if seen.path not in OTHERS]) == len(commands(""))
    assert {seen.headers["x-vault-token"] for seen in first.seen} == {TOKEN}


@pytest.mark.parametrize("repeats", [False, True])
def test_what_a_server_says_of_a_refusal_is_shown_unless_it_repeats_what_it_was_sent(cli: Cli, repeats: bool) -> None:
    def script(seen: Seen) -> Answer:
        if seen.method == "GET":
            return nothing(seen)
        if "/metadata/" in seen.path:
            return Answer(204, b"")
        words = f"it is no good: {seen.body.decode()}" if repeats else "it is no good"
        return Answer(400, json.dumps({"errors": [words]}).encode())

    with serving(script) as peer:
        environ = {"CREDVAULT_BACKEND": "hashicorp", "VAULT_ADDR": peer.url, "VAULT_TOKEN": TOKEN}
        told = cli("add", "a/b", "--stdin", stdin=VALUE, env={**environ, "CREDVAULT_KEY": None})

    assert told.returncode == 6
    assert (b"it is no good" in told.stderr) is not repeats
    assert b"refused the request (status 400)" in told.stderr
    assert not is_in(told.stderr, [TOKEN.encode(), VALUE])


def test_a_project_with_a_vault_file_comes_before_a_profile_of_a_server(cli: Cli) -> None:
    (cli.home / ".config/credvault").mkdir(parents=True, exist_ok=True)
    (cli.home / ".config/credvault/config.toml").write_text(
        'default_profile = "p"\n[profiles.p]\nbackend = "hashicorp"\n'
    )
    (cli.cwd / ".credvault.toml").write_text('vault = "v.json"\n')

    with serving(nothing) as peer:
        environ = {"VAULT_ADDR": peer.url, "VAULT_TOKEN": TOKEN, "CREDVAULT_KEY": None, "CREDVAULT_NO_INPUT": "1"}
        told = cli("get", "a/b", env=environ)

    assert told.returncode == 6  # there is no such vault, and the command line says so
    assert b"v.json" in told.stderr
    assert told.stderr.count(b"error:") == 1
    assert peer.seen == []


def test_beginning_of_a_long_value_in_a_refusal_is_not_shown(cli: Cli) -> None:
    """What a server says is cut, so the whole value is never in it."""
    value = VALUE * 40

    def script(seen: Seen) -> Answer:
        if seen.method == "GET":
            return nothing(seen)
        if "/metadata/" in seen.path:
            return Answer(204, b"")
        return Answer(400, json.dumps({"errors": [f"it is no good: {seen.body.decode()}"]}).encode())

    with serving(script) as peer:
        environ = {"CREDVAULT_BACKEND": "hashicorp", "VAULT_ADDR": peer.url, "VAULT_TOKEN": TOKEN}
        told = cli("add", "a/b", "--stdin", stdin=value, env={**environ, "CREDVAULT_KEY": None})

    assert told.returncode == 6
    assert b"refused the request (status 400)" in told.stderr
    assert VALUE[:8] not in told.stderr
