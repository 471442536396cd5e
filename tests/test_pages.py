"""README and docs/: what they link to is there, and what they have a reader type is accepted by the program."""

import re
from pathlib import Path

import click
import pytest

from credvault.backends.base import Capability
from credvault.backends.environ import EnvironmentBackend
from credvault.backends.file import FileBackend
from credvault.backends.hashicorp.fieldlayout import FieldLayout
from credvault.backends.hashicorp.secretlayout import SecretLayout
from credvault.backends.keyring import KeyringBackend
from tests.pages import CODE, PAGES, README, ROOT, headings, section
from tests.test_docs import parse, typed_commands

LINK = re.compile(r"\]\(([^)\s]+)\)")
FILES = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
# Indented with a dollar sign: what a reader types, less the remark behind it.
TYPED = re.compile(r"^    \$ (.*?)(?: +# .*)?$", re.MULTILINE)


def slug(heading: str) -> str:
    """Return the anchor that a forge gives a heading: lower case, words joined, everything else dropped."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", FILES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in map(slug, headings(file))):
            lost.append(target)

    assert lost == []


def test_readme_leads_to_every_page() -> None:
    targets = {target.partition("#")[0] for target in LINK.findall(README.read_text(encoding="utf-8"))}

    assert {page.relative_to(ROOT).as_posix() for page in PAGES if page != README} <= targets


def test_heading_stands_on_one_page_only() -> None:
    found = [heading for page in PAGES for heading in headings(page)]

    assert len(found) > 40
    assert sorted(set(found)) == sorted(found)


def test_readme_says_what_is_different_in_each_store() -> None:
    rows = re.findall(r"^\| (`.*) \| (.*) \| (.*) \| .* \|$", section("Where secrets live"), re.MULTILINE)
    said = {backend: different for backend, _, different in rows if backend != "`--backend`"}
    can = {
        "`file`": FileBackend.capabilities,
        "`keyring`": KeyringBackend.capabilities,
        "`hashicorp`": SecretLayout.capabilities,
        '`hashicorp`, `layout = "field"`': FieldLayout.capabilities,
        "`env`": EnvironmentBackend({}).capabilities,
    }

    assert said.keys() == can.keys()
    for backend, abilities in can.items():
        words = said[backend]
        assert ("`delete --soft`" in words) == (Capability.SOFT_DELETE in abilities)
        assert ("no versions" in words or "read-only" in words) == (Capability.VERSIONS not in abilities)
        assert ("read-only" in words) == (Capability.WRITE not in abilities)
        assert ("cannot be listed" in words) == (Capability.LIST not in abilities)


def test_readme_says_what_each_folder_and_module_of_the_package_is_for() -> None:
    at_the_top = {
        path.name + "/" * path.is_dir()
        for path in (ROOT / "credvault").iterdir()
        if path.is_dir() or path.suffix == ".py"
    }

    assert {name for name in at_the_top if not name.startswith("_")} <= set(
        re.findall(r"`(\w+(?:/|\.py))`", section("Design"))
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_reader_types_is_accepted(page: Path) -> None:
    refused = []
    for line in TYPED.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        for words in typed_commands(line):
            try:
                parse(words)
            except click.UsageError as exc:
                refused.append(f"{line}: {exc.format_message()}")

    assert refused == []


def test_command_that_is_none_would_be_noticed() -> None:
    (line,) = TYPED.findall("    $ X=1 credvault --profile ci frobnicate 'a  b' 2>/dev/null    # as if")

    (words,) = typed_commands(line)

    assert words == ["--profile", "ci", "frobnicate", "a  b"]
    with pytest.raises(click.UsageError):
        parse(words)
