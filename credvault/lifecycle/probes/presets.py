"""The requests that are built in: for each service its lightest documented call that only a valid credential passes.

Whom they contact and what they send is all written here, nothing comes from a record. A record may give another base
URL (a self-managed server); then its host needs the user's leave like any other.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from credvault.lifecycle.probes.base import OK, REJECTED, UNREACHABLE, UNTESTABLE, Outcome

# The types of secrets that such a call is for. A password or a certificate is no API credential.
TYPES = frozenset({"secret", "api_key", "access_token", "token", "oauth"})

Judge = Callable[[Mapping[str, Any]], Outcome | None]
"""Reads what a service means from the JSON object of its answer, empty for any other; None leaves it to the status."""


class Preset(NamedTuple):
    """One built-in request.

    `headers` hold `{value}`. `rejected` and `unreachable` are statuses beside the general ones, `judge` reads the
    answers with a status in `judged`. `unfit` are the first characters of the service's other credentials, on which
    this call says nothing.
    """

    method: str
    base: str
    path: str
    headers: Mapping[str, str]
    rejected: frozenset[int] = frozenset({401})
    unreachable: frozenset[int] = frozenset()
    judged: frozenset[int] = frozenset()
    judge: Judge = lambda answer: None
    unfit: tuple[str, ...] = ()


def _judge_gitlab(answer: Mapping[str, Any]) -> Outcome | None:
    # A token without the scope for this call is a token (https://docs.gitlab.com/api/rest/authentication/).
    if answer.get("error") == "insufficient_scope":
        return Outcome(OK, "gitlab accepts it; it has no scope that reads the API")
    return None


def _judge_openai(answer: Mapping[str, Any]) -> Outcome | None:
    # A restricted key without this permission gets 401 as well; only the message tells them apart (seen in
    # https://community.openai.com/t/1374480). The message of a wrong key quotes part of it, so none is shown.
    error = answer.get("error")
    message = error.get("message") if isinstance(error, Mapping) else error
    if isinstance(message, str) and "Missing scopes" in message:
        return Outcome(OK, "openai accepts it; it may not list models")
    return None


def _judge_stripe(answer: Mapping[str, Any]) -> Outcome | None:
    # "The API key doesn't have permissions to perform the request" (https://docs.stripe.com/api/errors): a restricted
    # key. Only an answer in Stripe's own form counts; a firewall says 403 too.
    if isinstance(answer.get("error"), Mapping):
        return Outcome(OK, "stripe accepts it; it may not read the balance")
    return None


# https://docs.slack.dev/reference/methods/auth.test, "Errors".
_SLACK_REJECTS = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})
_SLACK_IS_DOWN = frozenset(
    {"internal_error", "fatal_error", "ratelimited", "request_timeout", "service_unavailable", "org_login_required"}
)


def _judge_slack(answer: Mapping[str, Any]) -> Outcome | None:
    if answer.get("ok") is True:
        return Outcome(OK, "slack accepts it")
    error = answer.get("error")
    if not isinstance(error, str) or answer.get("ok") is not False:
        return Outcome(UNTESTABLE, "slack gave an answer that cannot be understood")
    if error in _SLACK_REJECTS:
        return Outcome(REJECTED, f"slack rejects it: {error}")
    if error in _SLACK_IS_DOWN:
        return Outcome(UNREACHABLE, f"slack cannot say: {error}")
    return Outcome(UNTESTABLE, "slack cannot say, for a reason this version does not know")


PRESETS: Mapping[str, Preset] = {
    # https://docs.github.com/en/rest/rate-limit/rate-limit: every kind of token may call it, GitHub Apps' too, and it
    # does not count against the limit; GET /user refuses the tokens of apps. 403 is the failed login limit, which
    # "will temporarily reject all authentication attempts (including ones with valid credentials)", or a rate limit
    # (https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api).
    "github": Preset(
        "GET",
        "https://api.github.com",
        "/rate_limit",
        {
            "Authorization": "Bearer {value}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        unreachable=frozenset({403}),
        unfit=("ghr_",),
    ),
    # https://docs.gitlab.com/api/personal_access_tokens/: the token describes itself; personal, project and group
    # access tokens all can. Deploy, runner, job, trigger and feed tokens are for other doors
    # (https://docs.gitlab.com/security/tokens/#token-prefixes).
    "gitlab": Preset(
        "GET",
        "https://gitlab.com",
        "/api/v4/personal_access_tokens/self",
        {"PRIVATE-TOKEN": "{value}"},
        judged=frozenset({403}),
        judge=_judge_gitlab,
        unfit=("gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-"),
    ),
    # https://platform.openai.com/docs/api-reference/models/list: free, and changes nothing. 403 is about the country
    # (https://platform.openai.com/docs/guides/error-codes), so it says nothing of the key.
    "openai": Preset(
        "GET",
        "https://api.openai.com",
        "/v1/models",
        {"Authorization": "Bearer {value}"},
        judged=frozenset({401, 403}),
        judge=_judge_openai,
        unfit=("sk-admin-",),
    ),
    # https://docs.claude.com/en/api/models-list. 401 is "an issue with your API key"; 403 (permission_error) may be
    # the key, the account or the country (https://docs.claude.com/en/api/errors). Admin keys and OAuth tokens are for
    # other calls.
    "anthropic": Preset(
        "GET",
        "https://api.anthropic.com",
        "/v1/models",
        {"x-api-key": "{value}", "anthropic-version": "2023-06-01"},
        unfit=("sk-ant-admin", "sk-ant-oat", "sk-ant-ort"),
    ),
    # https://docs.slack.dev/reference/methods/auth.test: no scope needed, for bot, user and app-level tokens. The
    # status is 200 either way, the answer's `ok` tells. Refresh tokens, the browser's tokens (they need its cookie)
    # and webhook addresses are for other doors.
    "slack": Preset(
        "POST",
        "https://slack.com",
        "/api/auth.test",
        {"Authorization": "Bearer {value}"},
        judged=frozenset({200}),
        judge=_judge_slack,
        unfit=("xoxe-", "xoxc-", "xoxd-", "https://"),
    ),
    # https://docs.stripe.com/api/balance/balance_retrieve, bearer form as in https://docs.stripe.com/api/authentication.
    # Publishable keys, webhook signing secrets and account ids are for other doors (https://docs.stripe.com/keys).
    "stripe": Preset(
        "GET",
        "https://api.stripe.com",
        "/v1/balance",
        {"Authorization": "Bearer {value}"},
        judged=frozenset({403}),
        judge=_judge_stripe,
        unfit=("pk_", "whsec_", "ac_", "acct_"),
    ),
}


def preset_named(service: str | None) -> Preset | None:
    """Return the preset of a service, however its name is capitalised, or None."""
    return PRESETS.get(service.casefold()) if service else None
