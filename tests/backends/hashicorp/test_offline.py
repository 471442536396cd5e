"""The offline copy of a real OpenBao, which is then stopped."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.home import Home
from tests.openbao import Bao, development_server

PROFILE = """\
[profiles.prod]
backend = "hashicorp"
address = "{address}"
mount = "{mount}"
offline = true
max_age = "8h"
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bao]:
    """A server of its own, for the test to stop."""
    (tmp_path / "openbao").mkdir()
    with development_server(tmp_path / "openbao") as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, server: Bao) -> Home:
    """A home with a profile of the server and a secret in it, of two versions."""
    home = Home(tmp_path / "home").furnish()
    home.write(".config/credvault/config.toml", PROFILE.format(address=server.address, mount="secret"))
    home.environ |= {"CREDVAULT_PROFILE": "prod", "VAULT_TOKEN": server.token}
    assert home.run("add", "API_KEY", "--stdin", "--note", "a note", stdin=b"first").status == 0
    assert home.run("rotate", "API_KEY", "--stdin", stdin=b"second").status == 0
    assert home.run("add", "db/password", "--stdin", stdin=b"hunter22").status == 0
    return home


def test_copy_stands_in_for_a_server_that_is_stopped(home: Home, server: Bao) -> None:
    saved = home.run("offline", "save", "--executor-only", "--past")
    facts = home.run("get", "API_KEY", "--json")
    server.process.terminate()
    server.process.wait()

    away = home.run("get", "API_KEY")
    offline = home.run("--offline", "get", "API_KEY", "--json")
    child = home.command("exec", "--offline", "-e", "OLD=API_KEY?version=1", "--", "sh", "-c", "echo $OLD")
    default = home.command("exec", "--offline", "--", "sh", "-c", "echo $API_KEY; echo $VAULT_TOKEN")

    assert (saved.status, saved.stderr) == (0, "credvault: saved 2 secrets of profile prod\n")
    assert (away.status, away.stdout) == (6, b"")
    assert re.search(r"there is an offline copy of \d+s ago, which --offline reads\n$", away.stderr)
    assert (offline.status, offline.stdout) == (0, facts.stdout)
    assert (child.status, child.stdout) == (0, b"first\n")
    assert (default.status, default.stdout) == (0, b"second\n\n")
    assert home.run("--offline", "get", "db/password").stdout == b"hunter22"


def test_copy_of_another_mount_is_not_taken_for_this_one(home: Home, server: Bao) -> None:
    assert home.run("offline", "save").status == 0
    home.write(".config/credvault/config.toml", PROFILE.format(address=server.address, mount=server.new_mount()))

    done = home.run("--offline", "get", "API_KEY")

    assert (done.status, done.stdout) == (6, b"")
    assert "was made of another store than the profile names now" in done.stderr
    assert f"it was hashicorp {server.address} mount secret prefix credvault layout secret;" in done.stderr


def test_copy_of_the_server_that_the_environment_names_is_one_of_that_server(home: Home, server: Bao) -> None:
    config = PROFILE.format(address=server.address, mount="secret").replace("address", "# address")
    home.write(".config/credvault/config.toml", config)
    home.environ["VAULT_ADDR"] = server.address
    assert home.run("offline", "save").status == 0

    done = home.run("--offline", "get", "API_KEY", VAULT_ADDR="http://127.0.0.1:1")

    assert (done.status, done.stdout) == (6, b"")
    assert home.run("--offline", "get", "API_KEY").stdout == b"second"


@pytest.mark.parametrize("layout", ["secret", "field"])
def test_both_layouts_can_be_copied(home: Home, server: Bao, layout: str) -> None:
    config = PROFILE.format(address=server.address, mount="secret") + f'layout = "{layout}"\nprefix = "other"\n'
    home.write(".config/credvault/config.toml", config)
    assert home.run("add", "bot/token", "--stdin", "--env", "TOKEN", stdin=b"of-the-bot").status == 0

    assert home.run("offline", "save").status == 0

    assert home.run("--offline", "get", "bot/token").stdout == b"of-the-bot"
    past = home.run("offline", "save", "--past")
    assert past.status == (0 if layout == "secret" else 8)
    assert home.run("--offline", "get", "bot/token").stdout == b"of-the-bot"


def test_token_that_may_not_list_cannot_save_and_the_copy_stays(home: Home, server: Bao) -> None:
    assert home.run("offline", "save").status == 0
    sound = (home.state / "offline/prod.json").read_bytes()

    done = home.run("offline", "save", VAULT_TOKEN="no-such-token")

    assert done.status in (4, 5)
    assert (home.state / "offline/prod.json").read_bytes() == sound
