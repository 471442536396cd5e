"""A vault that somebody else changes between the plan and its carrying out."""

from collections.abc import Iterator

import pytest

from credvault import open_vault
from credvault.config import Flags, load_settings
from credvault.model.errors import AlreadyExists, Conflict, CredvaultError, NotFound
from credvault.model.value import SecretValue
from credvault.transfer import importing
from credvault.transfer.importers.base import Item
from credvault.transfer.plan import OVERWRITE, Choices, compare_rows, plan_rows
from tests.home import Home, quick_folder


@pytest.fixture
def home() -> Iterator[Home]:
    with quick_folder() as folder:
        yield Home(folder / "home").furnish()


@pytest.mark.parametrize(
    ("meanwhile", "error"),
    [
        (["add", "new", "--stdin"], AlreadyExists),
        (["rotate", "old", "--stdin"], Conflict),
        (["delete", "old", "-y"], NotFound),
    ],
)
def test_what_changed_since_the_plan_stops_all_of_it(
    home: Home, meanwhile: list[str], error: type[CredvaultError]
) -> None:
    home.run("add", "old", "--stdin", stdin=b"mine")
    found = [Item((name,), SecretValue(b"canary")) for name in ("new", "old", "third")]

    with open_vault(load_settings(Flags(), home.environ, str(home.root))) as vault:
        rows = plan_rows(found, Choices())
        rows = compare_rows(rows, importing.fetch_there(vault, rows), OVERWRITE)
        assert [row.action for row in rows] == ["add", "overwrite", "add"]
        assert home.run(*meanwhile, stdin=b"theirs").status == 0
        before = home.vault.read_bytes()
        with pytest.raises(error):
            importing.write_rows(vault, rows)

    assert home.vault.read_bytes() == before
