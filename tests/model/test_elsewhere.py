"""A glance at the settings: it may be wrong without harm, and is right for what people write."""

import pytest

from credvault.model.elsewhere import seems_elsewhere
from credvault.model.unlocking import config_file

CONFIG = b"""
# a comment
default_profile = "prod"   # mine
[profiles.home]
backend = "file"
[profiles.prod]
address = "https://vault.example.org"
backend = 'hashicorp'
[profiles."os ring"]
backend="keyring"
[profiles.plain]
path = "x"
[history]
versions = 3
"""


@pytest.mark.parametrize(
    ("environ", "config", "expected"),
    [
        ({}, b"", False),
        ({}, CONFIG, True),
        ({b"CREDVAULT_PROFILE": b"home"}, CONFIG, False),
        ({b"CREDVAULT_PROFILE": b"plain"}, CONFIG, False),
        ({b"CREDVAULT_PROFILE": b"os ring"}, CONFIG, True),
        ({b"CREDVAULT_PROFILE": b"none"}, CONFIG, False),
        ({b"CREDVAULT_PROFILE": b"home", b"CREDVAULT_BACKEND": b"env"}, CONFIG, False),
        ({b"CREDVAULT_BACKEND": b"hashicorp"}, b"", True),
        ({b"CREDVAULT_BACKEND": b"file"}, CONFIG, False),
        ({b"CREDVAULT_BACKEND": b""}, CONFIG, True),
        ({b"CREDVAULT_VAULT": b"/v.json", b"CREDVAULT_BACKEND": b"env"}, CONFIG, False),
        ({}, b"default_profile = 'p'\n", False),
        ({}, b'default_profile = "p"\n[ profiles.p ] # here\nbackend = "env" # theirs\n', True),
        ({}, b"\xff\xfe= not toml at all [[[\nbackend\n=\ndefault_profile =\nbackend =", False),
    ],
)
def test_what_is_named_decides(environ: dict[bytes, bytes], config: bytes, expected: bool) -> None:
    assert seems_elsewhere(environ, config) is expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({b"HOME": b"/h"}, b"/h/.config/credvault/config.toml"),
        ({b"HOME": b"/h", b"XDG_CONFIG_HOME": b"/x"}, b"/x/credvault/config.toml"),
        ({b"HOME": b"/h", b"XDG_CONFIG_HOME": b"x"}, b"/h/.config/credvault/config.toml"),
        ({b"CREDVAULT_CONFIG": b"c.toml"}, b"c.toml"),
        ({b"HOME": b"/h", b"CREDVAULT_BACKEND": b"env"}, None),
        (
            {b"HOME": b"/h", b"CREDVAULT_BACKEND": b"env", b"CREDVAULT_PROFILE": b"p"},
            b"/h/.config/credvault/config.toml",
        ),
        ({b"HOME": b"/h", b"CREDVAULT_VAULT": b"v"}, None),
        ({b"HOME": b"h"}, None),
        ({}, None),
    ],
)
def test_settings_are_looked_for_where_the_command_line_does(
    environ: dict[bytes, bytes], expected: bytes | None
) -> None:
    assert config_file(environ) == expected
