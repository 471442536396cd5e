"""Whom an address means: one spelling, and no address that two programs could read in two ways."""

import httpx
import pytest

from credvault.lifecycle.target import Target, make_target, parse_allowance, parse_host, parse_url
from credvault.model.errors import InvalidValue

HOSTILE_URLS = [
    "https://api.github.com@evil.example/",
    "https://api.github.com:x@evil.example/",
    "https://@evil.example/",
    "https://evil.example\\@api.github.com/",
    "https://evil.example#@api.github.com/",
    "https://evil.example /",
    "https://evil.example/\r\nX-Evil: 1",
    "https://evil.example/\x00",
    "https://evil\u200b.example/",
    "https://evil.example/{value}",
    "https://evil.example/?key={value}",
    "https:///path",
    "https://",
    "https:evil.example",
    "//evil.example/",
    "evil.example",
    "http://evil.example/",
    "http://127.0.0.1.evil.example/",
    "http://2130706433/",
    "http://0x7f.1/",
    "https://127.1/",
    "https://1.2.3.4.5/",
    "https://evil.example:0/",
    "https://evil.example:65536/",
    "https://evil.example:443:443/",
    "https://evil.example:٤٤٣/",
    "https://[::1/",
    "https://[fe80::1%25eth0]/",
    "https://-evil.example/",
    "https://evil..example/",
    "https://ex%61mple.com/",
    "https://evil.example/ü",
    "ftp://evil.example/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://" + "a" * 2100,
    "",
    None,
    True,
    7,
    ["https://evil.example/"],
    {"url": "https://evil.example/"},
]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_url_that_could_mean_somebody_else_is_refused(url: object) -> None:
    with pytest.raises(InvalidValue):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "written", "target"),
    [
        ("https://API.GitHub.com/user", "https://api.github.com:443/user", Target("api.github.com", 443)),
        ("https://api.github.com./", "https://api.github.com:443/", Target("api.github.com", 443)),
        ("https://api.github.com.evil.example", "https://api.github.com.evil.example:443/", None),
        ("https://ａpi.github.com/", "https://api.github.com:443/", Target("api.github.com", 443)),
        ("https://bücher.example/", "https://xn--bcher-kva.example:443/", Target("xn--bcher-kva.example", 443)),
        ("https://faß.example/", "https://fass.example:443/", Target("fass.example", 443)),
        ("https://h.example:8443/a?b=c", "https://h.example:8443/a?b=c", Target("h.example", 8443)),
        ("http://LOCALHOST:80/", "http://localhost:80/", Target("localhost", 80)),
        ("http://[0:0::1]:8080/", "http://[::1]:8080/", Target("::1", 8080)),
        ("http://127.0.0.2/", "http://127.0.0.2:80/", Target("127.0.0.2", 80)),
    ],
)
def test_a_url_is_written_anew_with_the_host_that_is_contacted(url: str, written: str, target: Target | None) -> None:
    address = parse_url(url)

    assert address.url == written
    assert address.target == (target or Target("api.github.com.evil.example", 443))
    assert httpx.URL(address.url).raw_host.decode() == address.target.host


@pytest.mark.parametrize(
    "host", ["", ".", "a b", "a/b", "a@b", "a:b", "1.2.3", "::g", "x" * 64, "ü" * 70, True, None, 1, ["a"]]
)
def test_what_is_no_host_is_refused(host: object) -> None:
    with pytest.raises(InvalidValue):
        parse_host(host)


@pytest.mark.parametrize("port", [0, -1, 65536, True, 1.5, "", "x", "-1", "９", "123456", None, [1]])
def test_what_is_no_port_is_refused(port: object) -> None:
    with pytest.raises(InvalidValue):
        make_target("h.example", port)


@pytest.mark.parametrize(
    ("text", "covered", "not_covered"),
    [
        ("h.example", [Target("h.example", 443), Target("h.example", 1)], [Target("a.h.example", 443)]),
        ("H.Example.:8443", [Target("h.example", 8443)], [Target("h.example", 443)]),
        ("::1", [Target("::1", 443)], [Target("127.0.0.1", 443)]),
        ("[::1]:8443", [Target("::1", 8443)], [Target("::1", 443)]),
        ("[::1]", [Target("::1", 8443)], []),
    ],
)
def test_an_allowance_covers_a_host_or_one_port_of_it(
    text: str, covered: list[Target], not_covered: list[Target]
) -> None:
    allowance = parse_allowance(text)

    assert all(allowance.covers(target) for target in covered)
    assert not any(allowance.covers(target) for target in not_covered)


@pytest.mark.parametrize("text", ["", "*", "https://h.example", "h.example:", "h.example/", "[::1", "[::1]x", "a@b"])
def test_an_allowance_that_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_allowance(text)


def test_a_target_is_shown_so_that_it_can_be_allowed() -> None:
    for target in (Target("h.example", 443), Target("::1", 8443), Target("127.0.0.1", 80)):
        assert parse_allowance(str(target)).covers(target)
