"""The built-in requests: their shape against a loopback server, and what each service's answers mean."""

import json
from typing import Any

import pytest

from credvault.lifecycle.probes.base import Attempt, Outcome
from credvault.lifecycle.probes.http import http_probe, preset_probe
from credvault.lifecycle.probes.presets import PRESETS, preset_named
from credvault.model.value import SecretValue
from tests.lifecycle.servers import Answer, Seen, serving

CANARY = "cAnArY-0123456789"

REQUESTS = {
    "github": ("GET", "/rate_limit", {"Authorization": f"Bearer {CANARY}", "X-GitHub-Api-Version": "2022-11-28"}),
    "gitlab": ("GET", "/api/v4/personal_access_tokens/self", {"PRIVATE-TOKEN": CANARY}),
    "openai": ("GET", "/v1/models", {"Authorization": f"Bearer {CANARY}"}),
    "anthropic": ("GET", "/v1/models", {"x-api-key": CANARY, "anthropic-version": "2023-06-01"}),
    "slack": ("POST", "/api/auth.test", {"Authorization": f"Bearer {CANARY}"}),
    "stripe": ("GET", "/v1/balance", {"Authorization": f"Bearer {CANARY}"}),
}
HOSTS = {
    "github": "api.github.com",
    "gitlab": "gitlab.com",
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "slack": "slack.com",
    "stripe": "api.stripe.com",
}


def ask(name: str, answer: Answer, value: str = CANARY) -> tuple[Outcome, list[Seen]]:
    with serving(lambda seen: answer) as service:
        outcome = preset_probe(name, PRESETS[name], service.url).run(SecretValue(value.encode()), Attempt(5))
    assert CANARY not in outcome.detail
    return outcome, service.seen


def answer(status: int, body: Any) -> Answer:
    return Answer(status, json.dumps(body).encode())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sends_the_documented_request(name: str) -> None:
    method, path, headers = REQUESTS[name]

    outcome, (seen,) = ask(name, answer(200, {"ok": True}))

    assert outcome.result == "ok"
    assert (seen.method, seen.path, seen.body) == (method, path, b"")
    assert {key.lower(): seen.headers.get(key) for key in headers} == {k.lower(): v for k, v in headers.items()}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_goes_to_its_own_host_without_leave_and_elsewhere_only_with_it(name: str) -> None:
    own, other = preset_probe(name, PRESETS[name]), preset_probe(name, PRESETS[name], "https://h.example/base/")

    assert str(own.target) == f"{HOSTS[name]}:443"
    assert not own.asks_leave
    assert str(other.target) == "h.example:443"
    assert other.asks_leave
    assert other.request.address.url == f"https://h.example:443/base{PRESETS[name].path}"


@pytest.mark.parametrize("name", PRESETS)
def test_a_record_that_spells_out_a_request_to_a_preset_host_still_needs_leave(name: str) -> None:
    """With a stranger's key in one header and the value in another, the stranger could read the value."""
    own = {"url": f"https://{HOSTS[name]}/", "headers": {"Authorization": "Bearer evil", "Idempotency-Key": "{value}"}}

    assert http_probe({"kind": "http", **own}, name).asks_leave


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"slack"}))
@pytest.mark.parametrize(
    "body", [b'{"error": {"message": "no"}}', b"", b"<html>", b"[1]", b"[" * 60_000, b"x" * 70_000]
)
def test_401_is_a_rejection_whatever_it_says(name: str, body: bytes) -> None:
    outcome, _ = ask(name, Answer(401, body))

    assert outcome.result == "rejected"


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_in_trouble_is_no_rejection(name: str, status: int) -> None:
    outcome, _ = ask(name, Answer(status, b"{}"))

    assert outcome.result == "unreachable"


@pytest.mark.parametrize(
    ("name", "status", "body", "result"),
    [
        ("github", 403, {"message": "Maximum number of login attempts exceeded"}, "unreachable"),
        ("gitlab", 403, {"error": "insufficient_scope", "scope": "api"}, "ok"),
        ("gitlab", 403, {"message": "403 Forbidden"}, "untestable"),
        ("openai", 401, {"error": {"message": f"Incorrect API key provided: {CANARY}"}}, "rejected"),
        ("openai", 401, {"error": {"message": "… Missing scopes: api.model.read. …"}}, "ok"),
        ("openai", 403, {"error": {"message": "Country not supported"}}, "untestable"),
        ("openai", 403, {"error": "… Missing scopes: api.model.read. …"}, "ok"),
        ("anthropic", 403, {"error": {"type": "permission_error"}}, "untestable"),
        ("stripe", 403, {"error": {"message": "The provided key does not have …"}}, "ok"),
        ("stripe", 403, "blocked", "untestable"),
        ("slack", 200, {"ok": True}, "ok"),
        ("slack", 200, {"ok": False, "error": "invalid_auth"}, "rejected"),
        ("slack", 200, {"ok": False, "error": "token_revoked"}, "rejected"),
        ("slack", 200, {"ok": False, "error": "internal_error"}, "unreachable"),
        ("slack", 200, {"ok": False, "error": "ratelimited"}, "unreachable"),
        ("slack", 200, {"ok": False, "error": f"\x1b[2J{CANARY}"}, "untestable"),
        ("slack", 200, {"ok": False, "error": ["invalid_auth"]}, "untestable"),
        ("slack", 200, {"ok": "true"}, "untestable"),
        ("slack", 200, {}, "untestable"),
        ("slack", 200, [True], "untestable"),
        ("slack", 401, {"ok": False}, "rejected"),
    ],
)
def test_the_services_own_words_count(name: str, status: int, body: Any, result: str) -> None:
    outcome, _ = ask(name, answer(status, body))

    assert outcome.result == result


def test_an_answer_that_must_be_read_is_read_to_64_kib_and_no_further() -> None:
    fitting, _ = ask("slack", answer(200, {"ok": True, "pad": "x" * 60_000}))
    too_long, _ = ask("slack", answer(200, {"ok": True, "pad": "x" * 70_000}))

    assert fitting.result == "ok"
    assert too_long.result == "untestable"


def test_half_of_an_answer_that_must_be_read_is_unreachable() -> None:
    outcome, _ = ask("slack", Answer(200, b'{"ok": true', {"Content-Length": "100", "Connection": "close"}))

    assert outcome.result == "unreachable"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slack", "https://hooks.slack.com/services/T0/B0/x"),
        ("slack", "xoxe-1-abc"),
        ("stripe", "whsec_abc"),
        ("stripe", "pk_live_abc"),
        ("gitlab", "gldt-abc"),
        ("anthropic", "sk-ant-admin01-abc"),
        ("github", "ghr_abc"),
    ],
)
def test_other_kinds_of_credentials_of_a_service_are_never_called_rejected(name: str, value: str) -> None:
    outcome, seen = ask(name, Answer(401), value)

    assert outcome.result == "untestable"
    assert seen == []


def test_a_service_is_found_however_it_is_capitalised() -> None:
    assert preset_named("GitHub") is PRESETS["github"]
    assert preset_named("github.com") is None
    assert preset_named("") is None
    assert preset_named(None) is None
