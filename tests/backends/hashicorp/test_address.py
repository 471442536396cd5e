"""Which server is asked, and with what: the profile and two families of variables that never mix."""

from pathlib import Path
from typing import Any

import pytest

from credvault.backends.hashicorp.address import (
    Address,
    Place,
    Variables,
    find_address,
    find_place,
    is_loopback,
    parse_address,
)
from credvault.backends.hashicorp.certificates import Authorities
from credvault.config import Settings
from credvault.model.errors import ConfigError
from tests.backends.hashicorp.profiles import make_settings

HTTPS = "https://vault.example.org:8200"


def found(settings: Settings) -> tuple[Address, list[str], list[str]]:
    """Return an address, and what a person is warned of and told in detail on the way."""
    warnings: list[str] = []
    details: list[str] = []
    return find_address(settings, warnings.append, details.append), warnings, details


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HTTPS, ("https", "vault.example.org", 8200)),
        ("HTTPS://Vault.Example.org:8200/", ("https", "vault.example.org", 8200)),
        ("https://vault.example.org", ("https", "vault.example.org", 443)),
        ("http://127.0.0.1", ("http", "127.0.0.1", 80)),
        ("https://[2001:db8::1]:8200", ("https", "2001:db8::1", 8200)),
        ("https://[::1]", ("https", "::1", 443)),
    ],
)
def test_address_is_read(text: str, expected: tuple[str, str, int]) -> None:
    assert parse_address(text, "VAULT_ADDR") == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "does not begin with https://"),
        ("vault.example.org:8200", "does not begin with https://"),
        ("unix:///run/vault.sock", "is a Unix socket, which this backend does not speak to"),
        ("ftp://vault.example.org", "does not begin with https://"),
        (" https://vault.example.org", "does not begin with https://"),
        ("https://user:canary-password@vault.example.org", "holds a user name or a password"),
        ("https://vault.example.org/vault", "goes on after the host"),
        ("https://vault.example.org//", "goes on after the host"),
        ("https://vault.example.org?x=1", "goes on after the host"),
        ("https://vault.example.org#x", "goes on after the host"),
        ("https://", "names no host"),
        ("https://:8200", "names no host"),
        ("https://a..b", "names no host"),
        ("https://vault_1", "names no host"),
        ("https://válasz.example", "names no host"),
        ("https://vault.example.org\r\nx-vault-token: 1", "names no host"),
        ("https://[::1", "names no host"),
        ("https://[vault]:1", "names no host"),
        ("https://[::1%eth0]:1", "names no host"),
        ("https://::1:8200", "names no host"),
        ("https://vault:", "has no port"),
        ("https://vault:0", "has no port"),
        ("https://vault:65536", "has no port"),
        ("https://vault:8200x", "has no port"),
        ("https://vault:٣", "has no port"),
        ("https://[::1]8200", "has no port"),
    ],
)
def test_address_that_is_none_is_refused_and_not_quoted(text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text, "VAULT_ADDR")

    assert caught.value.message.startswith(f"VAULT_ADDR {what}")
    assert "canary-password" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_loopback_is_told_by_number_or_localhost(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["127.evil.example", "127.0.0.1.evil.example", "localhost.example", "10.0.0.1"])
def test_name_that_looks_like_loopback_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("environ", "host", "source", "families"),
    [
        ({"VAULT_ADDR": "https://v"}, "v", "VAULT_ADDR", ("VAULT",)),
        ({"VAULT_URL": "https://u"}, "u", "VAULT_URL", ("VAULT",)),
        ({"VAULT_ADDR": "https://v", "VAULT_URL": "https://u"}, "v", "VAULT_ADDR", ("VAULT",)),
        ({"BAO_ADDR": "https://b", "VAULT_ADDR": "https://v"}, "b", "BAO_ADDR", ("BAO",)),
    ],
)
def test_environment_names_the_server_and_whose_variables_hold(
    tmp_path: Path, environ: dict[str, str], host: str, source: str, families: tuple[str, ...]
) -> None:
    address, warnings, details = found(make_settings(tmp_path, environ))

    assert (address.host, address.source, tuple(address.families)) == (host, source, families)
    assert warnings == []
    assert f"server https://{host}:443 (from {source})" in details


@pytest.mark.parametrize(
    ("environ", "families"),
    [
        ({}, ["BAO", "VAULT"]),
        ({"VAULT_ADDR": "https://other"}, ["BAO"]),
        ({"VAULT_ADDR": HTTPS + "/"}, ["VAULT"]),
        ({"VAULT_URL": "https://other"}, ["BAO"]),
        ({"BAO_ADDR": "https://other", "VAULT_ADDR": "https://other"}, []),
        ({"BAO_ADDR": HTTPS, "VAULT_ADDR": "https://other"}, ["BAO"]),
    ],
)
def test_variables_of_another_server_do_not_speak_for_the_profiles(
    tmp_path: Path, environ: dict[str, str], families: list[str]
) -> None:
    address, _, _ = found(make_settings(tmp_path, environ, {"address": HTTPS}))

    assert (address.host, list(address.families)) == ("vault.example.org", families)


def test_variables_of_the_other_family_are_not_read(tmp_path: Path) -> None:
    others = {"VAULT_NAMESPACE": "theirs", "VAULT_CACERT": "theirs.pem", "VAULT_SKIP_VERIFY": "1", "VAULT_TIMEOUT": "1"}

    address, warnings, _ = found(make_settings(tmp_path, {"BAO_ADDR": HTTPS, **others}))

    assert address[4:8] == (None, Authorities(), True, 30.0)
    assert warnings == []


def test_profile_beats_the_environment(tmp_path: Path) -> None:
    profile: dict[str, Any] = {"address": HTTPS, "vault_namespace": "team/a", "ca_file": "ca.pem", "timeout": 7}
    profile |= {"proxy": True, "mount": "kv", "prefix": "", "layout": "field"}
    environ = {"VAULT_NAMESPACE": "n", "VAULT_CACERT": "c", "VAULT_TIMEOUT": "9", "VAULT_KV_MOUNT": "m"}
    chosen = make_settings(tmp_path, {"VAULT_PATH_PREFIX": "p", **environ}, profile)

    address, _, _ = found(chosen)

    assert address[4:9] == ("team/a", Authorities(str(tmp_path / "ca.pem")), True, 7.0, True)
    assert find_place(chosen, address, lambda text: None) == Place("kv", "", "field")


def test_environment_fills_what_the_profile_leaves_open(tmp_path: Path) -> None:
    environ = {"VAULT_NAMESPACE": "n/", "VAULT_CACERT": "c", "VAULT_CLIENT_TIMEOUT": "2m", "VAULT_KV_MOUNT": "m/"}
    chosen = make_settings(tmp_path, {"VAULT_PATH_PREFIX": "a/b", **environ}, {"address": HTTPS})
    details: list[str] = []

    address, _, _ = found(chosen)
    place = find_place(chosen, address, details.append)

    assert address[4:8] == ("n", Authorities("c", source="VAULT_CACERT"), True, 120.0)
    assert place == Place("m", "a/b", "secret")
    assert details == [
        "mount m/ (from VAULT_KV_MOUNT)",
        "prefix a/b (from VAULT_PATH_PREFIX)",
        "layout secret (from the default)",
    ]


@pytest.mark.parametrize(("layout", "prefix"), [("secret", "credvault"), ("field", "intentframe")])
def test_prefix_goes_by_the_layout(tmp_path: Path, layout: str, prefix: str) -> None:
    chosen = make_settings(tmp_path, {}, {"address": HTTPS, "layout": layout})

    assert find_place(chosen, found(chosen)[0], lambda text: None) == Place("secret", prefix, layout)


@pytest.mark.parametrize(
    ("profile", "environ", "message"),
    [
        (None, {}, "no Vault or OpenBao server is named"),
        (None, {"VAULT_ADDR": ""}, "VAULT_ADDR is set but empty"),
        (None, {"VAULT_ADDR": HTTPS, "VAULT_NAMESPACE": ""}, "VAULT_NAMESPACE is set but empty"),
        (None, {"VAULT_ADDR": HTTPS, "VAULT_NAMESPACE": "../x"}, "VAULT_NAMESPACE is '../x', which is not a path"),
        (None, {"VAULT_ADDR": HTTPS, "VAULT_TIMEOUT": "0"}, "VAULT_TIMEOUT must be 1 to 600 seconds"),
        (None, {"VAULT_ADDR": HTTPS, "VAULT_TIMEOUT": "soon"}, "VAULT_TIMEOUT must be 1 to 600 seconds"),
        (None, {"VAULT_ADDR": HTTPS, "VAULT_CLIENT_TIMEOUT": "9h"}, "VAULT_CLIENT_TIMEOUT must be 1 to 600 seconds"),
        (None, {"VAULT_ADDR": HTTPS, "VAULT_SKIP_VERIFY": "maybe"}, "VAULT_SKIP_VERIFY is neither true nor false"),
        (None, {"VAULT_ADDR": "http://vault.example.org"}, "VAULT_ADDR is plain http to vault.example.org"),
        ({"address": "http://127.evil.example"}, {}, "address of profile prod in"),
        ({"address": ""}, {}, "address of profile prod in"),
        ({"address": HTTPS, "vault_namespace": ""}, {}, "vault_namespace of profile prod in"),
        ({"address": HTTPS}, {"VAULT_CACERT": "a", "BAO_CACERT": "b"}, "BAO_CACERT and VAULT_CACERT differ"),
        ({"address": HTTPS, "timeout": 0}, {}, "timeout of profile prod in"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    tmp_path: Path, profile: dict[str, Any] | None, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        found(make_settings(tmp_path, environ, profile))

    assert caught.value.message.startswith(message)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("profile", "environ"),
    [
        ({"mount": "kv/../sys"}, {}),
        ({"mount": ""}, {}),
        ({"mount": "/kv"}, {}),
        ({"prefix": "a//b"}, {}),
        ({"prefix": "a b"}, {}),
        ({"prefix": "%2e%2e"}, {}),
        ({"layout": "both"}, {}),
        ({}, {"VAULT_KV_MOUNT": ""}),
        ({}, {"VAULT_PATH_PREFIX": ".."}),
    ],
)
def test_place_that_leads_elsewhere_is_refused(
    tmp_path: Path, profile: dict[str, str], environ: dict[str, str]
) -> None:
    chosen = make_settings(tmp_path, environ, {"address": HTTPS, **profile})
    address, _, _ = found(chosen)

    with pytest.raises(ConfigError) as caught:
        find_place(chosen, address, lambda text: None)

    assert caught.value.hint


def test_plain_http_is_allowed_by_the_profile_alone(tmp_path: Path) -> None:
    address, _, _ = found(make_settings(tmp_path, {}, {"address": "http://vault.example.org", "allow_http": True}))

    assert (address.scheme, address.allow_http) == ("http", True)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (HTTPS, "vault.example.org:8200"),
        ("https://vault.example.org", "vault.example.org"),
        ("https://vault.example.org:443", "vault.example.org"),
        ("https://vault.example.org:80", "vault.example.org:80"),
        ("http://127.0.0.1:80", "127.0.0.1"),
        ("https://[::1]:443", "[::1]"),
        ("https://[::1]:4430", "[::1]:4430"),
    ],
)
def test_host_is_told_without_the_port_of_its_scheme(text: str, header: str) -> None:
    """As `bao` and curl tell it; Envoy knows `host:443` for another host (envoy#886)."""
    assert Address(*parse_address(text, "the test"), "the test").host_header == header


def test_certificate_that_is_not_checked_is_no_matter_where_there_is_none(tmp_path: Path) -> None:
    environ = {"VAULT_ADDR": "http://127.0.0.1:8200", "VAULT_SKIP_VERIFY": "true"}

    _, warnings, _ = found(make_settings(tmp_path, environ))

    assert warnings == []


@pytest.mark.parametrize("environ", [{"VAULT_SKIP_VERIFY": "true"}, {"VAULT_VERIFY_SSL": "no"}])
def test_server_that_is_not_verified_is_warned_of(tmp_path: Path, environ: dict[str, str]) -> None:
    address, warnings, _ = found(make_settings(tmp_path, {"VAULT_ADDR": HTTPS, **environ}))

    assert address.verify is False
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{next(iter(environ))} switches off the check of the server's certificate")


def test_variables_that_are_not_read_are_told(tmp_path: Path) -> None:
    _, _, details = found(make_settings(tmp_path, {"VAULT_ADDR": HTTPS, "VAULT_POOL_SIZE": "10", "BAO_CAPATH": "x"}))

    assert "VAULT_POOL_SIZE is set, and this backend does not read it" in details
    assert not any("BAO_CAPATH" in detail for detail in details)


def test_namespace_may_begin_with_a_slash_as_vault_takes_it(tmp_path: Path) -> None:
    address, _, _ = found(make_settings(tmp_path, {"VAULT_ADDR": HTTPS, "VAULT_NAMESPACE": "/team/a/"}))

    assert address.namespace == "team/a"
    for odd in ("/", "//team", "/../team"):
        with pytest.raises(ConfigError, match="which is not a path of the server"):
            found(make_settings(tmp_path, {"VAULT_ADDR": HTTPS, "VAULT_NAMESPACE": odd}))


def test_proxy_of_the_environment_is_told_where_it_is_not_used(tmp_path: Path) -> None:
    environ = {"HTTPS_PROXY": "http://user:canary@proxy.example:3128"}

    _, _, unused = found(make_settings(tmp_path, environ, {"address": HTTPS}))
    _, _, used = found(make_settings(tmp_path, environ, {"address": HTTPS, "proxy": True}))

    assert [detail for detail in unused if "PROXY" in detail] == [
        "HTTPS_PROXY is set, and is used where a profile says proxy = true"
    ]
    assert not any("PROXY" in detail for detail in used)


def test_families_that_agree_are_one(tmp_path: Path) -> None:
    chosen = make_settings(tmp_path, {"BAO_CACERT": "a", "VAULT_CACERT": "a"}, {"address": HTTPS})

    assert Variables(chosen, ["BAO", "VAULT"]).find("CACERT") == ("a", "BAO_CACERT")
