"""What `doctor` finds of every profile: the good beside the bad, none of them the end of the others."""

import json
import os
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from credvault.backends.base import Aspect, Backend, Capability, Health
from credvault.config import Flags, Settings, load_settings
from credvault.lifecycle.findings import OK, WRONG
from credvault.lifecycle.profiles import examine_profiles
from credvault.model.errors import NotFound
from tests.home import Home
from tests.lifecycle.servers import noting
from tests.patience import LIMITS


class Odd(Backend):
    """Somebody else's backend, which does what its profile says when it is looked at."""

    name = "odd"
    capabilities = Capability.READ

    def __init__(self, settings: Settings) -> None:
        self._does = (settings.option("options") or {}).get("does")
        self.environ = settings.environ

    def get(self, name: object, version: int | None = None) -> object:  # type: ignore[override]
        raise NotFound("there is nothing")

    def check(self) -> Health:
        return Health(True, ",".join(sorted(name for name in self.environ if name.endswith("_TOKEN"))) or "no token")

    def examine(self) -> Iterator[Aspect]:
        yield from super().examine()
        if self._does == "hang":
            threading.Event().wait()
        if self._does == "fall":
            raise ValueError("canary in a foreign text")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").furnish()


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend `odd`, as an entry point would bring it."""
    point = metadata.EntryPoint("odd", f"{__name__}:Odd", "credvault.backends")
    real = metadata.entry_points

    def with_odd(**wanted: str) -> object:
        found = real(**wanted)
        return [*found, point] if wanted.get("name") in (None, "odd") else found

    monkeypatch.setattr(metadata, "entry_points", with_odd)


def configure(home: Home, text: str) -> None:
    home.write(".config/credvault/config.toml", text)


def test_every_profile_is_looked_at_and_a_bad_one_hides_no_other(home: Home) -> None:
    configure(
        home,
        'default_profile = "home"\n[profiles.home]\n[profiles.gone]\npath = "gone.json"\n[profiles.odd]\n'
        'backend = "nosuch"\n[profiles.mistaken]\nmount = "secret"\n[profiles.copy]\npath = "copy.json"\n',
    )
    home.write(".config/credvault/copy.json", home.vault.read_bytes(), 0o644)

    done = home.run("doctor")

    said = done.stdout.decode()
    folder = home.root / ".config/credvault"
    assert done.status == 6
    assert "ok      settings: the current profile is home\n" in said
    assert f"ok      vault file: {home.vault}, generation 1\n" in said
    assert f"wrong   profile gone, vault file: there is no vault at {folder}/gone.json\n" in said
    assert f"        mend: make one: credvault --vault {folder}/gone.json init\n" in said
    assert "wrong   profile odd, settings: there is no backend 'nosuch'" in said
    assert "wrong   profile mistaken, settings: profile mistaken in" in said
    assert f"ok      profile copy, vault file: {folder}/copy.json, generation 1\n" in said
    assert "wrong   profile copy, vault file: others may read it (mode 0644)\n" in said
    assert "mend: credvault --profile copy slot add\n" in said
    assert "profile home," not in said


def test_vault_file_of_another_profile_is_looked_at_without_a_key(home: Home) -> None:
    configure(home, '[profiles.other]\npath = "other.json"\n')
    home.write(".config/credvault/other.json", home.vault.read_bytes())
    before = sorted(home.state.rglob("*"))

    done = home.run("doctor", CREDVAULT_PASSPHRASE_COMMAND="touch asked")

    assert b"ok      profile other, vault file:" in done.stdout
    assert b"profile other, contents" not in done.stdout
    assert not (home.root / "asked").exists()
    assert sorted(home.state.rglob("*"))[: len(before)] == before


@pytest.mark.parametrize(
    "words", [["--profile", "other"], ["--vault", ".config/credvault/other.json"], ["--backend", "file"]]
)
def test_option_that_chooses_a_vault_leaves_the_others_out(words: list[str], home: Home) -> None:
    configure(home, '[profiles.other]\npath = "other.json"\n[profiles.bad]\nbackend = "nosuch"\n')
    home.write(".config/credvault/other.json", home.vault.read_bytes())

    done = home.run("doctor", *words)

    assert done.status == 0, done
    assert b", vault file:" not in done.stdout
    assert b"bad" not in done.stdout


def test_json_says_of_which_profile_a_finding_is(home: Home) -> None:
    configure(home, '[profiles.gone]\npath = "gone.json"\n')

    done = home.run("doctor", "--json")

    findings = json.loads(done.stdout)
    assert [f["subject"] for f in findings if f.get("profile") == "gone"] == ["vault file"]
    assert next(f for f in findings if "profile" not in f)["subject"] == "settings"
    assert all("status" not in finding for finding in findings)


@pytest.mark.usefixtures("odd")
def test_store_that_never_answers_is_a_finding_in_bounded_time(home: Home) -> None:
    configure(
        home,
        '[profiles.slow]\nbackend = "odd"\noptions = {does = "hang"}\n[profiles.fine]\nbackend = "odd"\n'
        '[profiles.fallen]\nbackend = "odd"\noptions = {does = "fall"}\n',
    )
    settings = load_settings(Flags(), home.environ)

    for seconds in LIMITS:
        findings = list(examine_profiles(settings, seconds=seconds))
        if [finding.text for finding in findings].count("no token") == 3:
            break

    assert [(f.profile, f.level, f.text) for f in findings] == [
        ("slow", OK, "no token"),
        ("slow", WRONG, f"it did not answer within {seconds:g} s"),
        ("fine", OK, "no token"),
        ("fallen", OK, "no token"),
        ("fallen", WRONG, "unexpected ValueError"),
    ]
    assert (findings[1].status, findings[4].status) == (6, 1)


def test_token_of_the_environment_is_not_sent_to_a_server_that_nobody_asked_for(home: Home) -> None:
    with noting() as (address, heard):
        configure(home, f'[profiles.other]\nbackend = "hashicorp"\naddress = "{address}"\n')

        done = home.run("doctor", VAULT_TOKEN="canary-token-4711")

    assert b"advice  profile other, settings: VAULT_TOKEN was not used: it may be for another server" in done.stdout
    assert b"mend: credvault --profile other doctor\n" in done.stdout
    assert b"canary-token-4711" not in b"".join(heard)


def test_doctor_of_a_backend_that_is_no_file_says_what_the_backend_says(home: Home, odd: None) -> None:
    del odd
    configure(home, 'default_profile = "odd"\n[profiles.odd]\nbackend = "odd"\n')

    done = home.run("doctor")

    assert done.status == 0, done
    assert b"ok      store: no token\n" in done.stdout
    assert b"vault file" not in done.stdout
    assert not os.path.exists(home.root / ".local/share/credvault/vault.json.bak")
