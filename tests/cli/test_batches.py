"""Many secrets are asked of a store in one step, and all of them are there before a child starts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from credvault.backends.base import ABSENT, Change
from credvault.config import Flags, load_settings
from credvault.model.errors import Denied
from credvault.model.names import Name
from credvault.model.value import SecretValue
from credvault.vault import open_vault
from tests.awaystore import AwayStore, home_of, install
from tests.home import Home

COUNT = 40
TIME = "2026-11-22T01:02:03Z"
NAMES = [Name("a", f"K{number}") for number in range(COUNT)]
CHOICES = [word for name in NAMES for word in ("-e", f"V_{name.key}={name}")]
PINNED = [f"{choice}?version=1" if "=" in choice else choice for choice in CHOICES]
REFERENCES = "\n".join(f"V_{name.key}=credvault://{name}" for name in NAMES)
TEMPLATE = " ".join(f"{{{{ credvault://{name} }}}}" for name in NAMES)
ONE_STEP = {"get_many": 1}
LISTED = {"list": 1, "get_many": 1}
WITH_PAST = {**LISTED, "histories": 1, "get_versions": 1}

# What is run, what it reads, and how often it asks what of the store, whatever COUNT is.
CASES: Sequence[tuple[Sequence[str], str, Mapping[str, int]]] = [
    (["exec", "--explain", "--", "true"], "", LISTED),
    (["exec", "--explain", "-n", "a", "--", "true"], "", LISTED),
    (["exec", "--explain", "--only", "K*", "--", "true"], "", LISTED),
    (["exec", "--explain", *CHOICES, "--", "true"], "", ONE_STEP),
    (["exec", "--explain", *PINNED, "--", "true"], "", {"get_versions": 1}),
    (["exec", "--explain", *CHOICES, "-e", "W=a/K1?version=1", "--", "true"], "", {**ONE_STEP, "get_versions": 1}),
    (["exec", "--explain", *CHOICES, "--file", "F=a/K1", "--fd", "G=a/K2", "--", "true"], "", {"get_many": 2}),
    (["exec", "--explain", "--env-file", "refs.env", "--", "true"], "", ONE_STEP),
    (["export", "--format", "json"], "", LISTED),
    (["export", "--format", "json", *CHOICES], "", ONE_STEP),
    (["export", "--format", "json", "--env-file", "refs.env"], "", ONE_STEP),
    (["inject"], TEMPLATE, ONE_STEP),
    (["inject"], TEMPLATE.replace(" }}", "?version=1 }}"), {"get_versions": 1}),
    (["check", *map(str, NAMES)], "", {"has_many": 1}),
    (["redact"], "text", LISTED),
    (["redact", "--past"], "text", WITH_PAST),
    (["shellenv", "bash", "--load"], "", ONE_STEP),
    (["offline", "save"], "", LISTED),
    (["offline", "save", "--past"], "", WITH_PAST),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = home_of(tmp_path, "away")
    home.write("refs.env", REFERENCES)
    return home


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AwayStore:
    """A store of secrets that have a variable, and two versions each."""
    store = install(tmp_path, monkeypatch)
    facts = {"updated_at": TIME, "value_changed_at": TIME}
    for name in NAMES:
        for number in (1, 2):
            expect = ABSENT if number == 1 else 1
            store.put(Change(name, SecretValue(f"value-{name.key}-{number}".encode()), facts, expect))
    store.reset()
    return store


@pytest.mark.parametrize(("argv", "stdin", "calls"), CASES, ids=[" ".join(case[0][:4]) for case in CASES])
def test_many_secrets_cost_as_many_calls_as_one(
    home: Home, store: AwayStore, argv: Sequence[str], stdin: str, calls: Mapping[str, int]
) -> None:
    if argv[0] == "shellenv":
        home.write(".credvault.toml", "[env]\n" + "\n".join(f'V_{name.key} = "{name}"' for name in NAMES))
        assert home.run("trust", "-y").status == 0

    done = home.run(*argv, stdin=stdin.encode())

    assert done.status == 0, done
    assert dict(store.calls) == calls


def test_every_secret_of_a_batch_arrives(home: Home, store: AwayStore) -> None:
    done = home.run("export", "--format", "docker", "-e", "OLD=a/K3?version=1", "--env-file", "refs.env")

    expected = {f"V_{name.key}=value-{name.key}-2" for name in NAMES} | {"OLD=value-K3-1"}
    assert set(done.stdout.decode().splitlines()) == expected


def test_secret_for_two_variables_is_fetched_once(
    home: Home, store: AwayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[Name]] = []
    real = store.get_many

    def get_many(names: Sequence[Name]) -> object:
        asked.append(list(names))
        return real(names)

    monkeypatch.setattr(store, "get_many", get_many)

    done = home.run("export", "--format", "docker", "-e", "A=a/K1", "-e", "B=a/K1")

    assert done.stdout == b"A=value-K1-2\nB=value-K1-2\n"
    assert asked == [[Name("a", "K1")]]


def test_environment_of_a_program_lists_once_and_fetches_once(home: Home, store: AwayStore) -> None:
    settings = load_settings(Flags(), home.environ)

    with open_vault(settings) as vault:
        environment = vault.environment()

    assert len(environment) == COUNT
    assert dict(store.calls) == LISTED
    assert store.events[-1] == "close"


@pytest.mark.parametrize(
    "argv",
    [["exec", "--explain", *CHOICES, "--", "true"], ["export", "--format", "json"], ["inject"], ["redact"]],
    ids=lambda argv: argv[0],
)
def test_one_secret_that_cannot_be_read_is_named_and_nothing_comes_out(
    home: Home, store: AwayStore, argv: Sequence[str]
) -> None:
    store.closed.add(NAMES[7])

    done = home.run(*argv, stdin=TEMPLATE.encode())

    assert (done.status, done.stdout) == (125 if argv[0] == "exec" else 4, b"")
    assert "error: the store does not let you read a/K7\n" in done.stderr
    assert "value-" not in done.stderr


def test_who_may_read_but_not_list_is_told_what_is_missing(
    home: Home, store: AwayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Sequence[object]:
        raise Denied("you may not list")

    monkeypatch.setattr(store, "list", refuse)

    done = [home.run("get", "a/nosuch"), home.run("check", "a/nosuch"), home.run("inject", stdin=TEMPLATE.encode())]

    assert [ran.status for ran in done] == [3, 3, 0]
    assert "may not list" not in "".join(ran.stderr for ran in done)


# A store of another process: it writes down what it is asked, and refuses one secret of three.
JOURNAL = """\
from credvault.backends.base import Change
from credvault.backends.memory import MemoryBackend
from credvault.model.errors import Denied
from credvault.model.names import Name
from credvault.model.value import SecretValue


class Journal(MemoryBackend):
    name = "journal"

    def __init__(self, settings):
        super().__init__()
        facts = {"updated_at": "2026-11-22T01:02:03Z", "value_changed_at": "2026-11-22T01:02:03Z"}
        for key in ("ONE", "TWO", "THREE"):
            self.put(Change(Name("a", key), SecretValue(b"value-of-" + key.encode()), facts))

    def get_many(self, names):
        self.note("get_many")
        if Name("a", "THREE") in names:
            raise Denied("the store does not let you read a/THREE")
        return super().get_many(names)

    def close(self):
        self.note("close")

    def note(self, what):
        with open("journal.txt", "a") as file:
            file.write(what + "\\n")
"""


@pytest.fixture
def journal(home: Home) -> Home:
    """A home whose profile is a store that keeps a journal."""
    metadata = home.root / "site" / "journal-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: journal\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[credvault.backends]\njournal = journal:Journal\n")
    (metadata.parent / "journal.py").write_text(JOURNAL)
    home.write(".config/credvault/config.toml", '[profiles.away]\nbackend = "journal"\n')
    home.environ["PYTHONPATH"] = str(metadata.parent)
    return home


def test_no_child_starts_where_one_secret_of_a_batch_fails(journal: Home) -> None:
    done = journal.command("exec", "-n", "a", "--", "touch", "child-was-here")

    assert (done.status, done.stdout) == (125, b"")
    assert done.stderr == "credvault: error: the store does not let you read a/THREE\n"
    assert not (journal.root / "child-was-here").exists()
    assert (journal.root / "journal.txt").read_text() == "get_many\nclose\n"


def test_store_is_closed_before_the_child_is_waited_for(journal: Home) -> None:
    done = journal.command(
        "exec", "--mask", "-e", "A=a/ONE", "-e", "B=a/TWO", "--", "sh", "-c", "cat journal.txt; echo $A"
    )

    assert (done.status, done.stdout) == (0, b"get_many\nclose\n[REDACTED]\n"), done
