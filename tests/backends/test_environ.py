"""The environment as a store: which variable a name stands in, what is seeded, and what an overlay keeps in memory."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from credvault.backends.base import ABSENT, ANY, Backend, Capability, Change
from credvault.backends.environ import EnvironmentBackend, open_environment, variables_of
from credvault.config import Flags, load_settings
from credvault.model.errors import (
    AlreadyExists,
    ConfigError,
    Conflict,
    Denied,
    InvalidValue,
    NotFound,
    Unsupported,
)
from credvault.model.names import Name, parse_name
from credvault.model.value import SecretValue
from credvault.testing import BackendContract
from credvault.vault import open_vault
from tests.home import Home

NOW = 1_800_000_000
TIMES = {"updated_at": "2027-02-03T04:05:06Z", "value_changed_at": "2027-02-03T04:05:06Z"}


def store(environ: Mapping[str, str], *, overlay: bool = False) -> EnvironmentBackend:
    return EnvironmentBackend(environ, overlay=overlay, clock=lambda: NOW)


def value(backend: EnvironmentBackend, name: str, version: int | None = None) -> bytes:
    return backend.get(parse_name(name), version).value.reveal()


def change(name: str, text: bytes | None, expect: int = ANY, **facts: str) -> Change:
    return Change(parse_name(name), None if text is None else SecretValue(text), {**TIMES, **facts}, expect)


class TestVariables(BackendContract):
    """The suite that every backend passes, on variables that are read."""

    @pytest.fixture(autouse=True)
    def _store(self) -> None:
        self.environ: dict[str, str] = {}

    def open_backend(self) -> Backend:
        return store(self.environ)

    def place(self, name: Name, value: bytes) -> None:
        """Set the variable, as whoever starts the program does."""
        self.environ[variables_of(name)[0]] = value.decode("utf-8")


class TestOverlay(BackendContract):
    """The suite that every backend passes, on an overlay over variables of other names."""

    overlaid: EnvironmentBackend | None = None

    def open_backend(self) -> Backend:
        self.overlaid = self.overlaid or store({"OTHER_NAME": "x"}, overlay=True)
        return self.overlaid


@pytest.fixture
def seeded(tmp_path: Path) -> "Seeding":
    return Seeding(tmp_path)


class Seeding:
    """A profile that names a dotenv file; call it with the file's content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self.details: list[str] = []
        (folder / "config").write_text('[profiles.dev]\nbackend = "env"\ndotenv = "dev.env"\n')

    def __call__(self, content: str | bytes, **environ: str) -> EnvironmentBackend:
        data = content if isinstance(content, bytes) else content.encode()
        (self.folder / "dev.env").write_bytes(data)
        return self.open(**environ)

    def open(self, **environ: str) -> EnvironmentBackend:
        around = {"HOME": str(self.folder), "CREDVAULT_CONFIG": str(self.folder / "config"), **environ}
        settings = load_settings(Flags(profile="dev"), around)
        return open_environment(settings, self.warnings.append, self.details.append)


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("openai/api_key", ["OPENAI_API_KEY"]),
        ("github.my-org/token", ["GITHUB_MY_ORG_TOKEN"]),
        ("token", ["DEFAULT_TOKEN", "TOKEN"]),
        ("email.a@b.org/password", ["EMAIL_A@B_ORG_PASSWORD", "EMAIL_A_B_ORG_PASSWORD"]),
        ("shop/db/pass+word", ["SHOP_DB/PASS+WORD", "SHOP_DB_PASS_WORD"]),
    ],
)
def test_name_stands_in_the_variable_of_the_old_rule_and_then_in_the_derived_one(
    name: str, variables: list[str]
) -> None:
    assert variables_of(parse_name(name)) == variables
    for last in range(len(variables)):
        environ = {variable: variable for variable in variables[last:]}
        assert value(store(environ), name) == variables[last].encode()


def test_empty_variable_is_not_there() -> None:
    backend = store({"DEFAULT_TOKEN": "", "TOKEN": "second", "OTHER": ""})

    assert value(backend, "token") == b"second"
    with pytest.raises(NotFound) as failure:
        backend.get(parse_name("other"))
    assert failure.value.hint == "OTHER is set but empty"
    assert backend.has_many([parse_name("token"), parse_name("other")]) == {parse_name("token")}


def test_variable_that_is_not_text_comes_out_byte_for_byte() -> None:
    assert value(store({"X_Y": b"a\xff\xfe\n".decode("utf-8", "surrogateescape")}), "x/y") == b"a\xff\xfe\n"


def test_record_says_that_it_is_a_variable_already() -> None:
    backend = store({"OPENAI_API_KEY": "x", "EMAIL_A@B_PASSWORD": "y"})

    known = backend.get(parse_name("openai/api_key")).record
    odd = backend.get(parse_name("email.a@b/password")).record

    assert (known.version, known.delivery, known.env_name) == (1, "runtime_env", "OPENAI_API_KEY")
    assert known.value_changed_at == known.updated_at == "2027-01-15T08:00:00Z"
    assert (odd.delivery, odd.env_name) == ("executor_only", None)


@pytest.mark.parametrize(
    "name",
    ["vault/token", "vault/secret_id", "vault.secret/id", "bao/token", "credvault/key", "CREDVAULT_PASSPHRASE"],
)
@pytest.mark.parametrize("overlay", [False, True])
def test_what_unlocks_a_vault_is_no_secret(name: str, *, overlay: bool) -> None:
    parsed = parse_name(name)
    environ = {variables_of(parsed)[-1]: "canary-4711"}
    backend = store(environ, overlay=overlay)

    for ask in (lambda: backend.get(parsed), lambda: backend.get_many([parsed]), lambda: backend.has(parsed)):
        with pytest.raises(Denied) as failure:
            ask()
        assert "canary" not in f"{failure.value.message}{failure.value.hint}"
    assert not any("TOKEN" in aspect.detail or "CREDVAULT" in aspect.detail for aspect in backend.examine())


def test_without_overlay_nothing_but_reading_is_there_and_each_refusal_says_so() -> None:
    environ = {"A_B": "x"}
    backend = store(environ)
    name = parse_name("a/b")

    assert backend.capabilities == Capability.READ
    for do in (
        lambda: backend.put(change("a/b", b"y")),
        lambda: backend.put_many([change("a/b", b"y")]),
        lambda: backend.delete([name]),
        lambda: backend.delete_softly([name]),
        lambda: backend.undelete(name),
        backend.list,
        backend.names,
        lambda: backend.history(name),
        lambda: backend.get(name, 1),
    ):
        with pytest.raises(Unsupported):
            do()
    assert value(backend, "a/b") == b"x"
    assert environ == {"A_B": "x"}


def test_overlay_wins_over_the_environment_and_leaves_it_alone() -> None:
    environ = {"A_B": "from outside"}
    backend = store(environ, overlay=True)

    rotated = backend.put(change("a/b", b"from here", 1))

    assert (rotated.version, rotated.env_name) == (2, "A_B")
    assert value(backend, "a/b") == b"from here"
    assert value(backend, "a/b", 1) == b"from outside"
    assert [version.version for version in backend.history(parse_name("a/b"))] == [2, 1]
    assert environ == {"A_B": "from outside"}


def test_overlay_sees_a_variable_that_changes_until_it_is_written() -> None:
    environ = {"A_B": "one"}
    backend = store(environ, overlay=True)
    seen = [value(backend, "a/b")]

    environ["A_B"] = "two"
    seen.append(value(backend, "a/b"))
    with pytest.raises(AlreadyExists):
        backend.put(change("a/b", b"refused", ABSENT))
    with pytest.raises(Conflict):
        backend.put(change("a/b", b"refused", 7))
    environ["A_B"] = "three"
    seen.append(value(backend, "a/b"))
    backend.put(change("a/b", None, note="kept"))
    environ["A_B"] = "four"

    assert seen == [b"one", b"two", b"three"]
    assert value(backend, "a/b") == b"three"
    assert backend.get(parse_name("a/b")).record.note == "kept"


def test_deleted_secret_is_gone_although_its_variable_is_set() -> None:
    environ = {"A_B": "x", "A_C": "y"}
    backend = store(environ, overlay=True)

    with pytest.raises(NotFound):
        backend.delete([parse_name("a/b"), parse_name("a/none")])
    assert backend.has(parse_name("a/b"))
    backend.put(change("a/c", b"written"))
    backend.delete([parse_name("a/b"), parse_name("a/c"), parse_name("a/b")])

    assert backend.has_many([parse_name("a/b"), parse_name("a/c")]) == set()
    assert backend.list() == []
    assert backend.put(change("a/b", b"new", ABSENT)).version == 1
    assert environ == {"A_B": "x", "A_C": "y"}


def test_changes_in_one_step_are_made_all_or_none() -> None:
    backend = store({"A_B": "x"}, overlay=True)

    with pytest.raises(AlreadyExists):
        backend.put_many([change("a/c", b"new"), change("a/b", b"y", ABSENT)])

    assert (backend.list(), value(backend, "a/b")) == ([], b"x")
    assert [record.version for record in backend.put_many([change("a/c", b"1"), change("a/b", b"2")])] == [1, 2]


def test_two_names_of_one_variable_are_two_secrets_once_one_is_written() -> None:
    backend = store({"A_B_C": "x"}, overlay=True)

    backend.put(change("a.b/c", b"mine"))

    assert (value(backend, "a.b/c"), value(backend, "a/b_c"), value(backend, "a_b/c")) == (b"mine", b"x", b"x")


def test_seed_gives_the_secrets_of_the_old_convention(seeded: Seeding) -> None:
    backend = seeded(
        b"\xef\xbb\xbf# email\nEMAIL_INTENTFRAME_ADDRESS=you@gmail.com\r\n"
        b"export EMAIL_INTENTFRAME_PASSWORD='xx xx' \n\nOPENAI_API_KEY=\"sk-1 # no comment\"\nANTHROPIC_API_KEY=\n"
        b"EMAIL_FROM=nobody\nOTHER=1\n"
    )

    mailbox = backend.get(parse_name("email.you@gmail.com/password"))
    key = backend.get(parse_name("openai/api_key"))

    assert (mailbox.value.reveal(), key.value.reveal()) == (b"xx xx", b"sk-1 # no comment")
    assert (mailbox.record.type, mailbox.record.delivery, mailbox.record.consumers) == (
        "password",
        "executor_only",
        ("edi",),
    )
    assert (key.record.delivery, key.record.env_name) == ("runtime_env", "OPENAI_API_KEY")
    assert [str(name) for name in backend.names()] == ["email.you@gmail.com/password", "openai/api_key"]
    assert not backend.has(parse_name("anthropic/api_key"))
    assert (seeded.warnings, len(seeded.details)) == ([], 1)


def test_seed_wins_over_the_environment_and_is_read_once(seeded: Seeding) -> None:
    backend = seeded("OPENAI_API_KEY=seeded\n", OPENAI_API_KEY="inherited", ANTHROPIC_API_KEY="inherited")

    first = value(backend, "openai/api_key")
    (seeded.folder / "dev.env").unlink()

    assert (first, value(backend, "openai/api_key")) == (b"seeded", b"seeded")
    assert value(backend, "anthropic/api_key") == b"inherited"
    assert Capability.WRITE not in backend.capabilities


def test_half_a_mailbox_is_said_to_be_passed_over(seeded: Seeding) -> None:
    backend = seeded("EMAIL_A_ADDRESS=a@b.org\nEMAIL_B_PASSWORD=canary\nEMAIL_C_ADDRESS=\nEMAIL_C_PASSWORD=\n")

    assert backend.list() == []
    assert len(seeded.warnings) == 2
    assert "EMAIL_A_ADDRESS and no EMAIL_A_PASSWORD" in seeded.warnings[0]
    assert "EMAIL_B_PASSWORD and no EMAIL_B_ADDRESS" in seeded.warnings[1]
    assert "canary" not in "".join(seeded.warnings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("EMAIL_A_ADDRESS=Me <canary@b.org>\nEMAIL_A_PASSWORD=canary\n", "EMAIL_A_ADDRESS is not an address"),
        ("EMAIL_A_ADDRESS=canary/../b\nEMAIL_A_PASSWORD=canary\n", "EMAIL_A_ADDRESS is not an address"),
        ("EMAIL_A_ADDRESS=\udc80canary\nEMAIL_A_PASSWORD=canary\n", "EMAIL_A_ADDRESS is not an address"),
        ("OPENAI_API_KEY='canary\n", "dev.env:1 starts with a quote"),
        ("FINE=1\ncanary\n", "dev.env:2 is not VAR=text"),
        (
            "EMAIL_A_ADDRESS=a@b\nEMAIL_A_PASSWORD=canary\nEMAIL_B_ADDRESS=a@b\nEMAIL_B_PASSWORD=canary\n",
            "EMAIL_A_ADDRESS and EMAIL_B_ADDRESS are the same address",
        ),
    ],
)
def test_seed_that_is_wrong_is_refused_and_not_quoted(seeded: Seeding, content: str, message: str) -> None:
    backend = seeded(content.encode("utf-8", "surrogateescape"), TOKEN="x")

    for ask in (lambda: backend.get(parse_name("token")), backend.list, backend.check):
        with pytest.raises(InvalidValue, match=message) as failure:
            ask()
        assert "canary" not in f"{failure.value.message}{failure.value.hint}"
    *_, found = backend.examine()
    assert (found.subject, found.works, found.status) == ("dotenv", False, InvalidValue.exit_status)


def test_seed_that_is_not_there_is_an_error_that_names_profile_and_file(seeded: Seeding) -> None:
    backend = seeded.open()

    with pytest.raises(ConfigError, match=r"profile dev in .*config: dotenv: there is no file .*dev\.env"):
        backend.get(parse_name("openai/api_key"))
    *_, found = backend.examine()
    assert (found.subject, found.status) == ("dotenv", ConfigError.exit_status)


def test_examining_tells_names_and_no_values(seeded: Seeding) -> None:
    backend = seeded("OPENAI_API_KEY=canary\n", GITHUB_TOKEN="canary", BAO_TOKEN="canary", LD_PRELOAD="canary")

    told = {aspect.subject: aspect.detail for aspect in backend.examine()}

    assert told == {"variables": "set are GITHUB_TOKEN", "dotenv": "seeds openai/api_key"}
    assert backend.check().detail == "5 variables, 1 secret seeded"


def test_any_name_is_answered_or_not_found() -> None:
    """No name leads to another error, whatever its characters, or to a variable that its spelling does not give."""
    backend = store({"A": "x", "A_B": "y", "": "z", "=": "z"})
    texts = ("a", "A", "a/b", "a/B", "a.b", "a-b", "a+b", "a@b", "a/b/c", "0", "a" * 255, "a_/b", "b/a")

    found = backend.get_many([parse_name(text) for text in texts])

    assert {name.key for name in found if name.namespace == "default"} == {"a", "A", "a.b", "a-b", "a+b", "a@b"}
    assert all(secret.record.name == name for name, secret in found.items())
    assert all(secret.record.env_name in variables_of(name) for name, secret in found.items())


def test_program_has_an_overlay_in_its_vault(tmp_path: Path) -> None:
    home = Home(tmp_path)
    environ = {"GITHUB_TOKEN": "inherited", "VAULT_TOKEN": "canary"}
    settings = load_settings(Flags(), home.environ)

    with open_vault(settings, backend=EnvironmentBackend(environ, overlay=True)) as vault:
        vault.rotate("github/token", b"mine")
        vault.add("x", b"another", note="n")
        told = [(str(record.name), record.version) for record in vault.list()]
        vault.undo("github/token")
        undone = vault.get("github/token").value.reveal()

    assert told == [("default/x", 1), ("github/token", 2)]
    assert undone == b"inherited"
    assert environ["GITHUB_TOKEN"] == "inherited"
    assert not home.vault.exists()
