"""What makes a value useless for its type, and that saying so tells nothing of the value."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from credvault.lifecycle.formats import check_format
from credvault.model.record import TYPES, Record
from credvault.model.value import SecretValue
from tests.lifecycle.conftest import NOW, certify

TIME = "2026-11-22T01:02:03Z"
DATABASE = {"engine": "postgresql", "host": "db.example", "port": 5432}


def record(kind: str, **facts: Any) -> Record:
    return Record("ns", "key", 1, kind, "executor_only", TIME, TIME, **facts)


def fault(kind: str, value: bytes, **facts: Any) -> str | None:
    finding = check_format(record(kind, **facts), SecretValue(value), NOW)
    return None if finding is None else finding.detail


def jwt(header: object, claims: object) -> bytes:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    return b".".join([*parts, b"c2lnbmF0dXJl"])


@pytest.mark.parametrize("kind", ["api_key", "access_token", "token", "oauth"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"abc\n", "it ends in a line break"),
        (b"abc\r\n", "it ends in a line break"),
        (b" abc", "it begins or ends with a space"),
        (b"abc def", "it has a space in it"),
        (b"abc\ndef", "it has a line break or another control character in it"),
        (b"abc\0def", "it has a line break or another control character in it"),
        ("abc\u200bdef".encode(), "it has an invisible character in it"),
        ("\ufeffabc".encode(), "it has an invisible character in it"),
        (b"\xff\xfe", "it is not text (UTF-8)"),
    ],
)
def test_a_token_that_no_header_carries_is_a_finding(kind: str, value: bytes, words: str) -> None:
    assert fault(kind, value) == words


@pytest.mark.parametrize(
    "value",
    [b"abc", b"sk-proj-abc_DEF", b"a.b.c", b'{"access_token": "a b",\n "refresh_token": "c"}', "pässe".encode()],
)
def test_an_ordinary_token_passes(value: bytes) -> None:
    assert fault("token", value) is None


@pytest.mark.parametrize(
    ("service", "value", "other"),
    [
        ("github", b"glpat-abc", "gitlab"),
        ("GitHub", b"sk_live_abc", "stripe"),
        ("gitlab", b"github_pat_abc", "github"),
        ("openai", b"sk-ant-api03-abc", "anthropic"),
        ("anthropic", b"sk-proj-abc", "openai"),
        ("stripe", b"xoxb-1-2-abc", "slack"),
        ("slack", b"ghp_abc", "github"),
    ],
)
def test_a_credential_of_another_service_is_a_finding(service: str, value: bytes, other: str) -> None:
    assert fault("api_key", value, service=service) == (
        f"it is written like a credential of {other}, but its service is {service.lower()}"
    )


@pytest.mark.parametrize(
    ("service", "value"),
    [
        ("github", b"0123456789abcdef0123456789abcdef01234567"),
        ("github", b"ghs_abc"),
        ("openai", b"sk-proj-abc"),
        ("anthropic", b"sk-ant-api03-abc"),
        ("deepseek", b"sk-abc"),
        (None, b"ghp_abc"),
        ("stripe", b"rk_test_abc"),
    ],
)
def test_a_credential_of_its_own_or_an_unknown_service_passes(service: str | None, value: bytes) -> None:
    assert fault("api_key", value, service=service) is None


def test_an_expired_jwt_is_a_finding() -> None:
    assert fault("token", jwt({"alg": "RS256"}, {"exp": NOW - 1})) == "the token expired at 2027-01-15T07:59:59Z"
    assert fault("oauth", jwt({"alg": "RS256"}, {"exp": int(NOW)})) == "the token expired at 2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "RS256"}, {"exp": NOW + 1}),
        ({"alg": "RS256"}, {"exp": 10**400}),
        ({"alg": "RS256"}, {"exp": float("nan")}),
        ({"alg": "RS256"}, {"exp": float("inf")}),
        ({"alg": "RS256"}, {"exp": -1}),
        ({"alg": "RS256"}, {"exp": True}),
        ({"alg": "RS256"}, {"exp": "1"}),
        ({"alg": "RS256"}, {}),
        ({"alg": "RS256"}, [1]),
        ({}, {"exp": 1}),
        ("alg", {"exp": 1}),
    ],
)
def test_a_jwt_that_has_not_expired_and_what_is_no_jwt_pass(header: object, claims: object) -> None:
    assert fault("token", jwt(header, claims)) is None


@pytest.mark.parametrize(("value", "ends"), [(b"pw\n", "line break, which nobody types"), (b"p\0w", "character in it")])
def test_a_password_that_nobody_can_type_is_a_finding(value: bytes, ends: str) -> None:
    assert (fault("password", value) or "").endswith(ends)
    assert (fault("database", value, fields=DATABASE) or "").endswith(ends)


@pytest.mark.parametrize("value", [b" correct horse ", "påss wörd".encode(), b"\xff\xfe", b"a"])
def test_a_strange_password_passes(value: bytes) -> None:
    assert fault("password", value) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"postgresql://u:p@h/db\n", "it ends in a line break"),
        (b"hello", "it is neither a URL nor a list of key=value"),
        (b"://h/db", "it does not begin with a scheme"),
        (b"1db://h/db", "it does not begin with a scheme"),
        (b"redis:///0", "it names no host"),
        (b"redis://u:p@/0", "it names no host"),
        (b"redis://h:x/0", "its port is not a number"),
        (b"redis://h:70000/0", "its port is not a number"),
        (b"redis://h:0/0", "its port is not a number"),
        (b"postgresql://u:pa/ss@h:5432/db", "its port is not a number"),
        (b"\xff", "it is not text"),
    ],
)
def test_a_connection_string_that_leads_nowhere_is_a_finding(value: bytes, words: str) -> None:
    assert (fault("connection_string", value) or "").startswith(words)


@pytest.mark.parametrize(
    "value",
    [
        b"postgresql://u:p%40@db.example:5432/app?sslmode=require",
        b"postgresql:///app?host=/run/postgresql",
        b"postgresql+psycopg://[::1]:5432/app",
        b"mongodb://u:p@h1:27017,h2:27017/app?replicaSet=r",
        b"mongodb+srv://u:p@h/app",
        b"jdbc:postgresql://h/app",
        b"sqlite:///var/app.db",
        b"amqp://guest:guest@h",
        b"host=db.example dbname=app user=u",
        b"Server=tcp:h,1433;Database=app;User Id=u;Password=p;",
    ],
)
def test_an_ordinary_connection_string_passes(value: bytes) -> None:
    assert fault("connection_string", value) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "its record has no field engine"),
        ({"engine": "postgresql"}, "its record has no field host"),
        ({"engine": "cockroach", "host": "h"}, "its record has no field port"),
        ({"engine": "postgresql", "host": "h", "port": 0}, "its field port is not a number"),
        ({"engine": "postgresql", "host": "h", "port": 65536}, "its field port is not a number"),
        ({"engine": "postgresql", "host": "h", "port": "x"}, "its field port is not a number"),
        ({"engine": "postgresql", "host": "h", "port": 10**400}, "its field port is not a number"),
    ],
)
def test_a_database_that_cannot_be_found_is_a_finding(fields: dict[str, Any], words: str) -> None:
    assert (fault("database", b"pw", fields=fields) or "").startswith(words)


@pytest.mark.parametrize(
    "fields", [DATABASE, {"engine": "postgresql", "host": "h"}, {**DATABASE, "port": "5432"}, {"engine": "sqlite"}]
)
def test_a_database_with_where_it_is_passes(fields: dict[str, Any]) -> None:
    assert fault("database", b"pw", fields=fields) is None


def test_a_certificate_and_its_key_pass(tmp_path: Path) -> None:
    made = certify(tmp_path, start=NOW - 10, end=NOW + 10)

    assert fault("certificate", made.certificate + made.key) is None
    assert fault("certificate", made.key + made.certificate + made.certificate) is None
    assert fault("certificate", base64.b64decode(b"".join(made.certificate.splitlines()[1:-1]))) is None


@pytest.mark.parametrize("end", [NOW - 1, 946_684_800.0])
def test_an_expired_certificate_is_a_finding(tmp_path: Path, end: float) -> None:
    made = certify(tmp_path, start=900_000_000, end=end)
    expected = "2027-01-15T07:59:59Z" if end > 1e9 else "2000-01-01T00:00:00Z"

    assert fault("certificate", made.certificate) == f"the certificate expired at {expected}"
    assert fault("certificate", made.key + made.certificate) == f"block 2: the certificate expired at {expected}"


def test_a_certificate_of_the_far_future_is_read(tmp_path: Path) -> None:
    """From 2050 on a certificate writes its times in another form (RFC 5280, 4.1.2.5)."""
    made = certify(tmp_path, start=NOW, end=4_000_000_000)

    assert fault("certificate", made.certificate) is None


def test_keys_of_other_forms_pass(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    openssh = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw")
    )

    legacy = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"pw"),
    )

    assert b"Proc-Type: 4,ENCRYPTED" in legacy
    assert fault("certificate", legacy) is None
    assert fault("certificate", openssh) is None
    assert fault("certificate", openssh.replace(b"b3Blbn", b"AAAAAA", 1)) == "it is not an OpenSSH key"
    assert fault("certificate", encrypted) is None
    assert fault("api_key", encrypted) is None


def test_a_spoiled_certificate_is_a_finding(tmp_path: Path) -> None:
    pem = certify(tmp_path, start=NOW - 10, end=NOW + 10).certificate
    lines = pem.splitlines(keepends=True)

    assert fault("certificate", b"hello") == "it is neither PEM nor DER"
    assert (fault("certificate", b"".join(lines[:-1])) or "").startswith("a PEM block has no end")
    assert (fault("certificate", pem.replace(b"END CERTIFICATE", b"END PRIVATE KEY")) or "").startswith("a PEM block")
    assert fault("certificate", lines[0] + lines[1] + lines[-1]) == "it was cut short, or is not DER"
    assert (fault("certificate", lines[0] + b"!" + b"".join(lines[1:])) or "").endswith("is not base64")
    assert fault("certificate", lines[0] + b"MAA=\n" + lines[-1]) == "it is not a certificate"


def test_a_secret_may_be_anything() -> None:
    for value in (b"\n", b"\0", b"\xff", b" ", b"a b\r\n"):
        assert fault("secret", value) is None


@given(st.sampled_from([*TYPES, "of another version"]), st.binary(min_size=1), st.binary(max_size=300))
def test_no_value_breaks_the_checks(kind: str, value: bytes, der: bytes) -> None:
    armoured = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(der) + b"\n-----END CERTIFICATE-----\n"
    for candidate in (value, b"-----BEGIN " + value, armoured, b"\x30" + value, b"a." + value + b".c"):
        check_format(record(kind, fields=DATABASE), SecretValue(candidate), NOW)


@given(st.sampled_from(TYPES), st.text("CANARY\n .:/@=-", min_size=1).map(lambda text: f"CaNaRy{text}"))
def test_a_finding_never_quotes_the_value(kind: str, value: str) -> None:
    detail = fault(kind, value.encode(), service="github", fields=DATABASE) or ""

    assert "CaNaRy" not in detail
    assert "CANARY" not in detail
