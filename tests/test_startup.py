"""What a start loads. Names of modules do not flake, milliseconds do; `make bench` has those.

The real program runs in an interpreter of its own, and says at its end which modules it had loaded.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import credvault
from credvault.backends.base import ABSENT, Change
from credvault.backends.file import FileBackend
from credvault.model.names import parse_name
from credvault.model.value import SecretValue
from credvault.sealing.keys import DataKey, print_key
from credvault.sealing.slots import RAW, KeyMaterial, make_slot
from credvault.sealing.vaultfile import VaultFile
from credvault.state import PinStore
from tests.openbao import Bao

RAW_KEY = bytes(range(32))
TIME = "2026-11-22T01:02:03Z"

# Runs `credvault` with the arguments after the first, which names the file to write to. exec is stopped where it
# would become another program: there the interpreter raises an audit event.
DRIVER = """
import sys
path, sys.argv[:2] = sys.argv[1], ["credvault"]
def tell():
    with open(path, "w") as file:
        file.write(repr(sorted(sys.modules)))
def stop(event, arguments):
    if event == "os.exec":
        tell()
        import os
        os._exit(0)
sys.addaudithook(stop)
from credvault.__main__ import main
try:
    status = main()
finally:
    tell()
sys.exit(status)
"""

# Each costs as much as a bare interpreter, or a good part of it, and belongs to a rare path.
DEAR = (
    "asyncio dataclasses difflib email getpass hashlib httpx hvac importlib.metadata inspect keyring locale pathlib"
    " platformdirs random rich secrets socket ssl subprocess tempfile tomllib traceback unicodedata urllib"
).split()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a vault of one secret that `exec` injects and one that it does not."""
    home = tmp_path_factory.mktemp("home")
    path = home / ".local/share/credvault/vault.json"
    key = DataKey(bytes(range(32, 64)), "0123456789abcdef" * 2)
    material = KeyMaterial(RAW, SecretValue(RAW_KEY), "the test")
    pins = PinStore(str(home / ".local/state/credvault"))
    file = VaultFile(str(path), lambda slots: material, pins=pins)
    file.create(key, [make_slot("1", RAW, RAW_KEY, key, created_at=TIME)])
    facts = {"updated_at": TIME, "value_changed_at": TIME}
    FileBackend(file).put_many(
        [
            Change(parse_name(name), SecretValue(b"canary-value"), facts, ABSENT)
            for name in ("openai/api_key", "OPENAI_API_KEY")
        ]
    )
    return home


@pytest.fixture(scope="module")
def unlocked(home: Path) -> Iterator[dict[str, str | None]]:
    """An agent that holds the vault; what changes in the environment so that it is asked."""
    with tempfile.TemporaryDirectory(prefix="cv-") as folder:
        socket = {"CREDVAULT_AGENT_SOCKET": f"{folder}/agent.sock"}
        program = [sys.executable, "-I", "-m", "credvault"]
        subprocess.run([*program, "unlock"], check=True, capture_output=True, env={**environment(home), **socket})
        try:
            yield {**socket, "CREDVAULT_KEY": None}
        finally:
            subprocess.run([*program, "agent", "stop"], check=True, capture_output=True, env=socket | {"HOME": "/"})


@pytest.fixture(scope="module")
def of_click() -> set[str]:
    """What Click loads, the price of the command line as it is."""
    return loaded_by("import click")


@pytest.fixture(scope="module")
def of_libraries() -> set[str]:
    """What Click and our part of cryptography load."""
    return loaded_by(
        "import click, cryptography.fernet, cryptography.hazmat.primitives.hmac,"
        " cryptography.hazmat.primitives.kdf.hkdf"
    )


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the caller's loads modules, coverage and PYTHON* included."""
    return {"HOME": str(home), "PATH": os.defpath, "LANG": "en_US.UTF-8", "CREDVAULT_KEY": print_key(RAW_KEY)}


def loaded_by(code: str, *, site: bool = True) -> set[str]:
    """Return the modules that a line of code loads, those of a bare interpreter included."""
    command = [*interpreter(site), f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True, env={}).stdout.split())


def interpreter(site: bool) -> list[str]:
    """Return the words that run code: as `-m` does, or without `site`, as the launcher does."""
    return [sys.executable, "-I", "-c"] if site else [sys.executable, "-I", "-S", "-c"]


def loaded_in_a_run(
    home: Path,
    *words: str,
    stdin: bytes = b"",
    more: Mapping[str, str | None] | None = None,
    site: bool = True,
    before: str = "",
) -> set[str]:
    """Return the modules that a run of the program loaded; it must succeed."""
    listing = home / "modules"
    listing.unlink(missing_ok=True)
    paths = [] if site else [str(Path(credvault.__file__).parent.parent), sysconfig.get_path("purelib")]
    command = [*interpreter(site), f"import sys; sys.path += {paths}\n{before}\n{DRIVER}", str(listing), *words]
    variables = {name: value for name, value in {**environment(home), **(more or {})}.items() if value is not None}
    ran = subprocess.run(command, input=stdin, capture_output=True, cwd=home, env=variables)
    assert ran.returncode == 0, ran.stderr.decode()
    return set(json.loads(listing.read_text().replace("'", '"')))


def ours(modules: set[str], folder: str) -> set[str]:
    """Return the modules of the package below a folder of it."""
    return {module for module in modules if module.startswith(f"credvault.{folder}.")}


# What the cold lane loads besides cryptography: each is measured, and was there for a reason when it came.
COLD = {"_json", "errno", "gc", "json", "json.decoder", "json.encoder", "json.scanner", "pwd"}
# What it loads where the secrets live in OpenBao, which needs no key, besides json and what that loads.
REMOTE = {"_blake2", "_socket", "binascii", "errno", "fcntl", "gc", "pwd"}
# What the fast lane loads, all of it.
FAST = (
    *("__main__", "agent", "agent.fastlane", "model", "model.folders", "model.plain", "model.unlocking"),
    *("model.wire", "peer"),
)
FAST_EXEC = ("delivery", "delivery.environment", "delivery.execute", "model.value")

RUNS: Sequence[tuple[str, Sequence[str], bytes]] = [
    ("get", ["get", "openai/api_key"], b""),
    ("get-json", ["get", "openai/api_key", "--json"], b""),
    ("exec", ["exec", "--", "true"], b""),
    ("exec-explain", ["exec", "--explain", "--", "true"], b""),
    ("list", ["list"], b""),
    ("history", ["history", "openai/api_key"], b""),
    ("add", ["add", "new/key", "--force", "--stdin"], b"canary-value"),
    ("rotate", ["rotate", "new/key", "--stdin"], b"canary-value"),
    ("version", ["--version"], b""),
]


@pytest.mark.parametrize(("words", "stdin"), [run[1:] for run in RUNS], ids=[run[0] for run in RUNS])
def test_daily_commands_load_nothing_dear(home: Path, of_libraries: set[str], words: list[str], stdin: bytes) -> None:
    if words[0] == "rotate":
        loaded_in_a_run(home, "add", "new/key", "--force", "--stdin", stdin=b"canary-value")

    modules = loaded_in_a_run(home, *words, stdin=stdin)

    assert not (modules - of_libraries).intersection(DEAR)


@pytest.mark.parametrize("words", [["get", "openai/api_key"], ["exec", "--", "true"]], ids=["get", "exec"])
def test_cold_lane_loads_cryptography_json_and_no_command_line(home: Path, words: list[str]) -> None:
    of_cryptography = loaded_by(
        f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n"
        "import cryptography.fernet, cryptography.hazmat.primitives.hmac, cryptography.hazmat.primitives.kdf.hkdf",
        site=False,
    )

    modules = loaded_in_a_run(home, *words, site=False)

    assert {"credvault.cli.coldlane", "cryptography.fernet"} <= modules
    others = {module for module in modules - of_cryptography if not module.startswith("credvault")}
    assert others <= COLD
    of_exec = ("release",) if words[0] == "exec" else ()
    lane = {f"credvault.cli.{name}" for name in ("boundary", "coldlane", "context", "output", *of_exec)}
    assert ours(modules, "cli") <= lane
    assert words[0] == "exec" or not ours(modules, "delivery")
    assert "credvault.sealing.kept" not in modules


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["get", "openai/api_key"], set()),
        (["exec", "--", "true"], {"_signal", "_stat", "errno", *(f"credvault.{name}" for name in FAST_EXEC)}),
    ],
    ids=["get", "exec"],
)
def test_fast_lane_loads_these_modules_and_no_others(
    home: Path, unlocked: dict[str, str | None], words: list[str], more: set[str]
) -> None:
    modules = loaded_in_a_run(home, *words, more=unlocked, site=False)

    assert modules - loaded_by("pass", site=False) <= {
        "_socket",
        "gc",
        "credvault",
        *(f"credvault.{name}" for name in FAST),
        *more,
    }
    assert "credvault.agent.fastlane" in modules


@pytest.mark.parametrize("by_profile", [False, True], ids=["environment", "profile"])
@pytest.mark.parametrize("words", [["get", "app/TOKEN"], ["exec", "--", "true"]], ids=["get", "exec"])
def test_a_secret_in_openbao_takes_the_cold_lane_without_cryptography(
    home: Path, bao: Bao, tmp_path: Path, words: list[str], by_profile: bool
) -> None:
    mount = bao.new_mount()
    bao.must("POST", f"{mount}/data/credvault/app/TOKEN", {"data": {"value": "canary-value"}})
    variables: dict[str, str | None] = {**bao.environ, "CREDVAULT_KEY": None, "VAULT_KV_MOUNT": mount}
    if by_profile:
        config = tmp_path / "config.toml"
        config.write_text(f'default_profile = "prod"\n[profiles.prod]\nbackend = "hashicorp"\nmount = "{mount}"\n')
        more = {**variables, "CREDVAULT_CONFIG": str(config)}
    else:
        more = {**variables, "CREDVAULT_BACKEND": "hashicorp"}

    modules = loaded_in_a_run(home, *words, more=more, site=False)

    of_toml = loaded_by("import tomllib", site=False) if by_profile else set()
    of_words = loaded_by("import contextlib, enum, json, typing", site=False)
    assert {"credvault.cli.coldlane", "credvault.backends.hashicorp.secretlayout"} <= modules
    assert not {"click", "cryptography", "ssl", "socket", "http.client", "base64", "encodings.idna"} & modules
    assert "credvault.cli.prompt" not in modules
    others = {module for module in modules - of_words - of_toml if not module.startswith("credvault")}
    assert others <= REMOTE
    assert ours(modules, "sealing") <= {"credvault.sealing.jsontext"}
    assert not {f"credvault.backends.hashicorp.{name}" for name in ("renewal", "wrapping", "secretwriting")} & modules


def test_a_profile_of_a_vault_file_still_asks_the_agent(
    home: Path, unlocked: dict[str, str | None], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('default_profile = "home"\n[profiles.home]\nbackend = "file"\n[profiles.x]\nbackend = "env"\n')

    modules = loaded_in_a_run(
        home, "get", "openai/api_key", more={**unlocked, "CREDVAULT_CONFIG": str(config)}, site=False
    )

    assert "credvault.agent.fastlane" in modules
    assert "credvault.cli.coldlane" not in modules


# On a busy machine the program would end before it can tell.
NO_DEADLINE = "import credvault.agent.tablane; credvault.agent.tablane.DEADLINE_SECONDS = 60"


def test_lane_of_tab_loads_these_modules_and_no_others(home: Path, unlocked: dict[str, str | None]) -> None:
    modules = loaded_in_a_run(home, "__complete", "name", "openai/", more=unlocked, site=False, before=NO_DEADLINE)

    assert modules - loaded_by("pass", site=False) <= {
        *("_signal", "_socket", "gc", "time", "credvault", "credvault.agent.tablane"),
        *(f"credvault.{name}" for name in FAST),
    }


def test_tab_with_a_raw_key_loads_no_command_line_and_no_key_derivation(home: Path) -> None:
    modules = loaded_in_a_run(home, "__complete", "name", "openai/", site=False, before=NO_DEADLINE)

    assert "credvault.cli.offering" in modules
    assert not {"click", "credvault.cli.context", "cryptography.hazmat.primitives.kdf.pbkdf2"} & modules
    assert not modules.intersection(DEAR)


@pytest.mark.parametrize("words", [["--help"], ["get", "--help"]], ids=["program", "command"])
def test_help_loads_nothing_dear(home: Path, of_click: set[str], words: list[str]) -> None:
    # Click translates the headings of a help page, and asks for the locale then.
    dear = set(DEAR) - {"locale"}

    modules = loaded_in_a_run(home, *words)

    assert not (modules - of_click) & dear


@pytest.mark.parametrize("words", [["--help"], ["--version"]], ids=["help", "version"])
def test_help_and_version_load_no_command_and_no_cryptography(home: Path, words: list[str]) -> None:
    modules = loaded_in_a_run(home, *words)

    assert ours(modules, "cli.commands") == set()
    assert not {"cryptography", "credvault.vault", "credvault.backends", "credvault.sealing"} & modules


def test_get_loads_its_own_command_and_no_floor_that_it_does_not_use(home: Path) -> None:
    modules = loaded_in_a_run(home, "get", "openai/api_key", "--raw")

    assert ours(modules, "cli.commands") == {"credvault.cli.commands.get"}
    assert not [module for floor in ("lifecycle", "transfer", "server") for module in ours(modules, floor)]
    assert ours(modules, "backends") <= {
        f"credvault.backends.{name}" for name in ("base", "changes", "file", "registry")
    }


@pytest.mark.parametrize(
    "words", [["get", "openai/api_key"], ["get", "openai/api_key", "--raw"], ["exec", "--", "true"], ["check"]]
)
def test_who_names_no_uri_loads_nothing_of_them(home: Path, words: list[str]) -> None:
    modules = loaded_in_a_run(home, *words, *(["openai/api_key"] if words == ["check"] else []))

    assert (
        not {"credvault.model.uri", "credvault.config.uris", "credvault.uris", "credvault.backends.hashicorp"} & modules
    )


def test_get_by_uri_loads_no_command_line_and_no_cryptography(home: Path, bao: Bao) -> None:
    mount = bao.new_mount()
    bao.must("POST", f"{mount}/data/a", {"data": {"b": "canary-value"}})
    more: dict[str, str | None] = {**bao.environ, "CREDVAULT_KEY": None, "TENANT_ALLOWED_MOUNTS": mount}

    modules = loaded_in_a_run(home, "get", f"openbao+kv2://{mount}/a#b", more=more, site=False)

    assert {"credvault.cli.coldlane", "credvault.uris"} <= modules
    assert not {"click", "cryptography", "ssl", "socket", "http.client", "credvault.agent.fastlane"} & modules


def test_export_loads_the_format_that_is_asked_for_and_no_other(home: Path, of_libraries: set[str]) -> None:
    modules = loaded_in_a_run(home, "export", "--format", "systemd", "--only", "*")

    assert ours(modules, "delivery.formats") == {f"credvault.delivery.formats.{name}" for name in ("systemd", "text")}
    assert not (modules - of_libraries).intersection(DEAR)


def test_get_with_a_raw_key_loads_no_key_derivation(home: Path) -> None:
    modules = loaded_in_a_run(home, "get", "openai/api_key")

    assert "cryptography.hazmat.primitives.kdf.pbkdf2" not in modules


def test_exec_is_stopped_where_it_would_run_the_program(home: Path) -> None:
    """Else the test of what it loads would be about nothing."""
    modules = loaded_in_a_run(home, "exec", "--", "true")

    assert {"credvault.delivery.execute", "credvault.vault", "cryptography.fernet"} <= modules


def test_settings_file_costs_a_toml_reader_and_nothing_else(home: Path, of_libraries: set[str], tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[profiles.home]\nbackend = "file"\n', encoding="utf-8")
    without = loaded_in_a_run(home, "get", "openai/api_key")

    modules = loaded_in_a_run(home, "get", "openai/api_key", more={"CREDVAULT_CONFIG": str(config)})

    assert "tomllib" in modules
    assert not (modules - without - loaded_by("import tomllib") - of_libraries)


def test_importing_the_package_loads_only_typing() -> None:
    bare = loaded_by("import typing")

    modules = loaded_by("import credvault")

    assert modules - bare == {"credvault"}


def test_library_reads_a_secret_without_the_command_line(home: Path) -> None:
    code = (
        "import sys, credvault\n"
        "with credvault.open_vault() as vault:\n"
        "    assert vault.get('openai/api_key').value.reveal() == b'canary-value'\n"
        "print(*sys.modules)"
    )

    ran = subprocess.run(
        [sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True, env=environment(home), cwd=home
    )

    modules = set(ran.stdout.split())
    assert "credvault.vault" in modules
    assert not {module for module in modules if module.split(".")[0] in ("click", "rich", "httpx", "platformdirs")}
    assert not ours(modules, "cli")
    assert not modules.intersection({*DEAR} - {"inspect"})
