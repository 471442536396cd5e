"""Profiles as people write them: the page's own, and each mistake with what is said of it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from credvault.agent.holding import HOLD_SECONDS, IDLE_SECONDS
from credvault.config import Flags, load_settings
from credvault.config.tables import PROFILES_OF
from credvault.sealing.entries import HistoryLimits
from credvault.sealing.vaultfile import Limits
from tests.home import Home
from tests.openbao import Bao
from tests.pages import recipe, section
from tests.secretservice import SecretService

CONFIG = ".config/credvault/config.toml"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


@pytest.fixture(scope="module")
def example() -> str:
    """The file that docs/settings.md shows."""
    return recipe("Profiles", "toml")


def test_example_of_the_page_is_read_as_it_says(home: Home, example: str) -> None:
    home.write(CONFIG, example)
    profiles = tomllib.loads(example)["profiles"]

    found = {name: load_settings(Flags(profile=name), home.environ) for name in profiles}
    current = load_settings(Flags(), home.environ)

    assert {name: settings.backend.value for name, settings in found.items()} == {
        "home": "file",
        "desktop": "keyring",
        "prod": "hashicorp",
        "ci": "env",
    }
    assert current.profile is not None
    assert current.profile.name == "home"
    assert current.path.value == str(home.vault)
    assert found["prod"].namespace.value == "shop"
    assert found["prod"].path_option("ca_file") == str(home.root / ".config/credvault/prod-ca.pem")
    assert found["ci"].path_option("dotenv") == str(home.root / "work/.env")


def test_page_shows_the_settings_as_they_are_by_default(home: Home) -> None:
    home.write(CONFIG, recipe("Settings", "toml"))

    settings = load_settings(Flags(), home.environ)

    kept = HistoryLimits(settings.number("history", "versions", 0), settings.number("history", "bytes", 0))
    assert Limits(settings.number("limits", "vault_bytes", 0), kept) == Limits()
    assert (settings.seconds("agent", "hold", 0), settings.seconds("agent", "idle", 0)) == (HOLD_SECONDS, IDLE_SECONDS)
    assert settings.path.value == str(home.vault)
    assert settings.trail_enabled


def test_page_names_every_setting_of_every_backend() -> None:
    rows = [line.strip("|").split("|") for line in section("Profiles").splitlines() if line.startswith("| `")]

    said = {re.findall("`(.+?)`", first)[0]: re.findall("`(.+?)`", second) for first, second in rows}

    assert said == {backend: list(settings) for backend, settings in PROFILES_OF.items()}


def test_profiles_of_all_kinds_are_used_side_by_side(
    home: Home, example: str, bao: Bao, keyring_service: SecretService
) -> None:
    mount = bao.new_mount()
    text = example.replace("https://vault.example.org:8200", bao.address).replace('"secret"', f'"{mount}"')
    home.write(CONFIG, text.replace('ca_file = "prod-ca.pem"', "#"))
    home.write("work/.env", "github__token=of-ci\n")
    home.environ |= {"VAULT_TOKEN": bao.token, **keyring_service.environ}

    for words in (["--profile", "home"], ["--profile", "desktop"], ["--profile", "prod"]):
        assert home.run("add", "shop/one", "--stdin", *words, stdin=words[1].encode()).status == 0, words
    shown = {name: home.run("get", "shop/one", CREDVAULT_PROFILE=name).stdout for name in ("home", "desktop", "prod")}
    listed = home.run("list", "--profile", "prod")
    bare = home.run("--profile", "prod", "get", "one")
    current = home.run("get", "shop/one")
    examined = home.run("doctor")

    assert shown == {"home": b"home", "desktop": b"desktop", "prod": b"prod"}
    assert listed.stdout.startswith(b"shop/one\t1\tsecret\t")
    assert (bare.stdout, current.stdout) == (b"prod", b"home")
    assert bao.cli("kv", "get", f"-mount={mount}", "-field=value", "shop/shop/one") == "prod"
    said = examined.stdout.decode()
    assert "ok      settings: the current profile is home\n" in said
    assert "ok      profile desktop, index: " in said
    assert "profile prod, " in said
    assert "ok      profile ci, dotenv: " in said
    assert home.run("--profile", "desktop", "delete", "shop/one", "-y").status == 0


def test_doctor_says_of_one_profile_what_works_by_its_own_token(home: Home, bao: Bao) -> None:
    mount = bao.new_mount()
    home.write(CONFIG, f'[profiles.prod]\nbackend = "hashicorp"\naddress = "{bao.address}"\nmount = "{mount}"\n')
    home.environ["VAULT_TOKEN"] = bao.token

    alone = home.run("doctor", "--profile", "prod")
    among_others = home.run("doctor")
    named = home.run("doctor", VAULT_ADDR=bao.address)

    assert (alone.status, named.status) == (0, 0), (alone, named)
    assert "vault file" not in alone.stdout.decode()
    assert "VAULT_TOKEN was not used: it may be for another server" in among_others.stdout.decode()
    assert "mend: credvault --profile prod doctor" in among_others.stdout.decode()
    assert "VAULT_TOKEN was not used" not in named.stdout.decode()
    assert bao.token not in (alone.stdout + among_others.stdout + named.stdout).decode()


def test_doctor_passes_on_what_a_profile_is_warned_of(home: Home) -> None:
    home.write(CONFIG, '[profiles.prod]\nbackend = "hashicorp"\naddress = "https://127.0.0.1:1"\n')

    done = home.run("doctor", VAULT_SKIP_VERIFY="true")

    assert "advice  profile prod, settings: VAULT_SKIP_VERIFY switches off the check" in done.stdout.decode()
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("text", "status", "message", "hint"),
    [
        (
            '[profiles.x]\nbackend = "fiel"',
            8,
            "there is no backend 'fiel', which profile x in ",
            "backends are env, file",
        ),
        ('[profiles.x]\nbackend = "vault"', 8, "there is no backend 'vault'", "are the backend 'hashicorp'"),
        (
            '[profiles.x]\nbackend = "openbao"\naddress = "https://a"',
            9,
            "the backend 'openbao' has no setting address",
            "are the backend 'hashicorp'",
        ),
        ("[profiles.x]\nbackend = 3", 9, "profiles.x.backend must be a text", ""),
        ('[profiles.x]\nadress = "https://a"', 9, "profiles.x.adress is not a setting", "did you mean address?"),
        ('[profiles.x]\naddress = "https://a"', 9, "the backend 'file' has no setting address", "it has path"),
        (
            '[profiles.x]\nbackend = "keyring"\npath = "a"',
            9,
            "the backend 'keyring' has no setting path",
            "it has none",
        ),
        (
            '[profiles.x]\nbackend = "hashicorp"\npath = "a"',
            9,
            "'hashicorp' has no setting path",
            "it has address, mount",
        ),
        ('[profiles.x]\nbackend = "env"\nmount = "a"', 9, "the backend 'env' has no setting mount", "it has dotenv"),
        ('[profiles.x]\nbackend = "hashicorp"\ntimeout = "9"', 9, "profiles.x.timeout must be a whole number", ""),
        ('[profiles.x]\nbackend = "hashicorp"\nrenew = "no"', 9, "profiles.x.renew must be true or false", ""),
        ('[profiles.x]\nbackend = "hashicorp"', 9, "no Vault or OpenBao server is named", "set VAULT_ADDR"),
        (
            '[profiles.x]\nbackend = "hashicorp"\naddress = "http://vault.example.org"',
            9,
            "is plain http to vault.example.org",
            "use https",
        ),
        (
            '[profiles.x]\nbackend = "hashicorp"\naddress = "https://a"\nlayout = "fields"',
            9,
            "is 'fields', which is not a layout",
            "layouts are secret",
        ),
        (
            '[profiles.x]\nbackend = "hashicorp"\naddress = "https://a"\nmount = "../sys"',
            9,
            "is '../sys', which is not a path of the server",
            "",
        ),
        ('[profiles.x]\npath = ""', 9, "path is empty", "name a file, or leave it out"),
        ('[profiles.x]\nbackend = "env"\ndotenv = ""', 9, "dotenv is empty", "leave it out"),
        (
            '[profiles.x]\nbackend = "hashicorp"\naddress = "https://a"\nca_file = ""',
            9,
            "ca_file is empty",
            "leave it out",
        ),
        ('[profiles.x]\nnamespace = "a/b"', 9, "config.toml", ""),
        ('[profile.x]\nbackend = "file"', 9, "profile is not a setting", "did you mean profiles?"),
        ('default_profile = "y"\n[profiles.x]', 9, "there is no profile 'y', which ", ": x"),
    ],
)
def test_mistake_in_a_profile_is_said_with_its_place_and_what_to_do(
    text: str, status: int, message: str, hint: str, home: Home
) -> None:
    home.write(CONFIG, text + "\n")
    words = [] if "default_profile" in text else ["--profile", "x"]

    done = home.run("list", *words)
    shown: Any = home.run("doctor", *words)

    assert done.status == status, done
    assert message in done.stderr.partition("hint: ")[0]
    assert hint in done.stderr.partition("hint: ")[2]
    assert (done.stdout, shown.status) == (b"", status)
