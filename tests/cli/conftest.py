"""A vault with something of each kind in it, made once."""

from pathlib import Path

import pytest

from tests.conftest import Cli, cli_of

DATABASE = (
    "--type",
    "database",
    "--field",
    "engine=postgres",
    "--field",
    "host=db.example.org",
    "--field",
    "port=5433",
)
SECRETS = {
    "TOKEN": (b"canary-token", ()),
    "dev/api_key": (b"canary-dev", ("--env", "DEV_KEY")),
    "prod/api_key": (b"canary-prod", ("--env", "PROD_KEY")),
    "bot/key": (b"canary-bot", ("--env", "BOT_KEY", "--consumer", "bot")),
    "closed/password": (b"canary-closed", ()),
    "closed/login": (b"canary-login", ("--env", "CLOSED_LOGIN", "--delivery", "executor_only")),
    "closed/db": (b"canary-closed-db", DATABASE),
    "dev/db": (b"canary/:@#?", (*DATABASE, "--field", "username=us er", "--env", "DEV_DB_PASSWORD")),
}


@pytest.fixture(scope="session")
def stocked_home(empty_home: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    template, key = empty_home
    made = cli_of(template, tmp_path_factory.mktemp("stocked"), key)
    for name, (value, options) in SECRETS.items():
        made("add", name, "--stdin-raw", *options, stdin=value, check=True)
    return made.home, key


@pytest.fixture
def stocked(stocked_home: tuple[Path, str], tmp_path: Path) -> Cli:
    """The program with a vault that holds SECRETS: five that become variables, three that never do."""
    template, key = stocked_home
    return cli_of(template, tmp_path, key)
